"""How much stain each cell has, and how it lies: measured in single-cell images, without their background."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.batches import read_batches
from napari_cellcycle.images.field_crops import cut_by_border

Floats = NDArray[np.float64]
_MARGIN_PX = 2
"""Width of the border of a crop that shows its background, and of the rim around the stain that belongs to it."""
_ABOVE_NOISE = 4.0
_SHARE_OF_PEAK = 0.1
"""A pixel is stained if it is this many times the noise, and this share of the brightest pixels, over background."""
_FAINT = 0.03
"""Pixels of this share, and a rim around them, still add to the sum."""
_SATURATED_PX = 3
_SATURATED_SHARE = 0.05
_CAMERA_LIMITS = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))


@dataclass(frozen=True, eq=False)
class Measures:
    """The stain of N cells; NaN where a cell can't be read. Lengths are in pixels, brightness in camera counts.

    Attributes
    ----------
    dna : ndarray, shape (N,)
        Integrated stain: sum of the counts above background.
    area : ndarray, shape (N,)
        Number of stained pixels.
    peak : ndarray, shape (N,)
        Brightest 3 x 3 pixels, mean above background.
    width : ndarray, shape (N,)
        Twice the root mean square distance of the stain from its middle.
    texture : ndarray, shape (N,)
        Standard deviation of the stain over its mean, in the stained pixels.
    highest : ndarray, shape (N,)
        Highest raw value of the channel, of a labelled cell inside its label.
    n_highest : ndarray, shape (N,)
        Number of pixels with this value.
    """

    dna: Floats
    area: Floats
    peak: Floats
    width: Floats
    texture: Floats
    highest: Floats
    n_highest: Floats

    def __len__(self) -> int:
        return len(self.dna)

    @property
    def density(self) -> Floats:
        """Mean stain of the stained pixels, shape (N,): high where chromatin is condensed."""
        return np.asarray(self.dna / np.maximum(self.area, 1))

    @property
    def saturated(self) -> NDArray[np.bool_]:
        """Cells brighter than the camera can measure, shape (N,): several pixels have the highest value of all.

        Where that is not the highest value of a camera, they must be a part of the stained pixels that is not chance.
        """
        if not np.isfinite(self.highest).any():
            return np.zeros(len(self), bool)
        highest = np.nanmax(self.highest)
        is_of_camera = any(0.99 * limit <= highest <= limit for limit in _CAMERA_LIMITS)
        enough = np.maximum(_SATURATED_PX, 0 if is_of_camera else _SATURATED_SHARE * self.area)
        return np.asarray((self.highest == highest) & (self.n_highest >= enough))

    def subset(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Measures:
        """The measures of some cells."""
        return Measures(*(getattr(self, item.name)[rows] for item in fields(self)))


def measure_cells(cells: Cells, channel: str) -> Job[Progress | Note, Measures]:
    """Measure the stain of all cells, batch by batch.

    Parameters
    ----------
    cells : Cells
        Crops, or cells of full-field images; only the stained channel is read where the format allows it.
    channel : str
        The stained one, as in ``cells.channels``.

    Returns
    -------
    Job of Measures
        A cell that can't be read gives a note. One that the border of its field may cut has no integrated stain.

    Raises
    ------
    ChannelError
        There is no such channel.
    """
    found = np.full((len(fields(Measures)), len(cells)), np.nan)
    for batch in read_batches(cells.select_channels([channel])):
        yield from batch.notes
        found[:, batch.indices] = measure_images(batch.images)
        yield batch.progress("measuring the stain")
    is_cut = cut_by_border(cells.images)
    found[0, is_cut] = np.nan
    if is_cut.any():
        yield Note(f"{is_cut.sum():,} cells touch the border of their image, so their whole stain is not known")
    return Measures(*found)


def measure_images(images: list[CellImage]) -> Floats:
    """Measure the first channel of some images: the fields of `Measures` as rows, (7, N)."""
    found = np.full((len(fields(Measures)), len(images)), np.nan)
    for rows in _of_one_kind(images):
        planes = np.stack([images[row].pixels[0] for row in rows]).astype(np.float32)
        masks = [images[row].mask for row in rows]
        has_masks = masks[0] is not None
        found[:, rows] = _measure(planes, np.stack([m for m in masks if m is not None]) if has_masks else None)
    return found


def _of_one_kind(images: list[CellImage]) -> Iterator[list[int]]:
    """Rows of images that can be stacked: of one size, all with a mask or all without."""
    kinds: dict[tuple[tuple[int, ...], bool], list[int]] = {}
    for row, image in enumerate(images):
        kinds.setdefault((image.pixels.shape[1:], image.mask is not None), []).append(row)
    return iter(kinds.values())


def _measure(planes: NDArray[np.float32], masks: NDArray[np.bool_] | None) -> Iterable[Floats]:
    """Measures of images (B, Y, X) of one size."""
    stain, noise = _without_background(planes, masks)
    smooth = ndimage.uniform_filter(stain, (0, 3, 3))
    flat = smooth.reshape(len(planes), -1)
    bright = np.percentile(flat, 99, axis=1) if masks is None else np.where(masks, smooth, 0).max(axis=(1, 2))
    stained, faint = (
        smooth > np.maximum(_ABOVE_NOISE * noise / 3, share * bright)[:, None, None]  # 9 pixels were averaged
        for share in (_SHARE_OF_PEAK, _FAINT)
    )
    if masks is not None:
        stained, faint = stained & masks, masks
    rim = np.ones((1, 2 * _MARGIN_PX + 1, 2 * _MARGIN_PX + 1), bool)
    light = np.where(ndimage.binary_dilation(faint, rim), stain, 0).astype(np.float64)
    dna, area = light.sum(axis=(1, 2)), stained.sum(axis=(1, 2)).astype(np.float64)
    own = planes if masks is None else np.where(masks, planes, -np.inf)  # neighbours may be dead, and very bright
    highest = own.max(axis=(1, 2))
    inside = np.where(stained, stain, np.nan)
    n_inside = np.maximum(area, 1)
    mean = np.nansum(inside, axis=(1, 2)) / n_inside
    spread = np.sqrt(np.nansum((inside - mean[:, None, None]) ** 2, axis=(1, 2)) / n_inside)
    texture = np.divide(spread, mean, out=np.full(len(mean), np.nan), where=mean > 0)
    n_highest = (own == highest[:, None, None]).sum(axis=(1, 2))
    return dna, area, flat.max(axis=1), _widths(light.clip(0)), texture, highest, n_highest


def _without_background(
    planes: NDArray[np.float32], masks: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Images above their local background, and its noise, (B,).

    In a crop around a labelled cell the background is a plane through all that lies outside of the cell, so that light
    which grows to one side is taken out. In a crop without a mask it is the level of the border.
    """
    if masks is None:
        border = np.zeros(planes.shape[1:], bool)
        border[:_MARGIN_PX] = border[-_MARGIN_PX:] = border[:, :_MARGIN_PX] = border[:, -_MARGIN_PX:] = True
        ring = planes[:, border]
        level = np.median(ring, axis=1)
        return planes - level[:, None, None], _noise(ring - level[:, None])
    outside = ~ndimage.binary_dilation(masks, np.ones((1, 3, 3), bool), iterations=_MARGIN_PX)
    levels, noise = zip(*map(_plane_through, planes, outside), strict=True)
    return planes - np.stack(levels), np.array(noise, np.float32)


