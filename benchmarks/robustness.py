"""How much accuracy other instruments cost, and which cells are flagged: on changed raw cells that are new to a model.

NAPARI_CELLCYCLE_DATA=... python benchmarks/robustness.py REPORTS

REPORTS is the folder of accuracy.py, with the models of the folds in REPORTS/default/folds and
REPORTS/default-brightfield/folds. The tables go to docs/robustness.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from instruments import CHANNELS, Change, Recording, change_cells, instruments, no_darkfield, no_such_cells
from numpy.typing import NDArray

from napari_cellcycle import read_cells
from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import BRIGHTFIELD, Cells, Prediction
from napari_cellcycle.evaluation.compare import compare
from napari_cellcycle.evaluation.metrics import confusion_table, overall_scores
from napari_cellcycle.models import Model
from napari_cellcycle.predict import classify
from napari_cellcycle.store.models import load_model

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "robustness.md"
SAMPLE = ROOT / "src" / "napari_cellcycle" / "sample"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
HEAD = ["change", "accuracy", "points", "macro F1", "flagged"]


@dataclass(frozen=True)
class Fold:
    """A model, and the cells that it was not trained on."""

    model: Model
    test: Cells


@dataclass(frozen=True)
class Result:
    """Calls of all folds' models for their changed test cells."""

    name: str
    prediction: Prediction

    @property
    def flagged(self) -> str:
        """Share of unfamiliar cells; a dash where the models do not flag any."""
        flags = self.prediction.unfamiliar
        return "-" if flags is None else f"{flags.mean():.1%}"


def main() -> None:
    """Test every change on every fold, and write the page."""
    torch.set_num_threads(1)
    data, reports = Path(os.environ["NAPARI_CELLCYCLE_DATA"]), Path(sys.argv[1])
    pixels, cells = read_recording(data / "jurkat" / "Experiment_1")
    recording, folds = Recording.of(pixels), read_folds(reports / "default" / "folds", cells)
    truth = np.concatenate([fold.test.phases for fold in folds])
    results = [printed(test_change(folds, change)) for change in (*instruments(recording), no_darkfield(recording))]
    bright = reports / "default-brightfield" / "folds"
    if bright.exists() and len([*bright.iterdir()]) == len(folds):
        results.append(printed(Result("darkfield missing: default-brightfield", test_brightfield(bright, cells))))
    strange = [printed(test_change(folds, change)) for change in no_such_cells(recording)]
    strange += [printed(test_others(folds, name, path)) for name, path in others(data)]
    write_page(results, strange, truth)


def read_recording(folder: Path) -> tuple[NDArray[np.generic], Cells]:
    """The real cells, in memory, and their pixels (N, C, Y, X)."""
    cells = read_cells(folder).select_channels(CHANNELS)
    pixels = np.stack([image.pixels for image in cells.read(range(len(cells)))])
    return pixels, replace(cells, images=ArrayImages(pixels))


def read_folds(folder: Path, cells: Cells) -> list[Fold]:
    """The models in `folder`, each with the cells that its ``split.csv`` calls test cells."""
    indices = {key: index for index, key in enumerate(zip(cells.sources.tolist(), cells.ids.tolist(), strict=True))}
    folds = []
    for model in sorted(folder.iterdir(), key=lambda path: int(path.name)):
        split = pd.read_csv(model / "split.csv")
        test = split[split["part"] == "test"]
        chosen = [indices[key] for key in zip(test["source"], test["cell"], strict=True)]
        folds.append(Fold(load_model(model), cells.subset(chosen)))
    return folds


def test_change(folds: list[Fold], change: Change) -> Result:
    """Each fold's model on its own test cells, changed."""
    name = ": ".join(part for part in (change.group, change.name) if part)
    parts = (
        classify(change_cells(fold.test, change, fold.model.card.input.pixel_size_um), fold.model) for fold in folds
    )
    return Result(name, join(parts))


def test_brightfield(folder: Path, cells: Cells) -> Prediction:
    """The brightfield models, on the same test cells."""
    folds = read_folds(folder, cells.select_channels([BRIGHTFIELD]))
    return join(classify(fold.test, fold.model) for fold in folds)


def others(data: Path) -> Iterator[tuple[str, Path]]:
    """Cells of another kind, and synthetic ones."""
    yield "cells of another kind from another ImageStream (example.cif)", data / "cif" / "example.cif"
    yield "the synthetic sample of this package", SAMPLE


def test_others(folds: list[Fold], name: str, path: Path) -> Result:
    """Every fold's model on the same cells."""
    cells = read_cells(path).select_channels(CHANNELS)
    return Result(name, join(classify(cells, fold.model) for fold in folds))


def join(parts: Iterable[Prediction]) -> Prediction:
    """One prediction of the cells of all folds."""
    given = list(parts)
    flags = [part.unfamiliar for part in given if part.unfamiliar is not None]
    return Prediction(
        sources=np.concatenate([part.sources for part in given]),
        ids=np.concatenate([part.ids for part in given]),
        probabilities=np.concatenate([part.probabilities for part in given]),
        unfamiliar=np.concatenate(flags) if len(flags) == len(given) else None,
    )


def printed(result: Result) -> Result:
    """Print the name of a finished test, and pass its result on."""
    print(result.name, flush=True)
    return result


def write_page(results: list[Result], strange: list[Result], truth: NDArray[np.int8]) -> None:
    """Write the tables between their marks in the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    costs = [HEAD, ["---"] * len(HEAD), *(_row(result, results[0], truth) for result in results)]
    flags = [["images", "flagged"], ["---"] * 2, *([result.name, result.flagged] for result in strange)]
    text = "\n".join(["", *_table(costs), "", "What no model can call:", "", *_table(flags), ""])
    PAGE.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


def _row(result: Result, clean: Result, truth: NDArray[np.int8]) -> list[str]:
    scores = overall_scores(confusion_table(truth, result.prediction.best))
    points = ""
    if result is not clean:
        cost = compare(result.prediction, clean.prediction, truth).difference["accuracy"]
        points = f"{100 * cost.value:+.1f} ({100 * cost.low:+.1f} to {100 * cost.high:+.1f})"
    return [result.name, f"{scores['accuracy']:.3f}", points, f"{scores['macro_f1']:.3f}", result.flagged]


def _table(rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in rows]


if __name__ == "__main__":
    main()
