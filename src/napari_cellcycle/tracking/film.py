"""The cells of films, by film, and their tracks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_FRAME = re.compile(r"^(.*)\[t=(\d+)\]$", re.DOTALL)
_TIME = re.compile(r"(?:(?<=[ _.-])|(?<=/)|^)t(?:ime)?[_-]?(\d+)(?=[ _.-][^/]*$)", re.IGNORECASE)
"""A time in the name of a file, as in ``a_t003.tif``, ``a_T3_ch1.tif`` or ``film/t003.tif``."""


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
        Those of time-lapses end in the frame, as in ``film.tif[t=3]``, or name it, as in ``film_t003.tif``.
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
    known = film_frames(names.tolist())
    found = [known.get(name, ("", -1)) for name in names.tolist()]
    film = np.array([name for name, _ in found], dtype=object)[index]
    frame = np.array([number for _, number in found], np.int64)[index]
    films = []
    for name in dict.fromkeys(film[frame >= 0].tolist()):
        rows = np.flatnonzero((film == name) & (frame >= 0))
        films.append(Film(str(name), rows, frame[rows], labels[rows], boxes[rows]))
    return films


def film_frames(sources: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Film and frame of images that are frames of time-lapses, by their source.

    Files are frames of a film if their names differ in the time alone, and are counted with two digits or more: T1 and
    T2 may be treatments. Frames are counted as the names do, but from 0 if theirs begin with 1.

    Parameters
    ----------
    sources : sequence of str
        Of all images, each once.

    Returns
    -------
    dict of str to (str, int)
        Those of films.

    Examples
    --------
    >>> film_frames(["a.tif[t=3]", "b/t01.tif", "b/t02.tif", "c.tif"])
    {'a.tif[t=3]': ('a.tif', 3), 'b/t01.tif': ('b/t*.tif', 0), 'b/t02.tif': ('b/t*.tif', 1)}
    """
    found: dict[str, tuple[str, int]] = {}
    files: dict[str, dict[str, str]] = {}
    for source in sources:
        if inside := _FRAME.match(source):
            found[source] = inside[1], int(inside[2])
        elif times := list(_TIME.finditer(source)):
            start, stop = times[-1].span(1)
            files.setdefault(f"{source[:start]}*{source[stop:]}", {})[source] = times[-1][1]
    for film, numbers in files.items():
        first = min(map(int, numbers.values()))
        if len(numbers) > 1 and max(map(len, numbers.values())) > 1:
            found |= {source: (film, int(number) - (first == 1)) for source, number in numbers.items()}
    return found


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
