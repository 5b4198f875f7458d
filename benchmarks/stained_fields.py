"""Stained fields made of real cells, for models that see nuclei beside each other; written nowhere unless asked for.

    NAPARI_CELLCYCLE_DATA=data python benchmarks/stained_fields.py

Ch4 (PI) of real Jurkat cells, drawn at the natural shares of BBBC048, is placed into fields of some 60 cells, without
their background, on one of 200 counts with noise. Each field has its own exposure (gain 0.5 to 2). No cell is used
twice. Nuclei are labelled in the finished field as `label` does it, so what is lost there counts. Fields of
one half train `narotamo2021`, those of the other test it, and the other way round; beside it the same without a
comparison in each image, figures standardised over all fields together. All cells of Experiment_2 are in G1: its fields
show what a comparison in each image does where the phases are not mixed.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.svm import SVC
from stain import DATA, draw

from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.evaluation.purity import exact_interval
from napari_cellcycle.events import result_of
from napari_cellcycle.images.field_crops import cut_cells
from napari_cellcycle.images.nuclei import label_nuclei
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.fit_classifier import fit_model
from napari_cellcycle.jobs.steps.training_data import TrainingData, train_validation_split
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.predict import classify_cells
from napari_cellcycle.stain.measure import measure_cells
from napari_cellcycle.training.recipes import RECIPES

SIDE, PITCH, TILE = 480, 52, 40
BACKGROUND, NOISE = 200.0, 4.0
RECIPE = RECIPES["narotamo2021"]


@dataclass(frozen=True)
class StainedField:
    """A field (SIDE, SIDE), where the middle of each placed cell is, and its phase among the seven."""

    stain: NDArray[np.float32]
    middles: NDArray[np.intp]
    phases: NDArray[np.int8]


def make_fields(experiment: str, n_cells: int, seed: int) -> list[StainedField]:
    """Fields of real cells of one experiment, about `n_cells` in all."""
    cells = read_cells(DATA / "jurkat" / experiment).select_channels(["dna"])
    chance = np.random.default_rng(seed)
    rows = chance.permutation(draw(cells.phases, np.arange(len(cells)), n_cells, seed))
    per_field = (SIDE // PITCH) ** 2 * 3 // 4
    return [
        _field(cells, rows[start : start + per_field], chance) for start in range(0, len(rows) - per_field, per_field)
    ]


def _field(cells: Cells, rows: NDArray[np.intp], chance: np.random.Generator) -> StainedField:
    gain = 2 ** chance.uniform(-1, 1)
    stain = np.zeros((SIDE, SIDE), np.float32)
    places = chance.permutation((SIDE // PITCH) ** 2)[: len(rows)]
    shift = chance.integers(-6, 7, (len(rows), 2))
    middles = np.stack(np.divmod(places, SIDE // PITCH), axis=1) * PITCH + PITCH // 2 + shift
    for image, (row, column) in zip(cells.read(rows.tolist()), middles.tolist(), strict=True):
        pixels = image.pixels[0].astype(np.float32)
        border = np.r_[pixels[:2].ravel(), pixels[-2:].ravel(), pixels[:, :2].ravel(), pixels[:, -2:].ravel()]
        top, left = row - pixels.shape[0] // 2, column - pixels.shape[1] // 2
        y, x = slice(max(top, 0), min(top + TILE, SIDE)), slice(max(left, 0), min(left + TILE, SIDE))
        inside = (pixels - np.median(border))[y.start - top : y.stop - top, x.start - left : x.stop - left]
        stain[y, x] = np.maximum(stain[y, x], inside)
    shown = gain * stain + BACKGROUND + chance.normal(0, NOISE, stain.shape)
    return StainedField(shown.clip(0).astype(np.float32), middles, cells.phases[rows])


def found_cells(fields: list[StainedField], name: str) -> Cells:
    """Nuclei that are found in the stain, each with the phase of a cell that was placed there, within 8 pixels."""
    parts = []
    for number, field in enumerate(fields):
        labels = label_nuclei(field.stain).labels
        cells = cut_cells(field.stain[None], labels, channels=("dna",), source=f"{name}{number}")
        y, x = np.nonzero(labels)
        owner = np.full(labels.max() + 1, UNKNOWN, np.int8)
        for (row, column), phase in zip(field.middles, field.phases, strict=True):
            nearest = ((y - row) ** 2 + (x - column) ** 2).argmin()
            if np.hypot(y[nearest] - row, x[nearest] - column) <= 8:
                owner[labels[y[nearest], x[nearest]]] = phase
        parts.append(replace(cells, phases=owner[cells.ids]))
    return join_cells(parts)


def main() -> None:
    """Print what was found, and how right the calls are, with and without a comparison in each image."""
    mixed, all_g1 = make_fields("Experiment_1", 1600, seed=0), make_fields("Experiment_2", 1600, seed=0)
    half = len(mixed) // 2
    cells = {
        name: RECIPE.own_phases(found_cells(fields, name))
        for name, fields in {"half 1": mixed[:half], "half 2": mixed[half:], "all in G1": all_g1}.items()
    }
    for name, fields in {"mixed": mixed, "all in G1": all_g1}.items():
        print(f"{name}: {len(fields)} fields, {sum(len(field.phases) for field in fields)} cells placed")
    for train, test in (("half 1", "half 2"), ("half 2", "half 1"), ("half 1", "all in G1")):
        data = result_of(TrainingData.from_cells(cells[train], None, RECIPE, ReadSettings()))
        training, validation = (data.prepared.subset(rows) for rows in train_validation_split(data, RECIPE.config))
        model, _ = result_of(fit_model("svm", RECIPE, training, validation, RECIPE.config, "cpu"))
        called, truth = result_of(classify_cells(model, cells[test])).phases, cells[test].phases
        n_known = int((truth != UNKNOWN).sum())
        print(f"{train} to {test}: {len(truth)} nuclei found, {n_known} of known phase")
        show("  standardised in each image", truth, called)
        show("  standardised over all", truth, called_over_all(cells[train], cells[test]))


def called_over_all(train: Cells, test: Cells) -> NDArray[np.int8]:
    """The same machine on figures that are not compared within images."""
    figures = []
    for cells in (train, test):
        measures = result_of(measure_cells(cells, "dna"))
        raw = np.stack([measures.area, measures.dna], axis=1)
        figures.append((raw - np.nanmean(raw, axis=0)) / np.nanstd(raw, axis=0))
    known, can = (np.isfinite(one).all(axis=1) for one in figures)
    known &= train.phases != UNKNOWN
    called = np.full(len(test), UNKNOWN, np.int8)
    called[can] = SVC().fit(figures[0][known], train.phases[known]).predict(figures[1][can])
    return called


def show(title: str, truth: NDArray[np.int8], called: NDArray[np.int8]) -> None:
    """Print accuracy, macro F1 and confusion of cells that have a phase and a call."""
    both = (truth != UNKNOWN) & (called != UNKNOWN)
    right, n = int((truth == called)[both].sum()), int(both.sum())
    low, high = exact_interval(right, n)
    left = int(((truth != UNKNOWN) & (called == UNKNOWN)).sum())
    macro = f1_score(truth[both], called[both], average="macro")
    table = confusion_matrix(truth[both], called[both], labels=[0, 1]).tolist()
    print(f"{title}: accuracy {right / n:.3f} ({low:.3f} to {high:.3f}), macro F1 {macro:.3f}, {n} nuclei, {left} left")
    print(f"  rows G1, S/G2/M: {table}", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
