"""Montages: a grid of equal tiles with one cell each, padded at the end.

CellProfiler fills a grid column by column and pads it with tiles that are not flat. The public stitching tool for
imaging flow cytometry (github.com/CellProfiler/stitching) fills it row by row and pads it with zeros: to a square of
tiles, and the last montage to the size of the others. Cells are counted in the order in which the grid was filled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.montage_gaps import find_gaps, without_gaps

_SMALLEST_TILE = 8
_LEAST_REPETITION = 0.15
"""Fraction of the variance that the mean tile explains: 0.27 to 0.62 in real montages, under 0.03 at a wrong size."""
_LEAST_TILES = 16
"""With fewer tiles, such a fraction may be chance."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Montage(ImageFile):
    """A montage as a stack of cells: each frame is a tile.

    Attributes
    ----------
    image : ImageFile
        The whole image.
    tiles : ndarray of intp, shape (F, 2)
        Row and column of each tile in the grid.
    """

    image: ImageFile
    tiles: NDArray[np.intp]

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The tiles at the given indices, each (C, Y, X); the file is decoded once for all of them."""
        whole = self.image.read([0], plane)[0]
        if isinstance(whole, Unreadable):
            return [whole] * len(frames)
        size = self.shape[0]
        corners = [(row * size, column * size) for row, column in self.tiles[list(frames)].tolist()]
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
    files, size = _closed_up(files, brightfield)
    tiles: NDArray[np.intp] | None = None
    montages: dict[int, Montage] = {}
    for index in sorted(range(len(files)), key=lambda index: index != brightfield):
        whole = files[index].read([0])[0]
        if isinstance(whole, Unreadable):
            raise ReadError(whole.reason)
        size = size or find_tile_size(whole[0], least_tiles=2 if named else _LEAST_TILES)
        if size is None:
            return None
        montages[index] = _as_montage(files[index], whole, size, tiles)
        if tiles is None and _flat_padding(whole[0], size).any():
            tiles = montages[index].tiles
    return tuple(montages[index] for index in range(len(files)))


def _closed_up(files: Sequence[ImageFile], brightfield: int) -> tuple[Sequence[ImageFile], int | None]:
    """The files without lines between their tiles, and the size of these; None where there are no such lines."""
    whole = files[brightfield].read([0])[0]
    gaps = None if isinstance(whole, Unreadable) else find_gaps(whole[0])
    if gaps is None or len({file.shape for file in files}) > 1:
        return files, None
    rows, columns, size = gaps
    return [without_gaps(file, rows, columns) for file in files], size


def _as_montage(
    image: ImageFile, whole: NDArray[np.generic], size: int, tiles: NDArray[np.intp] | None = None
) -> Montage:
    """One channel; `tiles` are those of the brightfield, if its padding is flat: a stain may be flat in cells too."""
    _, height, width = whole.shape
    if height % size or width % size:
        raise ReadError(f"{image.path.name} does not consist of {size} x {size} pixel tiles like the other channels")
    own = _filled_tiles(whole, size)
    if tiles is not None and {*map(tuple, own.tolist())} <= {*map(tuple, tiles.tolist())}:
        own = tiles
    return Montage(
        path=image.path,
        axes=image.axes,
        frame_axes="N",
        n_frames=len(own),
        n_planes=image.n_planes,
        channels=image.channels,
        shape=(size, size),
        dtype=image.dtype,
        pixel_size_um=image.pixel_size_um,
        synthetic=image.synthetic,
        notes=image.notes,
        parts=image.parts,
        image=image,
        tiles=own,
    )


def _filled_tiles(whole: NDArray[np.generic], size: int) -> NDArray[np.intp]:
    """Row and column of each tile with a cell, in the order in which the grid was filled, (F, 2)."""
    padding = np.logical_and.reduce([_flat_padding(plane, size) for plane in whole])
    n_rows, n_columns = padding.shape
    if padding.any():
        by_row = _is_filled_by_row(~padding)
        return np.argwhere(~padding) if by_row else np.argwhere(~padding.T)[:, ::-1]
    n_tiles = n_rows * n_columns - min(count_padding(plane, size) for plane in whole)
    return np.stack([np.arange(n_tiles) % n_rows, np.arange(n_tiles) // n_rows], axis=1)


def _flat_padding(plane: NDArray[np.generic], size: int) -> NDArray[np.bool_]:
    """Which tiles are flat padding, (rows, columns): all pixels equal the last one, and cells come before them."""
    rows, columns = plane.shape[0] // size, plane.shape[1] // size
    if (plane[-size:, -size:] != plane[-1, -1]).any():
        return np.zeros((rows, columns), bool)
    flat: NDArray[np.bool_] = (plane == plane[-1, -1]).reshape(rows, size, columns, size).all(axis=(1, 3))
    if flat.all():
        return np.zeros_like(flat)
    return flat if _is_filled_by_row(~flat) or _is_filled_by_row(~flat.T) else np.zeros_like(flat)


def _is_filled_by_row(filled: NDArray[np.bool_]) -> bool:
    """Whether tiles with cells form full rows of a block in the upper left, of which only the last may end early."""
    width = int(filled.any(axis=0).sum())
    block = filled[:, :width]
    return bool(filled.sum() == block.sum() and not (np.diff(block.ravel().astype(np.int8)) > 0).any())


def find_tile_size(plane: NDArray[np.generic], *, least_tiles: int = _LEAST_TILES) -> int | None:
    """Find the size of the equal square tiles of a montage.

    With padding that is not flat the size is exact, as the padded area is largest at the true size. Otherwise, it is
    the period at which the cells repeat, each in the middle of its tile; flat padding rules out some periods.

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
    n_same = _equal_rows_from_below(plane)
    areas = [_count_padding(plane, n_same, size) * size**2 for size in candidates]
    if any(areas):
        return candidates[int(np.argmax(areas))]  # of equal areas, the smallest size
    filled = {size: ~_flat_padding(plane, size) for size in candidates}
    flat = {size: int((~tiles).sum()) * size**2 for size, tiles in filled.items()}
    largest = max(flat.values(), default=0)
    possible = (size for size in candidates if flat[size] == largest and int(filled[size].sum()) >= least_tiles)
    return _repeating_size(plane, {size: filled[size] for size in possible})


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
    return _count_padding(plane, _equal_rows_from_below(plane), size)


