"""Tracks of cells as napari's Tracks layer: read, and shown in the colours of phases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.gui.layers.source import Source, find_layer, layer_name, metadata_for, source_of
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.tracking.track_table import TrackTable

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Tracks

PHASE, RAW, POSITION = "phase", "single frame", "cycle_position"
"""What tracks are coloured by."""
TRACKS = "tracks"
"""Role of the layer."""


def tracks_layers(layers: Iterable[Layer]) -> list[Tracks]:
    """Tracks of the user's own, the newest first."""
    from napari.layers import Tracks

    return [layer for layer in layers if isinstance(layer, Tracks) and source_of(layer) is None][::-1]


def table_of(layer: Tracks) -> TrackTable:
    """The tracks of a layer, whose rows are track, frame, perhaps z, y and x in pixels."""
    data = np.asarray(layer.data)
    parents = {int(track): int(mothers[0]) for track, mothers in layer.graph.items() if len(mothers)}
    return TrackTable(
        data[:, 0].astype(np.int64), np.round(data[:, 1]).astype(np.int64), parents, position=data[:, -2:].astype(float)
    )


def show_tracks(
    viewer: ViewerModel,
    source: Source,
    data: NDArray[np.float64],
    parents: Mapping[int, int],
    columns: Mapping[str, NDArray[np.float64]],
    colours: Sequence[str],
    *,
    colour_by: str,
    like: Layer | None = None,
) -> Tracks:
    """Add tracks to the viewer, or replace those of the same cells.

    Parameters
    ----------
    viewer : ViewerModel
        Where they are shown.
    source : Source
        Where the cells come from.
    data : ndarray, shape (N, 4)
        Track, frame, y and x, in the order of tracks and frames.
    parents : mapping of int to int
        Mother of each track that has one.
    columns : mapping of str to ndarray, each of shape (N,)
        Values from 0 to 1 to colour by; phases as their middle in the row of colours.
    colours : sequence of str
        Of the phases, and of unsure cells.
    colour_by : str
        One of the columns.
    like : Layer, optional
        Whose scale they have.
    """
    from napari.layers import Tracks
    from napari.utils.colormaps import AVAILABLE_COLORMAPS, Colormap

    by_phase = Colormap(list(colours), interpolation="zero", name="phases")
    maps = {name: by_phase if name != POSITION else AVAILABLE_COLORMAPS["viridis"] for name in columns}
    scale = (1.0, 1.0, 1.0) if like is None else (1.0, *np.asarray(like.scale)[-2:].tolist())
    layer = Tracks(
        data,
        features=dict(columns),
        graph={child: [mother] for child, mother in parents.items()},
        color_by=colour_by,
        colormaps_dict=maps,
        name=layer_name(TRACKS, source),
        scale=scale,
        tail_width=4,
        tail_length=20,
        blending="translucent",  # napari adds the colours up by default, which makes others of them
        metadata=metadata_for(source, TRACKS),
    )
    active = viewer.layers.selection.active
    before = find_layer(viewer.layers, source.group, TRACKS)
    if before is not None:
        layer.visible = before.visible
        viewer.layers.remove(before)
    viewer.add_layer(layer)
    if active in viewer.layers:
        viewer.layers.selection.active = active
    return layer


def middle_of(phases: NDArray[np.int64], n_phases: int) -> NDArray[np.float64]:
    """Phases, of `n_phases`, as values from 0 to 1: each in the middle of its colour, unknown ones of the last."""
    return (np.where(phases == UNKNOWN, n_phases - 1, phases) + 0.5) / n_phases
