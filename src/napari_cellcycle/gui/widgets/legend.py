"""Phase, colour, count and share; a click hides or shows a phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem

from napari_cellcycle.phases import (
    COLOURS,
    PHASE_LABELS,
    SYNTHETIC_COLOUR,
    SYNTHETIC_LABEL,
    UNSURE,
    UNSURE_COLOUR,
    UNSURE_LABEL,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from qtpy.QtGui import QKeyEvent

    from napari_cellcycle.evaluation.phase_fractions import PhaseFractions

_COLUMNS = ("phase", "cells", "%", "95 % int.")
MADE = UNSURE + 1
"""Row of the made cells, and what stands for them among the numbers of hidden phases."""


class Legend(QTableWidget):
    """The phases of the cells that were classified last, and how many made cells are among them."""

    hidden_changed = Signal(object)
    """The set of phase numbers that should not be seen."""

    def __init__(self) -> None:
        super().__init__(MADE + 1, len(_COLUMNS))
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("click a phase to hide or show it; intervals are Wilson's")
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        labels = [*PHASE_LABELS, UNSURE_LABEL, SYNTHETIC_LABEL]
        colours = [*COLOURS.values(), UNSURE_COLOUR, SYNTHETIC_COLOUR]
        self._names: list[QTableWidgetItem] = []
        for row, (label, colour) in enumerate(zip(labels, colours, strict=True)):
            name = QTableWidgetItem(_swatch(colour), label)
            name.setCheckState(Qt.CheckState.Checked)
            name.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)  # the whole row is the button
            self.setItem(row, 0, name)
            self._names.append(name)
        self.cellClicked.connect(lambda row, _column: self._toggle(row))
        self.itemChanged.connect(self._on_change)

    def show_fractions(self, fractions: PhaseFractions, hidden: Collection[int] = (), n_made: int = 0) -> None:
        """Fill in the numbers; the phase numbers in `hidden` are not ticked, and nobody speaks of no made cells."""
        for row, share in enumerate(fractions.to_dict().values()):
            percent, low, high = (f"{100 * share[name]:.1f}" for name in ("fraction", "low", "high"))
            self._write(row, share["count"], percent, f"{low} to {high}")
        self._write(UNSURE, fractions.n_unsure, "", "")
        self._write(MADE, n_made, "", "")
        self.setRowHidden(MADE, n_made == 0)
        self.updateGeometry()
        self.blockSignals(True)
        for row, name in enumerate(self._names):
            name.setCheckState(Qt.CheckState.Unchecked if row in hidden else Qt.CheckState.Checked)
        self.blockSignals(False)

    def hidden(self) -> set[int]:
        """Phase numbers that are not ticked."""
        return {row for row, name in enumerate(self._names) if name.checkState() != Qt.CheckState.Checked}

    def sizeHint(self) -> QSize:
        """As high as its rows: it never scrolls."""
        height = self.horizontalHeader().sizeHint().height() + self.verticalHeader().length()
        return QSize(super().sizeHint().width(), height + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:
        """As wide as its texts."""
        header = self.horizontalHeader()
        widths = [max(self.sizeHintForColumn(n), header.sectionSizeHint(n)) for n in range(self.columnCount())]
        return QSize(sum(widths) + 2 * self.frameWidth(), self.sizeHint().height())

    def _write(self, row: int, count: float, share: str, interval: str) -> None:
        for column, text in enumerate((f"{int(count):,}", share, interval), start=1):
            item = QTableWidgetItem(text)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(row, column, item)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space does what a click does."""
        if event.key() == Qt.Key.Key_Space and self.currentRow() >= 0:
            self._toggle(self.currentRow())
        else:
            super().keyPressEvent(event)

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
