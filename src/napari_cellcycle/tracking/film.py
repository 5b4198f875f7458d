"""The cells of films, by film, and their tracks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_FRAME = re.compile(r"^(.*)\[t=(\d+)\]$", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Film:
    """N cells of one film.

    Attributes
    ----------
    name : str
        Source of its cells, without the frame.
    rows : ndarray of int, shape (N,)
        Place of each cell among all cells.
    frame, label : ndarray of int, shape (N,)
        Its frame, and its label there.
    box : ndarray, shape (N, 4)
        First row, first column, row and column after the last; NaN if it is not known.
    """

    name: str
    rows: Ints
    frame: Ints
    label: Ints
    box: Floats

    @property
    def n_frames(self) -> int:
        """Frames up to the last one with a cell."""
        return int(self.frame.max()) + 1

    @property
    def centre(self) -> Floats:
        """Row and column of the middle of each box, (N, 2)."""
        return (self.box[:, :2] + self.box[:, 2:] - 1) / 2

    @property
    def diameter(self) -> float:
        """Usual edge of a box, in pixels."""
        return float(np.nanmedian(self.box[:, 2:] - self.box[:, :2]))

    def in_frame(self, frame: int) -> Ints:
        """Cells of a frame, as places in this film."""
        return np.flatnonzero(self.frame == frame)


def films_of(sources: NDArray[np.str_], labels: Ints, boxes: Floats) -> list[Film]:
    """Cells of time-lapses, by film; others are left out.

    Parameters
    ----------
    sources : ndarray of str, shape (N,)
        Those of time-lapses end in the frame, as in ``film.tif[t=3]``.
    labels : ndarray of int, shape (N,)
        Label of each cell in its frame.
    boxes : ndarray, shape (N, 4)
        As in `Film`.

    Returns
    -------
    list of Film
        In the order in which they come.
    """
    names, index = np.unique(sources, return_inverse=True)
    found = [_FRAME.match(name) for name in names.tolist()]
    film = np.array([match[1] if match else "" for match in found], dtype=object)[index]
    frame = np.array([int(match[2]) if match else -1 for match in found], np.int64)[index]
    films = []
    for name in dict.fromkeys(film[frame >= 0].tolist()):
        rows = np.flatnonzero((film == name) & (frame >= 0))
        films.append(Film(str(name), rows, frame[rows], labels[rows], boxes[rows]))
    return films


@dataclass(frozen=True, eq=False)
class FilmTracks:
    """Tracks of the N cells of a film.

    Attributes
    ----------
    track : ndarray of int, shape (N,)
        Number of each cell's track; -1 where it has none.
    parents : mapping of int to int
        Mother of each track that has one.
    notes : tuple of str
        What the user should know.
    spot : ndarray of int, shape (N,), or None
        What the table calls the row of each cell; -1 where it has none.
    truth : ndarray of str, shape (N,), or None
        True phase of each cell, if the table says it; empty where it does not.
    """

    track: Ints
    parents: Mapping[int, int]
    notes: tuple[str, ...] = ()
    spot: Ints | None = None
    truth: NDArray[np.str_] | None = None
