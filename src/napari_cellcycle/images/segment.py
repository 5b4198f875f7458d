"""Segmentation of the cells in a brightfield image without a label image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import relabel_sequential, watershed

from napari_cellcycle.errors import ImageError, SettingError

_USUAL_DIAMETER_PX = 24.0
"""First guess of the diameter; it is then measured on the cells that were found with it."""
_DIAMETERS_PX = (6.0, 400.0)
_WITHOUT_HALO = 0.7
"""True diameter over the first estimate, which includes halo and blur (0.63 to 0.75 where the truth is known)."""
_ABOVE_NOISE = 3.0
"""The contrast of a cell is at least this many times that of empty background."""


def segment_brightfield(image: NDArray[np.generic], *, cell_diameter_px: float | None = None) -> NDArray[np.int32]:
    """Label the cells of a brightfield image.

    Cells are regions of high local contrast. The smoothed gradient, which uneven light does not affect, is thresholded
    on a log scale by Otsu's method [1]_; holes are filled, and cells that touch are split by a watershed of the
    distance to the background [2]_.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        Brightfield image, integer or float.
    cell_diameter_px : float, optional
        Usual diameter of a cell in pixels, from 6 to 400; measured in the image if not given.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        0 is background, cells are numbered from 1.

    Raises
    ------
    ImageError
        The image is not two-dimensional.
    SettingError
        The diameter is out of range.

    References
    ----------
    .. [1] Otsu (1979), IEEE Trans. SMC 9, :doi:`10.1109/TSMC.1979.4310076`
    .. [2] Meyer (1994), Signal Processing 38, :doi:`10.1016/0165-1684(94)90060-4`
    """
    if image.ndim != 2:
        raise ImageError(
            f"cells are segmented in one plane (Y, X), but the image has the shape {image.shape}; give a plane"
        )
    if cell_diameter_px is not None and not _DIAMETERS_PX[0] <= cell_diameter_px <= _DIAMETERS_PX[1]:
        raise SettingError(f"cell-diameter-px is {cell_diameter_px!r}, but must be between 6 and 400")
    pixels = image.astype(np.float32)
    diameter = cell_diameter_px or _find_diameter(pixels)
    return _split(_foreground(pixels, diameter), diameter)


def _find_diameter(pixels: NDArray[np.float32]) -> float:
    """Usual diameter of the cells in pixels, from the median size of the regions found with a first guess."""
    regions, n_regions = ndimage.label(_foreground(pixels, _USUAL_DIAMETER_PX))
    if n_regions == 0:
        return _USUAL_DIAMETER_PX
    diameters = 2 * np.sqrt(np.bincount(regions.ravel())[1:] / np.pi)
    return float(np.clip(_WITHOUT_HALO * np.median(diameters), *_DIAMETERS_PX))


def _foreground(pixels: NDArray[np.float32], diameter: float) -> NDArray[np.bool_]:
    """Pixels of cells, (Y, X): high contrast, with holes filled and specks removed."""
    blur = max(diameter / 12, 1.0)
    gradient = ndimage.gaussian_gradient_magnitude(pixels, max(diameter / 20, 1.0))
    contrast = np.log(ndimage.gaussian_filter(gradient, blur) + max(1e-6 * float(gradient.max()), 1e-12))
    noise = np.median(contrast[contrast <= np.median(contrast)])
    threshold = max(float(threshold_otsu(contrast)), float(noise) + np.log(_ABOVE_NOISE))
    high = contrast > threshold
    holes, _ = ndimage.label(ndimage.binary_fill_holes(high) & ~high)
    is_inside = np.bincount(holes.ravel()) <= np.pi * (0.4 * diameter) ** 2  # larger holes lie between cells
    is_inside[0] = False
    depth = ndimage.distance_transform_edt(high | is_inside[holes])
    core = depth > blur + diameter / 8  # eroded, as the blur widened it, and opened, to remove specks
    if not core.any():
        return core
    return np.asarray(ndimage.distance_transform_edt(~core) <= diameter / 8, bool)


def _split(foreground: NDArray[np.bool_], diameter: float) -> NDArray[np.int32]:
    """Labels of single cells, (Y, X)."""
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(foreground), diameter / 12)
    regions, _ = ndimage.label(foreground)
    peaks = peak_local_max(depth, min_distance=max(round(diameter * 0.4), 2), labels=regions, exclude_border=False)
    seeds = np.zeros(foreground.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    cells = watershed(-depth, seeds, mask=foreground)
    areas = np.bincount(cells.ravel())
    cells[areas[cells] < np.pi * (diameter * 0.25) ** 2] = 0
    return relabel_sequential(cells)[0].astype(np.int32)
