"""A gallery: many small cell images as tiles of one big image, and pictures of numbers over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import BRIGHTFIELD, Cells
from napari_cellcycle.errors import ImageError
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.images.batches import read_batches
from napari_cellcycle.images.grid import GAP_PX, Grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MAX_SHOWN = 20_000
"""Cells that a gallery shows at most; two channels of 40 x 40 pixels then take 140 MB."""

_MAX_TILE_PX = 256  # few objects are bigger, and those are shown by their middle


@dataclass(frozen=True, eq=False)
class Mosaic:
    """A gallery's pixels.

    Attributes
    ----------
    grid : Grid
        Where each cell lies.
    pixels : ndarray, shape (C, Y, X)
        One picture a channel, in the raw values of the cells; 0 where there is none or it could not be read.
    contrast_limits : tuple of (float, float)
        Black and white point of each channel.
    masks : ndarray of unsigned int, shape (Y, X), or None
        Labels: which pixels belong to each cell, numbered from 1 in the order of the gallery; None where no cell has a
        mask.
    """

    grid: Grid
    pixels: NDArray[np.generic]
    contrast_limits: tuple[tuple[float, float], ...]
    masks: NDArray[np.unsignedinteger] | None = None


def build_mosaic(cells: Cells, max_shown: int = MAX_SHOWN, *, columns: int | None = None) -> Job[Progress, Mosaic]:
    """Lay the first `max_shown` cells side by side, in so many `columns`; the job's result is a `Mosaic`.

    Cells smaller than a tile lie in its middle on their own background, bigger ones are cut to it.

    Raises
    ------
    ImageError
        None of the cells can be read.
    """
    n_shown = min(len(cells), max_shown)
    tile_px = _tile_size(cells, n_shown)
    grid = Grid(n_shown, tile_px, columns) if columns else Grid.fit(n_shown, tile_px)
    pixels: NDArray[np.generic] | None = None
    masks: NDArray[np.unsignedinteger] | None = None
    for batch in read_batches(cells.subset(range(n_shown)) if n_shown < len(cells) else cells):
        images = dict(zip(batch.indices.tolist(), batch.images, strict=True))
        if images:
            tiles = np.stack([_fit(cell.pixels, grid.tile_px) for cell in images.values()])
            pixels = _with_room_for(tiles.dtype, pixels, (len(cells.channels), *grid.shape))
            _lay(pixels, grid, list(images), tiles)
        masks = _lay_masks(masks, grid, images)
        yield batch.progress("Laying out the gallery")
    if pixels is None:
        raise ImageError("none of these cells can be read; check the files")
    limits = _contrast_limits(pixels, grid, cells.channels)
    _draw_lines(pixels, grid, limits)
    return Mosaic(grid, pixels, limits, masks)


def _tile_size(cells: Cells, n_shown: int) -> int:
    """Edge of a tile that holds 95 % of a sample of the cells whole."""
    sample = cells.read(np.unique(np.linspace(0, n_shown - 1, 64).astype(int)).tolist())
    edges = [max(cell.pixels.shape[1:]) for cell in sample if isinstance(cell, CellImage)]
    return min(_MAX_TILE_PX, int(np.percentile(edges, 95, method="higher"))) if edges else 1


def _fit(pixels: NDArray[np.generic], tile_px: int) -> NDArray[np.generic]:
    """One cell cut and filled up with its background to shape (C, tile, tile)."""
    if pixels.shape[1:] == (tile_px, tile_px):
        return pixels
    edge = np.ones(pixels.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    background = np.median(pixels[:, edge].astype(np.float32), axis=1).astype(pixels.dtype)
    return _centre(pixels, tile_px, background)


def _centre(pixels: NDArray[np.generic], tile_px: int, background: NDArray[np.generic]) -> NDArray[np.generic]:
    """The middle of (C, Y, X) in the middle of (C, tile, tile), on each channel's background."""
    for axis in (1, 2):
        surplus = max(0, pixels.shape[axis] - tile_px) // 2
        pixels = np.take(pixels, range(surplus, surplus + min(tile_px, pixels.shape[axis])), axis)
    n_channels, height, width = pixels.shape
    tile = np.empty((n_channels, tile_px, tile_px), pixels.dtype)
    tile[:] = background[:, None, None]
    top, left = (tile_px - height) // 2, (tile_px - width) // 2
    tile[:, top : top + height, left : left + width] = pixels
    return tile


def _lay_masks(
    masks: NDArray[np.unsignedinteger] | None, grid: Grid, images: Mapping[int, CellImage]
) -> NDArray[np.unsignedinteger] | None:
    """`masks` with those of `images`, made with the first of them."""
    known = {place: cell.mask for place, cell in images.items() if cell.mask is not None}
    if not known:
        return masks
    if masks is None:
        masks = np.zeros(grid.shape, np.min_scalar_type(grid.n_cells))
    outside = np.zeros(1, bool)
    tiles = np.stack([_centre(mask[None], grid.tile_px, outside) for mask in known.values()])
    numbers = np.array(list(known), masks.dtype) + 1
    _lay(masks[None], grid, list(known), tiles * numbers[:, None, None, None])
    return masks


def _with_room_for(
    dtype: np.dtype[np.generic], pixels: NDArray[np.generic] | None, shape: tuple[int, ...]
) -> NDArray[np.generic]:
    """`pixels`, made or widened where files of several bit depths are mixed."""
    if pixels is None:
        return np.zeros(shape, dtype)
    return pixels.astype(np.result_type(pixels, dtype), copy=False)


def _lay(pixels: NDArray[np.generic], grid: Grid, places: Sequence[int], tiles: NDArray[np.generic]) -> None:
    inner = slice(GAP_PX, GAP_PX + grid.tile_px)
    rows, columns = np.divmod(places, grid.columns)
    _by_tile(pixels, grid)[:, rows, inner, columns, inner] = tiles


def _draw_lines(pixels: NDArray[np.generic], grid: Grid, limits: tuple[tuple[float, float], ...]) -> None:
    """Lines between tiles, only a little darker than the cells' background: from afar, black ones flicker."""
    tiles = _by_tile(pixels, grid)
    for number, (low, high) in enumerate(limits):
        level = low + (high - low) / 5
        for line in (slice(0, GAP_PX), slice(-GAP_PX, None)):
            tiles[number, :, line] = level
            tiles[number, :, :, :, line] = level
    tiles[:, -1, :, grid.n_cells - (grid.rows - 1) * grid.columns :] = 0


def _by_tile(pixels: NDArray[np.generic], grid: Grid) -> NDArray[np.generic]:
    """A view of shape (C, row, y, column, x)."""
    return pixels.reshape(len(pixels), grid.rows, grid.pitch_px, grid.columns, grid.pitch_px)


def _contrast_limits(
    pixels: NDArray[np.generic], grid: Grid, channels: Sequence[str]
) -> tuple[tuple[float, float], ...]:
    """Black and white points from a sample of the tiles: darkfield and stains on black, brightfield on grey."""
    inner = slice(GAP_PX, GAP_PX + grid.tile_px)
    rows, columns = np.divmod(np.unique(np.linspace(0, grid.n_cells - 1, 500).astype(int)), grid.columns)
    sample = _by_tile(pixels, grid)[:, rows, inner, columns, inner]  # (N, C, tile, tile)
    limits = []
    for number, name in enumerate(channels):
        values = sample[:, number].astype(np.float32)
        low, high = np.nanpercentile(values, (0.1, 99.9) if name == BRIGHTFIELD else (25, 99.8))
        limits.append((float(low), float(high) if high > low else float(low) + 1))
    return tuple(limits)
