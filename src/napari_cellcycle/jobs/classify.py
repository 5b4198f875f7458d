"""Classify: files in; a table, a summary and a picture out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.evaluation.fractions import phase_fractions
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.montage_picture import draw_montage
from napari_cellcycle.io.writers.tables import write_json, write_picture, write_table
from napari_cellcycle.jobs.config import ClassifyConfig, ReadConfig
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.models import ModelCard
from napari_cellcycle.predict import classify_cells, model_for_channels, unfamiliar_warning
from napari_cellcycle.store.models import load_model
from napari_cellcycle.versions import installed_versions


@dataclass(frozen=True, eq=False)
class Classified:
    """The result of `classify_files`, which is also on disk."""

    cells: Cells
    prediction: Prediction
    card: ModelCard
    folder: Path


def classify_files(
    paths: Sequence[str | Path], output: Path, config: ClassifyConfig, reading: ReadConfig
) -> Job[Progress | Note, Classified]:
    """Classify all cells in `paths` and write ``phases.csv``, ``summary.json`` and ``montage.png`` to `output`.

    Nothing is written before every cell is classified.
    """
    model = load_model(config.model)
    cells = yield from open_cells(paths, reading)
    model, note = model_for_channels(model, cells)
    if note:
        yield Note(note)
    prediction = yield from classify_cells(
        model, cells, device=config.device, batch_size=config.batch_size, min_probability=config.min_probability
    )
    settings = {**asdict(config), **asdict(reading), "input": [str(path) for path in paths]}
    write_results(cells, prediction, model.card, Path(output), settings)
    return Classified(cells, prediction, model.card, Path(output))


def write_results(
    cells: Cells, prediction: Prediction, card: ModelCard, folder: Path, settings: dict[str, Any]
) -> None:
    """Write the results of ``classify``; the button *Save* in napari writes the same."""
    write_table(prediction, folder / "phases.csv")
    write_json(summarise(prediction, card, settings), folder / "summary.json")
    write_picture(draw_montage(cells, prediction), folder / "montage.png")


def summarise(prediction: Prediction, card: ModelCard, settings: dict[str, Any]) -> dict[str, Any]:
    """The content of ``summary.json``.

    The fractions are given as called, and corrected for how often the model confuses the phases, where its card says
    that (adjusted count; Forman 2008, :doi:`10.1007/s10618-008-0097-y`).
    """
    found = phase_fractions(prediction)
    corrected = None
    if card.confusion is not None and not prediction.min_probability:
        corrected = phase_fractions(prediction, np.array(card.confusion))
    return {
        "n_cells": len(prediction),
        "n_unreadable": len(prediction.unreadable),
        "n_unsure": found.n_unsure,
        "n_unfamiliar": None if prediction.unfamiliar is None else int(prediction.unfamiliar.sum()),
        "phases": found.to_dict(),
        "phases_corrected_by_confusion": None if corrected is None else corrected.to_dict(),
        "notes": [note for note in (*found.notes, unfamiliar_warning(prediction)) if note],
        "model": {"name": card.name, "description": card.description, "training": card.training.get("data_sha256")},
        "settings": settings,
        "versions": installed_versions(),
    }
