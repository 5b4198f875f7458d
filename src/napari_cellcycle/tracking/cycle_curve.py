"""Position in the cycle of single cells: a closed curve through the features of a network, oriented by the phases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.errors import TooFewCellsError

Floats = NDArray[np.float64]

FEWEST_CELLS = 100
_N_COMPONENTS = 20
_HARMONICS = 4
"""Of the Fourier series that is the curve: finer turns would follow single cells."""
_N_POINTS = 400
_N_ROUNDS = 5
_LEASH = 0.1
"""Standard deviation, as a share of the cycle, by which a cell leaves its place by the calls. Without it, the curve
comes to follow what else differs between cells, round by round."""
_RIDGE = 1e-2
"""Least variance across the curve, of that of the features."""


@dataclass(frozen=True, eq=False)
class CycleCurve:
    """A closed curve through features.

    Attributes
    ----------
    centre : ndarray, shape (F,)
        Mean of the features.
    components : ndarray, shape (F, K)
        Their principal components, scaled to unit variance.
    points : ndarray, shape (U, K)
        The curve, from the start of the first phase to the end of the last.
    precision : ndarray, shape (K, K)
        Inverse covariance of cells around it.
    shares : ndarray, shape (P,)
        Share of each phase among the cells.
    by_calls : ndarray, shape (N,)
        Places of the cells by their calls, in order.
    """

    centre: Floats
    components: Floats
    points: Floats
    precision: Floats
    shares: Floats
    by_calls: Floats

    def positions(self, features: ArrayLike, probabilities: ArrayLike) -> Floats:
        """Places of cells along the curve, from 0 to 1.

        Parameters
        ----------
        features : array_like, shape (N, F)
            As for `fit_cycle_curve`, of any cells.
        probabilities : array_like, shape (N, P)
            Calls of the same cells.

        Returns
        -------
        ndarray, shape (N,)
            NaN where one of them is.
        """
        table, calls = np.asarray(features, float), np.asarray(probabilities, float)
        known = np.isfinite(table).all(axis=1) & np.isfinite(calls).all(axis=1)
        cells = (table[known] - self.centre) @ self.components
        quantiles = (np.arange(len(self.by_calls)) + 0.5) / len(self.by_calls)
        start = np.interp(calls[known] @ _middles(self.shares), self.by_calls, quantiles)
        found = np.full(len(table), np.nan)
        found[known] = _nearest(cells, start, self.points, self.precision)
        return found


def fit_cycle_curve(features: ArrayLike, probabilities: ArrayLike) -> CycleCurve:
    """Lay a closed curve through cells of all phases, as DeepCycle [1]_ does.

    Cells start in the order of their phases. In turns, the curve is fitted to them (a Fourier series of each principal
    component), and each cell moves to the point that is nearest by the covariance of cells around the curve, but not
    far from where its calls place it. Length along the curve is measured by the number of cells. No stain and no truth
    is used here; what the network learned from them is in its features and calls.

    Parameters
    ----------
    features : array_like, shape (N, F)
        Of a network that tells phases. Rows with NaN are left out.
    probabilities : array_like, shape (N, P)
        Its calls; the phases in their order.

    Returns
    -------
    CycleCurve

    Raises
    ------
    TooFewCellsError
        There are fewer than 100 cells.

    References
    ----------
    .. [1] Rappez et al. (2020), Mol. Syst. Biol. 16, :doi:`10.15252/msb.20209474`
    """
    table, calls = np.asarray(features, float), np.asarray(probabilities, float)
    known = np.isfinite(table).all(axis=1) & np.isfinite(calls).all(axis=1)
    if known.sum() < FEWEST_CELLS:
        raise TooFewCellsError(
            f"a position in the cycle needs at least {FEWEST_CELLS} cells, but there are {int(known.sum())}; give more"
        )
    centre, components = _principal(table[known])
    cells = (table[known] - centre) @ components
    shares = calls[known].mean(axis=0)
    by_calls = calls[known] @ _middles(shares)
    start = place = _as_quantiles(by_calls)
    points = precision = np.empty(0)
    for _ in range(_N_ROUNDS):
        points, precision = _through(cells, place)
        place = _as_quantiles(_nearest(cells, start, points, precision))
    return CycleCurve(centre, components, points, precision, shares, np.sort(by_calls))


def _principal(table: Floats) -> tuple[Floats, Floats]:
    centre = table.mean(axis=0)
    _, spread, directions = np.linalg.svd(table - centre, full_matrices=False)
    spread = spread / np.sqrt(len(table))
    kept = min(_N_COMPONENTS, int((spread > 1e-6 * spread[0]).sum()))
    components: Floats = directions[:kept].T / spread[:kept]
    return centre, components


def _middles(shares: Floats) -> Floats:
    """Middle of each phase in the cycle, if each takes its share of it."""
    return np.cumsum(shares) - shares / 2


def _as_quantiles(place: Floats) -> Floats:
    ranks = np.empty(len(place))
    ranks[np.argsort(place, kind="stable")] = np.arange(len(place))
    return (ranks + 0.5) / len(place)


def _series(place: Floats) -> Floats:
    turns = 2 * np.pi * place[:, None] * np.arange(1, _HARMONICS + 1)
    return np.hstack([np.ones((len(place), 1)), np.cos(turns), np.sin(turns)])


def _through(cells: Floats, place: Floats) -> tuple[Floats, Floats]:
    """The curve through cells at these places, and the inverse covariance around it."""
    weights = np.linalg.lstsq(_series(place), cells, rcond=None)[0]
    around = cells - _series(place) @ weights
    covariance = around.T @ around / len(cells) + _RIDGE * np.eye(cells.shape[1])
    points: Floats = _series((np.arange(_N_POINTS) + 0.5) / _N_POINTS) @ weights
    precision: Floats = np.linalg.inv(covariance).astype(np.float64)
    return points, precision


def _nearest(cells: Floats, start: Floats, points: Floats, precision: Floats) -> Floats:
    """Mean place of each cell on the curve, around the most probable one."""
    bent = points @ precision
    middle = (np.arange(_N_POINTS) + 0.5) / _N_POINTS
    likelihood = cells @ bent.T - (bent * points).sum(axis=1) / 2  # (N, U), up to a constant of each cell
    likelihood -= (middle - start[:, None]) ** 2 / (2 * _LEASH**2)
    weights = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    place: Floats = weights @ middle / weights.sum(axis=1)
    return place
