"""The layers of *Label by stain*: cells in the colours of their labels, nuclei, and what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.gui.layers.data_set import DataSet, remember_data_set
from napari_cellcycle.gui.layers.phase_table import cell_table
from napari_cellcycle.gui.layers.position import position_of
from napari_cellcycle.gui.layers.source import (
    LEFT_OUT,
    PHASE,
    STAIN_LABEL,
    FieldSource,
    find_layer,
    layer_name,
    metadata_for,
    source_of,
)
from napari_cellcycle.gui.layers.status_bar import describe_in_status_bar
from napari_cellcycle.images.cell_map import CellMap
from napari_cellcycle.images.tile_grid import Grid
from napari_cellcycle.phases import UNSURE_COLOUR
from napari_cellcycle.stain.gate_lines import kinds_of
from napari_cellcycle.stain.gates import Gated
from napari_cellcycle.stain.names import LABEL_COLOURS, LABELS

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer

_UNSURE = len(LABELS) + 1
_MOST_PATCHES = 200
"""More cells than these are drawn faster all at once."""


class StainLayer:
    """A Labels layer over the cells that shows what the gates say of each.

    Parameters
    ----------
    viewer : ViewerModel
        Which one it is in.
    data_set : DataSet
        The cells.
    cells : CellMap
        Which cell lies where.
    """

    def __init__(self, viewer: ViewerModel, data_set: DataSet, cells: CellMap) -> None:
        self.viewer, self.data_set, self.cells = viewer, data_set, cells
        self._shown = np.zeros(len(data_set.cells), np.uint8)

    def show(self, gated: Gated) -> None:
        """Draw the cells whose label changed; the layer is added if it is not there, or was removed."""
        numbers = np.minimum(kinds_of(gated), _UNSURE)
        layer = find_layer(self.viewer.layers, self.data_set.source.group, STAIN_LABEL)
        if layer is None:
            self._add(self.cells.draw_outlines(numbers))
        else:
            self._draw(layer, numbers)
        self._shown = numbers

    def _draw(self, layer: Labels, numbers: NDArray[np.uint8]) -> None:
        is_gallery = isinstance(self.cells, Grid)  # of which a cell is found at once
        on_screen = self.cells.n_cells if isinstance(self.cells, Grid) else len(numbers)
        changed = np.flatnonzero(numbers[:on_screen] != self._shown[:on_screen])
        if not len(changed):
            return
        if len(changed) > _MOST_PATCHES or not is_gallery:
            layer.data[...] = self.cells.draw_outlines(numbers)
        else:
            for cell in changed.tolist():
                region, inside, outline = self.cells.patch(cell)
                layer.data[region][inside] = outline[inside] * numbers[cell]
        layer.refresh(thumbnail=False, extent=False)  # which take longer than the drawing

    def _add(self, picture: NDArray[np.uint8]) -> None:
        from napari.layers import Labels
        from napari.utils.colormaps import DirectLabelColormap

        source = self.data_set.source
        colours: dict[int | None, str] = {None: "transparent", 0: "transparent", _UNSURE: UNSURE_COLOUR}
        colours |= {number: LABEL_COLOURS[label] for number, label in enumerate(LABELS, start=1)}
        below = _images_of(self.viewer, self.data_set)
        layer = Labels(
            picture,
            name=layer_name(STAIN_LABEL, source),
            metadata=metadata_for(source, STAIN_LABEL),
            colormap=DirectLabelColormap(color_dict=colours),
            opacity=1.0,
            **position_of(below, picture.ndim),
        )
        layer.editable = False  # labels are given by gates here, and by hand in the Gallery
        remember_data_set([*below, layer], self.data_set)
        describe_in_status_bar(layer, self.cells, cell_table(self.data_set.cells), self.data_set.labels)
        phases = find_layer(self.viewer.layers, source.group, PHASE)
        if phases is not None:
            phases.visible = False
        self.viewer.add_layer(layer)


def add_nuclei(viewer: ViewerModel, image: Layer, title: str, nuclei: NDArray[np.int32]) -> Labels:
    """Add nuclei of the field `title` as a Labels layer of the user's own, which can be painted on."""
    from napari.layers import Labels

    place: dict[str, Any] = position_of([image], nuclei.ndim)
    layer = Labels(nuclei, name=f"nuclei - {title}", opacity=0.3, **place)
    viewer.add_layer(layer)
    return layer


def add_left_out(
    viewer: ViewerModel, image: Layer, nuclei: Labels, title: str, others: NDArray[np.int32], why: pd.DataFrame
) -> None:
    """Add what was left out in grey, below the `nuclei`; `why` is the table of it, and `title` names the field."""
    from napari.layers import Labels
    from napari.utils.colormaps import DirectLabelColormap

    if nuclei not in viewer.layers:
        return
    source = FieldSource(group=f"{title}/{LEFT_OUT}", title=title, brightfield=image.name, darkfield="", labels="")
    old = find_layer(viewer.layers, source.group, LEFT_OUT)
    if old is not None:
        viewer.layers.remove(old)
    layer = Labels(
        others,
        name=layer_name(LEFT_OUT, source),
        metadata=metadata_for(source, LEFT_OUT),
        features=why if others.ndim == 2 else None,
        colormap=DirectLabelColormap(color_dict={None: "#888888", 0: "transparent"}),
        opacity=0.5,
        **position_of([image], others.ndim),
    )
    active = viewer.layers.selection.active
    viewer.layers.insert(viewer.layers.index(nuclei), layer)
    viewer.layers.selection.active = active


def _images_of(viewer: ViewerModel, data_set: DataSet) -> list[Layer]:
    """Layers that show the same cells."""
    source = data_set.source
    if isinstance(source, FieldSource):
        return [layer for layer in viewer.layers if layer.name in (source.brightfield, source.labels)]
    return [layer for layer in viewer.layers if (its := source_of(layer)) is not None and its.group == source.group]
