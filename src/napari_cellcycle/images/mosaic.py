"""A gallery: many cell images as the tiles of one large image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import BRIGHTFIELD, Cells
from napari_cellcycle.errors import ImageError
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.images.batches import read_batches
from napari_cellcycle.images.tile_grid import GAP_PX, Grid

MAX_SHOWN = 5_000
"""Cells in layers, at most: more are slow to show, and small. Two channels of 40 x 40 pixels then need 35 MB."""
_MAX_TILE_PX = 256  # of the few larger cells, the middle is shown


@dataclass(frozen=True, eq=False)
class Mosaic:
    """The images of a gallery.

    Attributes
    ----------
    grid : Grid
        Which cell lies where.
    pixels : ndarray, shape (C, Y, X)
        One image per channel with the raw values of the cells; 0 where there is no cell or it could not be read.
    contrast_limits : tuple of (float, float)
        Black and white point of each channel.
    masks : ndarray of unsigned int, shape (Y, X), or None
        Label image of the cells, numbered from 1 in the order of the gallery; None if no cell has a mask.
    """

    grid: Grid
    pixels: NDArray[np.generic]
    contrast_limits: tuple[tuple[float, float], ...]
    masks: NDArray[np.unsignedinteger] | None = None


def build_mosaic(cells: Cells, max_shown: int = MAX_SHOWN, *, columns: int | None = None) -> Job[Progress, Mosaic]:
    """Draw the first cells side by side.

    A cell smaller than a tile is centred on its own background; a larger one is cropped.

    Parameters
    ----------
    cells : Cells
        Cells of any size.
    max_shown : int
        Number of cells to draw, at most.
    columns : int, optional
        Tiles per row; by default the gallery is 1.4 times as wide as high.

    Returns
    -------
    Job
        Its result is a `Mosaic`.

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
            if pixels is None:
                pixels = np.zeros((len(cells.channels), *grid.shape), tiles.dtype)
            pixels = pixels.astype(np.result_type(pixels, tiles), copy=False)  # files may differ in bit depth
            _place(pixels, grid, list(images), tiles)
        masks = _place_masks(masks, grid, images)
        yield batch.progress("Laying out the gallery")
    if pixels is None:
        raise ImageError("none of these cells can be read; check the files")
    limits = _contrast_limits(pixels, grid, cells.channels)
    _draw_lines(pixels, grid, limits)
    return Mosaic(grid, pixels, limits, masks)


def _tile_size(cells: Cells, n_shown: int) -> int:
    """Edge of a tile in pixels that holds 95 % of a sample of the cells without cropping."""
    sample = cells.read(np.unique(np.linspace(0, n_shown - 1, 64).astype(int)).tolist())
    edges = [max(cell.pixels.shape[1:]) for cell in sample if isinstance(cell, CellImage)]
    return min(_MAX_TILE_PX, int(np.percentile(edges, 95, method="higher"))) if edges else 1


def _fit(pixels: NDArray[np.generic], tile_px: int) -> NDArray[np.generic]:
    """One cell cropped and padded with its background to shape (C, tile, tile)."""
    if pixels.shape[1:] == (tile_px, tile_px):
        return pixels
    edge = np.ones(pixels.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    background = np.median(pixels[:, edge].astype(np.float32), axis=1).astype(pixels.dtype)
    return _centre(pixels, tile_px, background)


def _centre(pixels: NDArray[np.generic], tile_px: int, background: NDArray[np.generic]) -> NDArray[np.generic]:
    """The middle of (C, Y, X) in the middle of (C, tile, tile), on the background (C,)."""
    for axis in (1, 2):
        surplus = max(0, pixels.shape[axis] - tile_px) // 2
        pixels = np.take(pixels, range(surplus, surplus + min(tile_px, pixels.shape[axis])), axis)
    n_channels, height, width = pixels.shape
    tile = np.empty((n_channels, tile_px, tile_px), pixels.dtype)
    tile[:] = background[:, None, None]
    top, left = (tile_px - height) // 2, (tile_px - width) // 2
    tile[:, top : top + height, left : left + width] = pixels
    return tile


def _place_masks(
    masks: NDArray[np.unsignedinteger] | None, grid: Grid, images: Mapping[int, CellImage]
) -> NDArray[np.unsignedinteger] | None:
    """`masks` with those of `images` added; created for the first cell that has one."""
    known = {index: cell.mask for index, cell in images.items() if cell.mask is not None}
    if not known:
        return masks
    if masks is None:
        masks = np.zeros(grid.shape, np.min_scalar_type(grid.n_cells))
    outside = np.zeros(1, bool)
    tiles = np.stack([_centre(mask[None], grid.tile_px, outside) for mask in known.values()])
    numbers = np.array(list(known), masks.dtype) + 1
    _place(masks[None], grid, list(known), tiles * numbers[:, None, None, None])
    return masks


def _place(pixels: NDArray[np.generic], grid: Grid, indices: Sequence[int], tiles: NDArray[np.generic]) -> None:
    """Copy the `tiles` (N, C, tile, tile) of the cells at `indices` into `pixels` (C, Y, X)."""
    inner = slice(GAP_PX, GAP_PX + grid.tile_px)
    rows, columns = np.divmod(indices, grid.columns)
    _by_tile(pixels, grid)[:, rows, inner, columns, inner] = tiles


def _draw_lines(pixels: NDArray[np.generic], grid: Grid, limits: tuple[tuple[float, float], ...]) -> None:
    """Draw the lines between tiles, a little darker than the background: black lines flicker when zoomed out."""
    tiles = _by_tile(pixels, grid)
    for channel, (low, high) in enumerate(limits):
        level = low + (high - low) / 5
        for line in (slice(0, GAP_PX), slice(-GAP_PX, None)):
            tiles[channel, :, line] = level
            tiles[channel, :, :, :, line] = level
    tiles[:, -1, :, grid.n_cells - (grid.rows - 1) * grid.columns :] = 0


def _by_tile(pixels: NDArray[np.generic], grid: Grid) -> NDArray[np.generic]:
    """A view of shape (C, row, y, column, x)."""
    return pixels.reshape(len(pixels), grid.rows, grid.pitch_px, grid.columns, grid.pitch_px)


def _contrast_limits(
    pixels: NDArray[np.generic], grid: Grid, channels: Sequence[str]
) -> tuple[tuple[float, float], ...]:
    """Black and white points from a sample of the tiles: brightfield on grey, other channels on black."""
    inner = slice(GAP_PX, GAP_PX + grid.tile_px)
    rows, columns = np.divmod(np.unique(np.linspace(0, grid.n_cells - 1, 500).astype(int)), grid.columns)
    sample = _by_tile(pixels, grid)[:, rows, inner, columns, inner]  # (N, C, tile, tile)
    limits = []
    for channel, name in enumerate(channels):
        values = sample[:, channel].astype(np.float32)
        low, high = np.nanpercentile(values, (0.1, 99.9) if name == BRIGHTFIELD else (25, 99.8))
        limits.append((float(low), float(high) if high > low else float(low) + 1))
    return tuple(limits)
