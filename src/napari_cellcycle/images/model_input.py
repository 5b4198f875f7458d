"""The input of a model: raw images of any size, cropped, rescaled and normalised as in its training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage

SAME_PIXEL_SIZE = 0.02
"""Pixel sizes that differ by less than this fraction count as equal, as resampling blurs the image."""
HARDLY_LARGER_PX = 8
"""In an image that exceeds a model's crop by no more than this, the cell is assumed to be in the middle."""


@dataclass(frozen=True)
class Normalisation:
    """How one channel is normalised, relative to the background `b` of each cell.

    Attributes
    ----------
    kind : {"spread", "ratio", "offset", "nuclei"}
        ``spread``: (value - b) / s / scale with s the standard deviation of the crop; gain, offset and bit depth
        cancel out. ``ratio``: (value / b - 1) / scale; the gain cancels out. ``offset``: (value - b) / scale, in
        counts. ``nuclei``: no image, but area and total stain of the nucleus, standardised among those of its image
        (`stain.compare_nuclei`).
    scale : float
        Standard deviation of the training cells, so that networks get numbers of order 1.
    contrast : float
        Of the training cells before scaling, from `contrast.median_contrast`; 0 if samples are not matched to it.
    """

    kind: Literal["spread", "ratio", "offset", "nuclei"]
    scale: float = 1.0
    contrast: float = 0.0


