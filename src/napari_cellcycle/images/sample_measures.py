"""Measures of raw images that show why a model does not know them: saturation, empty channels, several cells, sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.images.model_input import background

_SMALLEST_PIECE_PX = 12
_SMALLEST_SHARE = 1 / 3
"""A piece that is smaller than this, relative to the largest one, is no second cell."""


def saturated_share(images: Sequence[CellImage], channel: int, *, dark_end: bool) -> float:
    """Share of the pixels of a channel that have the highest value of their image; median over the cells.

    Parameters
    ----------
    images : sequence of CellImage
        N cells.
    channel : int
        Plane to measure.
    dark_end : bool
        Whether pixels of the lowest value count too. In darkfield these are background.

    Returns
    -------
    float
        From 0 to 1; 0 where all pixels of an image are equal.

    Examples
    --------
    >>> steps = np.arange(100.0).reshape(1, 10, 10)
    >>> round(saturated_share([CellImage(np.minimum(steps, 79))], 0, dark_end=False), 2)
    0.21
    """
    shares = []
    for image in images:
        plane = image.pixels[channel]
        low, high = plane.min(), plane.max()
        at_the_end = (plane == high) | ((plane == low) & dark_end)
        shares.append(0.0 if low == high else float(at_the_end.mean()))
    return float(np.median(shares))


def is_blank(images: Sequence[CellImage], channel: int) -> bool:
    """Whether a channel has the same value everywhere, in most of the cells.

    Parameters
    ----------
    images : sequence of CellImage
        N cells.
    channel : int
        Index of the channel.

    Returns
    -------
    bool
        True if this holds for more than half of the cells.
    """
    return bool(np.mean([np.ptp(image.pixels[channel]) == 0 for image in images]) > 0.5)


def several_cells_share(images: Sequence[CellImage]) -> float:
    """Share of the images that show two or more cells.

    Pixels whose first channel differs clearly from the background are joined to pieces; a second piece of at least a
    third of the size of the largest is a second cell. Images with a mask show one.

    Parameters
    ----------
    images : sequence of CellImage
        N cells.

    Returns
    -------
    float
        From 0 to 1.
    """
    return float(np.mean([image.mask is None and _count_pieces(image) > 1 for image in images]))


def _count_pieces(image: CellImage) -> int:
    from scipy import ndimage  # slow to import, and only asked where a model does not fit

    level = background(image)[0]
    departure = ndimage.gaussian_filter(np.abs(image.pixels[0].astype(np.float32) - level), 1)
    differs = np.pad(departure > departure.max() / 6, 3)
    pieces, _ = ndimage.label(ndimage.binary_fill_holes(ndimage.binary_closing(differs, iterations=2)))
    sizes = np.bincount(pieces.ravel())[1:]
    return int((sizes >= max(sizes.max(initial=0) * _SMALLEST_SHARE, _SMALLEST_PIECE_PX)).sum())


def mask_diameter_px(images: Sequence[CellImage]) -> float | None:
    """Median diameter in pixels of circles as large as the masks; None where the cells have none."""
    areas = [int(image.mask.sum()) for image in images if image.mask is not None]
    return float(np.median(2 * np.sqrt(np.array(areas) / np.pi))) if areas else None
