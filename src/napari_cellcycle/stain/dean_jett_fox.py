"""The fit of Dean, Jett and Fox: Gaussian peaks, S of second degree between them, and a wave in S."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import least_squares, nnls

from napari_cellcycle.stain.histogram import HIGHEST, LOWEST, RATIO_SPREAD, USUAL_RATIO, Fitted, Histogram
from napari_cellcycle.stain.histogram_models import Curves, Floats, debris, peak, s_phase_basis, wave

_UNEVEN = 0.1
"""How much S phase may rise or fall where few cells say so, as a share of all cells; chosen on simulated histograms."""


def fit_dean_jett_fox(histogram: Histogram, start: Floats) -> Fitted:
    """Least squares over the places; for each of them, the numbers of cells follow by non-negative least squares.

    Parameters
    ----------
    histogram : Histogram
        Counts of cells.
    start : ndarray, shape (3,) or (5,) with a wave in S
        Where the fit starts, as in `Fitted.numbers`.

    Returns
    -------
    Fitted
    """
    low, high = LOWEST[: len(start)], HIGHEST[: len(start)]
    numbers, amounts, columns = start, np.zeros(0), np.zeros((0, 0))
    expected = gaussian_filter1d(histogram.counts, 2.0)
    for _ in range(2):  # the second time weighted by what the first one expects
        linear = _Linear(histogram, expected)
        inside = np.clip(numbers, low + 1e-6, high - 1e-6)
        numbers = least_squares(linear.residuals, inside, bounds=(low, high), diff_step=1e-3, max_nfev=25).x
        columns, amounts = linear.solve(numbers)
        expected = amounts @ columns
    parts = amounts[:, None] * columns
    return Fitted(numbers, Curves(parts[0], parts[3:].sum(axis=0), parts[1], parts[2]))


@dataclass(frozen=True, eq=False)
class _Linear:
    """The part of the fit that is solved at once: how many cells each shape has.

    Where few cells say little, S phase is rather level, and the ratio near the usual one.
    """

    histogram: Histogram
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
        return np.append(misses, (numbers[2] - USUAL_RATIO) / RATIO_SPREAD)


def _columns(edges: Floats, numbers: Floats) -> Floats:
    """Shapes of G1, G2/M, debris, and three or four of S, (6 or 7, B)."""
    mean, cv, ratio = numbers[:3]
    peaks = [peak(edges, mean, cv), peak(edges, mean * ratio, cv)]
    waves = [wave(edges, *numbers)] if len(numbers) > 3 else []
    return np.vstack([*peaks, debris(edges), s_phase_basis(edges, mean, cv, ratio), *waves])
