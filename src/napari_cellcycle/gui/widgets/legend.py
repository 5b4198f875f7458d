"""Phase, colour, count and share; a click hides or shows a phase."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QKeyEvent, QPixmap
from qtpy.QtWidgets import QHeaderView, QSizePolicy, QTableWidgetItem

from napari_cellcycle.gui.widgets.table import RIGHT, FittedTable
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.phases import SYNTHETIC_COLOUR, SYNTHETIC_LABEL, greyed

if TYPE_CHECKING:
    from napari_cellcycle.evaluation.phase_fractions import PhaseFractions

_TIP = "click a phase to hide or show it; right-click it to see its cells in the Gallery"
WITHHELD = "not shown, as most cells are unlike the training cells; tick force under More to see it"
_COLUMNS = {
    "phase": _TIP,
    "cells": "how many cells have this phase",
    "%": "share of all cells that have a phase",
    "95 % int.": "95 % interval of the share, after Wilson",
}


class Legend(FittedTable):
    """The phases of the cells that were classified last, and how many synthetic cells are among them."""

    hidden_changed = Signal(object)
    """The set of phase numbers that should not be seen."""
    phase_asked = Signal(int)
    """The cells of a phase number should be seen side by side."""

    def __init__(self) -> None:
        super().__init__(len(SEVEN) + 2, _COLUMNS)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip(_TIP)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self._names: list[QTableWidgetItem] = []
        self._phases = SEVEN
        self._fill_names()
        self.cellClicked.connect(lambda row, _column: self._toggle(row))
        self.itemChanged.connect(self._on_change)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._on_right_click)

    def set_phases(self, phases: PhaseSet) -> None:
        """Have a row for each of some phases, then of unsure and of synthetic cells."""
        if phases != self._phases:
            self._phases = phases
            self._fill_names()

    def _fill_names(self) -> None:
        phases = self._phases
        self.blockSignals(True)
        self.setRowCount(len(phases) + 2)
        self._names.clear()
        labels, colours = [*phases.all_names, SYNTHETIC_LABEL], [*phases.all_colours, SYNTHETIC_COLOUR]
        for row, (label, colour) in enumerate(zip(labels, colours, strict=True)):
            name = QTableWidgetItem(_swatch(colour), label)
            name.setCheckState(Qt.CheckState.Checked)
            name.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)  # the whole row is the button
            self.setItem(row, 0, name)
            self._names.append(name)
        self.blockSignals(False)

    @property
    def synthetic_row(self) -> int:
        """Row of the synthetic cells, and what stands for them among the numbers of hidden phases."""
        return len(self._names) - 1

    def show_fractions(
        self,
        fractions: PhaseFractions | None,
        hidden: Collection[int] = (),
        n_synthetic: int = 0,
        *,
        is_greyed: bool = False,
    ) -> None:
        """Fill in the numbers; `hidden` phase numbers are not ticked. Without synthetic cells their row is hidden.

        Fractions of None are withheld: no number of a phase is shown.
        """
        self.blockSignals(True)
        for row, colour in enumerate(self._phases.colours):
            self._names[row].setIcon(_swatch(greyed(colour) if is_greyed else colour))
        self.blockSignals(False)
        for row, share in enumerate(() if fractions is None else fractions.to_dict().values()):
            percent, low, high = (f"{100 * share[name]:.1f}" for name in ("fraction", "low", "high"))
            self._write_row(row, share["count"], percent, f"{low} to {high}")
        if fractions is None:
            for row in range(self.synthetic_row):
                for column in range(1, len(_COLUMNS)):
                    self.write(row, column, "", WITHHELD, RIGHT)
        else:
            self._write_row(self.synthetic_row - 1, fractions.n_unsure)
        self._write_row(self.synthetic_row, n_synthetic)
        self.setRowHidden(self.synthetic_row, n_synthetic == 0)
        self.updateGeometry()
        self.blockSignals(True)
        for row, name in enumerate(self._names):
            name.setCheckState(Qt.CheckState.Unchecked if row in hidden else Qt.CheckState.Checked)
        self.blockSignals(False)

    def hidden(self) -> set[int]:
        """Phase numbers that are not ticked."""
        return {row for row, name in enumerate(self._names) if name.checkState() != Qt.CheckState.Checked}

    def minimumSizeHint(self) -> QSize:
        """As wide as its texts."""
        header = self.horizontalHeader()
        widths = [max(self.sizeHintForColumn(n), header.sectionSizeHint(n)) for n in range(self.columnCount())]
        return QSize(sum(widths) + 2 * self.frameWidth(), self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space does what a click does."""
        if event.key() == Qt.Key.Key_Space and self.currentRow() >= 0:
            self._toggle(self.currentRow())
        else:
            super().keyPressEvent(event)

    def _write_row(self, row: int, count: float, share: str = "", interval: str = "") -> None:
        for column, text in enumerate((f"{int(count):,}", share, interval), start=1):
            self.write(row, column, text, _TIP, RIGHT)

    def _on_right_click(self, position: QPoint) -> None:
        row = self.rowAt(position.y())
        if 0 <= row < self.synthetic_row:
            self.phase_asked.emit(row)

    def _toggle(self, row: int) -> None:
        item = self._names[row]
        ticked = item.checkState() == Qt.CheckState.Checked
        item.setCheckState(Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked)

    def _on_change(self, item: QTableWidgetItem) -> None:
        if item.column() == 0:
            self.hidden_changed.emit(self.hidden())


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(32, 32)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
