"""Layers that were saved and opened again: the status bar says of them what it said before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cellcycle.gui.layers.field import field_map
from napari_cellcycle.gui.layers.source import PHASE, FieldSource, role_of, source_of
from napari_cellcycle.gui.layers.status_bar import describe_in_status_bar

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer


def describe_reopened(viewer: ViewerModel) -> None:
    """Describe the cells of each phase layer that napari opened from a file, from the layer's own table.

    Nothing is read. Other layers are left as they are.
    """
    from napari.layers import Labels

    for layer in list(viewer.layers):
        source = source_of(layer)
        if source is None or role_of(layer) != PHASE or not isinstance(layer, Labels) or _is_described(layer):
            continue
        if isinstance(source, FieldSource):
            _describe_field(viewer, source, layer)
            continue
        for one in viewer.layers:
            its = source_of(one)
            if its is not None and its.group == source.group and not _is_described(one):
                describe_in_status_bar(one, source.grid, layer.features)


def _describe_field(viewer: ViewerModel, source: FieldSource, phases: Labels) -> None:
    """Describe cells on the phases and on the user's own layers, if the labels are there that say which is where."""
    named = {layer.name: layer for layer in viewer.layers}
    labels = named.get(source.labels)
    if labels is None or labels.data.shape != phases.data.shape:
        return
    cells = field_map(labels, phases.features)
    own = [named[name] for name in (source.brightfield, source.darkfield, source.labels) if name in named]
    for layer in [phases, *own]:
        if layer.ndim == cells.ndim and not _is_described(layer):
            describe_in_status_bar(layer, cells, phases.features)


def _is_described(layer: Layer) -> bool:
    return "get_status" in vars(layer)
