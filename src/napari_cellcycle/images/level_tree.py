"""Objects of very different brightness in one image: each gets the threshold at which its own edge is sharpest.

One threshold for a whole field loses dim nuclei next to bright ones. Here the image is thresholded at many levels. The
regions above a level lie inside those above the next lower one, so all of them form a tree [1]_. From each branch the
region with the sharpest edge is taken, relative to its brightness.

References
----------
.. [1] Jones (1999), Comput. Vis. Image Underst. 75, :doi:`10.1006/cviu.1999.0777`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import remove_small_holes
from skimage.segmentation import relabel_sequential

_KEEP_TOGETHER = 0.8
"""Lobes of one object have edges about as sharp as the whole, which is preferred then."""


@dataclass(frozen=True, eq=False)
class _Level:
    """Regions above one threshold, numbered from 1; only their pixels are kept, as whole images would fill the memory.

    Attributes
    ----------
    pixels : ndarray of int, shape (P,)
        Where they are in the flattened image.
    regions : ndarray of int32, shape (P,)
        Of which region each pixel is.
    parents : ndarray of int, shape (N + 1,)
        The region of the next lower level that each lies in; index 0 is background.
    areas : ndarray of int, shape (N + 1,)
        In pixels.
    sharpness : ndarray, shape (N + 1,)
        Mean gradient at the edge over mean brightness; 0 where the area is none of an object.
    """

    pixels: NDArray[np.intp]
    regions: NDArray[np.int32]
    parents: NDArray[np.intp]
    areas: NDArray[np.intp]
    sharpness: NDArray[np.float64]


def sharpest_regions(
    image: NDArray[np.float32], thresholds: Sequence[float], areas: tuple[float, float], blur_px: float
) -> NDArray[np.int32]:
    """Regions of an image that are brighter than what is around them.

    Parameters
    ----------
    image : ndarray of float32, shape (Y, X)
        Without its background.
    thresholds : sequence of float
        In ascending order.
    areas : tuple of float
        Smallest and largest area of an object in pixels.
    blur_px : float
        Standard deviation of the Gaussian whose gradient is taken.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        0 is background, regions are numbered from 1. They don't overlap, and have no small holes.
    """
    gradient = ndimage.gaussian_gradient_magnitude(np.maximum(image, 0), blur_px)
    levels: list[_Level] = []
    below = np.zeros(image.shape, np.int32)
    for threshold in thresholds:
        above = remove_small_holes(image > threshold, max_size=int(areas[0] * 2))
        labels, _ = ndimage.label(above)
        levels.append(_level(image, labels, below, gradient, areas))
        below = labels
    return _draw(levels, _choose(levels), image.shape)


def _level(
    image: NDArray[np.float32],
    labels: NDArray[np.int32],
    below: NDArray[np.int32],
    gradient: NDArray[np.float32],
    areas: tuple[float, float],
) -> _Level:
    above = labels > 0
    sizes = np.bincount(labels.ravel())
    numbers = np.arange(len(sizes))
    edge = above & ~ndimage.binary_erosion(above, border_value=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        sharpness = ndimage.mean(gradient, labels * edge, numbers) / ndimage.mean(image, labels, numbers)
    is_object = (sizes >= areas[0]) & (sizes <= areas[1]) & np.isfinite(sharpness) & (numbers > 0)
    pixels = np.flatnonzero(above)
    regions = labels.ravel()[pixels]
    parents = np.zeros(len(sizes), np.intp)
    parents[regions] = below.ravel()[pixels]  # all pixels of a region lie in the same one below
    return _Level(pixels, regions, parents, sizes, np.where(is_object, sharpness, 0.0))


def _choose(levels: Sequence[_Level]) -> list[NDArray[np.bool_]]:
    """For each level, whether a region is taken rather than those inside it."""
    chosen: list[NDArray[np.bool_]] = []
    best = np.zeros(0)
    for number in range(len(levels) - 1, -1, -1):
        own = levels[number].sharpness
        inside = np.zeros(len(own))
        if chosen:
            upper = levels[number + 1]
            weight = upper.areas * (best > 0)
            total = np.bincount(upper.parents, weight, len(own))
            inside = np.bincount(upper.parents, weight * best, len(own)) / np.maximum(total, 1)
            several = np.bincount(upper.parents, best > 0, len(own)) > 1
            is_taken = own >= inside * np.where(several, _KEEP_TOGETHER, 1.0)
        else:
            is_taken = own > 0
        chosen.append(is_taken & (own > 0))
        best = np.where(chosen[-1], own, inside)
    return chosen[::-1]


def _draw(levels: Sequence[_Level], chosen: Sequence[NDArray[np.bool_]], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Labels of the regions that were taken: from each branch the lowest one."""
    found = np.zeros(shape, np.int32)
    is_done = np.zeros(1, bool)
    n_found = 0
    for level, is_taken in zip(levels, chosen, strict=True):
        is_inside = is_done[level.parents]
        is_new = is_taken & ~is_inside
        numbers = np.where(is_new, n_found + np.cumsum(is_new), 0).astype(np.int32)
        drawn = numbers[level.regions]
        found.ravel()[level.pixels[drawn > 0]] = drawn[drawn > 0]
        n_found += int(is_new.sum())
        is_done = is_inside | is_new
    return relabel_sequential(found)[0].astype(np.int32)
