"""Fits of published models to a DNA histogram."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import least_squares, nnls
from scipy.special import ndtr, xlogy

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.stain.histogram_models import CVS, RATIOS, Curves, Floats, debris, peak, s_phase_basis, wave
from napari_cellcycle.stain.names import DEAN_JETT_FOX, PARTS, WATSON

FEWEST_CELLS = 20
_SPAN = (0.55, 2.75)
"""The part of a histogram that is fitted, in places of the G1 peak: what lies below are debris, above clumps."""
_SHIFT = 0.15
"""By how much the fit may move the G1 peak from where it started."""
_MOST_MAXIMA = 3
_USUAL_RATIO = 1.95
_BINS = (66, 132)
_FIRST_CVS = (0.04, 0.1)
_N_PARAMETERS = 9
_UNEVEN = 0.1
_RATIO_SPREAD = 0.1
_LEAST_G1 = 0.02
_MOST_ROUNDS, _STAYS = 4, 0.02
_INNER = 0.5
"""How far a peak is fitted on the side where S phase is, in standard deviations (Watson)."""
_FREE = 2.5
"""From here on there are hardly any cells of a peak, in its standard deviations."""


@dataclass(frozen=True, eq=False)
class HistogramFit:
    """A model, fitted to the DNA of some cells.

    Attributes
    ----------
    model : str
        One of `names.MODELS`.
    g1_place : float
        Middle of the G1 peak, in the units of the stain.
    cv : float
        Coefficient of variation of the peaks, such as 0.05.
    ratio : float
        Place of the G2/M peak relative to that of G1.
    fractions, low, high : ndarray, shape (3,)
        Fractions of G1, S and G2/M, and their intervals (95 %, bootstrap).
    edges : ndarray, shape (B + 1,)
        Edges of the bins, in the units of the stain.
    counts : ndarray, shape (B,)
        Cells in each bin.
    curves : Curves
        The same as the model has them.
    misfit : float
        Deviance for each degree of freedom: about 1 where the model describes the histogram, more where it does not.
    n_cells : int
        Cells that were fitted.
    """

    model: str
    g1_place: float
    cv: float
    ratio: float
    fractions: Floats
    low: Floats
    high: Floats
    edges: Floats
    counts: Floats
    curves: Curves
    misfit: float
    n_cells: int

    @property
    def g2_place(self) -> float:
        """Middle of the G2/M peak, in the units of the stain."""
        return self.g1_place * self.ratio

    @property
    def middles(self) -> Floats:
        """Middles of the bins, shape (B,), in the units of the stain."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``gates.json``; the curves are left out."""
        shares = zip(PARTS, self.fractions.tolist(), self.low.tolist(), self.high.tolist(), strict=True)
        return {
            "model": self.model,
            "g1_place": self.g1_place,
            "cv": self.cv,
            "ratio": self.ratio,
            "fractions": {part: {"value": value, "low": low, "high": high} for part, value, low, high in shares},
            "misfit": self.misfit,
            "n_cells": self.n_cells,
        }


def fit_histogram(
    dna: NDArray[np.floating], model: str = DEAN_JETT_FOX, *, seed: int = 0, n_bootstrap: int = 100
) -> HistogramFit:
    """Fit a model to the amounts of DNA of single cells.

    Dean-Jett-Fox [1]_ [2]_: Gaussian peaks of G1 and G2/M with one CV; S phase is a curve of second degree between
    them, with a wave of cells that go through S together, all broadened by the CV. Watson's pragmatic model [3]_: the
    Gaussians are fitted to the outer sides of the peaks, where there is no S, and S is what remains between them, of
    whatever shape.

    Parameters
    ----------
    dna : ndarray, shape (N,)
        Integrated stain of each cell in any unit; NaN and values up to 0 are left out.
    model : {"dean-jett-fox", "watson"}
        Which one.
    seed : int
        Of the bootstrap, so that the same cells give the same intervals.
    n_bootstrap : int
        Histograms that are drawn and fitted for the intervals, at least 1.

    Returns
    -------
    HistogramFit
        The better one of several starts.

    Raises
    ------
    TooFewCellsError
        There are fewer than `FEWEST_CELLS` cells.

    References
    ----------
    .. [1] Dean and Jett (1974), J. Cell Biol. 60, :doi:`10.1083/jcb.60.2.523`
    .. [2] Fox (1980), Cytometry 1, :doi:`10.1002/cyto.990010114`
    .. [3] Watson, Chambers and Smith (1987), Cytometry 8, :doi:`10.1002/cyto.990080101`
    """
    values = np.asarray(dna, np.float64)
    values = values[np.isfinite(values) & (values > 0)]
    if len(values) < FEWEST_CELLS:
        raise TooFewCellsError(
            f"a DNA histogram of {len(values)} cells can't be fitted; give at least {FEWEST_CELLS} stained cells"
        )
    histogram, plain = _best_start(values)
    fitted = _fit_watson(histogram, plain.numbers) if model == WATSON else _with_wave(histogram, plain)
    draw = np.random.default_rng(seed)
    low, high = _interval(histogram, fitted, _fit_watson if model == WATSON else _fit_dean_jett_fox, draw, n_bootstrap)
    place, cv, ratio = fitted.numbers[:3]
    return HistogramFit(
        model,
        float(place * histogram.unit),
        float(cv),
        float(ratio),
        fitted.curves.fractions,
        low,
        high,
        histogram.edges * histogram.unit,
        histogram.counts,
        fitted.curves,
        _deviance(histogram.counts, fitted.curves.total) / (len(histogram.counts) - _N_PARAMETERS),
        len(values),
    )


