"""CellProfiler montages: a grid of equal tiles, filled column by column, padded at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.formats.base import ImageFile

_SMALLEST_TILE = 8
_LEAST_REPETITION = 0.15
"""Part of the variance that the mean tile explains: 0.27 to 0.62 in real montages, under 0.03 at a wrong size."""
LEAST_TILES = 16
"""With fewer tiles than this, that could be chance."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Montage(ImageFile):
    """A montage seen as a stack: a frame is a tile."""

    image: ImageFile

    def read(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        """The tiles asked for; the file is decoded once for all of them."""
        whole = self.image.read([0])[0]
        if isinstance(whole, Unreadable):
            return [whole] * len(frames)
        size = self.shape[0]
        n_rows = whole.shape[1] // size
        corners = [(frame % n_rows * size, frame // n_rows * size) for frame in frames]
        return [whole[:, y : y + size, x : x + size].copy() for y, x in corners]


def as_montages(files: Sequence[ImageFile], brightfield: int, *, named: bool) -> tuple[Montage, ...] | None:
    """See the channel files of a set as the tiles they are made of, or None where no tiles are seen.

    Parameters
    ----------
    files : sequence of ImageFile
        One a channel, of one frame each.
    brightfield : int
        Place of the file that tiles show best in.
    named : bool
        Whether its name says that it is a montage, so that few tiles are enough to be sure.

    Raises
    ------
    ReadError
        A file is damaged.
    """
    size: int | None = None
    montages: dict[int, Montage] = {}
    for place in sorted(range(len(files)), key=lambda place: place != brightfield):
        whole = files[place].read([0])[0]
        if isinstance(whole, Unreadable):
            raise ReadError(whole.reason)
        size = size or find_tile_size(whole[0], least_tiles=2 if named else LEAST_TILES)
        if size is None:
            return None
        montages[place] = _as_montage(files[place], whole, size)
    return tuple(montages[place] for place in range(len(files)))


def _as_montage(image: ImageFile, whole: NDArray[np.generic], size: int) -> Montage:
    _, height, width = whole.shape
    if height % size or width % size:
        raise ReadError(f"{image.path.name} does not consist of {size} x {size} pixel tiles as the other channels do")
    n_padding = min(count_padding(plane, size) for plane in whole)
    return Montage(
        path=image.path,
        axes=image.axes,
        frame_axes="N",
        n_frames=(height // size) * (width // size) - n_padding,
        channels=image.channels,
        shape=(size, size),
        dtype=image.dtype,
        pixel_size_um=image.pixel_size_um,
        synthetic=image.synthetic,
        image=image,
    )


def find_tile_size(plane: NDArray[np.generic], *, least_tiles: int = LEAST_TILES) -> int | None:
    """Edge of the equal square tiles that `plane` (Y, X) is made of, in pixels, or None if it is no montage.

    Padding tells it exactly: only at the true size is the padded area whole. Without padding, the
    cells, each in the middle of its tile, repeat at it.
    """
    candidates = _common_divisors(*plane.shape)
    areas = [count_padding(plane, size) * size**2 for size in candidates]
    if any(areas):
        return candidates[int(np.argmax(areas))]  # the first, so the smallest, of the largest
    return _repeating_size(plane, [size for size in candidates if plane.size // size**2 >= least_tiles])


def count_padding(plane: NDArray[np.generic], size: int) -> int:
    """Number of padding tiles at the end of `plane` (Y, X), in column order.

    Every row of a padding tile is the same, not flat, and all padding tiles are alike.
    """
    n_rows, n_columns = plane.shape[0] // size, plane.shape[1] // size
    last_row = plane[-1].reshape(n_columns, size)
    if (last_row[-1] == last_row[-1, 0]).all():
        return 0
    n_same = _equal_rows_from_below(plane).reshape(n_columns, size).min(axis=1) // size
    n_same[(last_row != last_row[-1]).any(axis=1)] = 0
    n_padding = 0
    for n_tiles in n_same[::-1]:
        n_padding += int(n_tiles)
        if n_tiles < n_rows:
            break
    return n_padding


def _equal_rows_from_below(plane: NDArray[np.generic]) -> NDArray[np.intp]:
    """For each column, how many pixels in a row, from the lowest up, have the same value."""
    different = (plane != plane[-1])[::-1]
    return np.where(different.any(axis=0), different.argmax(axis=0), len(plane))


def _common_divisors(height: int, width: int) -> list[int]:
    return [size for size in range(_SMALLEST_TILE, min(height, width) + 1) if height % size == width % size == 0]


def _repeating_size(plane: NDArray[np.generic], candidates: Sequence[int]) -> int | None:
    values = plane.astype(np.float32)
    contrast = np.abs(values - np.median(values))
    explained = [_explained_by_mean_tile(contrast, size) for size in candidates]
    if not explained or max(explained) < _LEAST_REPETITION:
        return None
    return next(size for size, part in zip(candidates, explained, strict=True) if part > 0.8 * max(explained))


def _explained_by_mean_tile(contrast: NDArray[np.floating], size: int) -> float:
    """Adjusted R squared of the mean tile: 0 by chance, however few tiles there are."""
    height, width = contrast.shape
    tiles = contrast.reshape(height // size, size, width // size, size)
    n_tiles = tiles.shape[0] * tiles.shape[2]
    explained = float(tiles.mean(axis=(0, 2)).var() / max(float(contrast.var()), 1e-12))
    return (explained - 1 / n_tiles) / (1 - 1 / n_tiles)
