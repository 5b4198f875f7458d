"""Highlight some cells of a gallery: the others are dimmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.gui.layers.source import (
    PHASE,
    SELECTED,
    GallerySource,
    find_layer,
    layer_name,
    metadata_for,
    source_of,
)
from napari_cellcycle.gui.layers.view_fit import camera_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

_MAX_ZOOM = 6.0  # screen pixels per image pixel: closer up, a cell is only squares


def highlight_cells(viewer: ViewerModel, group: str, selected: NDArray[np.bool_]) -> int:
    """Dim all cells of a gallery but the selected ones, zoom to those, and return how many are in the gallery."""
    from napari.layers import Labels
    from napari.utils.colormaps import DirectLabelColormap

    phases = find_layer(viewer.layers, group, PHASE)
    if phases is None or not isinstance(source := source_of(phases), GallerySource):
        return 0
    shown = selected[: source.n_shown]
    veil = source.grid.fill((~shown).astype(np.uint8))
    layer = find_layer(viewer.layers, group, SELECTED)
    if layer is None:
        active = viewer.layers.selection.active
        colours = DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", 1: "black"})
        metadata = metadata_for(source, SELECTED)
        layer = Labels(veil, name=layer_name(SELECTED, source), colormap=colours, opacity=0.8, metadata=metadata)
        layer.scale, layer.units = phases.scale, phases.units
        viewer.add_layer(layer)
        viewer.layers.selection.active = active
    else:
        layer.data, layer.visible = veil, True
    if shown.any():
        _zoom_to(viewer, layer, source.grid.box(np.flatnonzero(shown)), source.grid.shape)
    return int(shown.sum())


def highlight_none(viewer: ViewerModel, group: str) -> None:
    """Show all cells of a gallery alike again."""
    layer = find_layer(viewer.layers, group, SELECTED)
    if layer is not None:
        viewer.layers.remove(layer)


def _zoom_to(viewer: ViewerModel, layer: Labels, box: tuple[int, int, int, int], shape: tuple[int, int]) -> None:
    """Zoom to a box. napari doesn't give the size of the canvas, only the zoom that shows everything."""
    top, left, bottom, right = box
    viewer.reset_view()
    camera = camera_of(viewer)
    closer = min(shape[0] / (bottom - top), shape[1] / (right - left))
    camera.zoom = min(camera.zoom * closer, _MAX_ZOOM / float(layer.scale[-1]))
    camera.center = (0, *layer.data_to_world(((top + bottom) / 2, (left + right) / 2)))
