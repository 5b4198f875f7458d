"""Viewer and gallery show each other's current cell: one by a mark and the camera, the other by its selection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.cells import Cells
from napari_cellcycle.gui.layers.source import GallerySource, Source, source_of
from napari_cellcycle.gui.layers.view_fit import camera_of
from napari_cellcycle.images.cell_map import CellMap
from napari_cellcycle.images.field_crops import FieldImages
from napari_cellcycle.images.field_map import LabelMap

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Points

MARK = "current cell"
_MARGIN = 1.15  # of the mark around its cell
_FARTHEST_PX = 4  # that a click may move, on the screen


def layers_of(layers: Iterable[Layer], source: Source) -> list[Layer]:
    """The layers that show the cells of a source; of a field they are those of the user, the labels last."""
    if isinstance(source, GallerySource):
        return [layer for layer in layers if (its := source_of(layer)) is not None and its.group == source.group]
    by_name = {layer.name: layer for layer in layers}
    names = (source.brightfield, source.darkfield, source.labels)
    return [by_name[name] for name in names if name in by_name]


class CellLink:
    """Marks the current cell in the viewer, and tells which cell was clicked there.

    Parameters
    ----------
    viewer : ViewerModel
        With the layers of these cells.
    source : Source
        Where the cells come from.
    cells : Cells
        The cells.
    on_click : callable
        Gets the row of a cell that was clicked in the viewer.
    """

    def __init__(self, viewer: ViewerModel, source: Source, cells: Cells, on_click: Callable[[int], None]) -> None:
        self._viewer, self._source, self._cells, self._on_click = viewer, source, cells, on_click
        self._map: CellMap | None = None
        self._mark: Points | None = None
        viewer.mouse_drag_callbacks.append(self._on_mouse)

    def close(self) -> None:
        """Take the mark away, and follow no clicks."""
        if self._on_mouse in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_mouse)
        if self._mark is not None and self._mark in self._viewer.layers:
            self._viewer.layers.remove(self._mark)
        self._mark = None

    def show(self, row: int | None, *, centre: bool = True) -> None:
        """Mark a cell, and move the camera to it; with None, mark no cell."""
        box = None if row is None else self._box(row)
        layer = self._layer()
        if box is None or layer is None:
            if self._mark is not None and self._mark.visible:
                self._mark.visible = False
            return
        frame, top, left, bottom, right = box
        middle = (frame, (top + bottom - 1) / 2, (left + right - 1) / 2)
        where = layer.data_to_world(middle[-layer.ndim :])
        self._draw_mark(layer, where, _MARGIN * max(bottom - top, right - left))
        if centre and not self._is_seen(layer, box):
            if layer.ndim == 3:
                self._viewer.dims.set_current_step(0, frame)
            camera_of(self._viewer).center = (0, *where[-2:])

    def _draw_mark(self, layer: Layer, where: tuple[float, ...], edge: float) -> None:
        """Move the mark as a whole: napari needs 30 ms and more to draw changed data, also those of one point."""
        if self._mark is None or self._mark not in self._viewer.layers:
            active = self._viewer.layers.selection.active
            self._mark = _new_mark(layer, where, edge)
            self._viewer.add_layer(self._mark)
            self._viewer.layers.selection.active = active
            return
        self._mark.translate = where
        if not np.isclose(self._mark.size, edge).all():
            self._mark.size = edge
        if not self._mark.visible:
            self._mark.visible = True

    def _is_seen(self, layer: Layer, box: tuple[int, int, int, int, int]) -> bool:
        """Whether a cell of a mosaic is in view already; a field is always moved, as cells are small there."""
        if not isinstance(self._source, GallerySource):
            return False
        (top, left), (bottom, right) = np.asarray(layer.corner_pixels)[:, -2:].tolist()
        return bool(top <= box[1] and left <= box[2] and box[3] <= bottom + 1 and box[4] <= right + 1)

    def _box(self, row: int) -> tuple[int, int, int, int, int] | None:
        """Frame, top, left, bottom and right of a cell; None if the viewer does not show it."""
        if isinstance(self._source, GallerySource):
            return (0, *self._source.grid.box([row])) if row < self._source.n_shown else None
        images = self._cells.images
        if not isinstance(images, FieldImages):
            return None
        top, left, bottom, right = images.boxes[row].tolist()
        return int(images.frames[row]), top, left, bottom, right

    def _layer(self) -> Layer | None:
        """A layer that shows the cells; of a field the last one, its labels."""
        found = layers_of(self._viewer.layers, self._source)
        return found[-1] if found else None

    def _on_mouse(self, _viewer: Any, event: Any) -> Iterator[None]:
        """A click, not a drag, selects the cell under it."""
        start, moved = np.asarray(event.pos), False
        yield
        while event.type == "mouse_move":
            moved |= bool(np.abs(np.asarray(event.pos) - start).max() > _FARTHEST_PX)
            yield
        if not moved and event.button == 1:
            row = self.cell_at(event.position)
            if row is not None:
                self._on_click(row)

    def cell_at(self, position: Any) -> int | None:
        """The cell at a place in the world."""
        layer = self._layer()
        if layer is None:
            return None
        cells = self._cell_map(layer)
        found = cells.cell_at(*layer.world_to_data(position)[-cells.ndim :])
        return found if found is None or found < len(self._cells) else None

    def _cell_map(self, layer: Layer) -> CellMap:
        if isinstance(self._source, GallerySource):
            return self._source.grid
        if self._map is None:
            images: Any = self._cells.images
            self._map = LabelMap(np.asarray(layer.data), frames=images.frames, ids=self._cells.ids)
        return self._map


def _new_mark(layer: Layer, where: tuple[float, ...], edge: float) -> Points:
    from napari.layers import Points

    mark = Points(
        np.zeros((1, layer.ndim)),
        name=MARK,
        size=edge,
        symbol="square",
        face_color="transparent",
        border_color="white",
        border_width=0.06,
        scale=layer.scale,
        translate=where,
        units=layer.units,
    )
    mark.editable = False
    return mark
