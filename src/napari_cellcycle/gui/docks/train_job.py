"""What *Train* runs in a thread: from labelled cells in the viewer to a trained model on disk."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.events import Job, Note, Stop
from napari_cellcycle.gui.layers.labelled_cells import Labelled
from napari_cellcycle.jobs.config import TrainSettings
from napari_cellcycle.store.checkpoints import read_identity
from napari_cellcycle.store.models import list_models
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import RECIPES

if TYPE_CHECKING:
    from napari_cellcycle.models import ModelCard

NO_FINE_TUNING = ("features",)
"""Architectures that can't be trained further."""


@dataclass(frozen=True)
class Trained:
    """A model that is ready to classify: its folder and its card. The network itself is not kept in memory."""

    folder: Path
    card: ModelCard


def train_labelled(labelled: Labelled, output: Path, run: TrainSettings, stop: Stop) -> Job[Any, Trained]:
    """Train on cells in the viewer."""
    yield Note("Opening the cells ...")
    from napari_cellcycle.jobs.train import train_cells

    cells = yield from labelled.open()
    yield Note("")
    model = yield from train_cells(cells, output, run, stop=stop)
    return Trained(output, model.card)


def resume_training(labelled: Labelled, output: Path, run: TrainSettings, stop: Stop) -> Job[Any, Trained]:
    """Continue a training that was interrupted, with the settings it was started with.

    Raises
    ------
    ModelError
        What was saved of it is gone or damaged.
    """
    yield Note("Opening the unfinished training ...")
    saved = read_identity(output)
    run = replace(
        run,
        model=saved["model"] or run.model,
        start_from=saved["start_from"].rpartition(" (")[0],
        device=saved["device"],
        resume=True,
        overrides=vars(TrainConfig.from_dict(saved)),
    )
    return (yield from train_labelled(labelled, output, run, stop))


def models_for_channels(channels: Collection[str]) -> list[str]:
    """Names of the models that can be trained further with cells that have these channels."""
    cards = [card for card in list_models() if card.architecture not in NO_FINE_TUNING]
    return [card.name for card in cards if set(card.input.channels) <= set(channels)]


def networks_for_channels(channels: Collection[str]) -> list[str]:
    """Networks that can be trained from scratch with cells that have these channels."""
    return [name for name, recipe in RECIPES.items() if set(recipe.input.channels) <= set(channels)]
