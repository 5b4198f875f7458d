"""A grid of equal tiles, one for each cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


GAP_PX = 1
"""Width of the dark line on each side of a tile."""
_Number = TypeVar("_Number", bound=np.unsignedinteger)


@dataclass(frozen=True)
class Grid:
    """Where each cell lies in a gallery: equal square tiles, row by row.

    Attributes
    ----------
    n_cells, tile_px, columns : int
        Tiles in all, edge of the image inside a tile, tiles in a row.
    """

    n_cells: int
    tile_px: int
    columns: int

    @classmethod
    def fit(cls, n_cells: int, tile_px: int, aspect: float = 1.4) -> Grid:
        """The grid whose width over height comes nearest to `aspect`."""
        return cls(n_cells, tile_px, max(1, round(math.sqrt(n_cells * aspect))))

    @property
    def ndim(self) -> int:
        """Coordinates that a position has."""
        return 2

    @property
    def pitch_px(self) -> int:
        """Distance from one tile to the next."""
        return self.tile_px + 2 * GAP_PX

    @property
    def rows(self) -> int:
        """Rows of tiles, the last one perhaps not full."""
        return -(-self.n_cells // self.columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the gallery in pixels."""
        return self.rows * self.pitch_px, self.columns * self.pitch_px

    def cell_at(self, *position: float) -> int | None:
        """The cell under pixel coordinates (y, x), where 0 is the middle of the first pixel."""
        row, column = (math.floor((coordinate + 0.5) / self.pitch_px) for coordinate in position)
        cell = row * self.columns + column
        inside = row >= 0 and 0 <= column < self.columns and cell < self.n_cells
        return cell if inside else None

    def box(self, cells: Sequence[int] | NDArray[np.integer]) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of the smallest rectangle round these tiles, in pixels."""
        rows, columns = np.divmod(np.asarray(cells), self.columns)
        top, left = int(rows.min()), int(columns.min())
        bottom, right = int(rows.max()) + 1, int(columns.max()) + 1
        return top * self.pitch_px, left * self.pitch_px, bottom * self.pitch_px, right * self.pitch_px

    def paint(self, numbers: NDArray[_Number], stamp: NDArray[np.bool_]) -> NDArray[_Number]:
        """A picture with `stamp` (pitch x pitch) on each tile, in that tile's number; 0 elsewhere."""
        tiles = np.zeros((self.rows, 1, self.columns, 1), numbers.dtype)
        tiles.reshape(-1)[: self.n_cells] = numbers[: self.n_cells]
        return (tiles * stamp[None, :, None, :]).reshape(self.shape)

    def frame(self) -> NDArray[np.bool_]:
        """The stamp of a frame: a little of the image, so that the cell stays visible, and no dark line.

        So no frame touches the next one, and a click with the fill bucket changes one of them only.
        """
        stamp = np.zeros((self.pitch_px, self.pitch_px), bool)
        stamp[GAP_PX:-GAP_PX, GAP_PX:-GAP_PX] = True
        stamp[self._inside, self._inside] = False
        return stamp

    def corner(self) -> NDArray[np.bool_]:
        """The stamp of a triangle in the upper right corner of what a frame leaves free."""
        free = range(self.pitch_px)[self._inside]
        side = max(1, round(self.tile_px * 0.2))
        y, x = np.mgrid[: self.pitch_px, : self.pitch_px]
        below, left = y - free.start, free.stop - 1 - x
        stamp: NDArray[np.bool_] = (below >= 0) & (left >= 0) & (below + left < side)
        return stamp

    @property
    def _inside(self) -> slice:
        """Rows, and columns, of a tile that its frame leaves free."""
        width = GAP_PX + max(1, round(self.tile_px * 0.075))
        return slice(width, self.pitch_px - width)

    def draw_outlines(self, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture of the tiles' edges, each in its cell's number; 0 elsewhere."""
        return self.paint(numbers, self.frame())

    def fill(self, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture of whole tiles, each in its cell's number; 0 elsewhere."""
        return self.paint(numbers, np.ones((self.pitch_px, self.pitch_px), bool))

    def read_numbers(self, picture: NDArray[np.integer]) -> NDArray[np.uint8]:
        """The number that each cell has in a picture of outlines that somebody painted on, shape (N,).

        It is the one that most of the painted pixels inside its frame have, else that of its frame.
        """
        pitch = self.pitch_px
        tiles = np.asarray(picture).reshape(self.rows, pitch, self.columns, pitch).swapaxes(1, 2)
        inside = tiles[..., self._inside, self._inside]
        numbers = tiles[..., GAP_PX, GAP_PX].astype(np.uint8)
        for place in zip(*np.nonzero(inside.any(axis=(2, 3))), strict=True):
            painted = inside[place]
            numbers[place] = np.bincount(painted[painted > 0]).argmax()
        return numbers.reshape(-1)[: self.n_cells]
