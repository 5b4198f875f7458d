"""Nuclei in the image of a DNA stain, and which of them are none of living cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.segmentation import expand_labels, find_boundaries, relabel_sequential

from napari_cellcycle.errors import ImageError, SettingError
from napari_cellcycle.images.level_tree import sharpest_regions
from napari_cellcycle.images.split_touching import split_touching

_DIAMETERS_PX = (6.0, 400.0)
_N_THRESHOLDS = 26
_ABOVE_NOISE = 3.0
"""The lowest threshold, as a multiple of the noise."""
_FIRST_BLUR_PX, _MOST_BLUR_PX = 2.0, 4.0
"""Before the size of nuclei is known."""
_AREAS = (0.03, 6.0)
"""Of regions, as shares of the area of a usual nucleus: clumps are split later, and the border cuts nuclei."""
_DARK = (10, 13, 3)
"""Of the background, in quarters of a diameter: percentile, width of the surroundings, and blur."""
_SHALLOWEST = 0.85
"""A neck this wide, against the narrower side, is a lobe's and not one between two nuclei."""

BRIGHT, GRANULAR, SMALL, LARGE = "bright", "granular", "small", "large"
"""Why an object is left out."""


@dataclass(frozen=True)
class NucleusGates:
    """What a living nucleus looks like.

    Attributes
    ----------
    brightest : float
        Highest mean brightness over the median of all objects. A nucleus in mitosis has up to three times that of G1.
    most_saturated : float
        Highest share of pixels at the camera's limit.
    most_granular : float
        Largest standard deviation of the fine structure over the mean brightness.
    least_contrast : float
        Least share of its brightness that the ring around an object lacks; what has less is uneven background, and not
        counted as an object.
    areas : tuple of float
        Smallest and largest area over that of a circle of the usual diameter; the smallest one does not hold at the
        border of the field.
    """

    brightest: float = 4.0
    most_saturated: float = 0.05
    most_granular: float = 0.25
    areas: tuple[float, float] = (0.15, 4.0)
    least_contrast: float = 0.3


LIVING = NucleusGates()


@dataclass(frozen=True, eq=False)
class Nuclei:
    """What was found in the image of a stain.

    Attributes
    ----------
    labels : ndarray of int32, shape (Y, X)
        Nuclei, numbered from 1.
    others : ndarray of int32, shape (Y, X)
        Objects that are left out: dead cells, debris, clumps.
    reasons : mapping of int to str
        Why, by the number in `others`.
    diameter_px : float
        Usual diameter, given or measured.
    """

    labels: NDArray[np.int32]
    others: NDArray[np.int32]
    reasons: Mapping[int, str] = field(default_factory=dict)
    diameter_px: float = 0.0


def label_nuclei(
    stain: NDArray[np.generic], *, diameter_px: float | None = None, gates: NucleusGates = LIVING
) -> Nuclei:
    """Label the nuclei in the image of a DNA stain.

    Uneven background is taken out, each object gets the threshold at which its own edge is sharpest, so that dim nuclei
    are found next to bright ones, and nuclei that touch are split at their necks. Dead cells and debris are told by
    brightness, saturation, granularity and size.

    Parameters
    ----------
    stain : ndarray, shape (Y, X)
        Image of the stain: nuclei are bright.
    diameter_px : float, optional
        Usual diameter of a nucleus in pixels, from 6 to 400; measured in the image if not given.
    gates : NucleusGates
        What is left out.

    Returns
    -------
    Nuclei

    Raises
    ------
    ImageError
        The image is not two-dimensional.
    SettingError
        The diameter is out of range.

    Examples
    --------
    >>> y, x = np.mgrid[:100, :100]
    >>> stain = 10 + 100.0 * ((y - 50) ** 2 + (x - 30) ** 2 < 144) + 40.0 * ((y - 50) ** 2 + (x - 70) ** 2 < 144)
    >>> found = label_nuclei(stain + np.random.default_rng(0).normal(0, 1, stain.shape))
    >>> int(found.labels.max())
    2
    """
    if stain.ndim != 2:
        raise ImageError(f"nuclei are labelled in one plane (Y, X), but the image has the shape {stain.shape}")
    if diameter_px is not None and not _DIAMETERS_PX[0] <= diameter_px <= _DIAMETERS_PX[1]:
        raise SettingError(f"the diameter of a nucleus is {diameter_px!r} pixels, but must be 6 to 400")
    pixels = stain.astype(np.float32)
    if diameter_px is not None:
        return _label(pixels, diameter_px, gates)
    first = _label(pixels, _guess_diameter(pixels), gates)
    if not first.labels.any():
        return first
    areas = np.bincount(first.labels.ravel())[1:]
    measured = float(np.clip(2 * np.sqrt(np.median(areas) / np.pi), *_DIAMETERS_PX))
    return _label(pixels, measured, gates)


