"""Save a training on the way, and resume it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_cellcycle.errors import SettingError, WriteError
from napari_cellcycle.events import Stop
from napari_cellcycle.io.reserve import reserved
from napari_cellcycle.store.checkpoints import read_checkpoint, restoring, unfinished_folder, write_checkpoint
from napari_cellcycle.training.state import Checkpoint, Hooks, TrainingState

CHECKPOINT_SHARE = 0.02
"""Share of the time that writing checkpoints may take."""


def check_output_free(output: Path, *, resume: bool) -> None:
    """Raise `WriteError` if there is a finished model in `output`, or an unfinished one that is not to be resumed."""
    if output.exists():
        raise WriteError(f"{output} exists already; choose another folder, or remove it first")
    unfinished = unfinished_folder(output)
    if unfinished.exists() and not resume:
        raise WriteError(f"{unfinished} is an unfinished training; resume it, or remove that folder")


@contextmanager
def claimed(output: Path, *, resume: bool) -> Iterator[None]:
    """Check that `output` is free, and keep it for this training until it ends; see `reserved`."""
    check_output_free(output, resume=resume)
    with reserved(output):
        yield


@dataclass(eq=False)
class Checkpointer:
    """Saves the training of the model `output`.

    Attributes
    ----------
    output : Path
        Folder of the future model.
    settings_fingerprint : mapping
        Settings and cells, which must be the same when the training is resumed.
    seconds : float
        Time that the training took before it was resumed.
    """

    output: Path
    settings_fingerprint: Mapping[str, Any]
    seconds: float = 0.0
    _started: float = field(default_factory=time.monotonic)
    _next: float = 0.0

    def hooks(self, stop: Stop, *, resume: bool) -> Hooks:
        """Hooks for a training that is saved, and resumed if there is something to resume.

        Raises
        ------
        SettingError
            The unfinished training has other settings or cells.
        """
        found = self.read() if resume else None

        def begin(state: TrainingState) -> None:
            if found is not None:
                with restoring(self.output):
                    state.load_state_dict(*found)
                found[0].clear()  # as large as the training itself

        return Hooks(stop=stop, begin=begin, save=lambda state: self.write(state.state_dict))

    def read(self) -> Checkpoint | None:
        """The checkpoint of an unfinished training with the same settings and cells; None if there is none.

        Raises
        ------
        SettingError
            It has other settings or cells.
        """
        found = read_checkpoint(self.output)
        if found is not None:
            self._check(found[1]["identity"])
            self.seconds = found[1]["seconds"]
        return found

    def write(self, take: Callable[[], Checkpoint]) -> None:
        """Write the checkpoint that `take` returns, unless the last one was too short a time ago."""
        begun = time.monotonic()
        if begun < self._next:
            return
        tensors, values = take()
        values = {**values, "identity": self.settings_fingerprint, "seconds": self.elapsed()}
        write_checkpoint(self.output, tensors, values)
        ended = time.monotonic()
        self._next = ended + (ended - begun) / CHECKPOINT_SHARE

    def elapsed(self) -> float:
        """Seconds that the training took so far, also before it was resumed."""
        return self.seconds + time.monotonic() - self._started

    def _check(self, before: Mapping[str, Any]) -> None:
        folder = unfinished_folder(self.output)
        for name, now in self.settings_fingerprint.items():
            if name not in before or before[name] != now:
                setting = f"{name.replace('_', '-')} {before.get(name, 'unknown')}, not {now}"
                reason = "other cells" if name == "cells" else setting
                raise SettingError(f"{folder} was begun with {reason}; use the same, or remove it and train again")
