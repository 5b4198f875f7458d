"""Which cell lies where in a picture: what a gallery and a full-field image have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    LayerData = tuple[Any, dict[str, Any], str]


class CellMap(Protocol):
    """Which cell lies where: `images.mosaic.Grid` or `images.outline.Field`."""

    @property
    def ndim(self) -> int: ...
    def cell_at(self, *position: float) -> int | None: ...
    def box(self, cells: Sequence[int] | NDArray[np.integer]) -> tuple[int, int, int, int]: ...
    def draw_outlines(self, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    def fill(self, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    def read_numbers(self, picture: NDArray[np.integer]) -> NDArray[np.uint8]: ...
