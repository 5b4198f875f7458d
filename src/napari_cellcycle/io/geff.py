"""Tracks in GEFF, the Graph Exchange File Format: a graph of cells in Zarr (https://live-image-tracking-tools.github.io/geff).

Its layout is plain enough to be read by zarr alone, which is an extra already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_cellcycle.errors import ReadError, reason_of
from napari_cellcycle.io.formats.zarr_groups import attributes_of, shown_name
from napari_cellcycle.tracking.track_table import MergeError, TrackTable, cut_at_divisions

_LABELS = ("seg_id", "label", "cell", "mask_id")
"""Usual names for the label of a cell in its image, where the file does not say which it is."""


def is_geff(path: Path) -> bool:
    """Whether a folder is a graph in GEFF, by its attributes alone."""
    return path.is_dir() and "geff" in attributes_of(path)


def read_geff(path: Path) -> TrackTable:
    """Tracks of a graph; its lineages are cut into tracks at divisions.

    Raises
    ------
    ReadError
        It is damaged, has no time, or links two cells to one; or the package zarr is not installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise ReadError("GEFF needs the package zarr; install it with: pip install 'napari-cellcycle[zarr]'") from error
    name = shown_name(path)
    try:
        table = _table(zarr.open_group(str(path), mode="r"), attributes_of(path)["geff"])
    except MergeError as error:
        raise ReadError(f"{name} {error}; correct the links") from error
    except Exception as error:
        raise ReadError(f"{name} can't be read as GEFF ({reason_of(error)}); write it again") from error
    if not len(table):
        raise ReadError(f"{name} links no cells; write it again, with its edges")
    return table


def _table(group: Any, known: dict[str, Any]) -> TrackTable:
    axes = {axis["name"]: axis for axis in known.get("axes") or []}
    time = next((name for name, axis in axes.items() if axis.get("type") == "time"), "t")
    space = [name for name, axis in axes.items() if axis.get("type") == "space"][-2:] or ["y", "x"]
    nodes, edges = group["nodes/ids"][:], group["edges/ids"][:]
    place = {int(node): row for row, node in enumerate(nodes)}
    frame = np.round(group[f"nodes/props/{time}/values"][:]).astype(np.int64)
    pairs = [(int(one), int(other)) for one, other in edges]
    number, parents = cut_at_divisions({int(node): int(frame[row]) for node, row in place.items()}, pairs)
    rows = np.array([place[node] for node in number], np.int64)
    position = label = None
    props = set(group["nodes/props"].group_keys())
    if set(space) <= props and len(space) == 2:
        position = np.stack([group[f"nodes/props/{axis}/values"][:] for axis in space], axis=1)[rows].astype(float)
    named = [item.get("label_prop") for item in known.get("related_objects") or [] if item.get("type") == "labels"]
    labelled = next((prop for prop in (*named, *_LABELS) if prop in props), None)
    if labelled:
        label = group[f"nodes/props/{labelled}/values"][:][rows].astype(np.int64)
    unit = (axes.get(space[0]) or {}).get("unit") or ""
    tracks = np.array(list(number.values()), np.int64)
    return TrackTable(tracks, frame[rows], parents, label, position, unit, spot=nodes[rows].astype(np.int64))