@dataclass(frozen=True)
class InputSpec:
    """The input that a model needs: channels and their order, size of the crop, pixel size, normalisation."""

    channels: tuple[str, ...]
    size_px: int
    pixel_size_um: float
    normalisation: tuple[Normalisation, ...]

    @property
    def compares_nuclei(self) -> bool:
        """Whether a model sees figures of each nucleus beside those of the others in its image, and no pixels."""
        return any(how.kind == "nuclei" for how in self.normalisation)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a prepared cell, (C, S, S); two figures in one row if nuclei are compared."""
        return (1, 1, 2) if self.compares_nuclei else (len(self.channels), self.size_px, self.size_px)

    @property
    def scales(self) -> NDArray[np.float32]:
        """Scale of each channel, shape (C,)."""
        return np.array([how.scale for how in self.normalisation], np.float32)

    def with_scales(self, scales: Iterable[float]) -> InputSpec:
        """The same with other scales, one per channel."""
        kinds = (replace(how, scale=scale) for how, scale in zip(self.normalisation, scales, strict=True))
        return replace(self, normalisation=tuple(kinds))

    @property
    def unscaled(self) -> InputSpec:
        """The same with scale 1; training measures the scale on the prepared cells."""
        return self.with_scales([1.0] * len(self.normalisation))


def prepare(
    cells: Sequence[CellImage], spec: InputSpec, pixel_size_um: NDArray[np.floating] | None = None
) -> NDArray[np.float32]:
    """Crop, pad, rescale and normalise cells for a model.

    Parameters
    ----------
    cells : sequence of CellImage
        N cells with planes in the order of ``spec.channels``; their sizes may differ.
    spec : InputSpec
        From the model's card.
    pixel_size_um : ndarray, shape (N,), optional
        Pixel size of each cell in micrometres; NaN or None for that of the model.

    Returns
    -------
    ndarray of float32, shape (N, C, size_px, size_px)
        0 is background, also outside the recorded image.
    """
    size, n_channels = spec.size_px, len(spec.channels)
    images = np.empty((len(cells), n_channels, size, size), np.float32)
    backgrounds = np.empty((len(cells), n_channels), np.float32)
    factors = np.ones(len(cells)) if pixel_size_um is None else _zoom(pixel_size_um, spec.pixel_size_um)
    together, alone = _alike(cells, factors.tolist(), size + HARDLY_LARGER_PX)
    for rows in together:
        pixels = np.stack([cells[row].pixels for row in rows])
        levels = _middle_of_border(pixels)
        cropped = _crop(pixels, _middle_of(pixels.shape[2:]), levels, size)
        images[rows], backgrounds[rows] = cropped, levels
    for row in alone:
        cell = cells[row] if factors[row] == 1 else _rescaled(cells[row], factors[row])
        backgrounds[row] = background(cell)
        centre = _centre(cell, float(backgrounds[row, 0]), size)
        images[row] = _crop(cell.pixels[None], centre, backgrounds[row : row + 1], size)[0]
    return _normalise(images, backgrounds, spec.normalisation)


def _alike(cells: Sequence[CellImage], factors: Sequence[float], largest: int) -> tuple[list[list[int]], list[int]]:
    """Rows of cells that are cropped in the same way, and rows of all others.

    Alike are images of one shape that show their cell in the middle; to take them together is several times faster.
    """
    groups: dict[object, list[int]] = {}
    alone = []
    for row, (cell, factor) in enumerate(zip(cells, factors, strict=True)):
        if cell.mask is None and factor == 1 and max(cell.pixels.shape[1:]) <= largest:
            groups.setdefault((cell.pixels.shape, cell.pixels.dtype), []).append(row)
        else:
            alone.append(row)
    return list(groups.values()), alone


def background(cell: CellImage) -> NDArray[np.float32]:
    """Median of each channel along the border of the image, outside the cell; shape (C,)."""
    if cell.mask is None:
        return _middle_of_border(cell.pixels)
    values, outside = _border(cell.pixels), ~_border(cell.mask[None])[0]
    return _middle_value(values[:, outside] if outside.sum() >= 8 else values)  # fewer are too few for a median


def _middle_of_border(planes: NDArray[Any]) -> NDArray[np.float32]:
    return _middle_value(_border(planes))


def _middle_value(values: NDArray[Any]) -> NDArray[np.float32]:
    """Upper median along the last axis."""
    middle = values.shape[-1] // 2
    return np.partition(values, middle, axis=-1)[..., middle].astype(np.float32)


def _border(planes: NDArray[Any]) -> NDArray[Any]:
    """Outermost pixels of planes (..., Y, X), shape (..., n_pixels)."""
    sides = (planes[..., 0, :], planes[..., -1, :], planes[..., 1:-1, 0], planes[..., 1:-1, -1])
    return np.concatenate(sides, axis=-1)


def _zoom(pixel_size_um: NDArray[np.floating], wanted_um: float) -> NDArray[np.float64]:
    factors = np.asarray(pixel_size_um, np.float64) / wanted_um
    return np.where(np.isnan(factors) | (np.abs(factors - 1) < SAME_PIXEL_SIZE), 1.0, factors)


def _rescaled(cell: CellImage, factor: float) -> CellImage:
    from skimage.transform import resize

    shape = tuple(max(1, round(length * factor)) for length in cell.pixels.shape[1:])
    planes = [
        resize(plane.astype(np.float32), shape, order=1, mode="edge", anti_aliasing=factor < 1) for plane in cell.pixels
    ]
    mask = None if cell.mask is None else resize(cell.mask, shape, order=0)
    return CellImage(np.stack(planes), mask)


def _crop(
    pixels: NDArray[Any], centre: tuple[float, float], fill: NDArray[np.float32], size: int
) -> NDArray[np.float32]:
    """The square around `centre` of images (N, C, Y, X), (N, C, size, size); outside of them there is `fill` (N, C)."""
    height, width = pixels.shape[2:]
    top, left = (round(middle - size / 2) for middle in centre)
    rows = slice(max(top, 0), min(top + size, height))
    columns = slice(max(left, 0), min(left + size, width))
    out = np.empty((*pixels.shape[:2], size, size), np.float32)
    if (rows.stop - rows.start, columns.stop - columns.start) != (size, size):
        out[:] = fill[..., None, None]
    inside = pixels[..., rows, columns]
    out[..., rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = inside
    return out


def _middle_of(shape: Sequence[int]) -> tuple[float, float]:
    return shape[0] / 2, shape[1] / 2


def _centre(cell: CellImage, level: float, size: int) -> tuple[float, float]:
    """Centre of the cell (y, x), in pixels from the upper left edge of the image.

    It is the centre of the bounding box of the mask. Without a mask, it is the centre of an image that is hardly larger
    than the crop; in a larger image the cell may lie anywhere, so the pixels that differ from the background are used.
    """
    height, width = cell.pixels.shape[1:]
    if cell.mask is not None and cell.mask.any():
        rows, columns = np.flatnonzero(cell.mask.any(axis=1)), np.flatnonzero(cell.mask.any(axis=0))
        return (rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2
    if max(height, width) <= size + HARDLY_LARGER_PX:
        return _middle_of((height, width))
    rows, columns = np.nonzero(_stands_out(cell.pixels[:1].astype(np.float32), level))
    return (rows.mean() + 0.5, columns.mean() + 0.5) if len(rows) else _middle_of((height, width))


def _stands_out(plane: NDArray[np.float32], level: float) -> NDArray[np.bool_]:
    """Pixels of a plane (1, Y, X) that differ from the background `level` by more than its noise, shape (Y, X)."""
    departure = np.abs(plane - level)
    noise = 1.4826 * np.median(_border(departure))  # standard deviation from the median absolute deviation
    return departure[0] > max(5 * noise, departure.max() / 5)


def _normalise(
    images: NDArray[np.float32], backgrounds: NDArray[np.float32], kinds: Sequence[Normalisation]
) -> NDArray[np.float32]:
    levels = backgrounds[:, :, None, None]
    images -= levels
    for channel, how in enumerate(kinds):
        if how.kind == "ratio":
            images[:, channel] /= np.maximum(np.abs(levels[:, channel]), 1e-6)
        elif how.kind == "spread":
            spread = images[:, channel].std(axis=(1, 2), keepdims=True)
            images[:, channel] /= np.where(spread > 0, spread, 1)  # 0 for a flat channel
        images[:, channel] /= how.scale
    return images
