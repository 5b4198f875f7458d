"""Cells as napari layers: pictures, the phase picture over them, and what we know of each in its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.gui.layers.phase_table import cell_table
from napari_cellcycle.gui.layers.source import MASK, PHASE, SYNTHETIC, GallerySource, Source, metadata_for
from napari_cellcycle.phases import (
    COLOURS,
    SYNTHETIC_COLOUR,
    UNSURE,
    UNSURE_COLOUR,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd
    from napari.layers import Labels
    from napari.utils.colormaps import DirectLabelColormap
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.images.mosaic import Mosaic

    LayerData = tuple[Any, dict[str, Any], str]


def gallery_layers(cells: Cells, mosaic: Mosaic, source: GallerySource) -> list[LayerData]:
    """One Image layer a channel, of which the first is visible, since each covers the others; masks; marks."""
    sizes = np.unique(cells.pixel_size_um)
    space: dict[str, Any] = {}
    if len(sizes) == 1 and np.isfinite(sizes[0]):
        space = {"scale": (float(sizes[0]),) * 2, "units": ("um", "um")}
    layers: list[LayerData] = []
    for number, (name, pixels, limits) in enumerate(
        zip(cells.channels, mosaic.pixels, mosaic.contrast_limits, strict=True)
    ):
        options = {
            "name": f"cells: {name}",
            "metadata": metadata_for(source, name),
            "contrast_limits": limits,
            "gamma": 1.0 if name == BRIGHTFIELD else 0.7,  # dim scatter is seen beside bright spots
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
    """A white veil: colours of napari's own would be taken for phases."""
    from napari.utils.colormaps import DirectLabelColormap

    options = {
        "name": f"cells: {MASK}",
        "metadata": metadata_for(source, MASK),
        "colormap": DirectLabelColormap(color_dict={None: "white", 0: "transparent"}),
        "opacity": 0.35,
        "visible": False,
        **space,
    }
    return masks, options, "labels"


def _synthetic_layer(cells: Cells, source: GallerySource, space: dict[str, Any]) -> LayerData:
    """A mark in a corner of each made cell, where it stays to be seen when the cells are classified.

    Numbered from 1 in the order of the gallery, as napari has it: the table's column ``index`` says so.
    """
    from napari.utils.colormaps import DirectLabelColormap

    made = cells.synthetic[: source.n_shown]
    numbers = np.arange(1, source.n_shown + 1, dtype=np.min_scalar_type(source.n_shown)) * made
    table = cell_table(cells).head(source.n_shown)
    table.insert(0, "index", np.arange(1, source.n_shown + 1))
    options = {
        "name": f"cells: {SYNTHETIC}",
        "metadata": metadata_for(source, SYNTHETIC),
        "features": table,
        "colormap": DirectLabelColormap(color_dict={None: SYNTHETIC_COLOUR, 0: "transparent"}),
        "opacity": 1.0,
        **space,
    }
    return source.grid.stamp(numbers, source.grid.corner()), options, "labels"


def phase_layer(
    picture: NDArray[np.uint8], table: pd.DataFrame, source: Source, *, model: str, min_probability: float
) -> LayerData:
    """The Labels layer of phase numbers: 0 none, 1 to 7 the phases in order, 8 unsure."""
    options = {
        "name": "cells: phase",
        "metadata": metadata_for(source, PHASE, model=model, min_probability=min_probability),
        "features": table,
        "colormap": phase_colormap(),
        "opacity": 1.0,
    }
    return picture, options, "labels"


def phase_numbers(phases: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Numbers of the phase picture from those of a `Prediction`."""
    return (phases + 1).astype(np.uint8)


def phase_colormap(hidden: Collection[int] = ()) -> DirectLabelColormap:
    """The fixed colour of each phase; those of the phase numbers `hidden` are transparent."""
    from napari.utils.colormaps import DirectLabelColormap

    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for number, colour in [*COLOURS.items(), (UNSURE, UNSURE_COLOUR)]:
        colours[int(number) + 1] = "transparent" if number in hidden else colour
    return DirectLabelColormap(color_dict=colours)


def hidden_phases(layer: Labels) -> set[int]:
    """The phase numbers that `phase_colormap` made transparent."""
    colours = layer.colormap.color_dict
    return {number for number in range(UNSURE + 1) if colours[number + 1][3] == 0}
