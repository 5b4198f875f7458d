"""Models side by side, on the same cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem

from napari_cellcycle.evaluation.protocols import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_cellcycle.evaluation.compare import Comparison
    from napari_cellcycle.evaluation.metrics import Estimate
    from napari_cellcycle.evaluation.report import Report

_COLUMNS = {
    "accuracy %": "with 95 % interval",
    "macro F1 %": "with 95 % interval",
    "vs newest": "accuracy less that of the newest model, in percent points, with paired 95 % interval and McNemar's p",
}


class ModelsTable(QTableWidget):
    """The newest model above; each has a line with its name, as docks are narrow, and its figures under it."""

    model_clicked = Signal(int)
    """Its place in the table, from 0."""

    def __init__(self) -> None:
        super().__init__(0, len(_COLUMNS))
        self._names: list[QTableWidgetItem] = []
        for column, (title, tooltip) in enumerate(_COLUMNS.items()):
            self.setHorizontalHeaderItem(column, _item(title, tooltip))
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.ResizeToContents)  # signs make it widest
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.cellClicked.connect(lambda row, _column: self.model_clicked.emit(row // 2))

    def show_models(self, reports: Sequence[Report], comparisons: Mapping[str, Comparison | None]) -> None:
        """Fill in `reports`, the newest first; `comparisons` of the others with the newest, by the model's name."""
        self.setRowCount(2 * len(reports))
        self._names = []
        for place, report in enumerate(reports):
            protocol, overall = PROTOCOLS[report.protocol], report.scores.overall
            about = f"{report.model}: {protocol.title}. {protocol.summary}"
            self.setSpan(2 * place, 0, 1, len(_COLUMNS))
            self._names.append(_item(_name(report), about))
            self.setItem(2 * place, 0, self._names[-1])
            figures = (
                _item(_percent(overall["accuracy"]), about),
                _item(_percent(overall["macro_f1"]), about),
                _versus(comparisons.get(report.model)) if place else _item("newest", about),
            )
            for column, item in enumerate(figures):
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.setItem(2 * place + 1, column, item)
        self.updateGeometry()

    def mark(self, shown: int) -> None:
        """Make the name of the model in place `shown` bold, and no other."""
        for place, name in enumerate(self._names):
            font = name.font()
            font.setBold(place == shown)
            name.setFont(font)

    def sizeHint(self) -> QSize:
        """As high as its rows: it never scrolls."""
        height = self.horizontalHeader().sizeHint().height() + self.verticalHeader().length()
        return QSize(super().sizeHint().width(), height + 2 * self.frameWidth())

    def minimumSizeHint(self) -> QSize:
        """It never scrolls; a name that is too long is cut."""
        return QSize(0, self.sizeHint().height())


def _name(report: Report) -> str:
    """Which model on how many cells; figures that estimate nothing say so."""
    parts = [Path(report.model).name, f"{report.n_cells:,} cells"]
    return ", ".join(parts if PROTOCOLS[report.protocol].estimates else [*parts, report.protocol])


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f}\n{100 * estimate.low:.1f} to {100 * estimate.high:.1f}"


def _versus(comparison: Comparison | None) -> QTableWidgetItem:
    if comparison is None:
        return _item("no cells\nin common", "no cell of known phase was tested with both models")
    difference = comparison.difference["accuracy"]
    value, low, high = (f"{100 * share:+.1f}" for share in (difference.value, difference.low, difference.high))
    return _item(f"{value}\n{low} to {high}\np = {comparison.p_value:.2g}", str(comparison))


def _item(text: str, tooltip: str) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setToolTip(tooltip)
    return item
