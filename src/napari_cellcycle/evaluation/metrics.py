"""Figures of a classifier as pure numbers, every one computed from a confusion table.

A stratified bootstrap draws, for each true phase, as many of its cells as there are, with replacement. A table only
counts cells, so the row of a phase after such a draw is one multinomial draw with that row's shares: resampling the
tables is the same as resampling the cells, and thousands of resamples cost one call.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.phases import N_PHASES, PHASE_LABELS

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

N_RESAMPLES = 2000
MIN_CELLS_REPORT = 30
"""Under so many cells of a phase, its figures are rough, and a report says so."""

OVERALL = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "mcc": "Matthews correlation",
}
"""The figures of a whole table, and how reports name them."""

PER_PHASE = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
"""The figures of one phase, and how reports name them."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; NaN where these cells don't define it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "undefined"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class PhaseScores:
    """How well one phase is called; `support` is the number of its cells."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    support: int


@dataclass(frozen=True)
class Scores:
    """The figures of a confusion table: by the keys of `OVERALL`, and by phase label."""

    overall: dict[str, Estimate]
    per_phase: dict[str, PhaseScores]


def confusion_table(truth: ArrayLike, called: ArrayLike) -> Counts:
    """Count cells by true and called phase.

    Parameters
    ----------
    truth, called : array_like of int, shape (N,)
        Phase number of each of N cells, in the same order. Cells whose truth is unknown, or whose call is unknown or
        unsure, are left out.

    Returns
    -------
    ndarray of int64, shape (7, 7)
        Rows are true phases and columns called ones, in phase order.

    Raises
    ------
    TooFewCellsError
        No cell has both a true and a called phase.

    Examples
    --------
    >>> confusion_table([0, 0, 1], [0, 1, 1])[:2, :2].tolist()
    [[1, 1], [0, 1]]
    """
    from sklearn.metrics import confusion_matrix

    truth, called = np.asarray(truth), np.asarray(called)
    if truth.shape != called.shape:
        raise ValueError(f"cannot compare {called.shape} calls with {truth.shape} truths")
    known = (truth >= 0) & (truth < N_PHASES) & (called >= 0) & (called < N_PHASES)
    if not known.any():
        raise TooFewCellsError(
            "no cell has both a true phase and a call, so nothing can be evaluated; "
            "give cells that lie in folders named after their phases"
        )
    table: Counts = confusion_matrix(truth[known], called[known], labels=range(N_PHASES)).astype(np.int64)
    return table


def phase_figures(tables: ArrayLike) -> dict[str, Floats]:
    """Precision, recall and F1 of each phase.

    Parameters
    ----------
    tables : array_like, shape (..., 7, 7)
        Confusion tables, rows true; counts, or weighted counts.

    Returns
    -------
    dict of str to ndarray, shape (..., 7)
        By the keys of `PER_PHASE`. NaN where a phase has no cells or, for the precision, no calls.
    """
    tables = np.asarray(tables, np.float64)
    right = np.diagonal(tables, axis1=-2, axis2=-1)
    support, calls = tables.sum(axis=-1), tables.sum(axis=-2)
    return {
        "precision": _divide(right, np.where(support > 0, calls, 0)),
        "recall": _divide(right, support),
        "f1": _divide(2 * right, np.where(support > 0, support + calls, 0)),
    }


def overall_figures(tables: ArrayLike) -> dict[str, Floats]:
    """The figures of whole tables, by the keys of `OVERALL`.

    Means over phases are over those that have cells. The correlation is Gorodkin's for many classes [1]_, and 0 where
    only one phase is true or called.

    Parameters
    ----------
    tables : array_like, shape (..., 7, 7)
        Confusion tables, rows true; counts, or weighted counts.

    Returns
    -------
    dict of str to ndarray, shape (...)

    References
    ----------
    .. [1] Gorodkin (2004), Comput. Biol. Chem. 28, 367, :doi:`10.1016/j.compbiolchem.2004.09.006`
    """
    tables = np.asarray(tables, np.float64)
    support, calls = tables.sum(axis=-1), tables.sum(axis=-2)
    total = support.sum(axis=-1)
    right = np.trace(tables, axis1=-2, axis2=-1)
    n_present = (support > 0).sum(axis=-1)
    figures = phase_figures(tables)
    f1 = np.nan_to_num(figures["f1"])
    spread = (total**2 - (support**2).sum(axis=-1)) * (total**2 - (calls**2).sum(axis=-1))
    return {
        "accuracy": right / total,
        "balanced_accuracy": np.nan_to_num(figures["recall"]).sum(axis=-1) / n_present,
        "macro_f1": f1.sum(axis=-1) / n_present,
        "weighted_f1": (f1 * support).sum(axis=-1) / total,
        "mcc": np.nan_to_num(_divide(right * total - (support * calls).sum(axis=-1), np.sqrt(spread.clip(min=0)))),
    }


def resample_tables(table: Counts, n_resamples: int, random: np.random.Generator) -> Counts:
    """Stratified bootstrap of a confusion table, shape (n_resamples, 7, 7)."""
    support = table.sum(axis=1)
    shares = np.where(support[:, None] > 0, table, 1) / np.where(support > 0, support, table.shape[1])[:, None]
    return random.multinomial(support, shares, size=(n_resamples, len(table)))


def reweight_tables(tables: ArrayLike, prevalence: ArrayLike) -> Floats:
    """Scale the rows of confusion tables to the shares that phases have in nature.

    What a classifier does to the cells of one phase doesn't depend on how many there are, so this gives the table that
    a sample of that composition would have on average. Phases without cells stay empty.

    Parameters
    ----------
    tables : array_like, shape (..., 7, 7)
        Counts, rows true.
    prevalence : array_like, shape (7,)
        Share of each phase, in any unit.

    Returns
    -------
    ndarray of float64, shape (..., 7, 7)
        Each table keeps its total.
    """
    tables, wanted = np.asarray(tables, np.float64), np.asarray(prevalence, np.float64)
    support = tables.sum(axis=-1)
    wanted = np.where(support > 0, wanted, 0)
    wanted = wanted / wanted.sum(axis=-1, keepdims=True) * support.sum(axis=-1, keepdims=True)
    return tables * np.nan_to_num(_divide(wanted, support))[..., None]


def score_table(
    table: Counts, *, prevalence: ArrayLike | None = None, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Scores:
    """All figures of a confusion table, each with a 95 % interval from a stratified bootstrap.

    Where every resample gives the same figure, 0 or 1, the bootstrap can say nothing, and the exact binomial limit for
    the cells behind the figure stands in: 22 of 22 right still leaves room for a recall of 0.85.

    Parameters
    ----------
    table : ndarray of int, shape (7, 7)
        Counts, rows true.
    prevalence : array_like, shape (7,), optional
        Shares that the phases have in nature: the figures are those of such a sample.
    n_resamples : int
        Tables drawn.
    seed : int
        The same seed gives the same intervals.
    """
    draws: ArrayLike = resample_tables(table, n_resamples, np.random.default_rng(seed))
    weighted: ArrayLike = table
    if prevalence is not None:
        weighted, draws = reweight_tables(table, prevalence), reweight_tables(draws, prevalence)
    support, calls = table.sum(axis=1), table.sum(axis=0)
    values, resampled = overall_figures(weighted), overall_figures(draws)
    overall = {key: _estimate(values[key], resampled[key], int(table.sum())) for key in OVERALL}
    values, resampled = phase_figures(weighted), phase_figures(draws)
    per_phase = {}
    for phase, label in enumerate(PHASE_LABELS):
        behind = {"precision": calls[phase], "recall": support[phase], "f1": support[phase]}
        figures = {key: _estimate(values[key][phase], resampled[key][:, phase], int(behind[key])) for key in PER_PHASE}
        per_phase[label] = PhaseScores(**figures, support=int(support[phase]))
    return Scores(overall, per_phase)


def _estimate(value: Floats, resampled: Floats, n_cells: int) -> Estimate:
    """Percentile interval, or the exact limit where resampling can't vary."""
    defined = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not len(defined):
        return Estimate(float("nan"), float("nan"), float("nan"))
    low, high = np.percentile(defined, [2.5, 97.5])
    if np.ptp(defined) == 0:
        exact = 0.025 ** (1 / n_cells)  # Clopper and Pearson 1934, for none or all of n
        low, high = (exact if value == 1 else low), (1 - exact if value == 0 else high)
    return Estimate(float(value), float(low), float(high))


def _divide(above: Floats, below: Floats) -> Floats:
    """Quotient, NaN where `below` is 0."""
    shape = np.broadcast_shapes(np.shape(above), np.shape(below))
    quotient: Floats = np.divide(above, below, out=np.full(shape, np.nan), where=np.asarray(below) != 0)
    return quotient
