"""What a finder learns of labels, and labels from what it has learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import find_boundaries, relabel_sequential, watershed

from napari_cellcycle.images.object_cut import Cut


def distance_in_objects(labels: NDArray[np.integer]) -> NDArray[np.float32]:
    """How deep each pixel lies in its object, as a share of the deepest.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X)
        0 is background.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        From 0 outside to 1 in the middle of each object.
    """
    inside = np.pad((labels != 0) & ~find_boundaries(labels, mode="inner"), 1, mode="edge")
    depth = ndimage.distance_transform_edt(inside)[1:-1, 1:-1] + (labels != 0)
    deepest = ndimage.maximum(depth, labels, np.arange(int(labels.max()) + 1))
    return (depth / np.maximum(np.asarray(deepest), 1)[labels]).astype(np.float32)


def mean_in_objects(image: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mean of an image in each object.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        Any.
    labels : ndarray of int, shape (Y, X)
        Numbered from 1 to N.

    Returns
    -------
    ndarray, shape (N + 1,)
        By number; index 0 is background.
    """
    total = np.bincount(labels.ravel(), image.ravel())
    mean: NDArray[np.float64] = total / np.maximum(np.bincount(labels.ravel()), 1)
    return mean


def cut_maps(foreground: NDArray[np.float32], distance: NDArray[np.float32], cut: Cut) -> NDArray[np.int32]:
    """Labels from the maps of a finder: a watershed of the distance, from the middle of each object.

    Parameters
    ----------
    foreground : ndarray, shape (Y, X)
        Probability that a pixel belongs to an object.
    distance : ndarray, shape (Y, X)
        As `distance_in_objects` gives it.
    cut : Cut
        Thresholds.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        0 is background, objects are numbered from 1.
    """
    inside = foreground > cut.foreground
    middles, n_middles = ndimage.label(inside & (distance > cut.middle))
    if n_middles == 0:
        return np.zeros(foreground.shape, np.int32)
    labels = watershed(-distance, middles, mask=inside)
    areas = np.bincount(labels.ravel(), minlength=n_middles + 1)
    lost = (areas < cut.min_area_px) | (mean_in_objects(foreground, labels) < cut.min_certainty)
    labels[lost[labels]] = 0
    return relabel_sequential(labels)[0].astype(np.int32)
