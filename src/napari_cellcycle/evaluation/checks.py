"""Which of some cells may be tested: the rule that the command, the dock and the Python function share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import in_training_set, iter_duplicates
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.phases import UNKNOWN

HELD_OUT, TRAINED_ON, DEMONSTRATION = "held-out", "trained-on", "demonstration"
"""Names in `protocols.PROTOCOLS` of what a finished model is tested under."""


@dataclass(frozen=True, eq=False)
class CellChecks:
    """Which of N cells are tested, and under which protocol.

    Attributes
    ----------
    truth : ndarray of int8, shape (N,)
        Their true phases; unknown where a cell is not tested: a copy of another one, a synthetic one next to real ones,
        or one that the model was trained on while there are others.
    protocol : str
        What the scores of the others mean.
    keep : ndarray of int
        Indices of the cells without copies, as `Duplicates.keep`.
    data_sha256 : str
        Identifies the data: see `Duplicates`.
    notes : tuple of str
        What was left out, and why; without full stops.
    """

    truth: NDArray[np.int8]
    protocol: str
    keep: NDArray[np.intp]
    data_sha256: str
    notes: tuple[str, ...]

    @property
    def duplicates_removed(self) -> int:
        """Copies that are not tested."""
        return len(self.truth) - len(self.keep)


def check_cells(
    cells: Cells, trained_on: NDArray[np.uint64] | None, truth: ArrayLike | None = None
) -> Job[Progress, CellChecks]:
    """Choose the cells that a finished model may be tested on; all cells are read for that.

    Parameters
    ----------
    cells : Cells
        N cells.
    trained_on : ndarray of uint64, shape (M, 4), or None
        Fingerprints of the cells that the model was trained on, None where no record of them is kept.
    truth : array_like of int, shape (N,), optional
        True phases, where they are not those of `cells`.

    Returns
    -------
    CellChecks
        If all cells of known phase are synthetic, they are tested, as a demonstration. If the model was trained on all
        of them, they are tested under the protocol ``trained-on``.
    """
    phases = np.array(cells.phases if truth is None else truth, np.int8)
    duplicates = yield from iter_duplicates(cells)
    notes = list(duplicates.notes)
    copies = np.setdiff1d(np.arange(len(cells)), duplicates.keep)
    phases[copies] = UNKNOWN
    known = phases != UNKNOWN
    if known.any() and cells.synthetic[known].all():
        return CellChecks(phases, DEMONSTRATION, duplicates.keep, duplicates.data_sha256, tuple(notes))
    if n_synthetic := int((cells.synthetic & known).sum()):
        phases[cells.synthetic] = UNKNOWN
        notes.append(f"{n_synthetic:,} synthetic cells were left out: only real ones are tested")
    seen = None if trained_on is None else in_training_set(duplicates.fingerprints, trained_on)
    protocol, note = leave_out_seen(phases, seen, HELD_OUT)
    return CellChecks(phases, protocol, duplicates.keep, duplicates.data_sha256, (*notes, note))


def leave_out_seen(phases: NDArray[np.int8], seen: NDArray[np.bool_] | None, protocol: str) -> tuple[str, str]:
    """Mark the cells that a model was trained on as unknown, unless there are no others.

    Parameters
    ----------
    phases : ndarray of int8, shape (N,)
        True phases; they are changed.
    seen : ndarray of bool, shape (N,), or None
        Which cells the model was trained on; None where that is not known.
    protocol : str
        What the scores of other cells mean.

    Returns
    -------
    protocol : str
        `protocol`, or ``trained-on``.
    note : str
        What was left out.
    """
    if seen is None:
        return protocol, (
            "it is not known which cells the model was trained on; if these are among them, the scores are too good"
        )
    n_seen = int((seen & (phases != UNKNOWN)).sum())
    if not n_seen:
        return protocol, "none of these cells is in the model's training set"
    if not (~seen & (phases != UNKNOWN)).any():
        return TRAINED_ON, "the model was trained on all of these cells"
    phases[seen] = UNKNOWN
    return protocol, f"the model was trained on {n_seen} of these cells, which are left out of all scores"
