"""Cells in a grid that scrolls: only what is seen is read and drawn. Keys and mouse choose cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import QAbstractScrollArea, QApplication, QSizePolicy, QToolTip

from napari_cellcycle.browse.grid_layout import GridLayout
from napari_cellcycle.browse.table import CellTable, Order
from napari_cellcycle.browse.tiles import Tiles
from napari_cellcycle.gui.widgets.cell_selection import CellSelection
from napari_cellcycle.gui.widgets.key_names import key_name
from napari_cellcycle.gui.widgets.tile_painter import SHORT, Look, TilePainter
from napari_cellcycle.gui.widgets.tile_reader import TileReader
from napari_cellcycle.phases import UNKNOWN

SMALLEST_PX, LARGEST_PX = 32, 320
_GAP_PX = 6
_MOVES = {"Left", "Right", "Up", "Down", "PgUp", "PgDown", "Home", "End"}
_MANY = 500  # changed tiles; more are quicker drawn all at once
_MOST_WANTED = 6000  # tiles of the smallest size on a large screen, and some around


class CellGrid(QAbstractScrollArea):
    """Shows the cells of a table in some order, large enough to judge them.

    Attributes
    ----------
    table : CellTable or None
        The cells.
    order : Order
        Which of them are shown, and where.
    selection : CellSelection
        Which are selected, and which is the current one.
    keys : dict of str to callable
        What keys do besides moving, by names as in "Ctrl+Z". No shortcut of napari gets them while the grid has focus.
    describe : callable
        The tooltip of a cell, by its row.
    """

    current_changed = Signal()
    """Another cell is the current one, or none."""
    selection_changed = Signal()
    tile_px_changed = Signal(int)
    activated = Signal(int)
    """A cell was clicked twice."""
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
        self.keys: dict[str, Callable[[], object]] = {"Ctrl+A": self.select_all, "Esc": self.select_none}
        self.describe: Callable[[int], str] = lambda _row: ""
        self.painter, self.is_greyed = TilePainter(), False
        self._reader: TileReader | None = None
        self._places = np.zeros(0, np.int64)
        self._grid = GridLayout((), 1, self.painter.tile_px + _GAP_PX)
        self._pressed: QPoint | None = None  # in pixels of the whole grid
        self._band: QRect | None = None
        self._kept: NDArray[np.bool_] | None = None  # selected before a rectangle is drawn with Ctrl
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

    def select_all(self) -> None:
        """Select all cells that are shown."""
        self.selection.select(self.order.rows)
        self._on_selected()

    def select(self, rows: NDArray[np.intp]) -> None:
        """Select some cells, as far as they are shown, and scroll to the first one."""
        shown = rows[self._places[rows] >= 0]
        if len(shown):
            self.selection.clear()
            self.selection.select(shown)
            self._scroll_to(int(self._places[shown[0]]))
            self._on_selected()

    def select_none(self) -> None:
        """Select no cell."""
        self.selection.clear()
        self._on_selected()

    def selected_rows(self) -> NDArray[np.intp]:
        """The selected cells, in the order in which they are shown."""
        return self.order.rows[self.selection.mask[self.order.rows]]

    def go_to(self, row: int) -> bool:
        """Select one cell and scroll to it; False if it is not shown."""
        if not 0 <= row < len(self._places) or self._places[row] < 0:
            return False
        self._choose(int(self._places[row]))
        return True

    def move_on(self, step: int = 1) -> None:
        """Select the next cell."""
        place = self.current_place
        if len(self.order):
            self._choose(0 if place is None else min(max(place + step, 0), len(self.order) - 1))

    def _choose(self, place: int, *, extend: bool = False, toggle: bool = False) -> None:
        """Make a cell the current one, and select it alone, up to it, or besides others."""
        row = int(self.order.rows[place])
        if toggle:
            self.selection.toggle(row)
        elif extend:
            anchor = self._places[self.selection.anchor] if self.selection.anchor is not None else place
            first, last = sorted((int(anchor), place))
            self.selection.extend(self.order.rows[first : last + 1], row)
        else:
            self.selection.select_one(row)
        self._scroll_to(place)
        self._on_selected()

    def _on_selected(self) -> None:
        self.viewport().update()
        self.selection_changed.emit()
        self.current_changed.emit()

    @property
    def current_place(self) -> int | None:
        """Where the current cell is in the order, None if it is not shown."""
        current = self.selection.current
        return None if current is None or self._places[current] < 0 else int(self._places[current])

    # --- keys ---

    def takes(self, event: QKeyEvent) -> bool:
        """Whether a key does something here."""
        name = key_name(event)
        return name in self.keys or name.removeprefix("Shift+") in _MOVES

    def event(self, event: QEvent) -> bool:
        """Keep our keys from shortcuts of the window: then they arrive as key presses."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self.takes(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, or do what `keys` says."""
        name = key_name(event)
        if name in self.keys:
            self.keys[name]()
        elif name.removeprefix("Shift+") in _MOVES:
            self._move(name.removeprefix("Shift+"), extend=name.startswith("Shift+"))
        else:
            event.ignore()

    def _move(self, where: str, *, extend: bool) -> None:
        if not len(self.order):
            return
        place, last = self.current_place, len(self.order) - 1
        page = max(1, self.viewport().height() // self._grid.pitch_px)
        rows = {"Up": -1, "Down": 1, "PgUp": -page, "PgDown": page}
        steps = {"Left": -1, "Right": 1}
        if place is None:
            place = 0 if where != "End" else last
        elif where in rows:
            place = self._grid.above_or_below(place, rows[where])
        elif where in steps:
            place = min(max(place + steps[where], 0), last)
        else:
            place = 0 if where == "Home" else last
        self._choose(place, extend=extend)

    # --- mouse ---

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select the cell under the mouse; Ctrl adds one, Shift all up to it. A header selects its group."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._pressed = self._in_grid(event.pos())
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        self._kept = self.selection.mask.copy() if control else None
        place = self._grid.tile_at(self._pressed.x(), self._pressed.y())
        if place is not None:
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._choose(place, extend=shift, toggle=control)
        elif self._header_at(self._pressed) is not None:
            group = self.order.groups[self._header_at(self._pressed) or 0]
            self.selection.select(self.order.rows[group.start : group.start + group.count])
            self._on_selected()
        elif not control:
            self.select_none()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Select all cells that the rectangle from where the mouse was pressed touches."""
        if self._pressed is None:
            return
        here = self._in_grid(event.pos())
        if self._band is None and (here - self._pressed).manhattanLength() < QApplication.startDragDistance():
            return
        self._band = QRect(self._pressed, here).normalized()
        edges = (self._band.left(), self._band.top(), self._band.right(), self._band.bottom())
        rows = self.order.rows[self._grid.inside(*edges)]
        self.selection.select(rows, besides=self._kept)
        height, bar = self.viewport().height(), self.verticalScrollBar()
        beyond = min(event.pos().y(), 0) or max(event.pos().y() - height, 0)
        bar.setValue(bar.value() + beyond)
        self._on_selected()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The rectangle is done."""
        self._pressed = self._band = self._kept = None
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Tell which cell it was."""
        here = self._in_grid(event.pos())
        place = self._grid.tile_at(here.x(), here.y())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self.activated.emit(int(self.order.rows[place]))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll; with Ctrl, change the size."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            larger = 1.15 if event.angleDelta().y() > 0 else 1 / 1.15
            self.set_tile_px(round(self.painter.tile_px * larger))
            event.accept()
        else:
            super().wheelEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Show what is known of the cell under the mouse."""
        if isinstance(event, QHelpEvent):
            here = self._in_grid(event.pos())
            place = self._grid.tile_at(here.x(), here.y())
            text = "" if place is None else self.describe(int(self.order.rows[place]))
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return bool(super().viewportEvent(event))

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
        name = SHORT[shown] if 0 <= shown < len(SHORT) else labels.names[shown - 1] if shown >= len(SHORT) else ""
        given = int(labels.given[row])
        truth = given if shown not in (UNKNOWN, given) and not table.decided[row] else UNKNOWN
        return Look(
            shown,
            name,
            bool(table.decided[row]),
            bool(labels.disputed[row]),
            bool(table.cells.synthetic[row]),
            truth,
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
