"""How the accuracy of a model grows with the number of labelled cells.

NAPARI_CELLCYCLE_DATA=... python benchmarks/learning_curve.py OUT.csv [--model default] [--parts 4 2 1]

The 2,733 labelled cells of Jurkat are cut into 4, 2 and 1 equal parts with the same mixture of phases, and each part is
cross-validated on its own in five folds. So at each size every cell is tested once, by a model that was trained on four
fifths of 683, 1,366 or 2,733 labelled cells, and nothing else.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

import napari_cellcycle as cc
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.datasets.duplicates import drop_duplicates
from napari_cellcycle.evaluation.report import evaluate
from napari_cellcycle.events import run_job
from napari_cellcycle.jobs.config import EvaluateSettings, ReadSettings
from napari_cellcycle.jobs.protocols.cross_validation import FoldDone, cross_validate_cells
from napari_cellcycle.phases import N_PHASES


def main() -> None:
    """Print and write one row for each number of labelled cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--parts", type=int, nargs="+", default=[4, 2, 1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    with warnings.catch_warnings(action="ignore"):
        cells, _ = drop_duplicates(cc.read_cells(Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"))
    rows = []
    for n_parts in options.parts:
        rows.append(score(cells, n_parts, options.model))
        print(rows[-1], flush=True)
        pd.DataFrame(rows).to_csv(options.output, index=False, float_format="%.4f")


def score(cells: Cells, n_parts: int, model: str) -> dict[str, float]:
    """Cross-validate the parts one by one, and score all cells together."""
    started = time.monotonic()
    probabilities = np.full((len(cells), N_PHASES), np.nan, np.float32)
    for number, part in enumerate(parts(cells.phases, n_parts)):
        config = EvaluateSettings(model=(model,), cv=5, device="cpu", seed=number)
        job = cross_validate_cells(cells.subset(part), config, ReadSettings(), [f"part {number + 1} of {n_parts}"])
        report, tested = run_job(job, lambda event: print(event, flush=True) if isinstance(event, FoldDone) else None)
        place = {key: row for row, key in zip(part, keys(cells, part), strict=True)}
        found = [place[key] for key in keys(tested, np.arange(len(tested)))]
        probabilities[found] = report.prediction.probabilities
    report = evaluate(Prediction(cells.sources, cells.ids, probabilities), cells.phases, protocol="clean")
    found = {"labelled cells": len(cells) // n_parts, "minutes": (time.monotonic() - started) / 60}
    for name in ("accuracy", "macro_f1"):
        estimate = report.scores.overall[name]
        found |= {name: estimate.value, f"{name} low": estimate.low, f"{name} high": estimate.high}
    return found


def parts(phases: NDArray[np.int8], n_parts: int) -> list[NDArray[np.intp]]:
    """Rows of equal parts with the same mixture of phases."""
    if n_parts == 1:
        return [np.arange(len(phases))]
    return [rows for _, rows in StratifiedKFold(n_parts, shuffle=True, random_state=0).split(phases, phases)]


def keys(cells: Cells, rows: NDArray[np.intp]) -> list[tuple[str, int]]:
    """What identifies cells."""
    return list(zip(cells.sources[rows].tolist(), np.asarray(cells.ids)[rows].tolist(), strict=True))


if __name__ == "__main__":
    main()
