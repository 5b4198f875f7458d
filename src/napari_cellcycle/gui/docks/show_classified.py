"""Show called phases in the viewer, for every dock that classifies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_cellcycle.gui.docks.classify_job import Classified
from napari_cellcycle.gui.layers.data_set import DataSet, data_set_of
from napari_cellcycle.gui.layers.field import show_field_table
from napari_cellcycle.gui.layers.gallery import list_galleries
from napari_cellcycle.gui.layers.in_front import bring_to_front
from napari_cellcycle.gui.layers.phase_layer import show_phases
from napari_cellcycle.gui.layers.source import FieldSource, GallerySource

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

CELLS_GONE = "The cells were removed or renamed meanwhile, so none can be coloured; classify again."


def show_classified(viewer: ViewerModel, classified: Classified) -> DataSet | None:
    """Colour cells by phase, and return their data set; None if their layers are gone."""
    if _is_gone(viewer, classified):
        return None
    source = classified.source
    field = _field_layers(viewer, classified, source) if isinstance(source, FieldSource) else []
    data_set = with_known_labels(viewer, classified.data_set)
    show_phases(viewer, data_set, classified.layer, classified.cell_map, field)
    bring_to_front(viewer, source)
    return data_set


def _is_gone(viewer: ViewerModel, classified: Classified) -> bool:
    source = classified.source
    if isinstance(source, GallerySource):
        return source not in list_galleries(viewer.layers)
    given = [source.labels] if classified.labels is None else []
    return any(name not in viewer.layers for name in (source.brightfield, *given))


def with_known_labels(viewer: ViewerModel, classified: DataSet) -> DataSet:
    """The data set that is open already, if it has these cells: its labels can be undone."""
    known = data_set_of(viewer.layers, classified.source)
    has_same_cells = known is not None and np.array_equal(known.labels.ids, classified.labels.ids)
    return known if known is not None and has_same_cells else classified


def _field_layers(viewer: ViewerModel, classified: Classified, source: FieldSource) -> list[Layer]:
    """The layers of a field, with the labels that were found for it."""
    if classified.labels is not None:
        below = viewer.layers[source.brightfield]
        scale = below.scale[-classified.labels.ndim :]
        viewer.add_labels(classified.labels, name=source.labels, scale=scale, visible=False)
    show_field_table(viewer.layers[source.labels], classified.table)
    names = (source.brightfield, source.darkfield, source.labels)
    return [layer for layer in viewer.layers if layer.name in names]
