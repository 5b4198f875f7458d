"""Share of each phase in a sample, with intervals, corrected for the known mistakes of the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.least_squares import nonnegative_least_squares
from napari_cellcycle.evaluation.metrics import MIN_CELLS_REPORT, Counts, Floats, resample_tables
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.phases import UNKNOWN

_N_RESAMPLES = 1000
_WIDE = 0.5
"""An interval that spans half of the possible range says next to nothing."""


@dataclass(frozen=True, eq=False)
class PhaseFractions:
    """Composition of a sample.

    Attributes
    ----------
    counts : ndarray of int64, shape (P,)
        Cells called each phase.
    fractions, low, high : ndarray, shape (P,)
        Shares of the phases and their 95 % intervals.
    n_unsure, n_unreadable : int
        Cells that count for no phase.
    corrected : bool
        Whether a confusion matrix was used.
    notes : tuple of str
        Limits of these numbers.
    phase_set : PhaseSet
        The P phases.
    """

    counts: Counts
    fractions: Floats
    low: Floats
    high: Floats
    n_unsure: int
    n_unreadable: int
    corrected: bool
    notes: tuple[str, ...]
    phase_set: PhaseSet = SEVEN

    def to_dict(self) -> dict[str, dict[str, float]]:
        """By phase label: ``count``, ``fraction``, ``low``, ``high``."""
        columns = zip(self.phase_set.names, self.counts, self.fractions, self.low, self.high, strict=True)
        return {
            label: {"count": int(count), "fraction": float(fraction), "low": float(low), "high": float(high)}
            for label, count, fraction, low, high in columns
        }


def phase_fractions(
    prediction: Prediction,
    confusion: Counts | None = None,
    *,
    phases: NDArray[np.int8] | None = None,
    seed: int = 0,
) -> PhaseFractions:
    """Shares of the phases among the cells that were called; synthetic cells count only if no cell is real.

    Without a confusion matrix they are plain shares of the calls, with Wilson intervals [3]_. A model that calls 10 %
    of G1 cells S then inflates S wherever G1 is common. With the matrix, the shares are those that best explain the
    calls (adjusted count [1]_, [2]_), none below 0 and all together 1. Their intervals come from drawing both the calls
    and the matrix anew, as both are counts of few cells; they are never narrower than those of the calls.

    Parameters
    ----------
    prediction : Prediction
        Cells of one sample.
    confusion : ndarray of int, shape (P, P), optional
        Counts on test cells, rows true, found with the same model and the same minimum probability.
    phases : ndarray of int8, shape (N,), optional
        Phases to count instead of the calls, for instance those with the labels of persons.
    seed : int
        The same seed gives the same intervals.

    Returns
    -------
    PhaseFractions
        With 95 % intervals.

    Raises
    ------
    TooFewCellsError
        No cell was called.

    References
    ----------
    .. [1] Forman (2008), Data Min. Knowl. Discov. 17, 164, :doi:`10.1007/s10618-008-0097-y`
    .. [2] Saerens et al. (2002), Neural Comput. 14, 21, :doi:`10.1162/089976602753284446`
    .. [3] Wilson (1927), J. Am. Stat. Assoc. 22, 209, :doi:`10.1080/01621459.1927.10502953`
    """
    called = (prediction.phases if phases is None else phases)[counted_cells(prediction)]
    notes, names, unsure = list[str](), prediction.phase_set.names, prediction.phase_set.unsure
    counts = np.bincount(called[(called >= 0) & (called < unsure)], minlength=len(names)).astype(np.int64)
    if not counts.sum():
        raise TooFewCellsError("no cell was called, so there are no phase fractions; lower the minimum probability")
    if n_synthetic := len(prediction) - len(called):
        notes.append(f"synthetic cells that are not in the fractions: {n_synthetic:,}")
    if confusion is None:
        fractions, (low, high) = counts / counts.sum(), _wilson(counts)
    else:
        fractions, low, high = _corrected(counts, confusion, np.random.default_rng(seed))
        untested = [label for label, row in zip(names, confusion, strict=True) if not row.sum()]
        if untested:
            notes.append(f"the confusion matrix has no cells of {', '.join(untested)}; these calls are not corrected")
    if counts.sum() < MIN_CELLS_REPORT:
        notes.append(f"{counts.sum()} cells are too few for phase fractions; look at the intervals")
    wide = [label for label, width in zip(names, high - low, strict=True) if width > _WIDE]
    if wide:
        notes.append(f"the fraction of {', '.join(wide)} is very uncertain with these cells")
    return PhaseFractions(
        counts=counts,
        fractions=fractions,
        low=low,
        high=high,
        n_unsure=int((called == unsure).sum()),
        n_unreadable=int((called == UNKNOWN).sum()),
        corrected=confusion is not None,
        notes=tuple(notes),
        phase_set=prediction.phase_set,
    )


def usable_confusion(prediction: Prediction, confusion: ArrayLike | None) -> Counts | None:
    """A model's confusion matrix, if it may correct these calls.

    Parameters
    ----------
    prediction : Prediction
        Calls of the model.
    confusion : array_like of int, shape (P, P), or None
        Of its card, found without a minimum probability and with the model's own phases.

    Returns
    -------
    ndarray of int64, shape (P, P), or None
        None too where cells may have been left unsure, or where the calls were added up to fewer phases, as the matrix
        knows no such calls.
    """
    if confusion is None or prediction.min_probability or prediction.phase_thresholds:
        return None
    table = np.array(confusion, np.int64)
    return table if len(table) == len(prediction.phase_set) else None


def counted_cells(prediction: Prediction) -> NDArray[np.bool_]:
    """Cells that say something about a sample, shape (N,): the real ones, or all where no cell is real."""
    synthetic = prediction.synthetic
    return np.ones(len(prediction), bool) if synthetic is None or synthetic.all() else ~synthetic


def _wilson(counts: Counts) -> tuple[Floats, Floats]:
    """Wilson's 95 % interval of each share; never empty, even where none or all of the cells are of a phase."""
    n, z = counts.sum(), 1.959964
    share = counts / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (centre - half).clip(min=0), (centre + half).clip(max=1)


