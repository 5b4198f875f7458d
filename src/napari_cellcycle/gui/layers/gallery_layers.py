"""The layers of a gallery: one image for each channel, masks, and marks on synthetic cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD, Cells
from napari_cellcycle.gui.layers.phase_table import cell_table
from napari_cellcycle.gui.layers.source import MASK, SYNTHETIC, GallerySource, layer_name, metadata_for
from napari_cellcycle.images.mosaic import Mosaic
from napari_cellcycle.phases import SYNTHETIC_COLOUR

LayerData = tuple[Any, dict[str, Any], str]


def gallery_layers(cells: Cells, mosaic: Mosaic, source: GallerySource) -> list[LayerData]:
    """One Image layer a channel, of which only the first is visible, since each covers the others; masks; marks."""
    sizes = np.unique(cells.pixel_size_um)
    space: dict[str, Any] = {}
    if len(sizes) == 1 and np.isfinite(sizes[0]):
        space = {"scale": (float(sizes[0]),) * 2, "units": ("um", "um")}
    layers: list[LayerData] = []
    for number, (name, pixels, limits) in enumerate(
        zip(cells.channels, mosaic.pixels, mosaic.contrast_limits, strict=True)
    ):
        options = {
            "name": layer_name(name, source),
            "metadata": metadata_for(source, name),
            "contrast_limits": limits,
            "gamma": 1.0 if name == BRIGHTFIELD else 0.7,  # shows dim scatter next to bright spots
            "visible": number == 0,
            **space,
        }
        layers.append((pixels, options, "image"))
    layers.reverse()  # the visible one on top
    if mosaic.masks is not None:
        layers.append(_mask_layer(mosaic.masks, source, space))
    if cells.synthetic[: source.n_shown].any():
        layers.append(_synthetic_layer(cells, source, space))
    return layers


def _mask_layer(masks: NDArray[np.unsignedinteger], source: GallerySource, space: dict[str, Any]) -> LayerData:
    """A white veil: napari's own colours could be mistaken for phases."""
    from napari.utils.colormaps import DirectLabelColormap

    options = {
        "name": layer_name(MASK, source),
        "metadata": metadata_for(source, MASK),
        "colormap": DirectLabelColormap(color_dict={None: "white", 0: "transparent"}),
        "opacity": 0.35,
        "visible": False,
        **space,
    }
    return masks, options, "labels"


def _synthetic_layer(cells: Cells, source: GallerySource, space: dict[str, Any]) -> LayerData:
    """A mark in a corner of each synthetic cell, where it can still be seen after the cells are classified.

    Cells are numbered from 1 in the order of the gallery; napari takes the number from the table's column ``index``.
    """
    from napari.utils.colormaps import DirectLabelColormap

    synthetic = cells.synthetic[: source.n_shown]
    numbers = np.arange(1, source.n_shown + 1, dtype=np.min_scalar_type(source.n_shown)) * synthetic
    table = cell_table(cells).head(source.n_shown)
    table.insert(0, "index", np.arange(1, source.n_shown + 1))
    options = {
        "name": layer_name(SYNTHETIC, source),
        "metadata": metadata_for(source, SYNTHETIC),
        "features": table,
        "colormap": DirectLabelColormap(color_dict={None: SYNTHETIC_COLOUR, 0: "transparent"}),
        "opacity": 1.0,
        **space,
    }
    return source.grid.stamp(numbers, source.grid.corner()), options, "labels"
