"""Training as curves: losses above, macro F1 below, the best epoch marked in both.

Drawn by Qt itself, in the colours of napari's theme: a figure of matplotlib would hold up the window after each epoch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from napari_cellcycle.training.classifier import EpochDone

_SIZE = QSize(310, 260)
_MARGIN_PX = 4
_FINEST = 0.05  # between two lines of the scale: less is noise
_FEWEST_EPOCHS = 10  # so that the first lines do not jump
_COLOURS = {"training": "#8c8c8c", "validation": "#e08a1e"}  # seen on a dark ground and on a light one


@dataclass(frozen=True)
class _Panel:
    """One drawing: the values of each line by epoch, and where it is on the widget."""

    title: str
    lines: dict[str, dict[int, float]]
    epochs: int
    best: int | None
    area: QRectF

    def draw(self, painter: QPainter, text: QColor) -> None:
        """Axes, the mark of the best epoch, lines, and their names."""
        self._draw_axes(painter, text)
        if self.best is not None:
            painter.setPen(QPen(text, 1, Qt.PenStyle.DashLine))
            painter.drawLine(self._point(self.best, self._ticks[0]), self._point(self.best, self._ticks[-1]))
        for name, values in self.lines.items():
            self._draw_line(painter, QColor(_COLOURS[name]), values)
        self._draw_names(painter, text)

    @property
    def _ticks(self) -> list[float]:
        """Round values from below the lowest to above the highest."""
        values = [value for line in self.lines.values() for value in line.values() if math.isfinite(value)] or [0, 1]
        step = _round_step(max(_FINEST, (max(values) - min(values)) / 2))
        first, last = math.floor(min(values) / step), math.ceil(max(values) / step)
        return [number * step for number in range(first, max(last, first + 1) + 1)]

    def _point(self, epoch: int, value: float) -> QPointF:
        low, high = self._ticks[0], self._ticks[-1]
        along, up = (epoch - 1) / (self.epochs - 1), (value - low) / (high - low)
        return QPointF(self.area.left() + along * self.area.width(), self.area.bottom() - up * self.area.height())

    def _draw_axes(self, painter: QPainter, text: QColor) -> None:
        faint = QColor(text)
        faint.setAlphaF(0.2)
        height = painter.fontMetrics().height()
        for tick in self._ticks:
            left = self._point(1, tick)
            painter.setPen(faint)
            painter.drawLine(left, self._point(self.epochs, tick))
            painter.setPen(text)
            area = QRectF(0, left.y() - height / 2, self.area.left() - _MARGIN_PX, height)
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{tick:.3g}")

    def _draw_line(self, painter: QPainter, colour: QColor, values: dict[int, float]) -> None:
        points = [self._point(epoch, value) for epoch, value in values.items() if math.isfinite(value)]
        painter.setPen(QPen(colour, 2))
        painter.drawPolyline(QPolygonF(points))
        if points:
            painter.setBrush(colour)
            painter.drawEllipse(points[-1], 2, 2)

    def _draw_names(self, painter: QPainter, text: QColor) -> None:
        """The title, and behind it each line's name in its colour, above the drawing."""
        metrics, left = painter.fontMetrics(), self.area.left()
        for name, colour in [(self.title, text), *((name, QColor(_COLOURS[name])) for name in self.lines)]:
            painter.setPen(colour)
            painter.drawText(QPointF(left, self.area.top() - _MARGIN_PX - metrics.descent()), name)
            left += metrics.horizontalAdvance(name) + 3 * _MARGIN_PX


class TrainingCurves(QWidget):
    """Loss and macro F1 of a run, epoch by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._log: list[EpochDone] = []
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "loss: mean cross-entropy in nats; training cells are changed at random, so their loss is higher; "
            "macro F1: mean F1 of the phases; the model is not trained on the validation cells; "
            "dashed line: the best epoch, which has the lowest validation loss"
        )

    def show_log(self, log: Sequence[EpochDone]) -> None:
        """Draw these epochs instead of those before."""
        self._log = list(log)
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as a dock, and high enough for two drawings."""
        return _SIZE

    def minimumSizeHint(self) -> QSize:
        """Curves can be squeezed to any width."""
        return QSize(0, _SIZE.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw all epochs so far."""
        if not self._log:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        height, left = painter.fontMetrics().height() + _MARGIN_PX, painter.fontMetrics().horizontalAdvance("0.000")
        for panel in self._panels(height, left):
            panel.draw(painter, text)
        painter.setPen(text)
        below = QRectF(left + _MARGIN_PX, self.height() - height, self.width() - left - 3 * _MARGIN_PX, height)
        for where, label in (("Left", "1"), ("HCenter", "epoch"), ("Right", f"{self._shown_epochs()}")):
            painter.drawText(below, getattr(Qt.AlignmentFlag, f"Align{where}"), label)
        painter.end()

    def _panels(self, height: int, left: int) -> tuple[_Panel, _Panel]:
        """Both drawings, each under a line of text, with a column of numbers at the left."""
        best = max((done.epoch for done in self._log if done.is_best), default=None)
        training = {done.epoch: done.training_loss for done in self._log}
        validation = {done.epoch: done.validation_loss for done in self._log}
        score = {done.epoch: done.validation_macro_f1 for done in self._log}
        each = (self.height() - 3.5 * height) / 2
        losses, scores = (
            QRectF(left + _MARGIN_PX, top, self.width() - left - 3 * _MARGIN_PX, each)
            for top in (height, 2.5 * height + each)
        )
        return (
            _Panel("loss", {"training": training, "validation": validation}, self._shown_epochs(), best, losses),
            _Panel("macro F1", {"validation": score}, self._shown_epochs(), best, scores),
        )

    def _shown_epochs(self) -> int:
        return max(_FEWEST_EPOCHS, self._log[-1].epoch)


def _round_step(at_least: float) -> float:
    """The next of 1, 2, 5, 10, ... times a power of ten."""
    power = 10.0 ** math.floor(math.log10(at_least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= at_least)
