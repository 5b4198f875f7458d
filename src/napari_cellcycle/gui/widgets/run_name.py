"""The box that names a run, and the folder that it is written to."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QWidget

from napari_cellcycle.gui.widgets.layout import fill_row
from napari_cellcycle.gui.widgets.trained_picker import FolderButton
from napari_cellcycle.store.checkpoints import unfinished_folder


class RunName(QWidget):
    """A name that no other run has, unless the user types another.

    Parameters
    ----------
    folder : Path
        Where runs are kept.
    what : str
        What a run gives.
    """

    changed = Signal()

    def __init__(self, folder: Path, what: str = "the new model") -> None:
        super().__init__()
        self.folder, self._what, self._kind = folder, what, ""
        self.box = QLineEdit()
        fill_row(self, self.box, FolderButton("save in another folder", lambda: self.folder, self._use_folder))
        self.box.textChanged.connect(lambda _text: self._on_text())
        self._on_text()

    def output(self) -> Path:
        """Folder that the next run is written to."""
        return self.folder / self.box.text().strip()

    def suggest(self, kind: str) -> None:
        """Propose a free name for a run of this kind, unless the user chose one that is free."""
        self._kind = kind
        if not self.box.isModified() or self.problem():
            self.box.setText(free_name(self.folder, f"{date.today():%Y-%m-%d}-{kind}"))

    def problem(self) -> str:
        """Why no run can have this name; empty if one can."""
        name = self.box.text().strip()
        if not name or Path(name).name != name or name in (".", ".."):
            return "Give the run a name that a folder can have."
        return f"There is already a run called {name}; choose another name." if _is_taken(self.output()) else ""

    def _use_folder(self, folder: Path) -> None:
        self.folder = folder
        self.suggest(self._kind)
        self._on_text()

    def _on_text(self) -> None:
        self.box.setToolTip(f"name of {self._what}; it is saved in a folder of this name in {self.folder}")
        self.changed.emit()


def free_name(folder: Path, wanted: str) -> str:
    """`wanted`, or where that is taken in `folder`, with the first number after it that makes it free."""
    number, name = 1, wanted
    while _is_taken(folder / name):
        number += 1
        name = f"{wanted}-{number}"
    return name


def _is_taken(output: Path) -> bool:
    return output.exists() or unfinished_folder(output).exists()
