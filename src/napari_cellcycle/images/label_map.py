"""A full-field image's cells, drawn as outlines in the number of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WIDTH_PX = 2


@dataclass(frozen=True, eq=False)
class Field:
    """Where each cell lies in a label image, 2D or time-lapse.

    Attributes
    ----------
    labels : ndarray of int, shape (Y, X) or (T, Y, X)
        The label image; 0 is background.
    frames, ids : ndarray of int, shape (N,)
        Frame (0 in 2D) and label of each cell.
    """

    labels: NDArray[np.integer]
    frames: NDArray[np.int64]
    ids: NDArray[np.int64]

    @property
    def ndim(self) -> int:
        """Coordinates that a position has."""
        return self.labels.ndim

    @cached_property
    def _cell_of(self) -> dict[tuple[int, int], int]:
        keys = zip(self.frames.tolist(), self.ids.tolist(), strict=True)
        return {key: cell for cell, key in enumerate(keys)}

    def cell_at(self, *position: float) -> int | None:
        """The cell under pixel coordinates (y, x) or (t, y, x), where 0 is the middle of the first pixel."""
        place = tuple(round(coordinate) for coordinate in position)
        if any(not 0 <= at < size for at, size in zip(place, self.labels.shape, strict=True)):
            return None
        frame = place[0] if self.labels.ndim == 3 else 0
        return self._cell_of.get((frame, int(self.labels[place])))

    def box(self, cells: Sequence[int] | NDArray[np.integer]) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of the smallest rectangle round these cells, in pixels, over all frames."""
        inside = self._spread(np.isin(np.arange(len(self.ids)), cells).astype(np.uint8)) > 0
        rows, columns = np.nonzero(inside.any(axis=tuple(range(inside.ndim - 2))))
        return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1

    def draw_outlines(self, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture of the cells' outlines, each in its number; 0 elsewhere."""
        return np.where(self._edges, self._spread(numbers), 0).astype(np.uint8)

    def fill(self, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture of whole cells, each in its number; 0 elsewhere."""
        return self._spread(numbers)

    def read_numbers(self, picture: NDArray[np.integer]) -> NDArray[np.uint8]:
        """The number that each cell has in a picture of outlines that somebody painted on, shape (N,).

        It is the one that most of the painted pixels inside its outline have, else that most of its outline has.
        """
        picture = np.asarray(picture)
        inside, outline = (self._most_frequent(picture, where) for where in (~self._edges, self._edges))
        return np.where(inside > 0, inside, outline)

    def _most_frequent(self, picture: NDArray[np.integer], where: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """The number that most painted pixels of each cell have there, 0 where none is painted."""
        painted = where & (picture > 0)
        cells, numbers = self._cells_under(painted), picture[painted].astype(np.int64)
        n_numbers = int(numbers.max(initial=0)) + 1
        pairs = (cells * n_numbers + numbers)[cells >= 0]
        counts = np.bincount(pairs, minlength=len(self.ids) * n_numbers)
        return counts.reshape(len(self.ids), n_numbers).argmax(axis=1).astype(np.uint8)

    def _cells_under(self, pixels: NDArray[np.bool_]) -> NDArray[np.intp]:
        """The cell under each of the `pixels` that are true, -1 where there is none."""
        labels = self.labels if self.labels.ndim == 3 else self.labels[None]
        found = []
        for frame, plane in enumerate(pixels.reshape(labels.shape)):
            here = np.flatnonzero(self.frames == frame)
            here = here[np.argsort(self.ids[here])]
            under = labels[frame][plane]
            places = np.searchsorted(self.ids[here], under)
            known = np.isin(under, self.ids[here])
            cells = np.full(len(under), -1, np.intp)
            cells[known] = here[places[known]]
            found.append(cells)
        return np.concatenate(found)

    @cached_property
    def _edges(self) -> NDArray[np.bool_]:
        return _edges(self.labels)

    def _spread(self, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
        labels = self.labels if self.labels.ndim == 3 else self.labels[None]
        picture = np.empty(labels.shape, np.uint8)
        for frame, plane in enumerate(labels):
            here = self.frames == frame
            picture[frame] = _look_up(plane, self.ids[here], numbers[here])
        return picture.reshape(self.labels.shape)


def _look_up(labels: NDArray[np.integer], ids: NDArray[np.int64], numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The number of the cell under each pixel, 0 where there is none."""
    if not labels.size or not 0 <= labels.min() <= labels.max() <= labels.size:
        ids, order = np.unique(ids, return_index=True)  # labels too far apart for a table of all of them
        places = np.searchsorted(ids, labels).clip(max=len(ids) - 1)
        return np.where(ids[places] == labels, numbers[order][places], 0).astype(np.uint8)
    number_of = np.zeros(int(labels.max()) + 1, np.uint8)
    number_of[ids] = numbers
    return number_of[labels]


def _edges(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Pixels that are nearer than the outline's width to another label or to the image's border."""
    padded = np.pad(labels, [(0, 0)] * (labels.ndim - 2) + [(_WIDTH_PX, _WIDTH_PX)] * 2)
    edges = np.zeros(labels.shape, bool)
    height, width = labels.shape[-2:]
    for rows, columns in ((0, 1), (2, 1), (1, 0), (1, 2)):
        top, left = rows * _WIDTH_PX, columns * _WIDTH_PX
        edges |= padded[..., top : top + height, left : left + width] != labels
    return edges
