"""CellProfiler montages: a grid of equal tiles with one cell each, filled column by column and padded at the end."""

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
"""Fraction of the variance that the mean tile explains: 0.27 to 0.62 in real montages, under 0.03 at a wrong size."""
_LEAST_TILES = 16
"""With fewer tiles, such a fraction may be chance."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Montage(ImageFile):
    """A montage as a stack of cells: each frame is a tile."""

    image: ImageFile

    def read(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        """The tiles at the given indices, each (C, Y, X); the file is decoded once for all of them."""
        whole = self.image.read([0])[0]
        if isinstance(whole, Unreadable):
            return [whole] * len(frames)
        size = self.shape[0]
        n_rows = whole.shape[1] // size
        corners = [(frame % n_rows * size, frame // n_rows * size) for frame in frames]
        return [whole[:, y : y + size, x : x + size].copy() for y, x in corners]


def as_montages(files: Sequence[ImageFile], brightfield: int, *, named: bool) -> tuple[Montage, ...] | None:
    """Read the channel files of a set as montages.

    Parameters
    ----------
    files : sequence of ImageFile
        One per channel, with one frame each.
    brightfield : int
        Index of the brightfield file, in which the tiles are most visible.
    named : bool
        Whether the file name says that it is a montage, so that two tiles are enough evidence.

    Returns
    -------
    tuple of Montage, or None
        In the order of `files`; None if they do not consist of tiles.

    Raises
    ------
    ReadError
        A file is damaged, or does not consist of the same tiles as the others.
    """
    size: int | None = None
    montages: dict[int, Montage] = {}
    for index in sorted(range(len(files)), key=lambda index: index != brightfield):
        whole = files[index].read([0])[0]
        if isinstance(whole, Unreadable):
            raise ReadError(whole.reason)
        size = size or find_tile_size(whole[0], least_tiles=2 if named else _LEAST_TILES)
        if size is None:
            return None
        montages[index] = _as_montage(files[index], whole, size)
    return tuple(montages[index] for index in range(len(files)))


def _as_montage(image: ImageFile, whole: NDArray[np.generic], size: int) -> Montage:
    _, height, width = whole.shape
    if height % size or width % size:
        raise ReadError(f"{image.path.name} does not consist of {size} x {size} pixel tiles like the other channels")
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


def find_tile_size(plane: NDArray[np.generic], *, least_tiles: int = _LEAST_TILES) -> int | None:
    """Find the size of the equal square tiles of a montage.

    With padding the size is exact, as the padded area is largest at the true size. Without padding, it is the period at
    which the cells repeat, each in the middle of its tile.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        The image.
    least_tiles : int
        Number of tiles that a montage without padding has, at least.

    Returns
    -------
    int or None
        Edge of a tile in pixels; None if the image is not a montage.
    """
    candidates = _common_divisors(*plane.shape)
    areas = [count_padding(plane, size) * size**2 for size in candidates]
    if any(areas):
        return candidates[int(np.argmax(areas))]  # of equal areas, the smallest size
    return _repeating_size(plane, [size for size in candidates if plane.size // size**2 >= least_tiles])


def count_padding(plane: NDArray[np.generic], size: int) -> int:
    """Count the padding tiles at the end of a montage, in column order.

    All rows of a padding tile are equal and not flat, and all padding tiles are equal.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        The image.
    size : int
        Edge of a tile in pixels.

    Returns
    -------
    int
        0 if the montage is full.
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
    """For each column, the number of consecutive pixels from the bottom that have the same value."""
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
    """Adjusted R squared of the mean tile: 0 by chance, for any number of tiles."""
    height, width = contrast.shape
    tiles = contrast.reshape(height // size, size, width // size, size)
    n_tiles = tiles.shape[0] * tiles.shape[2]
    explained = float(tiles.mean(axis=(0, 2)).var() / max(float(contrast.var()), 1e-12))
    return (explained - 1 / n_tiles) / (1 - 1 / n_tiles)
