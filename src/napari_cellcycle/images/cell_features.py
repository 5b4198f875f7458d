"""Handcrafted features of prepared cells: shape, intensity, texture, and the radial distribution of the light.

The kinds of features are those that Blasi et al. measured with CellProfiler [1]_ on brightfield and darkfield. The
list of features, and the outline of the cell that they are measured in, are our own. Lengths are in pixels, values in
the units of the prepared images.

References
----------
.. [1] Blasi et al. (2016), "Label-free cell cycle analysis for high-throughput imaging flow cytometry",
   :doi:`10.1038/ncomms10256`
.. [2] Otsu (1979), :doi:`10.1109/TSMC.1979.4310076`
.. [3] Haralick et al. (1973), "Textural features for image classification", :doi:`10.1109/TSMC.1973.4309314`
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import graycomatrix, graycoprops
from skimage.filters import threshold_otsu
from skimage.measure import regionprops_table

Floats = NDArray[np.floating]
Masks = NDArray[np.bool_]
Features = dict[str, Floats]

N_LEVELS = 16
"""Number of grey levels in a co-occurrence matrix."""
N_RINGS = 4
"""Number of rings from the centre of a cell to its outline."""
TINY = 1e-6
"""Keeps denominators and logarithms away from 0."""
_IN_PLANE = np.array([np.zeros((3, 3)), [[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.zeros((3, 3))], bool)
"""Neighbours of a pixel within its own image, so that a whole stack of cells is processed in one call."""


def measure_cells(images: Floats, channels: Sequence[str]) -> Features:
    """Measure all features of prepared cells.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, S, S)
        From `images.model_input.prepare`: background is 0.
    channels : sequence of str
        Names of the C channels; the name of each feature begins with its channel.

    Returns
    -------
    dict of str to ndarray of float32, shape (N,)
        By name, in an order that depends only on `channels`; all values are finite.
    """
    masks = find_cells(images)
    features = measure_shape(masks)
    for number, channel in enumerate(channels):
        planes = images[:, number]
        parts = (
            measure_intensity(planes, masks),
            measure_texture(planes, masks),
            measure_cooccurrence(planes, masks),
            measure_rings(planes, masks),
        )
        features |= {f"{channel} {name}": values for part in parts for name, values in part.items()}
    for one, other in combinations(range(len(channels)), 2):
        name = f"correlation of {channels[one]} and {channels[other]}"
        features[name] = _correlation(images[:, one], images[:, other], masks)
    return {name: np.nan_to_num(values.astype(np.float32)) for name, values in features.items()}


def find_cells(images: Floats) -> Masks:
    """Pixels that belong to each of the cells (N, C, S, S), shape (N, S, S); never an empty mask.

    The contrast of all channels together is thresholded on a log scale by Otsu's method [2]_; holes are filled, and the
    largest connected piece is the cell. Without any contrast, the mask is a disc in the middle, half as wide as the
    image.
    """
    contrast = np.zeros((len(images), *images.shape[2:]), np.float32)
    for planes in images.swapaxes(0, 1):
        spread = planes.std(axis=(1, 2), keepdims=True)
        contrast += _gradient(planes) / np.where(spread > 0, spread, 1)
    contrast = np.log(ndimage.gaussian_filter(contrast, (0, 1, 1)) + TINY)
    thresholds = np.array([threshold_otsu(plane) for plane in contrast])
    masks = _largest_pieces(ndimage.binary_fill_holes(contrast > thresholds[:, None, None], _IN_PLANE))
    rows, columns = _positions(masks)
    middle = (masks.shape[-1] - 1) / 2
    masks[~masks.any(axis=(1, 2))] = np.hypot(rows - middle, columns - middle) <= masks.shape[-1] / 4
    return masks


def measure_shape(masks: Masks) -> Features:
    """Size and shape of the outlines of cells given by their masks (N, S, S), in pixels."""
    n_cells, height, width = masks.shape
    labels = (masks * np.arange(1, n_cells + 1)[:, None, None]).reshape(
        n_cells * height, width
    )  # one image under another
    wanted = ("area", "perimeter", "axis_major_length", "axis_minor_length", "eccentricity", "extent", "solidity")
    found = regionprops_table(labels, properties=(*wanted, "bbox", "orientation"))
    shape = {name.replace("_", " "): found[name] for name in wanted}
    shape["height"] = found["bbox-2"] - found["bbox-0"]
    shape["width"] = found["bbox-3"] - found["bbox-1"]
    shape["form factor"] = 4 * np.pi * found["area"] / np.maximum(found["perimeter"], 1) ** 2
    shape["alignment"] = np.cos(2 * found["orientation"])
    return shape


def measure_intensity(planes: Floats, masks: Masks) -> Features:
    """Measure the distribution of the values in each cell and on its rim, and its asymmetry.

    Parameters
    ----------
    planes : ndarray of float, shape (N, S, S)
        One channel of N prepared cells; background is 0.
    masks : ndarray of bool, shape (N, S, S)
        Pixels that belong to each cell, from `find_cells`.

    Returns
    -------
    dict of str to ndarray of float, shape (N,)
        By name; in units of `planes`, lengths in pixels.
    """
    rims = masks & ~ndimage.binary_erosion(masks, _IN_PLANE)
    mean, spread = _mean(planes, masks), _spread(planes, masks)
    unit = (planes - mean[:, None, None]) / np.maximum(spread, TINY)[:, None, None]
    features = {
        "mean": mean,
        "spread": spread,
        "skewness": _mean(unit**3, masks),
        "kurtosis": _mean(unit**4, masks),
        "sum": (planes * masks).sum(axis=(1, 2)),
        "sum of the image": planes.sum(axis=(1, 2)),
        "rim mean": _mean(planes, rims),
        "rim spread": _spread(planes, rims),
    }
    levels = np.sort(np.where(masks, planes, np.inf).reshape(len(planes), -1), axis=1)  # outside comes last
    last = masks.sum(axis=(1, 2)) - 1
    for percent in (0, 5, 25, 50, 75, 95, 100):
        indices = np.round(last * percent / 100).astype(int)
        features[f"percentile {percent}"] = levels[np.arange(len(levels)), indices]
    return features | _lean(planes, masks)


def measure_texture(planes: Floats, masks: Masks) -> Features:
    """Measure structures of several sizes: gradients, bands of spatial frequency, and bright and dark grains.

    Grains under a width are what a grey opening (bright) or closing (dark) with a square of this width removes.

    Parameters
    ----------
    planes : ndarray of float, shape (N, S, S)
        One channel of N prepared cells; background is 0.
    masks : ndarray of bool, shape (N, S, S)
        Pixels that belong to each cell, from `find_cells`.

    Returns
    -------
    dict of str to ndarray of float, shape (N,)
        By name; in units of `planes`.
    """
    gradient = _gradient(planes)
    features = {"gradient mean": _mean(gradient, masks), "gradient spread": _spread(gradient, masks)}
    finer = planes
    for blur in (0.7, 1.4, 2.8, 5.6):
        coarser = ndimage.gaussian_filter(planes, (0, blur, blur))
        features[f"band to {blur:g}"] = _spread(finer - coarser, masks)
        finer = coarser
    for width in (3, 5, 7, 9):
        opened = ndimage.grey_opening(planes, (1, width, width))
        closed = ndimage.grey_closing(planes, (1, width, width))
        features[f"bright grains under {width}"] = _mean(planes - opened, masks)
        features[f"dark grains under {width}"] = _mean(closed - planes, masks)
    return features


def measure_cooccurrence(planes: Floats, masks: Masks) -> Features:
    """Measure Haralick's textures [3]_ at distances of 1 and 3 pixels: mean and range over four directions.

    Parameters
    ----------
    planes : ndarray of float, shape (N, S, S)
        One channel of N prepared cells; background is 0.
    masks : ndarray of bool, shape (N, S, S)
        Pixels that belong to each cell, from `find_cells`.

    Returns
    -------
    dict of str to ndarray of float, shape (N,)
        By name; textures have no unit.
    """
    distances, angles = (1, 3), np.arange(4) * np.pi / 4
    counts = np.stack(
        [
            graycomatrix(levels, distances, angles, N_LEVELS + 1, symmetric=True)
            for levels in _grey_levels(planes, masks)
        ]
    )[:, 1:, 1:]  # level 0 is outside the cell
    shares = counts / np.maximum(counts.sum(axis=(1, 2), keepdims=True), 1)  # (N, L, L, distances, angles)
    piled = shares.transpose(1, 2, 0, 3, 4).reshape(N_LEVELS, N_LEVELS, -1, len(angles))  # one call for all cells
    kinds = {kind: graycoprops(piled, kind) for kind in ("contrast", "homogeneity", "ASM", "correlation")}
    kinds["entropy"] = -(piled * np.log2(piled + (piled == 0))).sum(axis=(0, 1))
    features: Features = {}
    for kind, values in kinds.items():
        by_distance = values.reshape(len(planes), len(distances), len(angles)).transpose(1, 0, 2)
        for distance, directions in zip(distances, by_distance, strict=True):
            features[f"{kind} at {distance}"] = directions.mean(axis=1)
            features[f"{kind} range at {distance}"] = np.ptp(directions, axis=1)
    return features


def measure_rings(planes: Floats, masks: Masks) -> Features:
    """Measure the light in rings from the centre to the outline, and in steps of 3 pixels from the centre.

    Parameters
    ----------
    planes : ndarray of float, shape (N, S, S)
        One channel of N prepared cells; background is 0.
    masks : ndarray of bool, shape (N, S, S)
        Pixels that belong to each cell, from `find_cells`.

    Returns
    -------
    dict of str to ndarray of float, shape (N,)
        By name; in units of `planes`; shares of the light are fractions from 0 to 1.
    """
    depth = ndimage.distance_transform_edt(masks, sampling=(masks.shape[-1], 1, 1))
    nearness = 1 - depth / np.maximum(depth.max(axis=(1, 2), keepdims=True), TINY)
    ring = np.minimum((nearness * N_RINGS).astype(int), N_RINGS - 1)
    light = np.abs(planes) * masks
    total = np.maximum(light.sum(axis=(1, 2)), TINY)
    features: Features = {}
    for number in range(N_RINGS):
        inside = masks & (ring == number)
        features[f"ring {number + 1} mean"] = _mean(planes, inside)
        features[f"ring {number + 1} spread"] = _spread(planes, inside)
        features[f"ring {number + 1} share"] = (light * inside).sum(axis=(1, 2)) / total
    radius = _distance_from_centre(masks)
    for start in range(0, 15, 3):
        inside = (radius >= start) & (radius < start + 3)
        features[f"from {start} to {start + 3} px mean"] = _mean(planes, inside)
        features[f"from {start} to {start + 3} px spread"] = _spread(planes, inside)
    return features


def _gradient(planes: Floats) -> Floats:
    """Magnitude of the slightly smoothed gradient at each pixel of (N, S, S)."""
    return np.hypot(*(ndimage.gaussian_filter(planes, (0, 1, 1), order=order) for order in ((0, 1, 0), (0, 0, 1))))


def _largest_pieces(masks: Masks) -> Masks:
    """The largest connected piece in each image of (N, S, S)."""
    pieces, _ = ndimage.label(masks, _IN_PLANE)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0  # the background
    by_cell = pieces.reshape(len(pieces), -1)
    largest = by_cell[np.arange(len(pieces)), sizes[by_cell].argmax(axis=1)]
    return masks & (pieces == largest[:, None, None])


def _grey_levels(planes: Floats, masks: Masks) -> NDArray[np.uint8]:
    """Grey levels from 1 to `N_LEVELS` in equal steps over the range of each cell; 0 outside the cell."""
    low = np.where(masks, planes, np.inf).min(axis=(1, 2), keepdims=True)
    high = np.where(masks, planes, -np.inf).max(axis=(1, 2), keepdims=True)
    steps = (planes - low) / np.maximum(high - low, TINY) * N_LEVELS
    return np.where(masks, 1 + np.clip(steps, 0, N_LEVELS - 1), 0).astype(np.uint8)


def _lean(planes: Floats, masks: Masks) -> Features:
    """Distance from the centre of the outline to the centre of the light, to the right (signed) and up or down."""
    light = np.abs(planes) * masks
    total = np.maximum(light.sum(axis=(1, 2)), TINY)
    down, right = _positions(masks)
    leans = [(light * axis).sum(axis=(1, 2)) / total - _mean(axis, masks) for axis in (right, down)]
    return {"lean to the right": leans[0], "lean up or down": np.abs(leans[1])}


def _distance_from_centre(masks: Masks) -> Floats:
    """Distance of each pixel from the centre of the mask, shape (N, S, S), in pixels."""
    down, right = _positions(masks)
    middles = [_mean(axis, masks)[:, None, None] for axis in (down, right)]
    return np.hypot(down - middles[0], right - middles[1])


def _positions(masks: Masks) -> Floats:
    """Row and column of each pixel, shape (2, 1, S, S)."""
    return np.indices(masks.shape[1:], np.float32)[:, None]


def _mean(planes: Floats, masks: Masks) -> Floats:
    """Mean of each plane inside its mask, shape (N,); 0 where the mask is empty."""
    return (planes * masks).sum(axis=(1, 2)) / np.maximum(masks.sum(axis=(1, 2)), 1)


def _spread(planes: Floats, masks: Masks) -> Floats:
    """Standard deviation of each plane inside its mask, shape (N,)."""
    return np.sqrt(_mean((planes - _mean(planes, masks)[:, None, None]) ** 2, masks))


def _correlation(planes: Floats, others: Floats, masks: Masks) -> Floats:
    """Pearson correlation inside each mask, shape (N,); 0 where a channel is flat."""
    one, other = (values - _mean(values, masks)[:, None, None] for values in (planes, others))
    return _mean(one * other, masks) / np.maximum(_spread(planes, masks) * _spread(others, masks), TINY)
