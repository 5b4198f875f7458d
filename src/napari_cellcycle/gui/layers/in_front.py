"""Bring the cells of one data set to the front, whatever else is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cellcycle.gui.layers.source import PHASE, SELECTED, FieldSource, GallerySource, find_layer, source_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_cellcycle.gui.layers.source import Source


def bring_to_front(viewer: ViewerModel, source: Source) -> None:
    """Show the images of `source`, its phases above everything, and no other gallery.

    All galleries lie at the same place, so the phases of one could be taken for those of another. Layers of the user's
    own stay visible: below the phases they hide none.
    """
    if isinstance(source, GallerySource):
        _show_gallery(viewer, source)
    elif isinstance(source, FieldSource) and source.brightfield in viewer.layers:
        viewer.layers[source.brightfield].visible = True
    for role in (PHASE, SELECTED):  # the veil over cells that were not chosen also dims their phases
        layer = find_layer(viewer.layers, source.group, role)
        if layer is not None and layer is not viewer.layers[-1]:
            viewer.layers.move(viewer.layers.index(layer), -1)


def _show_gallery(viewer: ViewerModel, source: GallerySource) -> None:
    from napari.layers import Image

    images: list[Layer] = []
    for layer in viewer.layers:
        its = source_of(layer)
        if isinstance(its, GallerySource) and its.group != source.group:
            layer.visible = False
        elif its is not None and its.group == source.group and isinstance(layer, Image):
            images.append(layer)
    if images and not any(image.visible for image in images):
        images[-1].visible = True
