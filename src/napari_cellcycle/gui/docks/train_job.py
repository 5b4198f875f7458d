"""What *Train* runs in a thread: from labelled cells in the viewer to a trained model on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.events import Job, Note, Stop
from napari_cellcycle.gui.layers.field import FieldOnScreen
from napari_cellcycle.gui.layers.labelled_cells import JoinedPhases, Labelled, LabelledField
from napari_cellcycle.jobs.config import FinderSettings, TrainSettings
from napari_cellcycle.models import ModelCard


@dataclass(frozen=True)
class Trained:
    """A model that is ready to classify: its folder and its card. The network itself is not kept in memory.

    `finder` says how well it finds cells by itself, or why it can't; it is empty if that was not asked for.
    """

    folder: Path
    card: ModelCard
    finder: str = ""


def train_labelled(
    labelled: Labelled, output: Path, run: TrainSettings, stop: Stop, *, resume: bool, finds_cells: bool = False
) -> Job[Any, Trained]:
    """Train on cells in the viewer, or resume the training of `output` with its own settings.

    With `finds_cells`, the model learns from the labels of a field to find such cells too.
    """
    yield Note("Opening the unfinished training ..." if resume else "Opening the cells ...")
    from napari_cellcycle.jobs.train import resumed_settings, train_cells

    run = resumed_settings(output, run) if resume else run
    cells = yield from labelled.open()
    yield Note("")
    model = yield from train_cells(cells, output, run, stop=stop)
    words = ""
    chosen = labelled.cells if isinstance(labelled, JoinedPhases) else labelled
    if finds_cells and isinstance(chosen, LabelledField):
        words = yield from _learn_to_find(chosen.field, output, run.device, stop)
    return Trained(output, model.card, words)


def _learn_to_find(field: FieldOnScreen, output: Path, device: str, stop: Stop) -> Job[Any, str]:
    """Put a finder into the folder of a model; if that fails, the model is as good as before."""
    from napari_cellcycle.io.labelled_fields import LabelledField as WholeField
    from napari_cellcycle.jobs.train_finder import train_finder_fields

    if stop():
        return "It did not learn to find cells, as the training was stopped"
    labels, image = np.asarray(field.labels), field.brightfield
    frames = [(image, labels)] if labels.ndim == 2 else zip(image, labels, strict=True)
    whole = [WholeField(field.name, np.asarray(one), its, field.pixel_size_um) for one, its in frames if its.any()]
    try:
        finder = yield from train_finder_fields(whole, output, FinderSettings(device=device), stop=stop)
    except CellCycleError as error:
        return f"It did not learn to find cells: {error}"
    return f"It finds cells by itself, with {finder.card.quality}"
