"""Two models on the same cells: is one better, or was it chance?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.evaluation.metrics import (
    N_RESAMPLES,
    Counts,
    Estimate,
    confusion_table,
    overall_scores,
    resample_tables,
)
from napari_cellcycle.phases import UNKNOWN

_COMPARED = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class Comparison:
    """How two models call the same cells.

    Attributes
    ----------
    first, second : str
        Names of the models.
    n_cells : int
        Cells of known phase that both models could read.
    only_first, only_second : int
        Cells that only this model called right.
    p_value : float
        McNemar's exact test: how often equally good models would differ by this many cells or more.
    difference : dict of str to Estimate
        First minus second, for accuracy and macro F1, with paired 95 % intervals.
    """

    first: str
    second: str
    n_cells: int
    only_first: int
    only_second: int
    p_value: float
    difference: dict[str, Estimate]

    def __str__(self) -> str:
        accuracy, macro_f1 = (_signed(self.difference[key]) for key in _COMPARED)
        return (
            f"{self.first} against {self.second}, {self.n_cells} cells: accuracy {accuracy}, macro F1 {macro_f1}; "
            f"only {self.first} right {self.only_first}, only {self.second} right {self.only_second}, "
            f"McNemar p = {self.p_value:.2g}"
        )


def compare(
    first: Prediction,
    second: Prediction,
    truth: ArrayLike,
    *,
    names: tuple[str, str] = ("first", "second"),
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare two models cell by cell, each by its most probable phase, even where it is unsure.

    A cell that is hard for one model is usually hard for the other, so the difference is known better than two separate
    intervals suggest. The bootstrap therefore draws cells together with both calls [2]_. It counts cells by truth and
    both calls, so it is a multinomial draw for each true phase.

    Parameters
    ----------
    first, second : Prediction
        Calls of the same N cells, in the same order.
    truth : array_like of int, shape (N,)
        True phases; cells of unknown phase are left out.
    names : tuple of str
        Names of the two models.
    n_resamples, seed : int
        Size and seed of the bootstrap.

    Returns
    -------
    Comparison
        With McNemar's exact test [1]_.

    Raises
    ------
    CellCycleError
        The predictions are of different cells.
    TooFewCellsError
        Both models could read no cell of known phase.

    References
    ----------
    .. [1] McNemar (1947), Psychometrika 12, 153, :doi:`10.1007/BF02295996`
    .. [2] Dietterich (1998), Neural Comput. 10, 1895, :doi:`10.1162/089976698300017197`
    """
    same = np.array_equal(first.sources, second.sources) and np.array_equal(first.ids, second.ids)
    phases = np.asarray(truth)
    if not same or phases.shape != first.best.shape:
        raise CellCycleError(f"{names[0]} and {names[1]} called different cells; compare models on the same cells only")
    both = (phases != UNKNOWN) & (first.best != UNKNOWN) & (second.best != UNKNOWN)
    calls = first.best[both].astype(int), second.best[both].astype(int)
    phases = phases[both].astype(int)
    value = [overall_scores(confusion_table(phases, called, first.phase_set)) for called in calls]
    resampled = [
        overall_scores(drawn)
        for drawn in _resample_pairs(phases, *calls, len(first.phase_set), n_resamples, np.random.default_rng(seed))
    ]
    right = [called == phases for called in calls]
    only_first, only_second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    disagreements = only_first + only_second
    difference = {}
    for key in _COMPARED:
        interval = np.percentile(resampled[0][key] - resampled[1][key], [2.5, 97.5]).tolist()
        difference[key] = Estimate(float(value[0][key] - value[1][key]), *interval)
    p_value = float(binomtest(only_first, disagreements).pvalue) if disagreements else 1.0
    return Comparison(*names, len(phases), only_first, only_second, p_value, difference)


def _resample_pairs(
    truth: NDArray[np.int_],
    first: NDArray[np.int_],
    second: NDArray[np.int_],
    n_phases: int,
    n: int,
    random: np.random.Generator,
) -> tuple[Counts, Counts]:
    """Stratified bootstrap of both models' confusion matrices together, each of shape (n, P, P)."""
    pairs = np.zeros((n_phases, n_phases, n_phases), np.int64)
    np.add.at(pairs, (truth, first, second), 1)
    drawn = resample_tables(pairs.reshape(n_phases, -1), n, random).reshape(n, *pairs.shape)
    return drawn.sum(axis=3), drawn.sum(axis=2)


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"
