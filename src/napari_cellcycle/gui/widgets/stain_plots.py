"""Plots of stained cells with their gates: histogram of DNA, area of doublets, and both stains of FUCCI cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF

from napari_cellcycle.gui.widgets.gate_plot import Axis, Gate, GatePlot
from napari_cellcycle.stain.fucci import FucciGates
from napari_cellcycle.stain.gate_lines import EXCESS, G1_STAIN, GateLine, lines_of
from napari_cellcycle.stain.gates import G1_CONTENT, Gates
from napari_cellcycle.stain.names import DEBRIS, G1, G2M, LABEL_COLOURS, LABELS, NOT_G1, S
from napari_cellcycle.stain.result import StainLabels

_HOW = "; drag a dashed gate, or press space to choose one and arrow keys to move it"
_NONE_COLOUR = "#888888"
_PALE = 0.4
_MOST_DOTS = 4000
_DOT_PX = 3.0
_FEWEST_BINS, _MOST_BINS = 30, 160


class HistogramPlot(GatePlot):
    """Cells by their DNA content, coloured by label, with the curves of the model."""

    def __init__(self) -> None:
        super().__init__(f"cells by their DNA content; pale: near a gate, or saturated; lines: the fitted model{_HOW}")
        self._found: StainLabels | None = None
        self._edges = np.zeros(1)
        self._bins = np.zeros(0, np.intp)

    def show_cells(self, found: StainLabels) -> None:
        """Show other cells, or cells that were fitted again."""
        assert found.fit is not None
        assert isinstance(found.gates, Gates)
        unit = G1_CONTENT / found.gates.g1_place
        width = float(np.clip(np.diff(found.fit.edges).mean() * unit, 5.5 / _MOST_BINS, 5.5 / _FEWEST_BINS))
        last = float(found.fit.edges[-1] * unit)
        self._edges = np.arange(0, last + width, width)
        content = found.gates.content(found.measures[0])
        last_bin = len(self._edges) - 2
        self._bins = np.where(np.isfinite(content), np.nan_to_num(content / width).clip(0, last_bin), -1).astype(
            np.intp
        )
        counts = np.bincount(self._bins[self._bins >= 0], minlength=1)
        self._curve_scale = width / (float(np.diff(found.fit.edges).mean()) * unit)
        top = max(float(counts[1:].max(initial=1)), float(found.fit.curves.total.max()) * self._curve_scale)
        self.x, self.y = Axis("DNA content (2 in G1)", 0, self._edges[-1]), Axis("cells", 0, 1.08 * top)
        self.show_labels(found)

    def show_labels(self, found: StainLabels) -> None:
        """Show the same cells with other labels and gates."""
        self._found = found
        self.gates = [self._upright(line) for line in lines_of(found.gates) if line.name != EXCESS]
        self.update()

    def _upright(self, line: GateLine) -> Gate:
        path = np.array([[line.place, self.y.low], [line.place, self.y.high]])
        return Gate(line.name, line.divides, line.place, path, lambda x, _y: x)

    def draw_cells(self, painter: QPainter) -> None:
        """Draw the bars, one colour above the other, the curves, and the names between the gates."""
        if self._found is None:
            return
        gated, n_bins = self._found.gated, len(self._edges) - 1
        bottom = np.zeros(n_bins)
        painter.setPen(Qt.PenStyle.NoPen)
        for label in (*LABELS, ""):
            for is_sure in (True, False):
                here = (gated.labels == label) & (gated.sure == is_sure) & (self._bins >= 0)
                counts = np.bincount(self._bins[here], minlength=n_bins)
                painter.setBrush(_colour(label, is_sure))
                self._draw_bars(painter, bottom, counts)
                bottom = bottom + counts
        self._draw_curves(painter)
        self._draw_names(painter)

    def _draw_bars(self, painter: QPainter, bottom: NDArray[np.float64], counts: NDArray[np.intp]) -> None:
        for number in np.flatnonzero(counts).tolist():
            low = self.point(self._edges[number], bottom[number])
            high = self.point(self._edges[number + 1], bottom[number] + counts[number])
            painter.drawRect(QRectF(low.x(), high.y(), high.x() - low.x(), low.y() - high.y()))

    def _draw_curves(self, painter: QPainter) -> None:
        assert self._found is not None
        fit, gates = self._found.fit, self._found.gates
        if fit is None or not isinstance(gates, Gates):
            return
        middles = fit.middles * G1_CONTENT / gates.g1_place
        text = self.palette().color(QPalette.ColorRole.WindowText)
        curves = {G1: fit.curves.g1, S: fit.curves.s, G2M: fit.curves.g2m, DEBRIS: fit.curves.debris}
        for label, curve in curves.items():
            if curve.sum() >= 0.5:
                self._draw_curve(painter, middles, curve, QPen(_colour(label, True).lighter(130), 2))
        self._draw_curve(painter, middles, fit.curves.total, QPen(text, 1, Qt.PenStyle.DotLine))

    def _draw_curve(self, painter: QPainter, x: NDArray[np.float64], curve: NDArray[np.float64], pen: QPen) -> None:
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF(self.points(np.stack([x, curve * self._curve_scale], axis=1))))

    def _draw_names(self, painter: QPainter) -> None:
        """Name what lies between the gates, where there is room."""
        assert self._found is not None
        gates, metrics = self._found.gates, painter.fontMetrics()
        assert isinstance(gates, Gates)
        later = {S: (gates.g1_s, gates.s_g2m), G2M: (gates.s_g2m, gates.clumps)}
        if not gates.separates_s:
            later = {NOT_G1: (gates.g1_s, gates.clumps)}
        for label, ends in {G1: (gates.debris, gates.g1_s), **later}.items():
            left, right = (self.point(end, 0).x() for end in ends)
            if right - left > metrics.horizontalAdvance(label):
                painter.setPen(_colour(label, True).lighter(120))
                box = QRectF(left, self.area.top() - metrics.height() - 1, right - left, metrics.height())
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, label)


class ScatterPlot(GatePlot):
    """One dot a cell: the area of its stain by DNA content, or both stains of FUCCI cells."""

    def __init__(self) -> None:
        super().__init__(f"one dot a cell; pale: near a gate, or saturated{_HOW}")
        self._found: StainLabels | None = None
        self._rows = np.zeros(0, np.intp)
        self._places = np.zeros((0, 2))

    def show_cells(self, found: StainLabels) -> None:
        """Show other cells, evenly drawn if there are very many."""
        values = self._values(found)
        rows = np.flatnonzero(np.isfinite(values).all(axis=1))
        if len(rows) > _MOST_DOTS:
            rows = rows[np.linspace(0, len(rows) - 1, _MOST_DOTS).astype(np.intp)]
        self._rows, self._places = rows, values[rows]
        self.show_labels(found)

    def _values(self, found: StainLabels) -> NDArray[np.float64]:
        """Where each cell is, (N, 2), with the axes for it."""
        one = found.measures[0]
        if isinstance(found.gates, Gates):
            content = found.gates.content(one)
            highest = float(np.nanquantile(one.area, 0.999)) if np.isfinite(one.area).any() else 1.0
            self.x = Axis("DNA content (2 in G1)", 0, 1.3 * found.gates.clumps)
            self.y = Axis("area of the stain, pixels", 0, max(1.2 * highest, 1.0))
            return np.stack([content, one.area], axis=1)
        first, second = (one.dna for one in found.measures)
        self.x, self.y = (
            _log_axis(f"{name} ({what}), counts", values)
            for name, what, values in zip(found.channels, ("G1", "S, G2, M"), (first, second), strict=True)
        )
        return np.stack([np.maximum(first, self.x.low), np.maximum(second, self.y.low)], axis=1)

    def show_labels(self, found: StainLabels) -> None:
        """Show the same cells with other labels and gates."""
        self._found = found
        if isinstance(found.gates, FucciGates):
            self.gates = [self._threshold(line) for line in lines_of(found.gates)]
        else:
            self.gates = [self._excess(line, found.gates) for line in lines_of(found.gates) if line.name == EXCESS]
        self.update()

    def _threshold(self, line: GateLine) -> Gate:
        if line.name == G1_STAIN:
            path = np.array([[line.place, self.y.low], [line.place, self.y.high]])
            return Gate(line.name, line.divides, line.place, path, lambda x, _y: x)
        path = np.array([[self.x.low, line.place], [self.x.high, line.place]])
        return Gate(line.name, line.divides, line.place, path, lambda _x, y: y, is_upright=False)

    def _excess(self, line: GateLine, gates: Gates) -> Gate:
        """A curve of areas that goes up and down."""

        def usual(content: NDArray[np.float64] | float) -> NDArray[np.float64]:
            return np.asarray(gates.area_slope * np.log(np.maximum(content, 0.05)) + gates.area_offset)

        x = np.linspace(max(gates.debris, 0.1), self.x.high, 60)
        path = np.stack([x, np.exp(usual(x) + line.place)], axis=1)

        def read(content: float, area: float) -> float:
            return float(np.log(max(area, 1e-3)) - usual(content))

        return Gate(line.name, line.divides, line.place, path, read, is_upright=False)

    def draw_cells(self, painter: QPainter) -> None:
        """Draw the dots, those of each label together."""
        if self._found is None:
            return
        gated = self._found.gated
        labels, sure = gated.labels[self._rows], gated.sure[self._rows]
        for label in ("", *LABELS):
            for is_sure in (False, True):
                here = (labels == label) & (sure == is_sure)
                if here.any():
                    painter.setPen(QPen(_colour(label, is_sure), _DOT_PX, cap=Qt.PenCapStyle.RoundCap))
                    painter.drawPoints(QPolygonF(self.points(self._places[here])))


def _log_axis(title: str, values: NDArray[np.float64]) -> Axis:
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive):
        return Axis(title, 0.1, 10, is_log=True)
    low, high = np.quantile(positive, [0.02, 1.0]).tolist()
    return Axis(title, low, max(1.3 * high, 2 * low), is_log=True)


def _colour(label: str, is_sure: bool) -> QColor:
    colour = QColor(LABEL_COLOURS.get(label, _NONE_COLOUR))
    colour.setAlphaF(1.0 if is_sure and label else _PALE)
    return colour
