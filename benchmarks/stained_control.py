"""What a label-free model loses if a stained control teaches it instead of given phases.

    NAPARI_CELLCYCLE_DATA=data python benchmarks/stained_control.py [EPOCHS]

The real Jurkat cells of Experiment_1. Gates are fitted to the stain (Ch4) of 1,600 cells drawn at the natural shares of
BBBC048, and label all cells; cells near a gate, doublets and debris are left out. In two folds the same network is then
trained twice, with the same cells and seeds: by the labels of the gates, and by the given phases. No given phase of any
cell reaches the first training, not even for validation. Both are tested on the given phases of the other fold.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from stain import DATA, draw

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.splits import make_folds
from napari_cellcycle.evaluation.metrics import confusion_table, overall_scores, reweight_tables, score_table
from napari_cellcycle.evaluation.natural_prevalence import parse_prevalence
from napari_cellcycle.events import result_of
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.fit_classifier import fit_model
from napari_cellcycle.jobs.steps.training_data import TrainingData
from napari_cellcycle.phase_sets import NAMED_SETS, PhaseSet
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.predict import predict_prepared
from napari_cellcycle.stain.gates import MIDDLE
from napari_cellcycle.stain.measure import measure_cells
from napari_cellcycle.stain.result import gate_dna
from napari_cellcycle.training.recipes import RECIPES

N_FOLDS, N_DRAWN, SEED = 2, 1600, 0
RECIPE = RECIPES["default"]


def gate_labels(cells: Cells, phases: PhaseSet) -> NDArray[np.int8]:
    """Phases of all cells by gates that were fitted to a draw at natural shares."""
    stain = result_of(measure_cells(cells, "dna"))
    drawn = draw(cells.phases, np.arange(len(cells)), N_DRAWN, SEED)
    separates = len(phases) > 2
    fitted = gate_dna(cells.subset(drawn), "Ch4", stain.subset(drawn), s_g2m=MIDDLE, force=separates)
    gates = fitted.gates.moved(separates_s=separates)
    gated = gates.apply(stain)
    numbers = np.array([phases.number_of(label) if label else UNKNOWN for label in gated.labels.tolist()], np.int8)
    return np.where(gated.sure, numbers, UNKNOWN).astype(np.int8)


def tables(data: TrainingData, taught: NDArray[np.int8], phases: PhaseSet, epochs: int) -> Iterator[NDArray[np.int64]]:
    """Confusion of each fold: the given phases of its cells, and the calls of a model that `taught` trained."""
    config = replace(RECIPE.config, epochs=epochs, patience=epochs)
    folds = make_folds(data.cells, N_FOLDS, validation_fraction=config.validation_fraction, seed=SEED)
    for number, fold in enumerate(folds):
        known = [rows[taught[rows] != UNKNOWN] for rows in (fold.train, fold.validation)]
        training, validation = (
            replace(data.prepared.subset(rows), phases=taught[rows], phase_set=phases) for rows in known
        )
        own = replace(config, seed=SEED + number)
        model, _ = result_of(fit_model("model", RECIPE, training, validation, own, "cpu"))
        images = data.prepared.images[fold.test] / model.card.input.scales[:, None, None]
        called = predict_prepared(model, images, torch.device("cpu")).probabilities.argmax(axis=1)
        yield confusion_table(data.cells.phases[fold.test], called, phases)


def main(epochs: int) -> None:
    """Print the table, a row when it is ready."""
    print(f"{epochs} epochs; as drawn, and at the natural shares of BBBC048")
    names = "phases", "taught by", "cells", "accuracy", "at natural shares", "balanced", "macro F1"
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    seven = read_cells(DATA / "jurkat" / "Experiment_1")
    for key in os.environ.get("SETS", "g1-sg2m,g1-s-g2m").split(","):
        phases = NAMED_SETS[key]
        cells = result_of(TrainingData.from_cells(seven, None, RECIPE, ReadSettings()))
        gates = gate_labels(cells.cells, phases)
        data = replace(cells, cells=cells.cells.in_phases(phases))
        given, known = data.cells.phases, gates != UNKNOWN
        print(f"# {phases}: gates agree with the given phases in {(gates == given)[known].mean():.3f} of {known.sum()}")
        for name, taught in {"given phases": given, "gates": gates}.items():
            table = sum(tables(data, taught, phases, epochs))
            scores, natural = score_table(table, phases=phases).overall, parse_prevalence("bbbc048", phases)
            weighted = overall_scores(reweight_tables(table, natural))["accuracy"]
            figures = f"{scores['accuracy']} | {weighted:.3f} | {scores['balanced_accuracy'].value:.3f}"
            n_taught = int((taught != UNKNOWN).sum())
            print(f"| {phases} | {name} | {n_taught} | {figures} | {scores['macro_f1'].value:.3f} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RECIPE.config.epochs)