def _best_start(values: Floats) -> tuple[_Histogram, _Fitted]:
    """The likeliest fit; Watson's model starts there too, as it could describe a histogram around any place."""
    found = []
    for place in _starts(values):
        for cv in _FIRST_CVS:
            histogram, fit = _fit_around(values, place, np.array([1, cv, _USUAL_RATIO]))
            found.append((histogram.score(fit.curves, values), histogram, fit))
    # One peak alone is taken for that of G1, though at half its place a fit without G1 describes it as well
    _, histogram, fit = min(found, key=lambda each: (each[2].curves.fractions[0] < _LEAST_G1, each[0]))
    return histogram, fit


def _fit_around(values: Floats, place: float, start: Floats) -> tuple[_Histogram, _Fitted]:
    """Fit a histogram around a place, and again around where the peak was found, until that stays."""
    for _ in range(_MOST_ROUNDS):
        histogram = _Histogram.around(values, place)
        fitted = _fit_dean_jett_fox(histogram, start)
        place, start = float(fitted.numbers[0] * histogram.unit), np.array([1, *fitted.numbers[1:]])
        if abs(fitted.numbers[0] - 1) < _STAYS:
            break
    return histogram, fitted


def _with_wave(histogram: _Histogram, plain: _Fitted) -> _Fitted:
    """The fit with Fox's wave in S phase, if it describes the histogram better by more than chance."""
    fitted = _fit_dean_jett_fox(histogram, np.append(plain.numbers, [0.5, 0.15]))
    gain = _deviance(histogram.counts, plain.curves.total) - _deviance(histogram.counts, fitted.curves.total)
    return fitted if gain > 3 * np.log(max(histogram.counts.sum(), 1)) else plain


def _deviance(counts: Floats, expected: Floats) -> float:
    """Poisson deviance."""
    expected = np.maximum(expected, 1e-3)
    return float(2 * (xlogy(counts, counts / expected) - counts + expected).sum())


def _interval(
    histogram: _Histogram,
    fitted: _Fitted,
    fit: Callable[[_Histogram, Floats], _Fitted],
    draw: np.random.Generator,
    n_draws: int,
) -> tuple[Floats, Floats]:
    """Ends of the intervals of the fractions: counts are drawn again, and fitted again from where the fit ended."""
    total = int(histogram.counts.sum())
    samples = draw.multinomial(total, histogram.counts / total, n_draws).astype(np.float64)
    again = [fit(replace(histogram, counts=counts), fitted.numbers).curves.fractions for counts in samples]
    low, high = np.percentile(again, [2.5, 97.5], axis=0)
    return np.minimum(low, fitted.curves.fractions), np.maximum(high, fitted.curves.fractions)


def _starts(values: Floats) -> list[float]:
    """Where the G1 peak may be: maxima of the smoothed histogram of logarithms, and half the place of each."""
    logs = np.log(values)
    low, high = np.percentile(logs, [0.5, 99.5]) + np.array([-0.3, 0.3])
    counts, edges = np.histogram(logs, bins=200, range=(low, high))
    smooth = gaussian_filter1d(counts.astype(float), max(0.04 / (edges[1] - edges[0]), 1.0))
    inner = smooth[1:-1]
    maxima = np.flatnonzero((inner > smooth[:-2]) & (inner >= smooth[2:]) & (inner > 0.1 * smooth.max())) + 1
    highest = maxima[np.argsort(smooth[maxima])[::-1]][:_MOST_MAXIMA]
    places = np.exp((edges[highest] + edges[highest + 1]) / 2).tolist()
    return [*places, *(place / _USUAL_RATIO for place in places)]


