"""Two models on the same cells: is one better, or was it luck?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.evaluation.metrics import N_RESAMPLES, Estimate, confusion_table, overall_figures
from napari_cellcycle.phases import N_PHASES, UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_cellcycle.cells import Prediction

COMPARED = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class Comparison:
    """What two models make of the same cells.

    Attributes
    ----------
    first, second : str
        Names of the models.
    n_cells : int
        Cells of known phase that both could read.
    only_first, only_second : int
        Cells that only this model called right.
    p_value : float
        McNemar's exact test: how often equally good models would differ by so many cells or more.
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
        accuracy, macro_f1 = (self.difference[key] for key in COMPARED)
        return (
            f"{self.first} against {self.second}, {self.n_cells} cells: accuracy {_signed(accuracy)}, "
            f"macro F1 {_signed(macro_f1)}; only {self.first} right {self.only_first}, "
            f"only {self.second} right {self.only_second}, McNemar p = {self.p_value:.2g}"
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
    """Compare two models cell by cell, each by its most probable phase, however unsure.

    A cell that is hard for one model is mostly hard for the other, so the difference is known better than two separate
    intervals suggest. The bootstrap therefore draws cells with both calls on them; and as it counts cells by truth and
    both calls, it is a multinomial draw for each true phase.

    Parameters
    ----------
    first, second : Prediction
        Of the same N cells, in the same order.
    truth : array_like of int, shape (N,)
        True phases; cells of unknown phase are left out.
    names : tuple of str
        How to call the two.
    n_resamples, seed : int
        Of the bootstrap.

    Raises
    ------
    CellCycleError
        The predictions are of different cells.
    TooFewCellsError
        No cell of known phase could be read by both.

    References
    ----------
    McNemar (1947), Psychometrika 12, 153, :doi:`10.1007/BF02295996`;
    Dietterich (1998), Neural Comput. 10, 1895, :doi:`10.1162/089976698300017197`
    """
    from scipy.stats import binomtest

    same = np.array_equal(first.sources, second.sources) and np.array_equal(first.ids, second.ids)
    phases = np.asarray(truth)
    if not same or phases.shape != first.best.shape:
        raise CellCycleError(f"{names[0]} and {names[1]} called different cells; compare models on the same cells only")
    both = (phases != UNKNOWN) & (first.best != UNKNOWN) & (second.best != UNKNOWN)
    calls = first.best[both].astype(int), second.best[both].astype(int)
    phases = phases[both].astype(int)
    value = _differences(confusion_table(phases, calls[0]), confusion_table(phases, calls[1]))
    resampled = _differences(*_resample_pairs(phases, *calls, n_resamples, np.random.default_rng(seed)))
    right = [called == phases for called in calls]
    only_first, only_second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    disagreements = only_first + only_second
    return Comparison(
        first=names[0],
        second=names[1],
        n_cells=len(phases),
        only_first=only_first,
        only_second=only_second,
        p_value=float(binomtest(only_first, disagreements).pvalue) if disagreements else 1.0,
        difference={
            key: Estimate(float(value[key]), *np.percentile(resampled[key], [2.5, 97.5]).tolist()) for key in COMPARED
        },
    )


def _resample_pairs(
    truth: NDArray[np.int_], first: NDArray[np.int_], second: NDArray[np.int_], n: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stratified bootstrap of both models' confusion tables together, each of shape (n, 7, 7)."""
    pairs = np.zeros((N_PHASES, N_PHASES, N_PHASES), np.int64)
    np.add.at(pairs, (truth, first, second), 1)
    flat = pairs.reshape(N_PHASES, -1)
    support = flat.sum(axis=1)
    shares = np.where(support[:, None] > 0, flat, 1) / np.where(support > 0, support, flat.shape[1])[:, None]
    drawn = random.multinomial(support, shares, size=(n, N_PHASES)).reshape(n, *pairs.shape)
    return drawn.sum(axis=3), drawn.sum(axis=2)


def _differences(first: NDArray[np.int64], second: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    a, b = overall_figures(first), overall_figures(second)
    return {key: a[key] - b[key] for key in COMPARED}


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"
