"""Draws single tiles: the cell, its frame in the colour of its phase, and small marks."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from qtpy.QtCore import QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen, QPixmap, QPolygonF

from napari_cellcycle.browse.tiles import COMPOSITE, Tile, Tiles, ground_of, picture_of
from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.phases import SYNTHETIC_COLOUR, UNKNOWN, UNSURE_COLOUR, greyed

_LIMIT_BYTES = 64_000_000
_EMPTY = QColor(120, 120, 120, 60)
_BADGE, _BADGE_TEXT = QColor(0, 0, 0, 170), QColor("white")
OTHER_COLOUR = "#f5f5f5"
"""Of labels that are no phase, such as "dead"; their badge has the name."""
_SMALLEST_WITH_TEXT_PX = 56


class Look(NamedTuple):
    """All that is drawn over the image of a cell.

    `shown` is a number of `CellTable.shown` and `name` what it stands for; `truth` a phase that is drawn as a second
    badge, or `UNKNOWN`.
    """

    shown: int
    name: str
    decided: bool = False
    disputed: bool = False
    synthetic: bool = False
    truth: int = UNKNOWN
    phases: PhaseSet = SEVEN
    is_greyed: bool = False


class TilePainter:
    """Draws tiles of one size, and keeps those that were drawn."""

    def __init__(self) -> None:
        self.tile_px, self.channel, self.pixel_ratio = 72, COMPOSITE, 1.0
        self._cells: OrderedDict[int, QPixmap] = OrderedDict()
        self._looks: dict[Look, QPixmap] = {}

    def restart(self, *, tile_px: int | None = None, channel: str | None = None, ratio: float | None = None) -> None:
        """Draw everything again, perhaps in another size, channel, or for another screen."""
        self.tile_px = tile_px or self.tile_px
        self.channel = channel or self.channel
        self.pixel_ratio = ratio or self.pixel_ratio
        self._cells.clear()
        self._looks.clear()

    def draw(self, painter: QPainter, tiles: Tiles, row: int, corner: tuple[int, int], look: Look) -> None:
        """Draw the tile of a cell with its upper left `corner` at a place."""
        found = self._cells.get(row)
        if found is None:
            known = tiles.get(row)
            found = None if known is None else self._keep(row, self._draw_cell(known, tiles))
        if found is None:
            painter.fillRect(QRect(*corner, self.tile_px, self.tile_px), _EMPTY)
        else:
            painter.drawPixmap(*corner, found)
        if look not in self._looks:
            self._looks[look] = self._draw_look(look)
        painter.drawPixmap(*corner, self._looks[look])

    def _keep(self, row: int, pixmap: QPixmap) -> QPixmap:
        side = self.tile_px * self.pixel_ratio
        while self._cells and len(self._cells) * 4 * side * side > _LIMIT_BYTES:
            self._cells.popitem(last=False)
        self._cells[row] = pixmap
        return pixmap

    def _blank(self, colour: QColor) -> QPixmap:
        side = round(self.tile_px * self.pixel_ratio)
        pixmap = QPixmap(side, side)
        pixmap.setDevicePixelRatio(self.pixel_ratio)
        pixmap.fill(colour)
        return pixmap

    def _draw_cell(self, tile: Tile | Unreadable, tiles: Tiles) -> QPixmap:
        """The cell in the middle of its tile, or a cross where it can't be read."""
        if isinstance(tile, Unreadable):
            pixmap = self._blank(QColor(60, 60, 60))
            painter = QPainter(pixmap)
            painter.setPen(QPen(QColor("#bbbbbb"), 2))
            near, far = self.tile_px // 3, self.tile_px - self.tile_px // 3
            painter.drawLine(near, near, far, far)
            painter.drawLine(near, far, far, near)
            painter.end()
            return pixmap
        picture = picture_of(tile, tiles.channels, self.channel)
        pixmap = self._blank(QColor(*ground_of(picture)))
        height, width, _ = picture.shape
        image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        scale = tile.scale * self.tile_px
        middle = self.tile_px / 2
        target = QRectF(middle - width * scale / 2, middle - height * scale / 2, width * scale, height * scale)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, image)
        painter.end()
        return pixmap

    def _draw_look(self, look: Look) -> QPixmap:
        pixmap = self._blank(QColor(0, 0, 0, 0))
        painter = QPainter(pixmap)
        if look.synthetic:
            _draw_corner(painter, self.tile_px)
        if look.shown != UNKNOWN:
            _draw_frame(painter, self.tile_px, look)
        if self.tile_px >= _SMALLEST_WITH_TEXT_PX:
            font = QFont(painter.font())
            font.setPixelSize(max(10, min(15, self.tile_px // 8)))
            font.setBold(True)
            painter.setFont(font)
            inside = QRect(0, 0, self.tile_px, self.tile_px).adjusted(5, 5, -5, -5)
            if look.shown != UNKNOWN:
                _draw_badge(painter, inside, look.name, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
            if look.truth != UNKNOWN:
                right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
                _draw_badge(
                    painter,
                    inside,
                    look.phases.short_names[look.truth],
                    right,
                    QColor(colour_of(look.truth, look.phases)),
                )
            if look.disputed:
                _draw_badge(painter, inside, "\N{NOT EQUAL TO}", Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        painter.end()
        return pixmap


def colour_of(shown: int, phases: PhaseSet, *, is_greyed: bool = False) -> str:
    """The colour of a number of `CellTable.shown`."""
    if 0 <= shown < len(phases):
        return greyed(phases.colours[shown]) if is_greyed else phases.colours[shown]
    return UNSURE_COLOUR if shown == phases.unsure else OTHER_COLOUR


def _draw_frame(painter: QPainter, side: int, look: Look) -> None:
    """Thick where the cell has a label, thin and dashed where it is only called."""
    width = max(3, side // 24) if look.decided else max(2, side // 48)
    half = width / 2
    area = QRectF(half, half, side - width, side - width)
    if not look.decided:
        painter.setPen(QPen(QColor(0, 0, 0, 110), width))  # between the dashes
        painter.drawRect(area)
    pen = QPen(QColor(colour_of(look.shown, look.phases, is_greyed=look.is_greyed and not look.decided)), width)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    if not look.decided:
        pen.setDashPattern([4, 3])
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(pen)
    painter.drawRect(area)


def _draw_corner(painter: QPainter, side: int) -> None:
    """The mark of synthetic cells: a triangle in the upper right corner."""
    edge = side * 0.2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(SYNTHETIC_COLOUR))
    painter.drawPolygon(QPolygonF([QPointF(side - edge, 0), QPointF(side, 0), QPointF(side, edge)]))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _draw_badge(painter: QPainter, inside: QRect, text: str, where: Qt.AlignmentFlag, ground: QColor = _BADGE) -> None:
    metrics = QFontMetrics(painter.font())
    text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, inside.width())
    room = QRect(0, 0, metrics.horizontalAdvance(text) + 6, metrics.height())
    room.moveLeft(inside.left() if where & Qt.AlignmentFlag.AlignLeft else inside.right() - room.width())
    room.moveTop(inside.top() if where & Qt.AlignmentFlag.AlignTop else inside.bottom() - room.height())
    painter.fillRect(room, ground)
    painter.setPen(QColor("black") if ground.lightnessF() > 0.5 else _BADGE_TEXT)
    painter.drawText(room, Qt.AlignmentFlag.AlignCenter, text)
