"""Durations of phases of which some were cut off: Kaplan-Meier curves."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    """Share of cells that are still in a phase after some time.

    Attributes
    ----------
    times : ndarray, shape (K,)
        Durations that occur.
    share, low, high : ndarray, shape (K,)
        Share of cells whose phase lasts longer, and its confidence band, pointwise. NaN where no band can be given.
    n_ended, n_cut : int
        Phases that were seen from start to end, and those whose end was not seen.
    """

    times: Floats
    share: Floats
    low: Floats
    high: Floats
    n_ended: int
    n_cut: int

    @property
    def median(self) -> float:
        """Duration that half of the cells exceed; NaN if more than half of them were cut off before it."""
        return _falls_to_half(self.times, self.share)

    @property
    def median_interval(self) -> tuple[float, float]:
        """Confidence interval of the median (Brookmeyer and Crowley): where the band crosses one half."""
        return _falls_to_half(self.times, self.low), _falls_to_half(self.times, self.high)


@dataclass(frozen=True, eq=False)
class Stays:
    """Stays of cells in phases, of which the start was seen; all arrays have one entry for each.

    Attributes
    ----------
    phase : ndarray of int
        Number of the phase.
    track : ndarray
        Name of the track.
    duration : ndarray of float
        How long it was seen.
    ended : ndarray of bool
        Whether its end was seen.
    """

    phase: NDArray[np.int64]
    track: NDArray[np.generic]
    duration: Floats
    ended: NDArray[np.bool_]

    def of(self, tracks: ArrayLike) -> Stays:
        """Those of some tracks, by their names."""
        chosen = np.isin(self.track, tracks)
        return Stays(self.phase[chosen], self.track[chosen], self.duration[chosen], self.ended[chosen])

    def curves(self, phase_set: Sequence[str]) -> dict[str, SurvivalCurve]:
        """Curve of each phase, by its name."""
        stays = [self.phase == phase for phase in range(len(phase_set))]
        return {
            name: kaplan_meier(self.duration[here], self.ended[here])
            for name, here in zip(phase_set, stays, strict=True)
        }


def kaplan_meier(durations: ArrayLike, ended: ArrayLike, level: float = 0.95) -> SurvivalCurve:
    """The curve of Kaplan and Meier, with a band on the log(-log) scale, which stays between 0 and 1.

    Parameters
    ----------
    durations : array_like of float, shape (N,)
        How long each phase was seen, from its start.
    ended : array_like of bool, shape (N,)
        Whether its end was seen.
    level : float
        Confidence level of the band.

    Returns
    -------
    SurvivalCurve

    Examples
    --------
    >>> curve = kaplan_meier([3, 5, 5, 8], [True, True, False, True])
    >>> [round(float(share), 3) for share in curve.share], curve.median
    ([0.75, 0.5, 0.0], 5.0)
    """
    from scipy.stats import CensoredData, ecdf  # a second to import

    durations, ended = np.asarray(durations, float), np.asarray(ended, bool)
    n_ended, n_cut = int(ended.sum()), int((~ended).sum())
    if not n_ended:
        nothing = np.empty(0)
        return SurvivalCurve(nothing, nothing, nothing, nothing, 0, n_cut)
    found = ecdf(CensoredData(uncensored=durations[ended], right=durations[~ended])).sf
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the band is NaN where all or no cells are left
        band = found.confidence_interval(level, method="log-log")
    times, share = found.quantiles, found.probabilities
    low, high = np.asarray(band.low.probabilities), np.asarray(band.high.probabilities)
    return SurvivalCurve(times, share, low, high, n_ended, n_cut)


def _falls_to_half(times: Floats, share: Floats) -> float:
    with np.errstate(invalid="ignore"):
        fallen = np.flatnonzero(share <= 0.5 + 1e-12)
    return float(times[fallen[0]]) if fallen.size else float("nan")
