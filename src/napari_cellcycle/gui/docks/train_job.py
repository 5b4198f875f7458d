"""What *Train* runs in a thread: from labelled cells in the viewer to a trained model on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_cellcycle.events import Job, Note, Stop
from napari_cellcycle.gui.layers.labelled_cells import Labelled
from napari_cellcycle.jobs.config import TrainSettings
from napari_cellcycle.models import ModelCard


@dataclass(frozen=True)
class Trained:
    """A model that is ready to classify: its folder and its card. The network itself is not kept in memory."""

    folder: Path
    card: ModelCard


def train_labelled(
    labelled: Labelled, output: Path, run: TrainSettings, stop: Stop, *, resume: bool
) -> Job[Any, Trained]:
    """Train on cells in the viewer, or resume the training of `output` with its own settings."""
    yield Note("Opening the unfinished training ..." if resume else "Opening the cells ...")
    from napari_cellcycle.jobs.train import resumed_settings, train_cells

    run = resumed_settings(output, run) if resume else run
    cells = yield from labelled.open()
    yield Note("")
    model = yield from train_cells(cells, output, run, stop=stop)
    return Trained(output, model.card)
