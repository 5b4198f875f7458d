"""The confusion matrix as a table that can be clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem

from napari_cellcycle.phases import N_PHASES, PHASE_LABELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_cellcycle.evaluation.reporting.theme import Theme

_SHORT = [label.removesuffix("phase") for label in PHASE_LABELS]


class ConfusionTable(QTableWidget):
    """Rows true, columns called, phases in order; the colour is the share of the row."""

    field_clicked = Signal(int, int)
    """True and called phase."""

    def __init__(self) -> None:
        super().__init__(N_PHASES, N_PHASES)
        for number, (short, label) in enumerate(zip(_SHORT, PHASE_LABELS, strict=True)):
            self.setVerticalHeaderItem(number, _title(short, f"truly {label}"))
            self.setHorizontalHeaderItem(number, _title(short, f"called {label}"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMinimumSectionSize(20)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(28)
        self.cellClicked.connect(self.field_clicked)

    def show_counts(self, counts: NDArray[np.int64], theme: Theme, *, percent: bool) -> None:
        """Fill in a confusion matrix as counts, or as percent of each row."""
        shares = counts / np.maximum(counts.sum(axis=1), 1)[:, None]
        for row, column in np.ndindex(N_PHASES, N_PHASES):
            count, share = int(counts[row, column]), float(shares[row, column])
            item = QTableWidgetItem(f"{share:.0%}" if percent else f"{count:,}") if count else QTableWidgetItem("")
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            ground = _between(theme.low, theme.high, share)
            item.setBackground(QBrush(ground))
            item.setForeground(QBrush(QColor("black" if ground.lightnessF() > 0.5 else "white")))
            item.setToolTip(
                f"{count:,} {PHASE_LABELS[row]} cells called {PHASE_LABELS[column]} ({share:.1%}); click to see them"
            )
            self.setItem(row, column, item)

    def sizeHint(self) -> QSize:
        """As high as its rows: it never scrolls."""
        height = self.horizontalHeader().sizeHint().height() + self.verticalHeader().length()
        return QSize(super().sizeHint().width(), height + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:
        """It never scrolls."""
        return QSize(0, self.sizeHint().height())


def _title(text: str, tooltip: str) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setToolTip(tooltip)
    return item


def _between(low: str, high: str, share: float) -> QColor:
    first, last = QColor(low), QColor(high)
    parts = zip(first.getRgb()[:3], last.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(a + (b - a) * share) for a, b in parts))