def _plane_through(plane: NDArray[np.float32], where: NDArray[np.bool_]) -> tuple[NDArray[np.float32], float]:
    """A plane through the pixels `where` without outliers, and the noise about it."""
    if where.sum() < 20:
        return np.full(plane.shape, plane.min(), np.float32), 0.0
    rows, columns = np.nonzero(where)
    values = plane[where]
    design = np.stack([np.ones(len(rows)), rows, columns], axis=1)
    level = np.array([np.median(values), 0.0, 0.0])
    for _ in range(3):
        misses = values - design @ level
        spread = max(float(_noise(misses[None])[0]), 1e-6)
        near = np.abs(misses) <= 3 * spread
        if near.sum() < 20:
            break
        level = np.linalg.lstsq(design[near], values[near], rcond=None)[0]
    y, x = np.indices(plane.shape)
    return (level[0] + level[1] * y + level[2] * x).astype(np.float32), spread


def _noise(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Standard deviation of each row without outliers, from the median of distances to its median."""
    middle = np.median(values, axis=1, keepdims=True)
    return np.asarray(1.4826 * np.median(np.abs(values - middle), axis=1), np.float32)


def _widths(light: Floats) -> Floats:
    """Twice the root mean square distance of light from its middle, (B,)."""
    total = np.maximum(light.sum(axis=(1, 2)), 1e-9)
    variance = np.zeros(len(light))
    for axis in (1, 2):
        profile, place = light.sum(axis=3 - axis), np.arange(light.shape[axis])
        middle = (profile * place).sum(axis=1) / total
        variance += (profile * (place - middle[:, None]) ** 2).sum(axis=1) / total
    return np.asarray(2 * np.sqrt(variance))
