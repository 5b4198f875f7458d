"""A DNA histogram, and what every fit to it shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from napari_cellcycle.stain.histogram_models import CVS, RATIOS, Curves, Floats

_SPAN = (0.55, 2.75)
"""The part of a histogram that is fitted, in places of the G1 peak: what lies below are debris, above clumps."""
_BINS = (66, 132)
_SHIFT = 0.15
"""By how much a fit may move the G1 peak from where it started."""
USUAL_CV, USUAL_RATIO, RATIO_SPREAD = 0.06, 1.95, 0.1
"""Where a fit starts; and the ratio is near this one where few cells leave it open."""
LOWEST = np.array([1 - _SHIFT, CVS[0], RATIOS[0], 0.2, 0.1])
HIGHEST = np.array([1 + _SHIFT, CVS[1], RATIOS[1], 0.8, 0.3])
"""Limits of the numbers of a fit, in the order of `Fitted.numbers`."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of cells around a place where the G1 peak may be; `edges` are relative to `unit`, this place."""

    unit: float
    edges: Floats
    counts: Floats

    @classmethod
    def around(cls, values: Floats, place: float) -> Histogram:
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
class Fitted:
    """Places (in units of the histogram) and curves of one fit."""

    numbers: Floats
    """Place of the G1 peak, CV and ratio; with a wave in S also its middle and width."""
    curves: Curves
