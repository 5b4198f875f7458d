"""Tracks as tables: which cell is where in which frame, and whose daughter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NO_TRACK = -1
"""In columns of tracks and parents: none."""


@dataclass(frozen=True, eq=False)
class TrackTable:
    """N cells of tracks, one row for each cell and frame.

    Attributes
    ----------
    track, frame : ndarray of int, shape (N,)
        Number of the track, and frame from 0 (as the file counts).
    parents : mapping of int to int
        Mother of each track that has one.
    cell : ndarray of int, shape (N,), or None
        Label of the cell in the image of its frame, if the file says it.
    position : ndarray, shape (N, 2), or None
        Centre (y, x) as the file gives it, in pixels or in its unit of length.
    unit : str
        Unit of the positions; empty if it is not known.
    pixel_size : float or None
        Edge of a pixel in that unit, if the file says it.
    spot : ndarray of int, shape (N,), or None
        What the file calls each row, if it has names for them.
    truth : ndarray of str, shape (N,), or None
        True phase of each row, if the file says it; empty where it is not known.
    """

    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    parents: Mapping[int, int] = field(default_factory=dict)
    cell: NDArray[np.int64] | None = None
    position: NDArray[np.float64] | None = None
    unit: str = ""
    pixel_size: float | None = None
    spot: NDArray[np.int64] | None = None
    truth: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.track)


class MergeError(ValueError):
    """Two cells are linked to one: no cell comes from two."""


def cut_at_divisions(
    frames: Mapping[int, int], edges: Sequence[tuple[int, int]]
) -> tuple[dict[int, int], dict[int, int]]:
    """Tracks from birth to division, from links between single cells.

    Parameters
    ----------
    frames : mapping of int to int
        Frame of each cell, by its name.
    edges : sequence of pairs of int
        Names of cells that are linked, in any direction.

    Returns
    -------
    tracks : dict of int to int
        Number of the track of each linked cell, in the order of tracks and frames.
    parents : dict of int to int
        Mother of each track that has one.

    Raises
    ------
    MergeError
        Two cells are linked to one.

    Examples
    --------
    >>> cut_at_divisions({7: 0, 8: 1, 9: 2, 10: 2}, [(7, 8), (8, 9), (8, 10)])
    ({7: 0, 8: 0, 9: 1, 10: 2}, {1: 0, 2: 0})
    """
    follow: dict[int, list[int]] = {}
    lead: dict[int, int] = {}
    for one, other in edges:
        source, target = (one, other) if frames[one] <= frames[other] else (other, one)
        if target in lead or frames[source] == frames[target]:
            raise MergeError(f"links two cells to one in frame {frames[target]}")
        follow.setdefault(source, []).append(target)
        lead[target] = source
    number: dict[int, int] = {}
    parents: dict[int, int] = {}
    n_tracks = 0
    for cell in sorted({*follow, *lead}, key=lambda cell: (frames[cell], cell)):
        mother = lead.get(cell)
        if mother is not None and len(follow[mother]) == 1:
            number[cell] = number[mother]
            continue
        number[cell] = n_tracks
        n_tracks += 1
        if mother is not None:
            parents[number[cell]] = number[mother]
    order = sorted(number, key=lambda cell: (number[cell], frames[cell]))
    return {cell: number[cell] for cell in order}, parents
