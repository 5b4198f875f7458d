"""A box that chooses a model, or a generator: one that is known, or one in another folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QToolButton, QWidget

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.gui.widgets.picker import Picker


class FolderButton(QToolButton):
    """A small button that asks for a folder and hands it on; an error that the user can mend is shown."""

    def __init__(self, tooltip: str, start: Callable[[], Path | str], on_folder: Callable[[Path], None]) -> None:
        super().__init__()
        self._start, self._on_folder = start, on_folder
        self.setText("...")
        self.setToolTip(tooltip)
        self.clicked.connect(self._on_click)

    def _on_click(self) -> None:
        from napari.utils.notifications import show_error

        folder = QFileDialog.getExistingDirectory(self, "Choose a folder", str(self._start()))
        try:
            if folder:
                self._on_folder(Path(folder))
        except CellCycleError as error:
            show_error(str(error))


class FolderPicker(QWidget):
    """A choice among what `offers` finds and what the user found in other folders; children lay out `box` and `browse`.

    Parameters
    ----------
    offers : callable
        Gives what is known, the best first, as pairs of text and value.
    value_in : callable
        Gives the value that stands for what is in a folder; raises a `CellCycleError` if nothing fitting is there.
    tooltip, folder_tooltip : str
        What is chosen in the box, and what the button next to it is for.
    start : Path or str
        Where the search for a folder begins.
    """

    changed = Signal()

    def __init__(
        self,
        offers: Callable[[], Iterable[tuple[str, Any]]],
        value_in: Callable[[Path], Any],
        tooltip: str,
        folder_tooltip: str,
        start: Path | str = "",
    ) -> None:
        super().__init__()
        self._offers, self._value_in, self._added = offers, value_in, dict[Any, str]()
        self.box = Picker(self._all_offers, tooltip)
        self.browse = FolderButton(folder_tooltip, lambda: start, self.add_folder)
        self.box.currentIndexChanged.connect(lambda _index: self.changed.emit())

    def value(self) -> Any:
        """What is chosen."""
        return self.box.value()

    def refresh(self) -> None:
        """Look for what is known again."""
        before = self.value()
        self.box.refresh()
        if self.value() != before:
            self.changed.emit()

    def add_folder(self, folder: Path) -> None:
        """Offer what is in `folder`, and choose it.

        Raises
        ------
        ModelError
            Nothing fitting is there.
        """
        value = self._value_in(folder)
        self._added[value] = folder.name
        self.box.refresh()
        self.box.choose(value)

    def _all_offers(self) -> list[tuple[str, Any]]:
        known = list(self._offers())
        values = [value for _, value in known]
        return [*known, *((text, value) for value, text in self._added.items() if value not in values)]