def _label(pixels: NDArray[np.float32], diameter: float, gates: NucleusGates) -> Nuclei:
    """As `label_nuclei`, with a known diameter."""
    noise, enough = _noise(pixels), _enough_blur(pixels)
    blur = float(np.clip(enough, diameter / 26, diameter / 8))
    light = np.maximum(ndimage.gaussian_filter(pixels, blur) - _background(pixels, diameter), 0)
    lowest, highest = _ABOVE_NOISE * noise / max(blur, 1), 0.98 * float(light.max())
    if not 0 < lowest < highest:
        none = np.zeros(pixels.shape, np.int32)
        return Nuclei(none, none.copy(), diameter_px=diameter)
    usual = np.pi * diameter**2 / 4
    areas = (_AREAS[0] * usual, _AREAS[1] * usual)
    thresholds = np.geomspace(lowest, highest, _N_THRESHOLDS).tolist()
    regions = sharpest_regions(light, thresholds, areas, diameter / 26)
    whole = ndimage.binary_opening(regions > 0, np.ones((3, 3)))  # without threads of light between nuclei
    nuclei = split_touching(whole, diameter, _SHALLOWEST)
    nuclei[find_boundaries(nuclei, mode="inner")] = 0  # the edge, half as bright as the nucleus, is mostly blur
    nuclei = relabel_sequential(nuclei)[0].astype(np.int32)
    return _gate(nuclei, pixels, light, diameter, gates)


def _noise(pixels: NDArray[np.float32]) -> float:
    """Standard deviation of the noise in the background."""
    fine = pixels - ndimage.gaussian_filter(pixels, 1.0)
    spread = 1.8 * float(np.median(np.abs(fine)))  # to a normal distribution, of which the filter leaves 84 %
    return max(spread, 1e-3 * float(pixels.std()))


def _enough_blur(pixels: NDArray[np.float32]) -> float:
    """Standard deviation of the Gaussian that leaves noise of three hundredths of the brightness of nuclei."""
    smooth = ndimage.gaussian_filter(pixels, _FIRST_BLUR_PX)
    bright = smooth > threshold_otsu(smooth)
    if not bright.any():
        return 1.0
    brightness = float(smooth[bright].mean() - smooth[~bright].mean())
    return _noise(pixels) / (0.03 * 2 * np.sqrt(np.pi) * max(brightness, 1e-9))


def _background(pixels: NDArray[np.float32], diameter: float) -> NDArray[np.float32]:
    """Background at each pixel, from the darkest part of its wide surroundings."""
    step = max(int(diameter / 4), 1)
    coarse = ndimage.uniform_filter(pixels, step)[::step, ::step]
    dark = ndimage.gaussian_filter(ndimage.percentile_filter(coarse, _DARK[0], size=_DARK[1]), _DARK[2])
    factors = np.divide(pixels.shape, dark.shape)
    background: NDArray[np.float32] = ndimage.zoom(dark, factors, order=1, grid_mode=True, mode="nearest")
    return background


