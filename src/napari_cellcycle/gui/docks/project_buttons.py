"""Save and open a project, from the dock *Open cells*."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.layers.project_fields import open_fields
from napari_cellcycle.gui.layers.project_layers import (
    OpenedProject,
    open_data,
    open_project,
    show_project,
    view_of,
    write_project,
)
from napari_cellcycle.gui.widgets.layout import button, fill_row
from napari_cellcycle.jobs.steps.advice import as_sentences
from napari_cellcycle.project import PROJECT_SUFFIX

_SOON_MS = 20
_FOLLOW = "FollowWidget"
_FILES = f"Projects (*{PROJECT_SUFFIX})"


class ProjectButtons(QWidget):
    """Two buttons in a row; what they do is shown by `dock`."""

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self._dock, self._path, self._moved = dock, Path(), dict[Path, Path]()
        self.save = button(
            "Save project ...", "keep which cells are open, their calls and the view in one small file", self._on_save
        )
        self.open = button(
            "Open project ...", "open the cells of a project again, with their calls and labels", self._on_open
        )
        fill_row(self, self.save, self.open)

    def save_as(self, path: Path) -> None:
        """Write what is open to a project."""
        data, fields = open_data(self._dock.viewer), open_fields(self._dock.viewer)
        if not data and not fields:
            self._dock.show_status("Nothing to save: no cells are open, and no field is classified.")
            return
        view = view_of(self._dock.viewer, {name: dock.project_state() for name, dock in self._docks().items()})
        self._dock.start(
            write_project(path, data, view, fields), lambda saved: self._dock.show_status(f"Saved {saved}.")
        )

    def open_from(self, path: Path) -> None:
        """Open the cells of a project."""
        self._path, self._moved = path, {}
        self._open()

    def _open(self) -> None:
        if self._dock.job is not None:  # the one that told what is missing is being put away
            QTimer.singleShot(_SOON_MS, self._open)
            return
        self._dock.start(open_project(self._path, self._moved), self._on_opened)

    def _on_opened(self, project: OpenedProject) -> None:
        if project.missing:
            self._moved[project.missing[0]] = _ask_where(self, project.missing[0])
            self._open()
            return
        show_project(self._dock.viewer, project)
        states = project.view.get("docks")
        states = states if isinstance(states, dict) else {}
        docks = self._docks()
        if states.get(_FOLLOW) and _FOLLOW not in docks:  # it shows what no layer does
            docks[_FOLLOW] = self._dock.open_dock("Follow")
        for name, dock in docks.items():
            if dock is not None and isinstance(states.get(name), dict):
                dock.restore_state(states[name])
        n_cells = sum(opened.gallery.source.n_cells for opened in project.data)
        opened = [f"{n_cells:,} cells"] if project.data else []
        opened += [", ".join(field.title for field in project.fields)] if project.fields else []
        self._dock.show_status(as_sentences([f"{' and '.join(opened)} opened", *project.notes]))

    def _docks(self) -> dict[str, Any]:
        """Our docks in this window, by the names of their classes."""
        return {type(dock).__name__: dock for dock in self.window().findChildren(Dock)}

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the project", f"project{PROJECT_SUFFIX}", _FILES)
        if path:
            self.save_as(Path(path))

    def _on_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a project", "", _FILES)
        if path:
            self.open_from(Path(path))


def _ask_where(parent: QWidget, missing: Path) -> Path:
    """Where data went; where they were if the user does not say, so that the rest is opened without them."""
    title = f"{missing} is not there. Where is {missing.name} now?"
    if missing.suffix and missing.suffix.lower() != ".zarr":
        found, _ = QFileDialog.getOpenFileName(parent, title)
    else:
        found = QFileDialog.getExistingDirectory(parent, title)
    return Path(found) if found else missing
