"""What a dock says where cells or their phases are missing, or a training was broken off, and the buttons for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cellcycle.gui.layers.gallery import open_gallery, show_gallery
from napari_cellcycle.gui.widgets.empty_notice import EmptyNotice
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.store.checkpoints import remove_checkpoint, unfinished_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_cellcycle.gui.docks.base import Dock
    from napari_cellcycle.gui.layers.gallery import OpenedGallery


class NoCells(EmptyNotice):
    """No cells are open: open files, or the sample."""

    def __init__(self, dock: Dock) -> None:
        actions = {"Open files": lambda: dock.open_dock("Open cells"), "Open the sample": self._open_sample}
        super().__init__("No cells yet.", actions)
        self._dock = dock

    def _open_sample(self) -> None:
        self._dock.start(open_gallery([sample_path()], ReadSettings()), self._on_opened)

    def _on_opened(self, opened: OpenedGallery) -> None:
        show_gallery(self._dock.viewer, opened)
        self._dock.say("; ".join(opened.notes))


class NoPhases(EmptyNotice):
    """There is nothing to learn from: cells are open, but nobody says what phases they are in."""

    def __init__(self, dock: Dock, text: str) -> None:
        actions = {
            "Open files": lambda: dock.open_dock("Open cells"),
            "Classify cells": lambda: dock.open_dock("Classify"),
        }
        super().__init__(text, actions)


class BrokenOff(EmptyNotice):
    """A training was broken off: resume it, or discard what was written down of it.

    `output` is what it shall become, the newest if there are several; None if there is none.
    """

    def __init__(self, resume: Callable[[Path], None], discarded: Callable[[], None]) -> None:
        super().__init__("", {"Resume": self._on_resume, "Discard": self._on_discard})
        self.output: Path | None = None
        self._resume, self._discarded = resume, discarded

    def look(self, folder: Path, *, fits: bool) -> None:
        """Show what lies in `folder`, where a training `fits` what else the dock shows."""
        self.output = next(iter(unfinished_runs(folder)), None)
        self.setVisible(fits and self.output is not None)
        if self.output is not None:
            self.label.setText(
                f"The training of {self.output.name} was broken off. Resume it with the same cells, or discard it."
            )

    def _on_resume(self) -> None:
        if self.output is not None:
            self._resume(self.output)

    def _on_discard(self) -> None:
        if self.output is not None:
            remove_checkpoint(self.output)
        self._discarded()
