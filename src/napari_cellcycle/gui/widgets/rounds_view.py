"""Rounds of labelling: train on the labels so far, and see whether more labels still help."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QSize
from qtpy.QtGui import QPainter, QPaintEvent, QPalette, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cellcycle.annotate.rounds import Round
from napari_cellcycle.gui.widgets.layout import fill_column, show_text, text_label

_HEIGHT_PX, _MARGIN_PX, _DOT_PX = 80, 14, 3


class RoundsView(QWidget):
    """What the last round says, and the course of the rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.curve = text_label(), RoundsCurve()
        fill_column(self, self.text, self.curve)
        self.show_rounds([])

    def show_rounds(self, rounds: Sequence[Round]) -> None:
        """Show rounds in their order."""
        show_text(self.text, f"Round {len(rounds)}: {rounds[-1].text}." if rounds else "")
        self.curve.show_rounds(rounds)
        self.setVisible(bool(rounds))


class RoundsCurve(QWidget):
    """Macro F1 on the held-out cells, with its interval, by the number of labels; only rounds that have a figure."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[tuple[int, float, float, float]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("macro F1 on the held-out cells, with its 95 % interval, by the number of labels")

    def show_rounds(self, rounds: Sequence[Round]) -> None:
        """Draw the rounds; nothing is shown where there are fewer than two figures."""
        self.points = [
            (one.n_labels, one.macro_f1, one.low, one.high)
            for one in rounds
            if one.macro_f1 is not None and one.low is not None and one.high is not None
        ]
        self.setVisible(len(self.points) > 1)
        self.update()

    def sizeHint(self) -> QSize:
        """A low strip."""
        return QSize(200, _HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw points with their intervals, joined by a line, from 0 to 1."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.WindowText)))
        left, right = _MARGIN_PX, self.width() - 2 * _MARGIN_PX
        most = max(n for n, *_ in self.points) if self.points else 1

        def place(n_labels: int, value: float) -> QPointF:
            down = _MARGIN_PX + (1 - value) * (self.height() - 2 * _MARGIN_PX)
            return QPointF(left + (right - left) * n_labels / max(most, 1), down)

        for value in (0.0, 1.0):
            painter.drawText(QPointF(0, place(0, value).y() + _DOT_PX), f"{value:.0f}")
        before = None
        for n_labels, value, low, high in self.points:
            here = place(n_labels, value)
            painter.drawLine(place(n_labels, low), place(n_labels, high))
            painter.drawEllipse(here, _DOT_PX, _DOT_PX)
            if before is not None:
                painter.drawLine(before, here)
            before = here
        if self.points:
            painter.drawText(QPointF(right - _MARGIN_PX, self.height() - 1), f"{most:,}")
