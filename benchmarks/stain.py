"""How well gates set by a fit on the DNA stain agree with the given phases of the real Jurkat cells.

    NAPARI_CELLCYCLE_DATA=data python benchmarks/stain.py

Draws cells of Experiment_1 at the natural shares of BBBC048, without looking at their phases after that, and gates them
by their stain (Ch4). The half of the cells that was looked at when the code was written is kept apart: figures are of
the other half. What the stain's words say is printed too, and the same for the stained fields in ``data/fields``.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.events import result_of
from napari_cellcycle.images.field_crops import cut_cells
from napari_cellcycle.io.formats.open import open_image
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.stain.measure import Measures, measure_cells
from napari_cellcycle.stain.names import G1, G2M, MITOSIS, MODELS, NOT_G1, S
from napari_cellcycle.stain.result import gate_dna

DATA = Path(os.environ.get("NAPARI_CELLCYCLE_DATA", "data"))
NATURAL = np.array([14333, 8616, 8601, 606, 68, 15, 27]) / 32266
"""Cells of each phase in BBBC048."""
CLASSES = {G1: 0, S: 1, G2M: 2, MITOSIS: 2, NOT_G1: 1}


def draw(phases: NDArray[np.int8], rows: NDArray[np.intp], n_cells: int, seed: int) -> NDArray[np.intp]:
    """Some of `rows` at natural shares, without repeats."""
    chance = np.random.default_rng(seed)
    wanted = np.round(NATURAL * n_cells).astype(int)
    found = [chance.permutation(rows[phases[rows] == phase])[:n] for phase, n in enumerate(wanted)]
    return np.concatenate(found)


def agreement(cells: Cells, stain: Measures, rows: NDArray[np.intp], model: str, *, force: bool) -> list[float]:
    """CV, ratio, agreement of all cells and of sure ones, of G1 | not G1, and fractions by labels minus given."""
    found = gate_dna(cells.subset(rows), "Ch4", stain.subset(rows), model=model, force=force)
    truth, labels = np.minimum(cells.phases[rows], 2), found.gated.labels
    called = np.array([CLASSES.get(label, 3) for label in labels.tolist()])
    known = called < 3
    right = called == truth if force else (called > 0) == (truth > 0)
    fit = found.fit
    assert fit is not None
    by_label = np.bincount(called[known], minlength=3)[:3] / known.sum() - np.bincount(truth, minlength=3) / len(rows)
    by_fit = fit.fractions - np.bincount(truth, minlength=3) / len(rows)
    g1_right = ((called > 0) == (truth > 0))[known].mean()
    sure = found.gated.sure & known
    return [fit.cv, fit.ratio, right[known].mean(), right[sure].mean(), g1_right, known.mean(), *by_label, *by_fit]


def ceiling(stain: Measures, phases: NDArray[np.int8], rows: NDArray[np.intp]) -> float:
    """Agreement of the best two gates that could be put on this stain: what the measuring allows."""
    order = rows[np.argsort(stain.dna[rows])]
    truth = np.minimum(phases[order], 2)
    below = np.cumsum(truth == 0) - np.cumsum(truth == 1)  # right by putting the first gate after each cell
    later = np.cumsum(truth == 1) - np.cumsum(truth == 2)
    first = np.maximum.accumulate(below)
    return float((np.max(first + later) + (truth == 2).sum()) / len(order))


def jurkat() -> None:
    """Print the table."""
    cells = read_cells(DATA / "jurkat" / "Experiment_1")
    stain = result_of(measure_cells(cells, "dna"))
    looked_at = np.random.default_rng(0).random(len(cells)) < 0.5
    sets = {
        "other half, 700 cells": (np.flatnonzero(~looked_at), 700),
        "all, 1,600 cells": (np.arange(len(cells)), 1600),
    }
    names = "CV|ratio|agreement|of sure cells|G1 or not|labelled|G1|S|G2/M (labels - given)|G1|S|G2/M (fit - given)"
    print(f"| cells | model | labels | {' | '.join(names.split('|'))} |\n|{'---|' * 15}")
    for name, (rows, n_cells) in sets.items():
        draws = [draw(cells.phases, rows, n_cells, seed) for seed in range(5)]
        for model in MODELS:
            for force in (False, True):
                figures = np.array([agreement(cells, stain, each, model, force=force) for each in draws])
                texts = [f"{m:.3f} ± {d:.3f}" for m, d in zip(figures.mean(axis=0), figures.std(axis=0), strict=True)]
                what = "G1, S, G2/M (--force)" if force else "G1, not G1"
                print(f"| {name} | {model} | {what} | {' | '.join(texts)} |")
        best = [ceiling(stain, cells.phases, each) for each in draws]
        print(f"best two gates there could be, {name}: agreement {np.mean(best):.3f}")


def fields() -> None:
    """Print what the words say of stained fields."""
    folder = DATA / "fields"
    adherent = read_cells(folder / "adherent" / "sample.tif", labels=folder / "adherent" / "sample_labels.tif")
    stained = {"adherent": (adherent, adherent.channels[3])}
    for number in (1, 2):
        planes = [_plane(folder / "blood" / f"field{number}_{name}") for name in ("nucleus.png", "labels.tif")]
        stained[f"blood {number}"] = cut_cells(planes[0][None], planes[1], channels=["dna"]), "dna"
    for name, (cells, channel) in stained.items():
        try:
            found = gate_dna(cells, channel, result_of(measure_cells(cells, channel)))
            print(f"\n{name}: {len(cells)} cells, CV {found.fit.cv:.3f}, ratio {found.fit.ratio:.2f}, {found.counts}")
            print(*(f"- {word}" for word in found.words), sep="\n")
        except CellCycleError as error:
            print(f"\n{name}: {error}")


def _plane(path: Path) -> NDArray[np.generic]:
    return np.asarray(open_image(path).read([0])[0])[0]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    jurkat()
    fields()
