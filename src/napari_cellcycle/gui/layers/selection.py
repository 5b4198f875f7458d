"""Some cells among many: the others are dimmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_cellcycle.gui.layers.camera import camera_of
from napari_cellcycle.gui.layers.source import PHASE, SELECTED, GallerySource, find_layer, metadata_for, source_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels
    from numpy.typing import NDArray

_NEAREST = 6.0  # screen pixels per image pixel: nearer, cells are only squares


def highlight_cells(viewer: ViewerModel, group: str, selected: NDArray[np.bool_]) -> int:
    """Dim all cells of a gallery but the selected ones, look at those, and return how many can be seen."""
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
        layer = Labels(veil, name="cells: selected", colormap=colours, opacity=0.8, metadata=metadata)
        layer.scale, layer.units = phases.scale, phases.units
        viewer.add_layer(layer)
        viewer.layers.selection.active = active
    else:
        layer.data, layer.visible = veil, True
    if shown.any():
        _look_at(viewer, layer, source.grid.box(np.flatnonzero(shown)), source.grid.shape)
    return int(shown.sum())


def select_all(viewer: ViewerModel, group: str) -> None:
    """Dim nothing."""
    layer = find_layer(viewer.layers, group, SELECTED)
    if layer is not None:
        viewer.layers.remove(layer)


def _look_at(viewer: ViewerModel, layer: Labels, box: tuple[int, int, int, int], shape: tuple[int, int]) -> None:
    """Zoom to a box. How many pixels the canvas has, napari says only by the zoom that shows everything."""
    top, left, bottom, right = box
    viewer.reset_view()
    camera = camera_of(viewer)
    nearer = min(shape[0] / (bottom - top), shape[1] / (right - left))
    camera.zoom = min(camera.zoom * nearer, _NEAREST / float(layer.scale[-1]))
    camera.center = (0, *layer.data_to_world(((top + bottom) / 2, (left + right) / 2)))
