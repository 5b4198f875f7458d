"""Scores of a classifier, each computed from a confusion matrix, with bootstrap intervals.

A stratified bootstrap draws, for each true phase, as many of its cells as there are, with replacement. A confusion
matrix only counts cells, so the row of a phase after such a draw is one multinomial draw with that row's shares.
Resampling the matrix is therefore the same as resampling the cells, and thousands of resamples cost one call.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.phase_sets import SEVEN, PhaseSet

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

N_RESAMPLES = 2000
MIN_CELLS_REPORT = 30
"""With fewer cells of a phase its scores are rough, and a report says so."""

OVERALL_METRICS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "mcc": "Matthews correlation",
}
"""Scores of a whole confusion matrix, and their names in reports."""

PHASE_METRICS = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
"""Scores of one phase, and their names in reports."""


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % interval; NaN where the cells do not define the score, or the interval alone."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "undefined"
        interval = "no interval" if np.isnan([self.low, self.high]).any() else f"{self.low:.3f} to {self.high:.3f}"
        return f"{self.value:.3f} ({interval})"


@dataclass(frozen=True)
class PhaseScores:
    """How well one phase is called; `support` is the number of its cells."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    support: int


@dataclass(frozen=True)
class Scores:
    """The scores of a confusion matrix: by the keys of `OVERALL_METRICS`, and by phase label."""

    overall: dict[str, Estimate]
    per_phase: dict[str, PhaseScores]


def confusion_table(truth: ArrayLike, called: ArrayLike, phases: PhaseSet = SEVEN) -> Counts:
    """Count cells by true and called phase.

    Parameters
    ----------
    truth, called : array_like of int, shape (N,)
        Phase number of each of N cells, in the same order. Cells whose truth is unknown, or whose call is unknown or
        unsure, are left out.
    phases : PhaseSet
        The P phases.

    Returns
    -------
    ndarray of int64, shape (P, P)
        Rows are true phases and columns called phases, in phase order.

    Raises
    ------
    ValueError
        The shapes differ.
    TooFewCellsError
        No cell has both a true and a called phase.

    Examples
    --------
    >>> confusion_table([0, 0, 1], [0, 1, 1])[:2, :2].tolist()
    [[1, 1], [0, 1]]
    """
    truth, called = np.asarray(truth), np.asarray(called)
    if truth.shape != called.shape:
        raise ValueError(f"cannot compare {called.shape} calls with {truth.shape} truths")
    n_phases = len(phases)
    known = (truth >= 0) & (truth < n_phases) & (called >= 0) & (called < n_phases)
    if not known.any():
        raise TooFewCellsError(
            "no cell has both a true phase and a call, so nothing can be evaluated; "
            "give cells that lie in folders named after their phases"
        )
    table = np.zeros((n_phases, n_phases), np.int64)
    # scikit-learn counts the same, but takes seconds to import where a user waits
    np.add.at(table, (truth[known].astype(int), called[known].astype(int)), 1)
    return table


def phase_scores(tables: ArrayLike) -> dict[str, Floats]:
    """Precision, recall and F1 of each phase.

    Parameters
    ----------
    tables : array_like, shape (..., P, P)
        Confusion matrices, rows true; counts, or weighted counts.

    Returns
    -------
    dict of str to ndarray, shape (..., P)
        By the keys of `PHASE_METRICS`. NaN where a phase has no cells or, for the precision, no calls.
    """
    tables = np.asarray(tables, np.float64)
    right = np.diagonal(tables, axis1=-2, axis2=-1)
    support, calls = tables.sum(axis=-1), tables.sum(axis=-2)
    return {
        "precision": divide(right, np.where(support > 0, calls, 0)),
        "recall": divide(right, support),
        "f1": divide(2 * right, np.where(support > 0, support + calls, 0)),
    }


def overall_scores(tables: ArrayLike) -> dict[str, Floats]:
    """Scores of whole confusion matrices.

    Means over phases are over the phases that have cells. The correlation is Gorodkin's for many classes [1]_; it is 0
    where only one phase is true or called.

    Parameters
    ----------
    tables : array_like, shape (..., P, P)
        Confusion matrices, rows true; counts, or weighted counts.

    Returns
    -------
    dict of str to ndarray, shape (...)
        By the keys of `OVERALL_METRICS`; fractions from 0 to 1, and the correlation from -1 to 1.

    References
    ----------
    .. [1] Gorodkin (2004), Comput. Biol. Chem. 28, 367, :doi:`10.1016/j.compbiolchem.2004.09.006`

    Examples
    --------
    >>> float(overall_scores(np.diag([2, 1, 1, 0, 0, 0, 0]))["macro_f1"])  # four phases have no cells
    1.0
    """
    tables = np.asarray(tables, np.float64)
    support, calls = tables.sum(axis=-1), tables.sum(axis=-2)
    total = support.sum(axis=-1)
    right = np.trace(tables, axis1=-2, axis2=-1)
    n_present = (support > 0).sum(axis=-1)
    scores = phase_scores(tables)
    f1 = np.nan_to_num(scores["f1"])
    spread = (total**2 - (support**2).sum(axis=-1)) * (total**2 - (calls**2).sum(axis=-1))
    return {
        "accuracy": right / total,
        "balanced_accuracy": np.nan_to_num(scores["recall"]).sum(axis=-1) / n_present,
        "macro_f1": f1.sum(axis=-1) / n_present,
        "weighted_f1": (f1 * support).sum(axis=-1) / total,
        "mcc": np.nan_to_num(divide(right * total - (support * calls).sum(axis=-1), np.sqrt(spread.clip(min=0)))),
    }


