"""A drawing of cells with gates that can be dragged.

Drawn by Qt itself, in the colours of napari's theme: a figure of matplotlib would take too long at each step of a drag.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

_SIZE = QSize(310, 230)
_MARGIN_PX = 4
_NEAR_PX = 7
"""This near to a gate, the pointer takes it."""
_STEP = 0.01
"""By how much an arrow key moves a gate, as a share of its place."""
_N_TICKS = 5


@dataclass(frozen=True)
class Axis:
    """What one direction of a plot shows, from `low` to `high`; logarithmic if `is_log`."""

    title: str
    low: float
    high: float
    is_log: bool = False

    def share(self, values: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Where values are, as shares of the length."""
        low, high, given = (self._scaled(each) for each in (self.low, self.high, values))
        return np.asarray((given - low) / (high - low))

    def value(self, share: float) -> float:
        """The value at a share of the length."""
        low, high = (float(self._scaled(each)) for each in (self.low, self.high))
        found = low + share * (high - low)
        return math.exp(found) if self.is_log else found

    def ticks(self) -> list[float]:
        """Round values inside."""
        if self.is_log:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            return [10.0**power for power in powers]
        step = _round_step((self.high - self.low) / _N_TICKS)
        return [number * step for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]

    def _scaled(self, values: NDArray[np.floating] | float) -> NDArray[np.float64]:
        given = np.asarray(values, np.float64)
        return np.log(np.maximum(given, self.low / 10)) if self.is_log else given


@dataclass(frozen=True, eq=False)
class Gate:
    """A gate on the plot.

    Attributes
    ----------
    name : str
        What is emitted when it is dragged.
    tooltip : str
        What it divides.
    place : float
        Its value.
    path : ndarray, shape (K, 2)
        The line, x and y in data.
    read : callable
        The value for a place of the pointer, x and y in data.
    is_upright : bool
        Whether it goes left and right, else up and down.
    """

    name: str
    tooltip: str
    place: float
    path: NDArray[np.float64]
    read: Callable[[float, float], float]
    is_upright: bool = True


