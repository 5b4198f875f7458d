"""The box that names a run, and the folder that it is written to."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QWidget

from napari_cellcycle.store.checkpoints import unfinished_folder


class RunName(QWidget):
    """A name that is free already, unless the user types another.

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
        self.box, self.choose = QLineEdit(), QToolButton()
        self.choose.setText("...")
        self.choose.setToolTip("keep the run in another folder")
        self.choose.clicked.connect(self._on_choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box)
        row.addWidget(self.choose)
        self.box.textChanged.connect(lambda _text: self._on_text())
        self._on_text()

    def output(self) -> Path:
        """Folder of the run to come."""
        return self.folder / self.box.text().strip()

    def suggest(self, kind: str) -> None:
        """Propose a free name for a run of this kind, unless the user chose one that is free."""
        self._kind = kind
        if not self.box.isModified() or self.problem():
            self.box.setText(free_name(self.folder, f"{date.today():%Y-%m-%d}-{kind}"))

    def problem(self) -> str:
        """Why no run can be called so; empty if one can."""
        name = self.box.text().strip()
        if not name or Path(name).name != name or name in (".", ".."):
            return "Give the run a name that a folder can have."
        return f"There is a run called {name} already; choose another name." if _is_taken(self.output()) else ""

    def _on_text(self) -> None:
        self.box.setToolTip(f"name of {self._what}, and of its folder in {self.folder}")
        self.changed.emit()

    def _on_choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for runs", str(self.folder))
        if folder:
            self.folder = Path(folder)
            self.suggest(self._kind)
            self._on_text()


def free_name(folder: Path, wanted: str) -> str:
    """`wanted`, with the first number behind it that makes it free in `folder`, if need be."""
    number, name = 1, wanted
    while _is_taken(folder / name):
        number += 1
        name = f"{wanted}-{number}"
    return name


def _is_taken(output: Path) -> bool:
    return output.exists() or unfinished_folder(output).exists()
