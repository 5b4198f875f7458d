"""A training that goes on where it was broken off."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.errors import SettingError, WriteError
from napari_cellcycle.events import Stop
from napari_cellcycle.store.checkpoints import read_checkpoint, restoring, unfinished_folder, write_checkpoint

if TYPE_CHECKING:
    from torch import Tensor

    from napari_cellcycle.training.classifier import Hooks, TrainingState

CHECKPOINT_SHARE = 0.02
"""Of the time that may go into writing checkpoints; after each is a pause as long as that takes."""

Kept = tuple["dict[str, Tensor]", dict[str, Any]]
"""A training as tensors by name, and values for JSON."""


def check_output_free(output: Path, *, resume: bool) -> None:
    """Raise `WriteError` if a finished model is in `output`, or an unfinished one that shall not be resumed."""
    if output.exists():
        raise WriteError(f"{output} exists already; choose another folder, or remove it first")
    unfinished = unfinished_folder(output)
    if unfinished.exists() and not resume:
        raise WriteError(f"{unfinished} is a training that was broken off; resume it, or remove that folder")


@dataclass(eq=False)
class Checkpointer:
    """A training on its way to `output`, written down as it goes on.

    Attributes
    ----------
    output : Path
        Folder of the model to come.
    identity : dict
        What must be the same in an earlier part of the same training: settings, cells.
    seconds : float
        Time that earlier parts took.
    """

    output: Path
    identity: Mapping[str, Any]
    seconds: float = 0.0
    _started: float = field(default_factory=time.monotonic)
    _next: float = 0.0

    def hooks(self, stop: Stop, *, resume: bool) -> Hooks:
        """For `train_classifier`.

        Raises
        ------
        SettingError
            The training that was broken off had other settings or cells.
        """
        from napari_cellcycle.training.checkpoint import restore, take
        from napari_cellcycle.training.classifier import Hooks

        def after_epoch(state: TrainingState) -> None:
            self.write(lambda: take(state))

        found = self.read() if resume else None
        if found is None:
            return Hooks(stop=stop, after_epoch=after_epoch)
        tensors, values = found

        def begin(state: TrainingState) -> None:
            with restoring(self.output):
                restore(state, tensors, values)
            tensors.clear()  # as much memory as the training takes

        return Hooks(stop=stop, begin=begin, after_epoch=after_epoch)

    def read(self) -> Kept | None:
        """What an earlier part of the same training left; None if there was none.

        Raises
        ------
        SettingError
            It had other settings or cells.
        """
        found = read_checkpoint(self.output)
        if found is not None:
            self._check(found[1]["identity"])
            self.seconds = found[1]["seconds"]
        return found

    def write(self, take: Callable[[], Kept]) -> None:
        """Write down what `take` gives, unless that was done so lately that it would cost too much time."""
        begun = time.monotonic()
        if begun < self._next:
            return
        tensors, values = take()
        write_checkpoint(self.output, tensors, {**values, "identity": self.identity, "seconds": self.elapsed()})
        ended = time.monotonic()
        self._next = ended + (ended - begun) / CHECKPOINT_SHARE

    def elapsed(self) -> float:
        """Seconds that the training took, earlier parts included."""
        return self.seconds + time.monotonic() - self._started

    def _check(self, before: Mapping[str, Any]) -> None:
        folder = unfinished_folder(self.output)
        for name, now in self.identity.items():
            if name not in before or before[name] != now:
                was = f"{name.replace('_', '-')} {before.get(name, 'unknown')}, not {now}"
                other = "other cells" if name == "cells" else was
                raise SettingError(f"{folder} was begun with {other}; give the same, or remove it and train anew")