class GatePlot(QWidget):
    """Base of plots: axes, gates, and what the pointer and the arrow keys do to these. Children draw the cells."""

    dragged = Signal(str, float)
    """Name of a gate, and where it should be."""

    def __init__(self, tooltip: str) -> None:
        super().__init__()
        self.x_axis, self.y_axis = Axis("", 0, 1), Axis("", 0, 1)
        self.gates: Sequence[Gate] = ()
        self._held: str | None = None
        self._last: str | None = None
        self.setToolTip(tooltip)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def draw_cells(self, painter: QPainter) -> None:
        """Draw the cells between the axes."""
        raise NotImplementedError

    def sizeHint(self) -> QSize:
        """As wide as a dock."""
        return _SIZE

    def minimumSizeHint(self) -> QSize:
        """It can be squeezed to any width."""
        return QSize(0, _SIZE.height())

    # --- places ---

    @property
    def area(self) -> QRectF:
        """Between the axes, in pixels."""
        height = self.fontMetrics().height()
        left = self.fontMetrics().horizontalAdvance("0,000") + _MARGIN_PX
        width, tall = self.width() - left - 2 * _MARGIN_PX, self.height() - 3.4 * height - _MARGIN_PX
        return QRectF(left, height + _MARGIN_PX, width, tall)

    def pixels(self, places: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where places of the data are, (K, 2), in pixels."""
        area = self.area
        across = area.left() + self.x_axis.share(places[:, 0]) * area.width()
        down = area.bottom() - self.y_axis.share(places[:, 1]) * area.height()
        return np.stack([across, down], axis=1)

    def line(self, places: NDArray[np.floating]) -> QPolygonF:
        """The same as a line."""
        return QPolygonF([QPointF(*pair) for pair in self.pixels(places).tolist()])

    def data_at(self, position: QPointF) -> tuple[float, float]:
        """The place of the data under a pixel."""
        area = self.area
        across, up = (position.x() - area.left()) / area.width(), (area.bottom() - position.y()) / area.height()
        return self.x_axis.value(across), self.y_axis.value(up)

    # --- drawing ---

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw axes, cells, and the gates above them."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        self._draw_axes(painter, text)
        painter.setClipRect(self.area.adjusted(0, -self.area.top(), 1, 1))
        self.draw_cells(painter)
        for gate in self.gates:
            is_held = gate.name in (self._held, self._last if self.hasFocus() else None)
            painter.setPen(QPen(text, 2.5 if is_held else 1.5, Qt.PenStyle.DashLine))
            painter.drawPolyline(self.line(gate.path))
        painter.end()

    def _draw_axes(self, painter: QPainter, text: QColor) -> None:
        area, height = self.area, painter.fontMetrics().height()
        faint = QColor(text)
        faint.setAlphaF(0.3)
        painter.setPen(faint)
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.drawLine(area.bottomLeft(), area.topLeft())
        painter.setPen(text)
        centre, right = Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for tick in self.x_axis.ticks():
            left = area.left() + float(self.x_axis.share(tick)) * area.width()
            painter.drawText(QRectF(left - 30, area.bottom() + 1, 60, height), centre, _number(tick))
        for tick in self.y_axis.ticks():
            top = area.bottom() - float(self.y_axis.share(tick)) * area.height()
            box = QRectF(0, top - height / 2, area.left() - _MARGIN_PX, height)
            painter.drawText(box, right, _number(tick))
        painter.drawText(
            QRectF(area.left(), area.bottom() + height, area.width(), 1.3 * height), centre, self.x_axis.title
        )
        painter.drawText(QRectF(_MARGIN_PX, 0, area.width(), height), Qt.AlignmentFlag.AlignLeft, self.y_axis.title)

    # --- dragging ---

    def gate_near(self, position: QPointF) -> Gate | None:
        """The nearest gate under the pointer, if one is near."""
        found = [(self._distance(gate, position), gate) for gate in self.gates]
        near = [(distance, gate) for distance, gate in found if distance <= _NEAR_PX]
        return min(near, key=lambda each: each[0])[1] if near else None

    def _distance(self, gate: Gate, position: QPointF) -> float:
        """From the pointer to a gate in pixels, along the way that it can go."""
        path = self.pixels(gate.path)
        across, along = (path[:, 0], path[:, 1]) if gate.is_upright else (path[:, 1], path[:, 0])
        here, there = (position.x(), position.y()) if gate.is_upright else (position.y(), position.x())
        order = np.argsort(along)
        return abs(float(np.interp(there, along[order], across[order])) - here)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the gate under the pointer."""
        gate = self.gate_near(event.position()) if event.button() == Qt.MouseButton.LeftButton else None
        if gate is not None:
            self._held = self._last = gate.name
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the gate that is held; else show which could be dragged."""
        gate = self._gate(self._held)
        if gate is not None:
            self.dragged.emit(gate.name, gate.read(*self.data_at(event.position())))
            return
        near = self.gate_near(event.position())
        if near is None:
            self.unsetCursor()
        else:
            self.setCursor(Qt.CursorShape.SplitHCursor if near.is_upright else Qt.CursorShape.SplitVCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go of the gate."""
        self._held = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys move the gate that was moved last, else the first; space goes to the next one."""
        names = [gate.name for gate in self.gates]
        gate = self._gate(self._last) or (self.gates[0] if self.gates else None)
        back = (Qt.Key.Key_Left, Qt.Key.Key_Down)
        if gate is not None and event.key() in (*back, Qt.Key.Key_Right, Qt.Key.Key_Up):
            self._last = gate.name
            self.dragged.emit(gate.name, gate.place * (1 - _STEP if event.key() in back else 1 + _STEP))
        elif gate is not None and event.key() == Qt.Key.Key_Space:
            self._last = names[(names.index(gate.name) + 1) % len(names)] if self._last else gate.name
            self.update()
        else:
            super().keyPressEvent(event)

    def _gate(self, name: str | None) -> Gate | None:
        return next((gate for gate in self.gates if gate.name == name), None)


def _round_step(at_least: float) -> float:
    power = 10.0 ** math.floor(math.log10(max(at_least, 1e-300)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= at_least * (1 - 1e-9))


def _number(value: float) -> str:
    if value >= 10_000:
        return f"{value:.0e}".replace("e+0", "e")
    return f"{value:,.0f}" if value == round(value) else f"{value:.3g}"