def resample_tables(table: Counts, n_resamples: int, random: np.random.Generator) -> Counts:
    """Stratified bootstrap of a table of counts: each row is drawn anew, with its own number of cells.

    Parameters
    ----------
    table : ndarray of int, shape (R, C)
        Cells of each of R true phases in each of C kinds of calls.
    n_resamples : int
        Number of tables to draw.
    random : numpy Generator
        Source of the draws.

    Returns
    -------
    ndarray of int64, shape (n_resamples, R, C)
        Each row keeps its sum; a row without cells stays empty.
    """
    support = table.sum(axis=1)
    shares = np.where(support[:, None] > 0, table, 1) / np.where(support > 0, support, table.shape[1])[:, None]
    return random.multinomial(support, shares, size=(n_resamples, len(table)))


def reweight_tables(tables: ArrayLike, prevalence: ArrayLike) -> Floats:
    """Scale the rows of confusion matrices to the natural shares of the phases.

    What a classifier does to the cells of one phase does not depend on how many there are. So this gives the matrix
    that a sample of that composition would have on average. Phases without cells stay empty.

    Parameters
    ----------
    tables : array_like, shape (..., P, P)
        Counts, rows true.
    prevalence : array_like, shape (P,)
        Share of each phase, in any unit.

    Returns
    -------
    ndarray of float64, shape (..., P, P)
        Each matrix keeps its total.
    """
    tables, wanted = np.asarray(tables, np.float64), np.asarray(prevalence, np.float64)
    support = tables.sum(axis=-1)
    wanted = np.where(support > 0, wanted, 0)
    wanted = wanted / wanted.sum(axis=-1, keepdims=True) * support.sum(axis=-1, keepdims=True)
    return tables * np.nan_to_num(divide(wanted, support))[..., None]


def score_table(
    table: Counts,
    *,
    prevalence: ArrayLike | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    phases: PhaseSet = SEVEN,
) -> Scores:
    """All scores of a confusion matrix, each with a 95 % interval from a stratified bootstrap.

    Where every resample gives the same score, the bootstrap says nothing. Then the interval of a score that is a share
    of cells (accuracy, recall, precision) ends at the exact binomial limit for their number [1]_: 22 of 22 right still
    leaves room for a recall of 0.85. Other scores, such as the correlation, F1 and means over phases, are no shares of
    cells, so they have no interval then; neither has a share that is reweighted by `prevalence`, but for the recall.

    Parameters
    ----------
    table : ndarray of int, shape (P, P)
        Counts, rows true.
    prevalence : array_like, shape (P,), optional
        Natural shares of the phases: the scores are then those of such a sample.
    n_resamples : int
        Number of matrices to draw.
    seed : int
        The same seed gives the same intervals.
    phases : PhaseSet
        The P phases.

    Returns
    -------
    Scores
        Overall and per phase.

    References
    ----------
    .. [1] Clopper and Pearson (1934), Biometrika 26, 404, :doi:`10.1093/biomet/26.4.404`
    """
    draws: ArrayLike = resample_tables(table, n_resamples, np.random.default_rng(seed))
    weighted: ArrayLike = table
    if prevalence is not None:
        weighted, draws = reweight_tables(table, prevalence), reweight_tables(draws, prevalence)
    support, calls = table.sum(axis=1), table.sum(axis=0)
    values, resampled = overall_scores(weighted), overall_scores(draws)
    is_counted = prevalence is None
    n_behind = {"accuracy": int(table.sum())} if is_counted else {}
    overall = {key: _estimate(values[key], resampled[key], n_behind.get(key)) for key in OVERALL_METRICS}
    values, resampled = phase_scores(weighted), phase_scores(draws)
    per_phase = {}
    for phase, label in enumerate(phases.names):
        n_behind = {"recall": int(support[phase])} | ({"precision": int(calls[phase])} if is_counted else {})
        scores = {
            key: _estimate(values[key][phase], resampled[key][:, phase], n_behind.get(key)) for key in PHASE_METRICS
        }
        per_phase[label] = PhaseScores(**scores, support=int(support[phase]))
    return Scores(overall, per_phase)


def divide(numerator: NDArray[np.generic], denominator: NDArray[np.generic], fill: float = np.nan) -> Floats:
    """Quotient of two arrays, without a warning where the denominator is 0.

    Parameters
    ----------
    numerator, denominator : ndarray
        Of shapes that broadcast.
    fill : float
        Result where the denominator is 0.

    Returns
    -------
    ndarray of float64
        Of the broadcast shape.
    """
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.full(shape, float(fill)), where=np.asarray(denominator) != 0)


def _estimate(value: Floats, resampled: Floats, n_cells: int | None) -> Estimate:
    """Percentile interval, or the exact limit of a share of `n_cells` where resampling can't vary."""
    defined = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not len(defined):
        return Estimate(float("nan"), float("nan"), float("nan"))
    low, high = np.percentile(defined, [2.5, 97.5])
    if np.ptp(defined) == 0 and not n_cells:
        return Estimate(float(value), float("nan"), float("nan"))
    if np.ptp(defined) == 0 and n_cells:
        exact = 0.025 ** (1 / n_cells)  # Clopper and Pearson's limit for none or all of n
        low, high = (exact if value == 1 else low), (1 - exact if value == 0 else high)
    return Estimate(float(value), float(low), float(high))
