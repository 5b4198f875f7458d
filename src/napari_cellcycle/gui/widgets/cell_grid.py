"""A grid of cells in which keys and mouse choose cells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, QRect, Qt, Signal
from qtpy.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QToolTip

from napari_cellcycle.gui.widgets.grid_view import GridView
from napari_cellcycle.gui.widgets.key_names import key_name

_MOVES = {"Left", "Right", "Up", "Down", "PgUp", "PgDown", "Home", "End"}


class CellGrid(GridView):
    """Cells large enough to judge them, chosen by keys and mouse.

    Attributes
    ----------
    keys : dict of str to callable
        What keys do besides moving, by names as in "Ctrl+Z". No shortcut of napari gets them while the grid has focus.
    describe : callable
        The tooltip of a cell, by its row.
    """

    activated = Signal(int)
    """A cell was clicked twice."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, Callable[[], object]] = {"Ctrl+A": self.select_all, "Esc": self.select_none}
        self.describe: Callable[[int], str] = lambda _row: ""
        self._pressed: QPoint | None = None  # in pixels of the whole grid
        self._kept: NDArray[np.bool_] | None = None  # selected before a rectangle is drawn with Ctrl

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