def _guess_diameter(pixels: NDArray[np.float32]) -> float:
    """First guess of the usual diameter: twice the greatest depth of a bright region, each counted by its area."""
    smooth = ndimage.gaussian_filter(pixels, float(np.clip(_enough_blur(pixels), 1, _MOST_BLUR_PX)))
    inside = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    depth = ndimage.distance_transform_edt(inside)
    regions, n_regions = ndimage.label(inside)
    if n_regions == 0:
        return _DIAMETERS_PX[0]
    diameters = 2 * np.asarray(ndimage.maximum(depth, regions, np.arange(1, n_regions + 1)))
    areas = np.bincount(regions.ravel())[1:]
    order = np.argsort(diameters)
    middle = np.searchsorted(np.cumsum(areas[order]), areas.sum() / 2)
    return float(np.clip(diameters[order][middle], *_DIAMETERS_PX))


def _gate(
    labels: NDArray[np.int32],
    pixels: NDArray[np.float32],
    light: NDArray[np.float32],
    diameter: float,
    gates: NucleusGates,
) -> Nuclei:
    """Separate living nuclei from other objects."""
    n_objects = int(labels.max())
    numbers = np.arange(1, n_objects + 1)
    areas = np.bincount(labels.ravel(), minlength=n_objects + 1)[1:] / (np.pi * diameter**2 / 4)
    brightness = np.asarray(ndimage.mean(light, labels, numbers))
    fine = light - ndimage.gaussian_filter(light, diameter / 9)
    granularity = np.asarray(ndimage.standard_deviation(fine, labels, numbers)) / np.maximum(brightness, 1e-9)
    at_limit = pixels >= pixels.max()
    saturation = np.asarray(ndimage.mean(at_limit, labels, numbers))
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    around = np.asarray(ndimage.mean(light, _rings(labels, diameter), numbers))
    is_faint = around > (1 - gates.least_contrast) * brightness
    is_sized = (areas >= gates.areas[0]) & (areas <= gates.areas[1]) & ~is_faint
    usual = np.median(brightness[is_sized]) if is_sized.any() else np.inf
    checks = {
        BRIGHT: (saturation > gates.most_saturated) | (brightness > gates.brightest * usual),
        GRANULAR: granularity > gates.most_granular,
        SMALL: (areas < gates.areas[0]) & ~np.isin(numbers, border),
        LARGE: areas > gates.areas[1],
    }
    reason = np.full(n_objects + 1, "", object)
    for name, is_out in reversed(checks.items()):
        reason[1:][is_out] = name
    is_out = (reason != "") & ~np.r_[False, is_faint]
    is_living = (reason == "") & ~np.r_[True, is_faint]
    living, others = (
        relabel_sequential(np.where(chosen[labels], labels, 0))[0].astype(np.int32) for chosen in (is_living, is_out)
    )
    return Nuclei(living, others, dict(enumerate(reason[is_out].tolist(), start=1)), diameter)


def _rings(labels: NDArray[np.int32], diameter: float) -> NDArray[np.int32]:
    """A ring around each object, beyond its blurred edge, with the number of the object."""
    rings: NDArray[np.int32] = expand_labels(labels, diameter / 5)
    rings[expand_labels(labels, diameter / 12) > 0] = 0
    return rings


def nuclei_in_words(n_nuclei: int, reasons: Sequence[str]) -> str:
    """How many nuclei were found, and what was left out.

    Parameters
    ----------
    n_nuclei : int
        In all frames.
    reasons : sequence of str
        As in `Nuclei.reasons`, of all frames.

    Returns
    -------
    str
        As in "48 nuclei; left out: 3 bright, 1 small".
    """
    left_out = [f"{reasons.count(name):,} {name}" for name in (BRIGHT, GRANULAR, SMALL, LARGE) if name in reasons]
    return f"{n_nuclei:,} nuclei" + (f"; left out: {', '.join(left_out)}" if left_out else "")
