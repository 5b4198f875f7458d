"""A table that never scrolls, for the legend, the confusion matrix and the models side by side."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QAbstractItemView, QSizePolicy, QTableWidget, QTableWidgetItem

CENTRED = Qt.AlignmentFlag.AlignCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class FittedTable(QTableWidget):
    """As high as its rows; it is read and clicked, not edited."""

    def __init__(self, n_rows: int, titles: Mapping[str, str]) -> None:
        """Begin empty; `titles` of the columns come with their tooltips."""
        super().__init__(n_rows, len(titles))
        for column, (title, tooltip) in enumerate(titles.items()):
            self.setHorizontalHeaderItem(column, titled(title, tooltip))
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.horizontalHeader().setMinimumSectionSize(20)

    def write(
        self, row: int, column: int, text: str, tooltip: str = "", align: Qt.AlignmentFlag = CENTRED
    ) -> QTableWidgetItem:
        """Put a text into the table, and return its item."""
        item = titled(text, tooltip)
        item.setTextAlignment(align)
        self.setItem(row, column, item)
        return item

    def sizeHint(self) -> QSize:
        """As high as its rows."""
        height = self.horizontalHeader().sizeHint().height() + self.verticalHeader().length()
        return QSize(super().sizeHint().width(), height + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:
        """As high as its rows; what is too wide is cut."""
        return QSize(0, self.sizeHint().height())


def titled(text: str, tooltip: str) -> QTableWidgetItem:
    """A text with its tooltip."""
    item = QTableWidgetItem(text)
    item.setToolTip(tooltip)
    return item