def _count_padding(plane: NDArray[np.generic], n_same: NDArray[np.intp], size: int) -> int:
    """The same with what `_equal_rows_from_below` found."""
    n_rows, n_columns = plane.shape[0] // size, plane.shape[1] // size
    last_row = plane[-1].reshape(n_columns, size)
    if (last_row[-1] == last_row[-1, 0]).all():
        return 0
    n_same = n_same.reshape(n_columns, size).min(axis=1) // size
    n_same[(last_row != last_row[-1]).any(axis=1)] = 0
    n_padding = 0
    for n_tiles in n_same[::-1]:
        n_padding += int(n_tiles)
        if n_tiles < n_rows:
            break
    return n_padding


def _equal_rows_from_below(plane: NDArray[np.generic]) -> NDArray[np.intp]:
    """For each column, the number of consecutive pixels from the bottom that have the same value."""
    n_rows = len(plane)
    for n_looked in (n_rows // 16, n_rows):  # most images differ in all columns after a few rows
        different = (plane[n_rows - n_looked :] != plane[-1])[::-1]
        if different.any(axis=0).all():
            break
    return np.where(different.any(axis=0), different.argmax(axis=0), n_rows)


def _common_divisors(height: int, width: int) -> list[int]:
    return [size for size in range(_SMALLEST_TILE, min(height, width) + 1) if height % size == width % size == 0]


def _repeating_size(plane: NDArray[np.generic], candidates: Mapping[int, NDArray[np.bool_]]) -> int | None:
    """The size, of those given with the tiles that are not padding, at which the image repeats."""
    if not candidates:
        return None
    values = plane.astype(np.float32)
    size, filled = next(iter(candidates.items()))
    content = values if filled.all() else _tiles(values, size)[filled]
    contrast = np.abs(values - np.median(content))
    variance = float(contrast.var())
    explained = [_explained_by_mean_tile(contrast, size, tiles, variance) for size, tiles in candidates.items()]
    if not explained or max(explained) < _LEAST_REPETITION:
        return None
    return next(size for size, part in zip(candidates, explained, strict=True) if part > 0.8 * max(explained))


def _tiles(plane: NDArray[np.floating], size: int) -> NDArray[np.floating]:
    """The tiles of a plane, (rows, columns, size, size)."""
    height, width = plane.shape
    return plane.reshape(height // size, size, width // size, size).transpose(0, 2, 1, 3)


def _explained_by_mean_tile(
    plane: NDArray[np.floating], size: int, filled: NDArray[np.bool_], variance_of_all: float
) -> float:
    """Adjusted R squared of the mean of the tiles that are `filled`: 0 by chance, for any number of tiles."""
    n_tiles, tiles = int(filled.sum()), _tiles(plane, size)
    if filled.all():  # then they need not be copied
        mean, variance = tiles.mean(axis=(0, 1)), variance_of_all
    else:
        mean, variance = tiles[filled].mean(axis=0), float(tiles[filled].var())
    explained = float(mean.var() / max(variance, 1e-12))
    return (explained - 1 / n_tiles) / (1 - 1 / n_tiles)
