"""What a dock says where cells or their phases are missing, or a training was interrupted, and the buttons for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QPushButton, QWidget

from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.layers.field import why_no_field
from napari_cellcycle.gui.layers.gallery import OpenedGallery, open_gallery, show_gallery
from napari_cellcycle.gui.widgets.layout import button, fill_column, text_label
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.store.checkpoints import is_of_cells, remove_checkpoint, unfinished_runs


class Notice(QWidget):
    """A sentence, with buttons under it that help; `actions` gives the tooltip and the action of each."""

    def __init__(self, text: str, actions: Mapping[str, tuple[str, Callable[[], object]]]) -> None:
        super().__init__()
        self.label = text_label(text)
        self.buttons: dict[str, QPushButton] = {title: button(title, *action) for title, action in actions.items()}
        fill_column(self, self.label, *self.buttons.values())


class NoCells(Notice):
    """No cells are open: open files, or the sample."""

    def __init__(self, dock: Dock) -> None:
        self._dock = dock
        actions = {
            "Open files": ("open your own images in the dock Open cells", lambda: dock.open_dock("Open cells")),
            "Open the sample": ("open the synthetic cells that come with the plugin", self._open_sample),
        }
        super().__init__("No cells yet.", actions)
        for event in ("inserted", "removed", "renamed"):
            getattr(dock.viewer.layers.events, event).connect(self._on_layers)
        self._on_layers()

    def _on_layers(self, _event: Any = None) -> None:
        """Name images that are open and can't be used, with the reason."""
        self.label.setText(" ".join(filter(None, ("No cells yet.", why_no_field(self._dock.viewer)))))

    def _open_sample(self) -> None:
        self._dock.start(open_gallery([sample_path()], ReadSettings()), self._on_opened)

    def _on_opened(self, opened: OpenedGallery) -> None:
        show_gallery(self._dock.viewer, opened)
        self._dock.show_status("; ".join(opened.notes))


class NoPhases(Notice):
    """Cells are open, but their phases are not known; above it stands a button that labels them by key."""

    def __init__(self, dock: Dock) -> None:
        actions = {
            "Label by stain": (
                "let a DNA stain or FUCCI label the cells, if they were stained",
                lambda: dock.open_dock("Label by stain"),
            ),
            "Classify cells": ("let a model call the phases first", lambda: dock.open_dock("Classify")),
            "Open files": ("open folders that are named after phases", lambda: dock.open_dock("Open cells")),
        }
        super().__init__(
            "The phases of these cells are not known. Label some cells of each phase, which is quicker after a model "
            "has called them; let a stain label them; or open folders that are named after phases.",
            actions,
        )


class UnfinishedRun(Notice):
    """A training was interrupted: resume it, or discard it.

    `output` is where the newest such training will be saved, None if there is none.
    """

    def __init__(self, resume: Callable[[Path], None], discarded: Callable[[], None]) -> None:
        self.output: Path | None = None
        self._resume, self._discarded = resume, discarded
        actions = {
            "Resume": ("continue this training with the settings it was started with", self._on_resume),
            "Discard": ("delete what is saved of this training", self._on_discard),
        }
        super().__init__("", actions)

    def show_newest(self, folder: Path, key: Sequence[str], *, can_resume: bool) -> None:
        """Show the newest unfinished training in `folder` of the cells with this key, if it can be resumed now."""
        self.output = next((output for output in unfinished_runs(folder) if is_of_cells(output, key)), None)
        self.setVisible(can_resume and self.output is not None)
        if self.output is not None:
            self.label.setText(
                f"The training of {self.output.name} was interrupted. Resume it with the same cells, or discard it."
            )

    def _on_resume(self) -> None:
        if self.output is not None:
            self._resume(self.output)

    def _on_discard(self) -> None:
        if self.output is not None:
            remove_checkpoint(self.output)
        self._discarded()
