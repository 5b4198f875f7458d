"""Fits of published models to a DNA histogram."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.special import xlogy

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.stain.dean_jett_fox import fit_dean_jett_fox
from napari_cellcycle.stain.histogram import USUAL_CV, USUAL_RATIO, Fitted, Histogram
from napari_cellcycle.stain.histogram_models import Curves, Floats
from napari_cellcycle.stain.names import DEAN_JETT_FOX, PARTS, WATSON
from napari_cellcycle.stain.watson import fit_watson

FEWEST_CELLS = 20
_MOST_MAXIMA = 3
"""Peaks of a histogram that are tried as that of G1 and as that of G2/M."""
_LEAST_G1 = 0.02
_RARE = 6.0
"""A fit by which most events are debris, or G2/M holds far more cells than G1, must be this much likelier (log)."""
_MOST_ROUNDS, _STAYS = 4, 0.02
_N_PARAMETERS = 9


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
    fitted = fit_watson(histogram, plain.numbers) if model == WATSON else _with_wave(histogram, plain)
    draw = np.random.default_rng(seed)
    low, high = _interval(histogram, fitted, fit_watson if model == WATSON else fit_dean_jett_fox, draw, n_bootstrap)
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


def _best_start(values: Floats) -> tuple[Histogram, Fitted]:
    """The likeliest fit; Watson's model starts there too, as it could describe a histogram around any place."""
    found = []
    for place in _starts(values):
        histogram, fit = _fit_around(values, place, np.array([1, USUAL_CV, USUAL_RATIO]))
        found.append((histogram.score(fit.curves, values) + _RARE * _is_rare(fit.curves), histogram, fit))
    # One peak alone is taken for that of G1, though at half its place a fit without G1 describes it as well
    _, histogram, fit = min(found, key=lambda each: (each[2].curves.fractions[0] < _LEAST_G1, each[0]))
    return histogram, fit


def _is_rare(curves: Curves) -> bool:
    """Whether a population is unlike most: where few cells leave it open what the peaks are, it is not believed."""
    g1, _, g2m = curves.fractions
    return bool(curves.debris.sum() > curves.total.sum() / 2 or g2m > 4 * g1)


def _fit_around(values: Floats, place: float, start: Floats) -> tuple[Histogram, Fitted]:
    """Fit a histogram around a place, and again around where the peak was found, until that stays."""
    for _ in range(_MOST_ROUNDS):
        histogram = Histogram.around(values, place)
        fitted = fit_dean_jett_fox(histogram, start)
        place, start = float(fitted.numbers[0] * histogram.unit), np.array([1, *fitted.numbers[1:]])
        if abs(fitted.numbers[0] - 1) < _STAYS:
            break
    return histogram, fitted


def _with_wave(histogram: Histogram, plain: Fitted) -> Fitted:
    """The fit with Fox's wave in S phase, if it describes the histogram better by more than chance."""
    fitted = fit_dean_jett_fox(histogram, np.append(plain.numbers, [0.5, 0.15]))
    gain = _deviance(histogram.counts, plain.curves.total) - _deviance(histogram.counts, fitted.curves.total)
    return fitted if gain > 3 * np.log(max(histogram.counts.sum(), 1)) else plain


def _deviance(counts: Floats, expected: Floats) -> float:
    """Poisson deviance."""
    expected = np.maximum(expected, 1e-3)
    return float(2 * (xlogy(counts, counts / expected) - counts + expected).sum())


def _interval(
    histogram: Histogram,
    fitted: Fitted,
    fit: Callable[[Histogram, Floats], Fitted],
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
    return [*places, *(place / USUAL_RATIO for place in places)]
