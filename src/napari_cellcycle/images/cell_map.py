"""Which cell lies where in an image: the common interface of galleries and full-field images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class CellMap(Protocol):
    """Which cell lies where: `images.tile_grid.Grid` or `images.field_map.LabelMap`.

    `patch` tells where one cell is drawn: a region of the image, which of its pixels belong to the cell, and which of
    these to its outline.

    A phase is given as a number from 1 here, as in a napari Labels layer; 0 is "none".
    """

    @property
    def ndim(self) -> int: ...
    def cell_at(self, *position: float) -> int | None: ...
    def box(self, cells: Sequence[int] | NDArray[np.integer]) -> tuple[int, int, int, int]: ...
    def patch(self, cell: int) -> tuple[tuple[slice, ...], NDArray[np.bool_], NDArray[np.bool_]]: ...
    def draw_outlines(self, phases: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    def fill(self, phases: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    def read_phases(self, image: NDArray[np.integer]) -> NDArray[np.uint8]: ...
