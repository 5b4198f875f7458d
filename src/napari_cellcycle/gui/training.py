"""From labelled cells on the screen to a trained model on disk."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.events import Finished, Note, passed_on
from napari_cellcycle.gui.field import FieldOnScreen, cut_field
from napari_cellcycle.gui.gallery import read_again
from napari_cellcycle.gui.layers import GallerySource
from napari_cellcycle.io.runs import list_models
from napari_cellcycle.io.unfinished import read_identity
from napari_cellcycle.phases import N_PHASES, PHASE_LABELS, UNKNOWN, parse_phase
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.events import Stop
    from napari_cellcycle.gui.gallery import Events
    from napari_cellcycle.jobs.train import TrainRun
    from napari_cellcycle.models import ModelCard

GROWN_AT_ONCE = ("features",)
"""Architectures that training can't go on from."""

FEW_CELLS = 20
"""A phase with fewer cells is hardly learnt."""

GO_ON_BELOW = 1000
"""With fewer labelled cells, a model that was trained on others is the better start."""

_NONE = np.zeros(0, np.int8)


@dataclass(frozen=True, eq=False)
class LabelledGallery:
    """Cells of a gallery; `phases` as painted on the shown ones, shape (N,), or None: those of their files.

    `synthetic` says of the painted ones which a generator made.
    """

    source: GallerySource
    phases: NDArray[np.int8] | None = None
    synthetic: NDArray[np.bool_] | None = None

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells of each phase, shape (7,)."""
        return np.array(self.source.phase_counts) if self.phases is None else _count(self.phases)

    @property
    def made_counts(self) -> NDArray[np.int64]:
        """Those of `counts` that a generator made."""
        if self.phases is None:
            return np.array(self.source.made_counts)
        return _count(self.phases[self.synthetic[: len(self.phases)]]) if self.synthetic is not None else _count(_NONE)

    def open(self) -> Generator[Any, None, Cells]:
        """Read the cells again, with these phases."""
        cells = yield from read_again(self.source)
        if self.phases is None:
            return cells
        phases = np.full(len(cells), UNKNOWN, np.int8)
        phases[: len(self.phases)] = self.phases
        return replace(cells, phases=phases)


@dataclass(frozen=True, eq=False)
class LabelledField:
    """Cells of a full-field image; `phases` by where a cell comes from and its label there."""

    field: FieldOnScreen
    phases: dict[tuple[str, int], int]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells of each phase, shape (7,)."""
        return _count(np.array([*self.phases.values()], np.int8))

    @property
    def made_counts(self) -> NDArray[np.int64]:
        """Nobody makes cells of a field."""
        return _count(_NONE)

    def open(self) -> Generator[Any, None, Cells]:
        """Cut out the cells, with these phases."""
        yield Note("Cutting out cells ...")
        cells = cut_field(self.field)
        keys = zip(cells.sources.tolist(), cells.ids.tolist(), strict=True)
        return replace(cells, phases=np.array([self.phases.get(key, UNKNOWN) for key in keys], np.int8))


Labelled = LabelledGallery | LabelledField


@dataclass(frozen=True)
class Trained:
    """A model that is ready to classify: its folder and its card. The network itself is given back."""

    folder: Path
    card: ModelCard


def train_labelled(labelled: Labelled, output: Path, run: TrainRun, config: TrainConfig, stop: Stop) -> Events:
    """Train on the cells of the screen; the job's result is `Trained`."""
    yield Note("Opening the cells ...")
    from napari_cellcycle.jobs.train import train_cells

    cells = yield from labelled.open()
    yield Note("")
    model = yield from passed_on(train_cells(cells, output, run, config, stop=stop))
    yield Finished(Trained(output, model.card))


def resume_labelled(labelled: Labelled, output: Path, run: TrainRun, stop: Stop) -> Events:
    """Go on with a training that was broken off, in its own settings; the job's result is `Trained`.

    Raises
    ------
    ModelError
        What was written down of it is gone or damaged.
    """
    yield Note("Opening what was written down ...")
    was = read_identity(output)
    config = TrainConfig(**{item.name: was[item.name] for item in fields(TrainConfig) if item.name in was})
    before = replace(
        run,
        model=was["model"] or run.model,
        start_from=was["start_from"].rpartition(" (")[0],
        device=was["device"],
        resume=True,
    )
    yield from train_labelled(labelled, output, before, config, stop)


def models_for(channels: Collection[str]) -> list[str]:
    """Names of the models that training can go on from with cells that have these channels."""
    cards = [card for card in list_models() if card.architecture not in GROWN_AT_ONCE]
    return [card.name for card in cards if set(card.input.channels) <= set(channels)]


def kinds_for(channels: Collection[str]) -> list[str]:
    """Kinds of network that can be trained from scratch with cells that have these channels."""
    return [name for name, recipe in RECIPES.items() if set(recipe.input.channels) <= set(channels)]


def phases_in_table(labels: Labels, source: str) -> dict[tuple[str, int], int]:
    """Phases out of the column ``phase`` that a user keeps in the table of a label image, by cell; only known ones.

    A model's own calls, which have a ``probability`` beside them, are none.
    """
    table = labels.features
    if labels.ndim != 2 or "phase" not in table or "probability" in table:
        return {}
    numbers = table.get("index", table.index)  # napari's rule: else row i is about label i
    read = {int(number): parse_phase(str(text)) for number, text in zip(numbers, table["phase"], strict=True)}
    return {(source, number): int(phase) for number, phase in read.items() if phase is not None}


def what_is_missing(counts: NDArray[np.int64]) -> str:
    """Why no model can be trained on so many cells of each phase; empty if one can."""
    known = [label for label, count in zip(PHASE_LABELS, counts, strict=True) if count]
    if not known:
        return "No phase is known: open folders named after phases, or paint phases on the cells."
    if len(known) == 1:
        return f"Only {known[0]} cells are known, but at least two phases are needed."
    return ""


def what_is_scarce(counts: NDArray[np.int64], made: NDArray[np.int64]) -> str:
    """Which phases have too few cells to be learnt well, made ones not counted; empty if none."""
    named = [*zip(PHASE_LABELS, counts, real_or_all(counts, made), strict=True)]
    few = [f"{label} ({n})" for label, _, n in named if 0 < n < FEW_CELLS]
    none = [label for label, n, _ in named if not n]
    parts = [f"few cells of {', '.join(few)}, so don't trust these calls"] if few else []
    parts += [f"no {', '.join(none)}, so nothing is learnt of these"] if none else []
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}." if parts else ""


def real_or_all(counts: NDArray[np.int64], made: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of `counts` those that a model can be judged by: real cells, or all where none is real."""
    real = counts - made
    return real if real.any() else counts


def advice(counts: NDArray[np.int64], made: NDArray[np.int64]) -> str:
    """What to know before a model is trained on these cells."""
    synthetic = counts.any() and not (counts - made).any()
    demonstration = "All cells are synthetic: what is learnt from them is a demonstration."
    needed = what_is_missing(real_or_all(counts, made)) or what_is_scarce(counts, made)
    return " ".join(filter(None, (needed, demonstration if synthetic else "")))


def _count(phases: NDArray[np.int8]) -> NDArray[np.int64]:
    return np.bincount(phases[phases != UNKNOWN], minlength=N_PHASES)