def _corrected(counts: Counts, confusion: Counts, random: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    shares = counts / counts.sum()
    drawn_shares = random.multinomial(counts.sum(), shares, size=_N_RESAMPLES) / counts.sum()
    drawn_tables = resample_tables(confusion, _N_RESAMPLES, random)
    low, high = np.percentile(_unmix(drawn_shares, drawn_tables), [2.5, 97.5], axis=0)
    found, (low_called, high_called) = _unmix(shares[None], confusion[None])[0], _wilson(counts)
    # Three cells of one phase, drawn again, are always three cells of it: nobody is surer of fractions than of calls
    low = np.minimum(low, found - (shares - low_called)).clip(min=0)
    high = np.maximum(high, found + (high_called - shares)).clip(max=1)
    return found, low, high


def _unmix(called_shares: Floats, confusion: Counts) -> Floats:
    """Non-negative shares (B, P), together 1, whose expected calls are nearest to the observed ones."""
    support = confusion.sum(axis=2, keepdims=True)
    rates = np.where(support > 0, confusion / np.maximum(support, 1), np.eye(confusion.shape[-1]))  # P(call | truth)
    weight = 1e3  # one more equation says that the shares sum to 1, and weighs far more than the calls
    ones = np.full((len(rates), 1), weight)
    equations = np.concatenate([rates.transpose(0, 2, 1), np.tile(ones[:, None], confusion.shape[-1])], axis=1)
    shares = nonnegative_least_squares(equations, np.concatenate([called_shares, ones], axis=1))
    return shares / shares.sum(axis=1, keepdims=True)
