"""Where each tile of a long grid lies, with headers between groups; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class GridLayout:
    """Tiles in rows, group by group; a number of pixels is one of the screen.

    Attributes
    ----------
    counts : tuple of int
        Tiles of each group, one or more.
    columns, pitch_px : int
        Tiles per row, and distance from one to the next.
    header_px : int
        Height of a group's header; 0 where there are no headers.
    """

    counts: tuple[int, ...]
    columns: int
    pitch_px: int
    header_px: int = 0

    @classmethod
    def fit(cls, counts: Sequence[int], width_px: int, pitch_px: int, header_px: int = 0) -> GridLayout:
        """As many tiles per row as fit into a width, at least one."""
        return cls(tuple(counts), max(1, width_px // pitch_px), pitch_px, header_px)

    @property
    def n_tiles(self) -> int:
        """Tiles in all groups."""
        return int(self._starts[-1])

    @property
    def height_px(self) -> int:
        """Height of all rows and headers."""
        return int(self._tops[-1])

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Number of the first tile of each group, and of one after the last."""
        return np.cumsum([0, *self.counts], dtype=np.int64)

    @cached_property
    def _tops(self) -> NDArray[np.int64]:
        """Where each group begins with its header, and where the last one ends."""
        rows = -(-np.array([0, *self.counts], dtype=np.int64) // self.columns)
        return np.cumsum(rows * self.pitch_px + self.header_px) - self.header_px

    def group_of(self, tile: int) -> int:
        """The group that a tile is in."""
        return int(np.searchsorted(self._starts, tile, side="right")) - 1

    def header_top(self, group: int) -> int:
        """Where the header of a group begins."""
        return int(self._tops[group])

    def position(self, tile: int) -> tuple[int, int]:
        """Left and top of a tile."""
        group = self.group_of(tile)
        row, column = divmod(tile - int(self._starts[group]), self.columns)
        return column * self.pitch_px, int(self._tops[group]) + self.header_px + row * self.pitch_px

    def tile_at(self, x: float, y: float) -> int | None:
        """The tile at a place; None beside the tiles and on a header."""
        column = int(x // self.pitch_px)
        if not (0 <= column < self.columns and 0 <= y < self.height_px):
            return None
        group = self._group_at(y)
        row = (y - self._tops[group] - self.header_px) // self.pitch_px
        inside = int(row) * self.columns + column
        return int(self._starts[group]) + inside if row >= 0 and inside < self.counts[group] else None

    def between(self, top: float, bottom: float) -> range:
        """Tiles of all rows that are seen at least in part between two heights."""
        if not self.n_tiles or bottom <= 0 or top >= self.height_px:
            return range(0)
        return range(self._first_from(max(top, 0)), self._first_from(bottom, after=True))

    def headers_between(self, top: float, bottom: float) -> range:
        """Groups of which something is seen between two heights."""
        if not self.counts or bottom <= 0 or top >= self.height_px:
            return range(0)
        return range(self._group_at(max(top, 0)), self._group_at(min(bottom, self.height_px - 1)) + 1)

    def inside(self, left: float, top: float, right: float, bottom: float) -> NDArray[np.intp]:
        """Tiles that a rectangle touches."""
        tiles = np.array(self.between(top, bottom + 1), np.intp)
        if not len(tiles):
            return tiles
        group = np.searchsorted(self._starts, tiles, side="right") - 1
        column = (tiles - self._starts[group]) % self.columns
        return tiles[(column >= left // self.pitch_px) & (column <= right // self.pitch_px)]

    def above_or_below(self, tile: int, rows: int) -> int:
        """The tile some rows further down, or up if `rows` is negative, in the same column where there is one."""
        column = self.position(tile)[0] // self.pitch_px
        group = self.group_of(tile)
        row = (tile - int(self._starts[group])) // self.columns + rows
        while row < 0 and group > 0:
            group -= 1
            row += self._rows(group)
        while row >= self._rows(group) and group < len(self.counts) - 1:
            row -= self._rows(group)
            group += 1
        row = min(max(row, 0), self._rows(group) - 1)
        return int(self._starts[group]) + min(row * self.columns + column, self.counts[group] - 1)

    def _rows(self, group: int) -> int:
        return -(-self.counts[group] // self.columns)

    def _group_at(self, y: float) -> int:
        return min(int(np.searchsorted(self._tops, y, side="right")) - 1, len(self.counts) - 1)

    def _first_from(self, y: float, *, after: bool = False) -> int:
        """The first tile of the row at a height, or of the row after it."""
        if y >= self.height_px:
            return self.n_tiles
        group = self._group_at(y)
        inside = max(y - int(self._tops[group]) - self.header_px, 0 if not after else -1)
        row = int(-(-inside // self.pitch_px)) if after else int(inside // self.pitch_px)
        return int(self._starts[group]) + min(max(row, 0) * self.columns, self.counts[group])