@dataclass(frozen=True, eq=False)
class _Histogram:
    """Counts of cells around a place where the G1 peak may be; `edges` are relative to `unit`, this place."""

    unit: float
    edges: Floats
    counts: Floats

    @classmethod
    def around(cls, values: Floats, place: float) -> _Histogram:
        low, high = (end * place for end in _SPAN)
        n_inside = int(((values >= low) & (values < high)).sum())
        n_bins = int(np.clip(4 * np.sqrt(n_inside), *_BINS))
        counts, edges = np.histogram(values, n_bins, (low, high))
        return cls(place, edges / place, counts.astype(np.float64))

    def score(self, curves: Curves, values: Floats) -> float:
        """How unlikely the values are; those outside of the histogram are as if spread evenly over all values."""
        width = (self.edges[1] - self.edges[0]) * self.unit
        n_outside = len(values) - self.counts.sum()
        inside = xlogy(self.counts, np.maximum(curves.total, 1e-3) / width).sum()
        return float(-inside - xlogy(n_outside, max(n_outside, 1) / np.ptp(values)))


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Places (in units of the histogram) and curves of one fit."""

    numbers: Floats
    """Place of the G1 peak, CV and ratio; with a wave in S also its middle and width."""
    curves: Curves


_LOW = np.array([1 - _SHIFT, CVS[0], RATIOS[0], 0.2, 0.1])
_HIGH = np.array([1 + _SHIFT, CVS[1], RATIOS[1], 0.8, 0.3])


def _fit_dean_jett_fox(histogram: _Histogram, start: Floats) -> _Fitted:
    """Least squares over the places; for each of them, the numbers of cells follow by non-negative least squares."""
    low, high = _LOW[: len(start)], _HIGH[: len(start)]
    numbers, amounts, columns = start, np.zeros(0), np.zeros((0, 0))
    expected = gaussian_filter1d(histogram.counts, 2.0)
    for _ in range(2):  # the second time weighted by what the first one expects
        linear = _Linear(histogram, expected)
        inside = np.clip(numbers, low + 1e-6, high - 1e-6)
        numbers = least_squares(linear.residuals, inside, bounds=(low, high), diff_step=1e-3, max_nfev=25).x
        columns, amounts = linear.solve(numbers)
        expected = amounts @ columns
    parts = amounts[:, None] * columns
    return _Fitted(numbers, Curves(parts[0], parts[3:].sum(axis=0), parts[1], parts[2]))


@dataclass(frozen=True, eq=False)
class _Linear:
    """The part of the fit that is solved at once: how many cells each shape has.

    Where few cells say little, S phase is rather level, and the ratio near the usual one.
    """

    histogram: _Histogram
    expected: Floats

    @cached_property
    def weights(self) -> Floats:
        return np.asarray(1 / np.sqrt(np.maximum(self.expected, 0.5)))

    def solve(self, numbers: Floats) -> tuple[Floats, Floats]:
        columns = _columns(self.histogram.edges, numbers)
        level = np.zeros((2, len(columns)))
        level[0, 3:5] = level[1, 4:6] = np.array([1, -1]) / (_UNEVEN * max(self.histogram.counts.sum(), 1))
        target = np.append(self.histogram.counts * self.weights, [0, 0])
        return columns, nnls(np.vstack([(columns * self.weights).T, level]), target)[0]

    def residuals(self, numbers: Floats) -> Floats:
        columns, amounts = self.solve(numbers)
        misses = (amounts @ columns - self.histogram.counts) * self.weights
        return np.append(misses, (numbers[2] - _USUAL_RATIO) / _RATIO_SPREAD)


def _columns(edges: Floats, numbers: Floats) -> Floats:
    """Shapes of G1, G2/M, debris, and three or four of S, (6 or 7, B)."""
    mean, cv, ratio = numbers[:3]
    peaks = [peak(edges, mean, cv), peak(edges, mean * ratio, cv)]
    waves = [wave(edges, *numbers)] if len(numbers) > 3 else []
    return np.vstack([*peaks, debris(edges), s_phase_basis(edges, mean, cv, ratio), *waves])


def _fit_watson(histogram: _Histogram, start: Floats) -> _Fitted:
    """Fit both peaks on their outer sides, and take what lies between them as S phase."""
    edges, counts, numbers = histogram.edges, histogram.counts, start[:3]
    middles = (edges[:-1] + edges[1:]) / 2
    for _ in range(3):  # the sides are where the peaks were found to be
        under = _s_phase_under_peaks(middles, counts, numbers)
        numbers, (g1, g2m, pieces) = _fit_outer_sides(histogram, counts - under, numbers)
    mean, cv, ratio = numbers
    is_between = (middles > mean * (1 + _FREE * cv)) & (middles < mean * ratio * (1 - _FREE * cv))
    s_phase = np.where(is_between, np.clip(counts - g1 - g2m - pieces, 0, None), under)
    return _Fitted(numbers, Curves(g1, s_phase, g2m, pieces))


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


def _fit_outer_sides(histogram: _Histogram, counts: Floats, start: Floats) -> tuple[Floats, Floats]:
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
        return np.append(misses, (numbers[2] - _USUAL_RATIO) / _RATIO_SPREAD)

    low, high = _LOW[:3].copy(), _HIGH[:3].copy()
    low[1], high[1] = max(low[1], 0.7 * cv), min(high[1], 1.4 * cv)  # a side of few cells says little about a width
    inside = np.clip(start, low + 1e-6, high - 1e-6)
    numbers = least_squares(residuals, inside, bounds=(low, high), diff_step=1e-3, max_nfev=25).x
    columns, amounts = solve(numbers)
    return numbers, amounts[:, None] * columns
