"""Plots of stained cells with their gates: histogram of DNA, area of doublets, and both stains of FUCCI cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPalette, QPen

from napari_cellcycle.gui.widgets.gate_plot import Axis, Gate, GatePlot
from napari_cellcycle.stain.fucci import FucciGates
from napari_cellcycle.stain.gate_lines import EXCESS, G1_STAIN, GateLine, kinds_of, lines_of
from napari_cellcycle.stain.gates import G1_CONTENT, Gates
from napari_cellcycle.stain.names import DEBRIS, G1, G2M, LABEL_COLOURS, LABELS, NOT_G1, S
from napari_cellcycle.stain.result import StainLabels

_HOW = "; drag a dashed gate, or press space to choose one and arrow keys to move it"
_NONE_COLOUR = "#888888"
_PALE = 0.4
_MOST_DOTS = 4000
_DOT_PX = 3.0
_FEWEST_BINS, _MOST_BINS = 30, 110


def _colours() -> NDArray[np.uint8]:
    """Red, green, blue and opacity of each of `kinds_of`, (K, 4)."""
    sure = [[*bytes.fromhex(LABEL_COLOURS[label][1:]), 255] for label in LABELS]
    pale = [[*colour[:3], round(255 * _PALE)] for colour in (list(bytes.fromhex(_NONE_COLOUR[1:])), *sure)]
    return np.array([pale[0], *sure, *pale[1:]], np.uint8)


_COLOURS = _colours()
_UPWARDS = np.array([*(kind for label in range(len(LABELS)) for kind in (1 + label, 1 + label + len(LABELS))), 0])
"""Kinds of cells in the order in which they are drawn."""


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
        phases = found.fit.curves.total - found.fit.curves.debris  # of which there may be far more than of cells
        top = max(float(counts[1:].max(initial=1)), float(phases.max()) * self._curve_scale)
        self.x_axis, self.y_axis = Axis("DNA content (2 in G1)", 0, self._edges[-1]), Axis("cells", 0, 1.08 * top)
        self.show_labels(found)

    def show_labels(self, found: StainLabels) -> None:
        """Show the same cells with other labels and gates."""
        self._found = found
        self.gates = [self._upright(line) for line in lines_of(found.gates) if line.name != EXCESS]
        self.update()

    def _upright(self, line: GateLine) -> Gate:
        path = np.array([[line.place, self.y_axis.low], [line.place, self.y_axis.high]])
        return Gate(line.name, line.divides, line.place, path, lambda x, _y: x)

    def draw_cells(self, painter: QPainter) -> None:
        """Draw the bars, one colour above the other, the curves, and the names between the gates."""
        if self._found is None:
            return
        kinds, n_bins = kinds_of(self._found.gated), len(self._edges) - 1
        known = self._bins >= 0
        flat = kinds[known].astype(np.intp) * n_bins + self._bins[known]
        counts = np.bincount(flat, minlength=len(_COLOURS) * n_bins).reshape(-1, n_bins)[_UPWARDS]
        tops = np.cumsum(counts, axis=0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # seams between bars, and time
        for kind, top, count in zip(_UPWARDS, tops, counts, strict=True):
            here = np.flatnonzero(count)
            low = self.pixels(np.stack([self._edges[here], (top - count)[here]], axis=1))
            high = self.pixels(np.stack([self._edges[here + 1], top[here]], axis=1))
            painter.setBrush(QColor(*_COLOURS[kind]))
            boxes = np.concatenate(
                [low[:, :1], high[:, 1:], high[:, :1] - low[:, :1], low[:, 1:] - high[:, 1:]], axis=1
            )
            painter.drawRects([QRectF(*box) for box in boxes.tolist()])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_curves(painter)
        self._draw_names(painter)

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
                self._draw_curve(painter, middles, curve, QPen(QColor(LABEL_COLOURS[label]).lighter(140), 2))
        self._draw_curve(painter, middles, fit.curves.total, QPen(text, 1, Qt.PenStyle.DotLine))

    def _draw_curve(self, painter: QPainter, x: NDArray[np.float64], curve: NDArray[np.float64], pen: QPen) -> None:
        painter.setPen(pen)
        painter.drawPolyline(self.line(np.stack([x, curve * self._curve_scale], axis=1)))

    def _draw_names(self, painter: QPainter) -> None:
        """Name what lies between the gates, where there is room."""
        assert self._found is not None
        gates, metrics = self._found.gates, painter.fontMetrics()
        assert isinstance(gates, Gates)
        later = {S: (gates.g1_s, gates.s_g2m), G2M: (gates.s_g2m, gates.clumps)}
        if not gates.separates_s:
            later = {NOT_G1: (gates.g1_s, gates.clumps)}
        for label, ends in {G1: (gates.debris, gates.g1_s), **later}.items():
            left, right = self.pixels(np.array([[end, 0.0] for end in ends]))[:, 0].tolist()
            if right - left > metrics.horizontalAdvance(label):
                painter.setPen(QColor(LABEL_COLOURS[label]).lighter(130))
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
            self.x_axis = Axis("DNA content (2 in G1)", 0, 1.3 * found.gates.clumps)
            self.y_axis = Axis("area of the stain, pixels", 0, max(1.2 * highest, 1.0))
            return np.stack([content, one.area], axis=1)
        first, second = (one.dna for one in found.measures)
        self.x_axis, self.y_axis = (
            _log_axis(f"{name} ({what}), counts", values)
            for name, what, values in zip(found.channels, ("G1", "S, G2, M"), (first, second), strict=True)
        )
        return np.stack([np.maximum(first, self.x_axis.low), np.maximum(second, self.y_axis.low)], axis=1)

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
            path = np.array([[line.place, self.y_axis.low], [line.place, self.y_axis.high]])
            return Gate(line.name, line.divides, line.place, path, lambda x, _y: x)
        path = np.array([[self.x_axis.low, line.place], [self.x_axis.high, line.place]])
        return Gate(line.name, line.divides, line.place, path, lambda _x, y: y, is_upright=False)

    def _excess(self, line: GateLine, gates: Gates) -> Gate:
        """A curve of areas that goes up and down."""

        def usual(content: NDArray[np.float64] | float) -> NDArray[np.float64]:
            return np.asarray(gates.area_slope * np.log(np.maximum(content, 0.05)) + gates.area_offset)

        x = np.linspace(max(gates.debris, 0.1), self.x_axis.high, 60)
        path = np.stack([x, np.exp(usual(x) + line.place)], axis=1)

        def read(content: float, area: float) -> float:
            return float(np.log(max(area, 1e-3)) - usual(content))

        return Gate(line.name, line.divides, line.place, path, read, is_upright=False)

    def draw_cells(self, painter: QPainter) -> None:
        """Draw the dots as a picture: thousands of shapes would take too long at each step of a drag."""
        if self._found is None:
            return
        ratio = self.devicePixelRatioF()
        height, width = round(self.height() * ratio), round(self.width() * ratio)
        picture = np.zeros((height, width, 4), np.uint8)
        kinds = kinds_of(self._found.gated)[self._rows]
        order = np.argsort(np.argsort(_UPWARDS)[kinds], kind="stable")  # sure cells above the others
        column, row = np.round(self.pixels(self._places[order]) * ratio).astype(np.intp).T
        reach = max(1, round(_DOT_PX * ratio / 2))
        for down, across in np.ndindex(2 * reach, 2 * reach):
            y, x = (row + down - reach).clip(0, height - 1), (column + across - reach).clip(0, width - 1)
            picture[y, x] = _COLOURS[kinds[order]]
        shown = QImage(picture.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
        painter.drawImage(QRectF(self.rect()), shown)


def _log_axis(title: str, values: NDArray[np.float64]) -> Axis:
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive):
        return Axis(title, 0.1, 10, is_log=True)
    low, high = np.quantile(positive, [0.02, 1.0]).tolist()
    return Axis(title, low, max(1.3 * high, 2 * low), is_log=True)
