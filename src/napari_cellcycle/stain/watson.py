"""The pragmatic fit of Watson: both peaks from their outer sides, and S phase as what remains."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import least_squares, nnls
from scipy.special import ndtr

from napari_cellcycle.stain.histogram import HIGHEST, LOWEST, RATIO_SPREAD, USUAL_RATIO, Fitted, Histogram
from napari_cellcycle.stain.histogram_models import Curves, Floats, debris, peak

_INNER = 0.5
"""How far a peak is fitted on the side where S phase is, in standard deviations."""
_FREE = 2.5
"""From here on there are hardly any cells of a peak, in its standard deviations."""


def fit_watson(histogram: Histogram, start: Floats) -> Fitted:
    """Fit both peaks on their outer sides, and take what lies between them as S phase.

    Parameters
    ----------
    histogram : Histogram
        Counts of cells.
    start : ndarray, shape (3,), or longer
        Where the fit starts, as in `Fitted.numbers`.

    Returns
    -------
    Fitted
    """
    edges, counts, numbers = histogram.edges, histogram.counts, start[:3]
    middles = (edges[:-1] + edges[1:]) / 2
    for _ in range(3):  # the sides are where the peaks were found to be
        under = _s_phase_under_peaks(middles, counts, numbers)
        numbers, (g1, g2m, pieces) = _fit_outer_sides(histogram, counts - under, numbers)
    mean, cv, ratio = numbers
    is_between = (middles > mean * (1 + _FREE * cv)) & (middles < mean * ratio * (1 - _FREE * cv))
    s_phase = np.where(is_between, np.clip(counts - g1 - g2m - pieces, 0, None), under)
    return Fitted(numbers, Curves(g1, s_phase, g2m, pieces))


def _s_phase_under_peaks(middles: Floats, counts: Floats, numbers: Floats) -> Floats:
    """S phase on both sides as level as next to the peak there, and ending at the peak."""
    mean, cv, ratio = numbers
    sides = [(middles / mean - 1) / cv, (1 - middles / (mean * ratio)) / cv]  # in standard deviations, towards S
    levels = []
    for side in sides:
        near = counts[(side > _FREE) & (side < _FREE + 2) & (sides[0] > _FREE) & (sides[1] > _FREE)]
        levels.append(near.mean() if len(near) else 0.0)
    share = np.clip((middles / mean - 1) / (ratio - 1), 0, 1)
    return np.asarray(((1 - share) * levels[0] + share * levels[1]) * ndtr(sides[0]) * ndtr(sides[1]))


def _fit_outer_sides(histogram: Histogram, counts: Floats, start: Floats) -> tuple[Floats, Floats]:
    """Places of both peaks, and curves of G1, G2/M and debris, from the sides where there is little S."""
    edges, (mean, cv, ratio) = histogram.edges, start
    middles = (edges[:-1] + edges[1:]) / 2
    first, second = (middles / mean - 1) / cv, (middles / (mean * ratio) - 1) / cv
    outer = ((first > -3) & (first < _INNER)) | ((second > -_INNER) & (second < 3))
    weights = 1 / np.sqrt(np.maximum(gaussian_filter1d(histogram.counts, 2.0), 0.5))[outer]

    def solve(numbers: Floats) -> tuple[Floats, Floats]:
        mean, cv, ratio = numbers
        columns = np.vstack([peak(edges, mean, cv), peak(edges, mean * ratio, cv), debris(edges)])
        return columns, nnls((columns[:, outer] * weights).T, np.clip(counts[outer], 0, None) * weights)[0]

    def residuals(numbers: Floats) -> Floats:
        columns, amounts = solve(numbers)
        misses = ((amounts @ columns)[outer] - counts[outer]) * weights
        return np.append(misses, (numbers[2] - USUAL_RATIO) / RATIO_SPREAD)

    low, high = LOWEST[:3].copy(), HIGHEST[:3].copy()
    low[1], high[1] = max(low[1], 0.7 * cv), min(high[1], 1.4 * cv)  # a side of few cells says little about a width
    inside = np.clip(start, low + 1e-6, high - 1e-6)
    numbers = least_squares(residuals, inside, bounds=(low, high), diff_step=1e-3, max_nfev=25).x
    columns, amounts = solve(numbers)
    return numbers, amounts[:, None] * columns
