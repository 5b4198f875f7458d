"""Phases along time: a strip for each track, mothers above their daughters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

STRIP_PX, GAP_PX, MARGIN_PX, AXIS_PX = 9, 3, 40, 18
_EMPTY = -1


@dataclass(frozen=True, eq=False)
class Strips:
    """What is shown: M tracks over T frames.

    Attributes
    ----------
    names : tuple of str
        What each track is called.
    cells : ndarray of int, shape (M, T)
        Row of the cell of a track in a frame, -1 where there is none.
    mothers : mapping of int to int
        Place of the mother of each track that has one.
    """

    names: tuple[str, ...]
    cells: NDArray[np.int64]
    mothers: Mapping[int, int]

    def place_of(self, cell: int) -> tuple[int, int] | None:
        """Track and frame of a cell, None if it is in no track."""
        found = np.argwhere(self.cells == cell)
        return (int(found[0, 0]), int(found[0, 1])) if len(found) else None


NOTHING = Strips((), np.empty((0, 1), np.int64), {})


class TrackStrips(QWidget):
    """Draws the strips, tells which cell is clicked, and moves along a track by the arrow keys.

    Parameters
    ----------
    describe : callable
        A sentence about a cell, for the tooltip.
    """

    chosen = Signal(int)
    """A cell was clicked, or reached by key."""
    key_pressed = Signal(str)
    """Another key, for the chosen cell."""

    def __init__(self, describe: Callable[[int], str]) -> None:
        super().__init__()
        self._describe = describe
        self.strips, self.current = NOTHING, _EMPTY
        self._colours: NDArray[np.uint8] = np.empty((0, 4), np.uint8)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)

    def show_strips(self, strips: Strips, colours: NDArray[np.uint8]) -> None:
        """Show tracks; `colours` are those of all N cells, (N, 4), RGBA."""
        self.strips, self._colours = strips, colours
        self.setFixedHeight(self.sizeHint().height())
        self.update()

    def show_current(self, cell: int | None) -> None:
        """Mark a cell."""
        self.current = _EMPTY if cell is None else cell
        self.update()

    def sizeHint(self) -> QSize:
        """As high as its strips."""
        return QSize(300, len(self.strips.names) * (STRIP_PX + GAP_PX) + AXIS_PX)

    def rect_of(self, track: int, frame: int) -> QRectF:
        """Where the cell of a track in a frame is drawn."""
        wide = (self.width() - MARGIN_PX) / max(self.strips.cells.shape[1], 1)
        return QRectF(MARGIN_PX + frame * wide, track * (STRIP_PX + GAP_PX), wide, STRIP_PX)

    def cell_at(self, x: float, y: float) -> int:
        """Row of the cell there, -1 where there is none."""
        track, down = divmod(y, STRIP_PX + GAP_PX)
        frame = (x - MARGIN_PX) * self.strips.cells.shape[1] / max(self.width() - MARGIN_PX, 1)
        inside = 0 <= track < len(self.strips.names) and 0 <= frame < self.strips.cells.shape[1] and down < STRIP_PX
        return int(self.strips.cells[int(track), int(frame)]) if inside else _EMPTY

    # --- Qt ---

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the strips that are to be seen, lines from mothers to daughters, and the frame numbers."""
        painter = QPainter(self)
        pitch, n_tracks = STRIP_PX + GAP_PX, len(self.strips.names)
        first, last = max(event.rect().top() // pitch, 0), min(event.rect().bottom() // pitch + 1, n_tracks)
        if n_tracks and first < last:
            self._draw_strips(painter, first, last)
            self._draw_names(painter, first, last)
            self._draw_families(painter, first, last)
        self._draw_axis(painter, n_tracks * pitch)
        place = self.strips.place_of(self.current) if self.current != _EMPTY else None
        if place is not None:
            box = self.rect_of(*place)
            middle = box.center().x()
            box.setLeft(min(box.left(), middle - 2))
            box.setRight(max(box.right(), middle + 2))
            painter.setPen(QPen(self.palette().text().color(), 2))
            painter.drawRect(box.adjusted(-1, -1, 1, 1))

    def _draw_strips(self, painter: QPainter, first: int, last: int) -> None:
        cells = self.strips.cells[first:last]
        picture = np.zeros((*cells.shape, 4), np.uint8)
        picture[cells >= 0] = self._colours[cells[cells >= 0]]
        height, width = cells.shape
        image = QImage(picture.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
        for track in range(first, last):
            whole = QRectF(MARGIN_PX, track * (STRIP_PX + GAP_PX), self.width() - MARGIN_PX, STRIP_PX)
            painter.drawImage(whole, image, QRectF(0, track - first, width, 1))

    def _draw_names(self, painter: QPainter, first: int, last: int) -> None:
        font = painter.font()
        font.setPixelSize(STRIP_PX)
        painter.setFont(font)
        painter.setPen(self.palette().text().color())
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for track in range(first, last):
            box = QRectF(0, track * (STRIP_PX + GAP_PX), MARGIN_PX - 6, STRIP_PX)
            painter.drawText(box, int(right), self.strips.names[track])

    def _draw_families(self, painter: QPainter, first: int, last: int) -> None:
        """From the end of each mother down to the start of her daughters."""
        colour = QColor(self.palette().text().color())
        colour.setAlpha(160)
        painter.setPen(QPen(colour, 1))
        for daughter, mother in self.strips.mothers.items():
            if max(daughter, mother) < first or min(daughter, mother) >= last:
                continue
            end = self.rect_of(mother, int(np.flatnonzero(self.strips.cells[mother] >= 0)[-1]))
            start = self.rect_of(daughter, int(np.flatnonzero(self.strips.cells[daughter] >= 0)[0]))
            x = min(end.right(), start.left())
            painter.drawLine(int(x), int(end.center().y()), int(x), int(start.center().y()))
            painter.drawLine(int(x), int(start.center().y()), int(start.left()), int(start.center().y()))

    def _draw_axis(self, painter: QPainter, top: int) -> None:
        painter.setPen(self.palette().text().color())
        n_frames = self.strips.cells.shape[1]
        box = QRectF(MARGIN_PX, top, self.width() - MARGIN_PX, AXIS_PX)
        for text, side in (("0", Qt.AlignmentFlag.AlignLeft), (f"frame {n_frames - 1}", Qt.AlignmentFlag.AlignRight)):
            painter.drawText(box, int(side | Qt.AlignmentFlag.AlignVCenter), text)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the cell under the pointer."""
        self.setFocus()
        self._choose(self.cell_at(event.position().x(), event.position().y()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move along a track or to the next one; hand other keys on."""
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is not None:
            self._move(*step)
        elif event.text():
            self.key_pressed.emit(event.text())
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Say what is under the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            cell = self.cell_at(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), self._describe(cell) if cell != _EMPTY else "", self)
            return True
        return bool(super().event(event))

    def _move(self, down: int, right: int) -> None:
        """To the next cell of the track in that direction, or to the track above or below, in the nearest frame."""
        place = self.strips.place_of(self.current) if self.current != _EMPTY else None
        if place is None:
            return
        track, frame = place[0] + down, place[1] + right
        if not 0 <= track < len(self.strips.names):
            return
        there = np.flatnonzero(self.strips.cells[track] >= 0)
        if right:
            there = there[there >= frame] if right > 0 else there[there <= frame]
        if there.size:
            self._choose(int(self.strips.cells[track, there[np.abs(there - frame).argmin()]]))

    def _choose(self, cell: int) -> None:
        if cell != _EMPTY:
            self.show_current(cell)
            self.chosen.emit(cell)
