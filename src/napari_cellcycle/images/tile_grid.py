"""A grid of equal tiles, one for each cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

GAP_PX = 1
"""Width of the dark line on each side of a tile."""
_Number = TypeVar("_Number", bound=np.unsignedinteger)


@dataclass(frozen=True)
class Grid:
    """Which cell lies where in a gallery of equal square tiles, filled row by row.

    Attributes
    ----------
    n_cells, tile_px, columns : int
        Number of tiles, edge of the image inside a tile, tiles per row.
    """

    n_cells: int
    tile_px: int
    columns: int

    @classmethod
    def fit(cls, n_cells: int, tile_px: int, aspect: float = 1.4) -> Grid:
        """The grid whose width divided by its height is nearest to `aspect`."""
        return cls(n_cells, tile_px, max(1, round(math.sqrt(n_cells * aspect))))

    @property
    def ndim(self) -> int:
        """Number of coordinates of a position."""
        return 2

    @property
    def pitch_px(self) -> int:
        """Distance from one tile to the next."""
        return self.tile_px + 2 * GAP_PX

    @property
    def rows(self) -> int:
        """Number of rows of tiles; the last one may not be full."""
        return -(-self.n_cells // self.columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the gallery in pixels."""
        return self.rows * self.pitch_px, self.columns * self.pitch_px

    def cell_at(self, *position: float) -> int | None:
        """Index of the cell at pixel coordinates (y, x), where 0 is the middle of the first pixel; None outside."""
        row, column = (math.floor((coordinate + 0.5) / self.pitch_px) for coordinate in position)
        cell = row * self.columns + column
        inside = row >= 0 and 0 <= column < self.columns and cell < self.n_cells
        return cell if inside else None

    def box(self, cells: Sequence[int] | NDArray[np.integer]) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of the smallest rectangle around these tiles, in pixels."""
        rows, columns = np.divmod(np.asarray(cells), self.columns)
        top, left = int(rows.min()), int(columns.min())
        bottom, right = int(rows.max()) + 1, int(columns.max()) + 1
        return top * self.pitch_px, left * self.pitch_px, bottom * self.pitch_px, right * self.pitch_px

    def stamp(self, values: NDArray[_Number], shape: NDArray[np.bool_]) -> NDArray[_Number]:
        """Draw `shape` on each tile with the value of its cell.

        Parameters
        ----------
        values : ndarray of unsigned int, shape (N,)
            One value per cell.
        shape : ndarray of bool, shape (pitch_px, pitch_px)
            Which pixels of a tile are drawn, as `frame` and `corner` return it.

        Returns
        -------
        ndarray of unsigned int, shape (Y, X)
            0 where nothing is drawn.
        """
        tiles = np.zeros((self.rows, 1, self.columns, 1), values.dtype)
        tiles.reshape(-1)[: self.n_cells] = values[: self.n_cells]
        return (tiles * shape[None, :, None, :]).reshape(self.shape)

    def frame(self) -> NDArray[np.bool_]:
        """The shape of a frame along the edge of a tile: narrow, so that the cell stays visible.

        It leaves the dark line free. So no frame touches the next one, and the fill bucket of napari changes one only.
        """
        shape = np.zeros((self.pitch_px, self.pitch_px), bool)
        shape[GAP_PX:-GAP_PX, GAP_PX:-GAP_PX] = True
        shape[self._inside, self._inside] = False
        return shape

    def corner(self) -> NDArray[np.bool_]:
        """The shape of a triangle in the upper right corner of a tile, inside its frame."""
        free = range(self.pitch_px)[self._inside]
        side = max(1, round(self.tile_px * 0.2))
        y, x = np.mgrid[: self.pitch_px, : self.pitch_px]
        below, left = y - free.start, free.stop - 1 - x
        shape: NDArray[np.bool_] = (below >= 0) & (left >= 0) & (below + left < side)
        return shape

    @property
    def _inside(self) -> slice:
        """Rows (and columns) of a tile inside its frame."""
        width = GAP_PX + max(1, round(self.tile_px * 0.075))
        return slice(width, self.pitch_px - width)

    def patch(self, cell: int) -> tuple[tuple[slice, ...], NDArray[np.bool_], NDArray[np.bool_]]:
        """The region of a cell's tile; which of its pixels belong to the cell; which of these are its frame."""
        top, left, bottom, right = self.box([cell])
        return (slice(top, bottom), slice(left, right)), np.ones((self.pitch_px, self.pitch_px), bool), self.frame()

    def draw_outlines(self, phases: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frames of all tiles, each with the phase number of its cell, shape (Y, X); 0 elsewhere."""
        return self.stamp(phases, self.frame())

    def fill(self, phases: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Whole tiles, each filled with the phase number of its cell, shape (Y, X); 0 elsewhere."""
        return self.stamp(phases, np.ones((self.pitch_px, self.pitch_px), bool))

    def read_phases(self, image: NDArray[np.integer]) -> NDArray[np.uint8]:
        """The phase number of each cell in an image of frames that the user has painted on, shape (N,).

        It is the most frequent number that is painted inside the frame; without one, the number of the frame.
        """
        pitch = self.pitch_px
        tiles = np.asarray(image).reshape(self.rows, pitch, self.columns, pitch).swapaxes(1, 2)
        inside = tiles[..., self._inside, self._inside]
        phases = tiles[..., GAP_PX, GAP_PX].astype(np.uint8)
        for tile in zip(*np.nonzero(inside.any(axis=(2, 3))), strict=True):
            painted = inside[tile]
            phases[tile] = np.bincount(painted[painted > 0]).argmax()
        return phases.reshape(-1)[: self.n_cells]
