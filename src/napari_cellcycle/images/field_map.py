"""Which cell lies where in a full-field image, and images of the outlines of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_WIDTH_PX = 2


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Which cell lies where in a label image, 2D or time-lapse.

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
        """Number of coordinates of a position."""
        return self.labels.ndim

    @cached_property
    def _cell_of(self) -> dict[tuple[int, int], int]:
        keys = zip(self.frames.tolist(), self.ids.tolist(), strict=True)
        return {key: cell for cell, key in enumerate(keys)}

    def cell_at(self, *position: float) -> int | None:
        """Index of the cell at pixel coordinates (y, x) or (t, y, x), where 0 is the middle of the first pixel."""
        pixel = tuple(round(coordinate) for coordinate in position)
        if any(not 0 <= index < size for index, size in zip(pixel, self.labels.shape, strict=True)):
            return None
        frame = pixel[0] if self.labels.ndim == 3 else 0
        return self._cell_of.get((frame, int(self.labels[pixel])))

    def box(self, cells: Sequence[int] | NDArray[np.integer]) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of the smallest rectangle around these cells in all frames, in pixels."""
        inside = self.fill(np.isin(np.arange(len(self.ids)), cells).astype(np.uint8)) > 0
        rows, columns = np.nonzero(inside.any(axis=tuple(range(inside.ndim - 2))))
        return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1

    def patch(self, cell: int) -> tuple[tuple[slice, ...], NDArray[np.bool_], NDArray[np.bool_]]:
        """The region around a cell; which of its pixels belong to the cell; which of these are its outline."""
        frame, number = int(self.frames[cell]), int(self.ids[cell])
        rows, columns = np.nonzero(self._stack[frame] == number)
        box = slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)
        region = box if self.labels.ndim == 2 else (slice(frame, frame + 1), *box)
        inside = self.labels[region] == number
        return region, inside, inside & self._edges[region]

    def draw_outlines(self, phases: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The outlines of all cells, each with the phase number of its cell; 0 elsewhere. Shaped like `labels`."""
        return np.where(self._edges, self.fill(phases), 0).astype(np.uint8)

    def fill(self, phases: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Whole cells, each filled with its phase number; 0 elsewhere. Shaped like `labels`."""
        image = np.empty(self._stack.shape, np.uint8)
        for frame, labels in enumerate(self._stack):
            here = self.frames == frame
            image[frame] = _look_up(labels, self.ids[here], phases[here])
        return image.reshape(self.labels.shape)

    def read_phases(self, image: NDArray[np.integer]) -> NDArray[np.uint8]:
        """The phase number of each cell in an image of outlines that the user has painted on, shape (N,).

        It is the most frequent number that is painted inside the outline; without one, that of the outline.
        """
        image = np.asarray(image)
        inside, outline = (self._most_frequent(image, where) for where in (~self._edges, self._edges))
        return np.where(inside > 0, inside, outline)

    @property
    def _stack(self) -> NDArray[np.integer]:
        """The labels, shape (T, Y, X)."""
        return self.labels if self.labels.ndim == 3 else self.labels[None]

    def _most_frequent(self, image: NDArray[np.integer], where: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """The most frequent number above 0 of each cell at the pixels `where`, shape (N,); 0 if there is none."""
        painted = where & (image > 0)
        cells, numbers = self._cells_under(painted), image[painted].astype(np.int64)
        n_numbers = int(numbers.max(initial=0)) + 1
        pairs = (cells * n_numbers + numbers)[cells >= 0]
        counts = np.bincount(pairs, minlength=len(self.ids) * n_numbers)
        return counts.reshape(len(self.ids), n_numbers).argmax(axis=1).astype(np.uint8)

    def _cells_under(self, pixels: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Index of the cell at each of the `pixels` that are true, -1 where there is none."""
        found = []
        for frame, plane in enumerate(pixels.reshape(self._stack.shape)):
            here = np.flatnonzero(self.frames == frame)
            here = here[np.argsort(self.ids[here])]
            labels = self._stack[frame][plane]
            known = np.isin(labels, self.ids[here])
            cells = np.full(len(labels), -1, np.intp)
            cells[known] = here[np.searchsorted(self.ids[here], labels[known])]
            found.append(cells)
        return np.concatenate(found)

    @cached_property
    def _edges(self) -> NDArray[np.bool_]:
        return _edges(self.labels)


def _look_up(labels: NDArray[np.integer], ids: NDArray[np.int64], numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The number of the cell at each pixel, 0 where there is none."""
    if not labels.size or not 0 <= labels.min() <= labels.max() <= labels.size:
        ids, order = np.unique(ids, return_index=True)  # a table of labels that are far apart would be too large
        indices = np.searchsorted(ids, labels).clip(max=len(ids) - 1)
        return np.where(ids[indices] == labels, numbers[order][indices], 0).astype(np.uint8)
    number_of = np.zeros(int(labels.max()) + 1, np.uint8)
    number_of[ids] = numbers
    return number_of[labels]


def _edges(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Pixels within the width of an outline from another label or from the border of the image."""
    padded = np.pad(labels, [(0, 0)] * (labels.ndim - 2) + [(_WIDTH_PX, _WIDTH_PX)] * 2)
    edges = np.zeros(labels.shape, bool)
    height, width = labels.shape[-2:]
    for rows, columns in ((0, 1), (2, 1), (1, 0), (1, 2)):
        top, left = rows * _WIDTH_PX, columns * _WIDTH_PX
        edges |= padded[..., top : top + height, left : left + width] != labels
    return edges
