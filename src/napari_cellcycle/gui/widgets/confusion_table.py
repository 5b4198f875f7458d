"""The confusion matrix as a table that can be clicked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView

from napari_cellcycle.evaluation.reporting.theme import Theme
from napari_cellcycle.gui.widgets.table import FittedTable, titled
from napari_cellcycle.phases import N_PHASES, PHASE_LABELS

_SHORT = [label.removesuffix("phase") for label in PHASE_LABELS]


class ConfusionTable(FittedTable):
    """One row for each true phase, one column for each called phase; the colour is the share of the row."""

    entry_clicked = Signal(int, int)
    """True and called phase."""

    def __init__(self) -> None:
        titles = zip(_SHORT, PHASE_LABELS, strict=True)
        super().__init__(N_PHASES, {short: f"called {label}" for short, label in titles})
        for row, (short, label) in enumerate(zip(_SHORT, PHASE_LABELS, strict=True)):
            self.setVerticalHeaderItem(row, titled(short, f"truly {label}"))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(28)
        self.cellClicked.connect(self.entry_clicked)

    def show_counts(self, counts: NDArray[np.int64], theme: Theme, *, percent: bool) -> None:
        """Fill in a confusion matrix as counts, or as percent of each row."""
        shares = counts / np.maximum(counts.sum(axis=1), 1)[:, None]
        for row, column in np.ndindex(N_PHASES, N_PHASES):
            count, share = int(counts[row, column]), float(shares[row, column])
            text = (f"{share:.0%}" if percent else f"{count:,}") if count else ""
            true, called = PHASE_LABELS[row], PHASE_LABELS[column]
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
