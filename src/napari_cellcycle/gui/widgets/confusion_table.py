"""The confusion matrix as a table that can be clicked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView

from napari_cellcycle.evaluation.reporting.theme import Theme
from napari_cellcycle.gui.widgets.table import FittedTable, titled
from napari_cellcycle.phase_sets import SEVEN, PhaseSet


class ConfusionTable(FittedTable):
    """One row for each true phase, one column for each called phase; the colour is the share of the row."""

    entry_clicked = Signal(int, int)
    """True and called phase."""

    def __init__(self) -> None:
        self._phases = SEVEN
        titles = zip(SEVEN.short_names, SEVEN.names, strict=True)
        super().__init__(len(SEVEN), {short: f"called {label}" for short, label in titles})
        self._fill_titles()
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(28)
        self.cellClicked.connect(self.entry_clicked)

    def set_phases(self, phases: PhaseSet) -> None:
        """Have a row and a column for each of some phases."""
        if phases != self._phases:
            self._phases = phases
            self.setRowCount(len(phases))
            self.setColumnCount(len(phases))
            self._fill_titles()
            self.updateGeometry()

    def _fill_titles(self) -> None:
        for place, (short, label) in enumerate(zip(self._phases.short_names, self._phases.names, strict=True)):
            self.setVerticalHeaderItem(place, titled(short, f"truly {label}"))
            self.setHorizontalHeaderItem(place, titled(short, f"called {label}"))

    def show_counts(self, counts: NDArray[np.int64], theme: Theme, *, percent: bool) -> None:
        """Fill in a confusion matrix as counts, or as percent of each row."""
        shares = counts / np.maximum(counts.sum(axis=1), 1)[:, None]
        for row, column in np.ndindex(counts.shape):
            count, share = int(counts[row, column]), float(shares[row, column])
            text = (f"{share:.0%}" if percent else f"{count:,}") if count else ""
            true, called = self._phases.names[row], self._phases.names[column]
            item = self.write(
                row, column, text, f"{count:,} {true} cells called {called} ({share:.1%}); click to see them"
            )
            ground = _between(theme.low, theme.high, share)
            item.setBackground(QBrush(ground))
            item.setForeground(QBrush(QColor("black" if ground.lightnessF() > 0.5 else "white")))


def _between(low: str, high: str, share: float) -> QColor:
    first, last = QColor(low), QColor(high)
    parts = zip(first.getRgb()[:3], last.getRgb()[:3], strict=True)  # type: ignore[index]
    return QColor(*(round(a + (b - a) * share) for a, b in parts))
