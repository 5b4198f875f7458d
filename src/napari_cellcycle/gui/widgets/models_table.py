"""Models side by side, on the same cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHeaderView, QTableWidgetItem

from napari_cellcycle.evaluation.compare import Comparison
from napari_cellcycle.evaluation.protocol_caveats import PROTOCOLS
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.gui.widgets.table import LEFT, FittedTable

if TYPE_CHECKING:
    from napari_cellcycle.evaluation.metrics import Estimate

_COLUMNS = {
    "accuracy %": "with 95 % interval",
    "macro F1 %": "with 95 % interval",
    "vs newest": "accuracy minus that of the newest model, in percentage points, with paired 95 % interval and "
    "McNemar's p",
}


class ModelsTable(FittedTable):
    """The newest model on top; each has a line with its name, as docks are narrow, and its figures below."""

    model_clicked = Signal(int)
    """Its position in the table, from 0."""

    def __init__(self) -> None:
        super().__init__(0, _COLUMNS)
        self._names: list[QTableWidgetItem] = []
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.ResizeToContents)  # signs make it widest
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.cellClicked.connect(lambda row, _column: self.model_clicked.emit(row // 2))

    def show_models(self, reports: Sequence[Report], comparisons: Mapping[str, Comparison | None]) -> None:
        """Fill in `reports`, the newest first; `comparisons` of the others with the newest, by the model's name."""
        self.setRowCount(2 * len(reports))
        self._names = []
        for number, report in enumerate(reports):
            protocol, overall = PROTOCOLS[report.protocol], report.scores.overall
            about = f"{report.model}: {protocol.title}. {protocol.summary}"
            self.setSpan(2 * number, 0, 1, len(_COLUMNS))
            self._names.append(self.write(2 * number, 0, _name(report), about, LEFT))
            for column, score in enumerate(("accuracy", "macro_f1")):
                self.write(2 * number + 1, column, _percent(overall[score]), about)
            versus = _versus(comparisons.get(report.model)) if number else ("newest", about)
            self.write(2 * number + 1, 2, *versus)
        self.updateGeometry()

    def mark(self, shown: int) -> None:
        """Make the name of the model in position `shown` bold, and no other."""
        for number, name in enumerate(self._names):
            font = name.font()
            font.setBold(number == shown)
            name.setFont(font)


def _name(report: Report) -> str:
    """Which model on how many cells; figures that estimate nothing say so."""
    parts = [Path(report.model).name, f"{report.n_cells:,} cells"]
    return ", ".join(parts if PROTOCOLS[report.protocol].estimates else [*parts, report.protocol])


def _percent(estimate: Estimate) -> str:
    if estimate.low != estimate.low:  # NaN: the score has no interval
        return f"{100 * estimate.value:.1f}\nno interval"
    return f"{100 * estimate.value:.1f}\n{100 * estimate.low:.1f} to {100 * estimate.high:.1f}"


def _versus(comparison: Comparison | None) -> tuple[str, str]:
    """Text and tooltip."""
    if comparison is None:
        return "no cells\nin common", "no cell of known phase was tested with both models"
    difference = comparison.difference["accuracy"]
    value, low, high = (f"{100 * share:+.1f}" for share in (difference.value, difference.low, difference.high))
    return f"{value}\n{low} to {high}\np = {comparison.p_value:.2g}", str(comparison)
