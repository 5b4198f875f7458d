"""Cells in a grid that scrolls: only what is seen is read and drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFocusEvent, QPainter, QPaintEvent, QPalette, QPen, QResizeEvent
from qtpy.QtWidgets import QAbstractScrollArea, QSizePolicy

from napari_cellcycle.browse.grid_layout import GridLayout
from napari_cellcycle.browse.table import CellTable, Order
from napari_cellcycle.browse.tiles import Tiles
from napari_cellcycle.gui.widgets.cell_selection import CellSelection
from napari_cellcycle.gui.widgets.tile_painter import Look, TilePainter
from napari_cellcycle.gui.widgets.tile_reader import TileReader
from napari_cellcycle.phases import UNKNOWN

SMALLEST_PX, LARGEST_PX = 32, 320
_GAP_PX = 6
_MANY = 500  # changed tiles; more are quicker drawn all at once
_MOST_WANTED = 6000  # tiles of the smallest size on a large screen, and some around


class GridView(QAbstractScrollArea):
    """Shows the cells of a table in some order, and which of them are selected.

    Attributes
    ----------
    table : CellTable or None
        The cells.
    order : Order
        Which of them are shown, and where.
    selection : CellSelection
        Which are selected, and which is the current one.
    """

    current_changed = Signal()
    """Another cell is the current one, or none."""
    selection_changed = Signal()
    tile_px_changed = Signal(int)
    failed = Signal(object)
    """Images can't be read: the error."""
    read = Signal(object)
    """Images of cells were read: their rows."""
    first_drawn = Signal()
    """Cells of a new table were drawn for the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.table: CellTable | None = None
        self.order, self.selection = Order(np.zeros(0, np.intp), ()), CellSelection(0)
        self.painter, self.is_greyed = TilePainter(), False
        self._reader: TileReader | None = None
        self._places = np.zeros(0, np.int64)
        self._grid = GridLayout((), 1, self.painter.tile_px + _GAP_PX)
        self._band: QRect | None = None  # that the mouse draws, in pixels of the whole grid
        self._awaits_first = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)  # else the width changes while filling
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("cells")
        self.destroyed.connect(self._reader_closer())

    # --- what is shown ---

    def show_table(self, table: CellTable | None, tiles: Tiles | None) -> None:
        """Show other cells; `show_order` says which of them."""
        self.close_reader()
        self.table = table
        self._reader = None if tiles is None else TileReader(tiles, self._on_read, self.failed.emit)
        self.selection = CellSelection(0 if table is None else len(table))
        self._awaits_first = table is not None
        self.painter.restart()
        self.show_order(Order(np.zeros(0, np.intp), ()))

    def show_order(self, order: Order) -> None:
        """Show these cells in this order. Selected ones that are not shown are no longer selected."""
        self.order = order
        n_cells = 0 if self.table is None else len(self.table)
        self._places = np.full(n_cells, -1, np.int64)
        self._places[order.rows] = np.arange(len(order))
        self.selection.keep_only(order.rows)
        self._lay_out()
        self.verticalScrollBar().setValue(0)
        if self.selection.current is not None:
            self._scroll_to(int(self._places[self.selection.current]))
        self._on_selected()

    def show_channel(self, channel: str) -> None:
        """Show one channel, or all together."""
        self.painter.restart(channel=channel)
        self.viewport().update()

    def set_tile_px(self, tile_px: int) -> None:
        """Show tiles of another size; what is in the middle stays in view."""
        tile_px = min(max(tile_px, SMALLEST_PX), LARGEST_PX)
        if tile_px == self.painter.tile_px:
            return
        stays = self._tile_in_view()
        self.painter.restart(tile_px=tile_px)
        self._lay_out()
        if stays is not None:
            top = self._grid.position(stays)[1]
            self.verticalScrollBar().setValue(top - (self.viewport().height() - self._grid.pitch_px) // 2)
        self.tile_px_changed.emit(tile_px)

    def redraw(self, rows: NDArray[np.intp]) -> None:
        """Draw some cells again, as their label has changed."""
        if len(rows) > _MANY:
            self.viewport().update()
            return
        for place in self._places[rows].tolist():
            if place >= 0:
                self.viewport().update(self._rectangle(place))

    def close_reader(self) -> None:
        """Read no more."""
        if self._reader is not None:
            self._reader.close()

    @property
    def tiles(self) -> Tiles | None:
        """The images of the cells."""
        return None if self._reader is None else self._reader.tiles

    @property
    def is_reading(self) -> bool:
        """Whether some of the cells in view are not read yet."""
        return self._reader is not None and self._reader.is_reading

    # --- selection ---

    def _on_selected(self) -> None:
        self.viewport().update()
        self.selection_changed.emit()
        self.current_changed.emit()

    @property
    def current_place(self) -> int | None:
        """Where the current cell is in the order, None if it is not shown."""
        current = self.selection.current
        return None if current is None or self._places[current] < 0 else int(self._places[current])

    # --- layout ---

    def sizeHint(self) -> QSize:
        """Room for some cells; it takes what else there is."""
        return QSize(300, 150)

    def minimumSizeHint(self) -> QSize:
        """A row of cells."""
        return QSize(200, 110)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out again; what was in view stays in view."""
        stays = self._tile_in_view()
        self._lay_out()
        if stays is not None and event.oldSize().width() != event.size().width():
            self.verticalScrollBar().setValue(self._grid.position(stays)[1])

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Draw what comes into view; the rest is moved."""
        self.viewport().update()
        self._want()

    def _lay_out(self) -> None:
        has_headers = any(group.name for group in self.order.groups)
        header = self.fontMetrics().height() + 10 if has_headers else 0
        pitch = self.painter.tile_px + _GAP_PX
        counts = [group.count for group in self.order.groups]
        self._grid = GridLayout.fit(counts, self.viewport().width(), pitch, header)
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(0, self._grid.height_px - height))
        bar.setPageStep(height)
        bar.setSingleStep(max(20, pitch // 2))
        self.viewport().update()
        self._want()

    def _want(self) -> None:
        """Ask for the cells in view, then for those of the next screen and of half a screen before."""
        if self._reader is None:
            return
        top, height = self.verticalScrollBar().value(), self.viewport().height()
        ranges = [(top, top + height), (top + height, top + 2 * height), (top - height // 2, top)]
        places = [place for span in ranges for place in self._grid.between(*span)][:_MOST_WANTED]
        self._reader.want(self.order.rows[places].tolist())

    def _on_read(self, rows: list[int]) -> None:
        self.viewport().update()
        self.read.emit(rows)

    def _tile_in_view(self) -> int | None:
        """A tile that should stay in view: the current one if it is seen, else the first that is."""
        top, height = self.verticalScrollBar().value(), self.viewport().height()
        seen = self._grid.between(top, top + height)
        current = self.current_place
        if current is not None and current in seen:
            return current
        return seen[0] if len(seen) and top > 0 else None

    def _scroll_to(self, place: int) -> None:
        if place >= self._grid.n_tiles:
            return
        bar, (_, top) = self.verticalScrollBar(), self._grid.position(place)
        lowest = top + self._grid.pitch_px - self.viewport().height()
        bar.setValue(max(min(bar.value(), top), lowest))

    def _in_grid(self, position: QPoint) -> QPoint:
        return QPoint(position.x(), position.y() + self.verticalScrollBar().value())

    def _rectangle(self, place: int) -> QRect:
        """Where a tile is in the viewport, with the gap around it."""
        left, top = self._grid.position(place)
        return QRect(left, top - self.verticalScrollBar().value(), self._grid.pitch_px, self._grid.pitch_px)

    def _header_at(self, here: QPoint) -> int | None:
        for group in self._grid.headers_between(here.y(), here.y() + 1):
            if 0 <= here.y() - self._grid.header_top(group) < self._grid.header_px:
                return group
        return None

    # --- drawing ---

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cells in the part of the view that is asked for."""
        painter = QPainter(self.viewport())
        if self.painter.pixel_ratio != self.devicePixelRatioF():
            self.painter.restart(ratio=self.devicePixelRatioF())
        offset = self.verticalScrollBar().value()
        top, bottom = event.rect().top() + offset, event.rect().bottom() + 1 + offset
        for group in self._grid.headers_between(top, bottom):
            self._draw_header(painter, group, offset)
        for place in self._grid.between(top, bottom):
            self._draw_tile(painter, place)
        if self._band is not None:
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Text), 1, Qt.PenStyle.DashLine))
            painter.drawRect(self._band.translated(0, -offset))
        painter.end()
        if self._awaits_first and len(self.order) and not self.is_reading:
            self._awaits_first = False
            self.first_drawn.emit()

    def _draw_tile(self, painter: QPainter, place: int) -> None:
        row, area = int(self.order.rows[place]), self._rectangle(place)
        if self.selection.mask[row]:
            painter.fillRect(area, self._highlight())
        if self._reader is not None and self.table is not None:
            corner = (area.left() + _GAP_PX // 2, area.top() + _GAP_PX // 2)
            self.painter.draw(painter, self._reader.tiles, row, corner, self._look(row))
        if row == self.selection.current and self.hasFocus():
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Text), 1))
            painter.drawRect(area.adjusted(0, 0, -1, -1))

    def _look(self, row: int) -> Look:
        table: Any = self.table
        labels, shown = table.labels, int(table.shown[row])
        phases = table.phase_set
        name = (*phases.short_names, "?")[shown] if 0 <= shown <= phases.unsure else table.name_of(shown)
        given = int(labels.given[row])
        truth = given if shown not in (UNKNOWN, given) and not table.decided[row] else UNKNOWN
        return Look(
            shown,
            name,
            bool(table.decided[row]),
            bool(labels.disputed[row]),
            bool(table.cells.synthetic[row]),
            truth,
            phases,
            self.is_greyed,
        )

    def _draw_header(self, painter: QPainter, number: int, offset: int) -> None:
        group = self.order.groups[number]
        if not group.name:
            return
        height = self._grid.header_px
        area = QRect(0, self._grid.header_top(number) - offset, self.viewport().width(), height)
        colour = self.palette().color(QPalette.ColorRole.Text)
        faint = QColor(colour)
        faint.setAlpha(40)
        painter.fillRect(area.adjusted(0, 2, 0, -2), faint)
        painter.setPen(colour)
        text = f"{group.name}  ({group.count:,})"
        text = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, area.width() - 12)
        painter.drawText(area.adjusted(6, 0, -6, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

    def _highlight(self) -> QColor:
        """The ground of selected tiles: as napari's own lists, or a strong blue where that is hardly seen."""
        ground = self.palette().color(QPalette.ColorRole.Base)
        return QColor("#ffffff") if ground.lightnessF() < 0.5 else QColor("#202020")

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the current cell."""
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """No cell is the current one for keys now."""
        self.viewport().update()

    def _reader_closer(self) -> Callable[[], None]:
        """A function that closes the reader and holds no reference to this widget, which may be gone by then."""
        state = self.__dict__

        def close() -> None:
            reader = state.get("_reader")
            if reader is not None:
                reader.close()

        return close
