"""From labelled cells on the screen to a trained model on disk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.events import Job, Note
from napari_cellcycle.gui.layers.labelled import Labelled
from napari_cellcycle.store.checkpoints import read_identity
from napari_cellcycle.store.models import list_models
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_cellcycle.events import Stop
    from napari_cellcycle.jobs.config import TrainSettings
    from napari_cellcycle.models import ModelCard

GROWN_AT_ONCE = ("features",)
"""Architectures that training can't go on from."""


@dataclass(frozen=True)
class Trained:
    """A model that is ready to classify: its folder and its card. The network itself is given back."""

    folder: Path
    card: ModelCard


def train_labelled(labelled: Labelled, output: Path, run: TrainSettings, stop: Stop) -> Job[Any, Trained]:
    """Train on the cells of the screen; the job's result is `Trained`."""
    yield Note("Opening the cells ...")
    from napari_cellcycle.jobs.train import train_cells

    cells = yield from labelled.open()
    yield Note("")
    model = yield from train_cells(cells, output, run, stop=stop)
    return Trained(output, model.card)


def resume_labelled(labelled: Labelled, output: Path, run: TrainSettings, stop: Stop) -> Job[Any, Trained]:
    """Go on with a training that was broken off, in its own settings; the job's result is `Trained`.

    Raises
    ------
    ModelError
        What was written down of it is gone or damaged.
    """
    yield Note("Opening what was written down ...")
    was = read_identity(output)
    before = replace(
        run,
        model=was["model"] or run.model,
        start_from=was["start_from"].rpartition(" (")[0],
        device=was["device"],
        resume=True,
        overrides=vars(TrainConfig.from_dict(was)),
    )
    return (yield from train_labelled(labelled, output, before, stop))


def models_for(channels: Collection[str]) -> list[str]:
    """Names of the models that training can go on from with cells that have these channels."""
    cards = [card for card in list_models() if card.architecture not in GROWN_AT_ONCE]
    return [card.name for card in cards if set(card.input.channels) <= set(channels)]


def kinds_for(channels: Collection[str]) -> list[str]:
    """Kinds of network that can be trained from scratch with cells that have these channels."""
    return [name for name, recipe in RECIPES.items() if set(recipe.input.channels) <= set(channels)]
