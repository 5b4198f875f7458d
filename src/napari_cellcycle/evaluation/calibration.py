"""Whether probabilities can be trusted: reliability, and what calling improbable cells unsure gains and costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.metrics import Counts, Floats, divide

_N_BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often cells of about the same top probability are called right.

    Attributes
    ----------
    error : float
        Expected calibration error: mean gap between probability and accuracy, weighted by the number of cells.
    edges : ndarray, shape (B + 1,)
        Limits of the bins of top probability.
    n_cells : ndarray of int, shape (B,)
        Cells in each bin.
    probability, accuracy : ndarray, shape (B,)
        Means of the cells in each bin, NaN where it is empty.
    """

    error: float
    edges: Floats
    n_cells: Counts
    probability: Floats
    accuracy: Floats


@dataclass(frozen=True, eq=False)
class Coverage:
    """Accuracy of the remaining calls when cells below a minimum probability are called unsure.

    Attributes
    ----------
    min_probability, coverage, accuracy : ndarray, shape (P,)
        Rising thresholds, the share of cells still called, and the accuracy of these calls.
    """

    min_probability: Floats
    coverage: Floats
    accuracy: Floats


def reliability(probabilities: ArrayLike, truth: ArrayLike, n_bins: int = _N_BINS) -> Reliability:
    """Expected calibration error of the top probability, in bins of equal width [1]_.

    Parameters
    ----------
    probabilities : array_like, shape (N, P)
        Rows sum to 1.
    truth : array_like of int, shape (N,)
        True phase numbers.
    n_bins : int
        Number of bins from 0 to 1.

    Returns
    -------
    Reliability
        The error, and the bins behind it.

    Raises
    ------
    TooFewCellsError
        N is 0.

    References
    ----------
    .. [1] Guo et al. (2017), ICML, https://proceedings.mlr.press/v70/guo17a.html

    Examples
    --------
    >>> reliability([[0.75, 0.25, 0, 0, 0, 0, 0]] * 4, [0, 0, 0, 1]).error  # 75 % sure, and 3 of 4 right
    0.0
    """
    confidence, right = _top(probabilities, truth)
    edges = np.linspace(0, 1, n_bins + 1)
    bins = np.clip(np.digitize(confidence, edges[1:-1], right=True), 0, n_bins - 1)
    n_cells = np.bincount(bins, minlength=n_bins)
    sums = [np.bincount(bins, weights=values, minlength=n_bins) for values in (confidence, right)]
    error = np.abs(sums[0] - sums[1]).sum() / len(confidence)
    return Reliability(float(error), edges, n_cells.astype(np.int64), *(divide(total, n_cells) for total in sums))


def coverage_curve(probabilities: ArrayLike, truth: ArrayLike, n_points: int = 101) -> Coverage:
    """What calling improbable cells unsure costs in cells and gains in accuracy.

    Parameters
    ----------
    probabilities : array_like, shape (N, P)
        Rows sum to 1.
    truth : array_like of int, shape (N,)
        True phase numbers.
    n_points : int
        Thresholds at most. They lie at equal steps of coverage, so that the curve is fine where the cells are.

    Returns
    -------
    Coverage
        The curve, from all cells called to only the surest ones.

    Raises
    ------
    TooFewCellsError
        N is 0.
    """
    confidence, right = _top(probabilities, truth)
    order = np.argsort(-confidence, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(confidence[order]) != 0, True])  # equal probabilities leave together
    chosen = ends[np.unique(np.linspace(0, len(ends) - 1, n_points).round().astype(int))][::-1]
    return Coverage(
        min_probability=confidence[order][chosen],
        coverage=(chosen + 1) / len(order),
        accuracy=np.cumsum(right[order])[chosen] / (chosen + 1),
    )


def _top(probabilities: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    """Top probability of each cell, and 1 where its phase is the true one."""
    rows, truth = np.asarray(probabilities, np.float64), np.asarray(truth)
    if not len(truth):
        raise TooFewCellsError("no cell has both a true phase and a call, so calibration can't be measured")
    return rows.max(axis=1), (rows.argmax(axis=1) == truth).astype(np.float64)
