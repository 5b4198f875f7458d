"""Objects that touch, cut apart at their necks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import relabel_sequential, watershed


def split_touching(inside: NDArray[np.bool_], diameter_px: float, shallowest: float) -> NDArray[np.int32]:
    """Split regions at necks that are narrow against both sides; lobes with wide necks stay together.

    Parameters
    ----------
    inside : ndarray of bool, shape (Y, X)
        Pixels of objects.
    diameter_px : float
        Usual diameter of an object.
    shallowest : float
        Width of the neck over that of the narrower side, from which on both stay one object.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        Numbered from 1.
    """
    depth = ndimage.distance_transform_edt(np.pad(inside, 1, mode="edge"))[1:-1, 1:-1]
    depth = ndimage.gaussian_filter(depth, diameter_px / 16)
    peaks = peak_local_max(
        depth, min_distance=max(round(diameter_px / 8), 1), labels=inside.astype(np.int32), exclude_border=False
    )
    seeds = np.zeros(inside.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    parts = watershed(-depth, seeds, mask=inside)
    return _join_shallow(parts, depth, shallowest)


def _join_shallow(parts: NDArray[np.integer], depth: NDArray[np.float64], shallowest: float) -> NDArray[np.int32]:
    """Join neighbours whose saddle is nearly as deep as the shallower of their peaks, deepest saddles first."""
    n_parts = int(parts.max())
    peaks = np.asarray(ndimage.maximum(depth, parts, np.arange(n_parts + 1)))
    roots = np.arange(n_parts + 1)

    def root(part: int) -> int:
        while roots[part] != part:
            part = int(roots[part])
        return part

    for saddle, first, second in sorted(_saddles(parts, depth), reverse=True):
        one, other = root(first), root(second)
        if one != other and saddle >= shallowest * min(peaks[one], peaks[other]):
            keep, drop = (one, other) if peaks[one] >= peaks[other] else (other, one)
            roots[drop] = keep
    joined = np.array([root(part) for part in range(n_parts + 1)])
    return relabel_sequential(joined[parts])[0].astype(np.int32)


def _saddles(parts: NDArray[np.integer], depth: NDArray[np.float64]) -> list[tuple[float, int, int]]:
    """Deepest point of the border between two parts, and the parts."""
    n_parts = int(parts.max()) + 1
    keys, heights = [], []
    for here, there in (
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        one, other = parts[here], parts[there]
        is_border = (one != other) & (one > 0) & (other > 0)
        low, high = np.minimum(one, other)[is_border], np.maximum(one, other)[is_border]
        keys.append(low.astype(np.int64) * n_parts + high)
        heights.append(np.minimum(depth[here], depth[there])[is_border])
    pairs, where = np.unique(np.concatenate(keys), return_inverse=True)
    if not len(pairs):
        return []
    deepest = np.asarray(ndimage.maximum(np.concatenate(heights), where, np.arange(len(pairs))))
    return list(zip(deepest.tolist(), (pairs // n_parts).tolist(), (pairs % n_parts).tolist(), strict=True))
