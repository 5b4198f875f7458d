"""Which of some cells may be tested: the rule that the command, the dock and the Python function share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.queue_names import EVERY_CELL, RANDOM
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import Duplicates, in_training_set, iter_duplicates
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.phases import UNKNOWN

HELD_OUT, TRAINED_ON, DEMONSTRATION, CHOSEN = "held-out", "trained-on", "demonstration", "chosen"
"""Names in `protocols.PROTOCOLS` of what a finished model is tested under."""


@dataclass(frozen=True, eq=False)
class CellChecks:
    """Which of N cells are tested, and under which protocol.

    Attributes
    ----------
    truth : ndarray of int8, shape (N,)
        Their true phases; unknown where a cell is not tested: a copy of another one, a synthetic one next to real ones,
        one that was chosen to be labelled next to ones drawn at random, or one that the model was trained on while
        there are others.
    protocol : str
        What the scores of the others mean.
    duplicates_removed : int
        Copies that are not tested.
    data_sha256 : str
        Identifies the data: see `Duplicates`.
    notes : tuple of str
        What was left out, and why; without full stops.
    """

    truth: NDArray[np.int8]
    protocol: str
    duplicates_removed: int
    data_sha256: str
    notes: tuple[str, ...]


def check_cells(cells: Cells, trained_on: NDArray[np.uint64] | None) -> Job[Progress, CellChecks]:
    """Choose the cells that a finished model may be tested on, as `choose_tested` does; all cells are read for that.

    Parameters
    ----------
    cells : Cells
        N cells, with their true phases.
    trained_on : ndarray of uint64, shape (M, 4), or None
        Fingerprints of the cells that the model was trained on, None where no record of them is kept.

    Returns
    -------
    CellChecks
        Which of the cells are tested, and under which protocol.
    """
    return choose_tested(cells, (yield from iter_duplicates(cells)), trained_on)


def choose_tested(cells: Cells, duplicates: Duplicates, trained_on: NDArray[np.uint64] | None) -> CellChecks:
    """Choose the cells that a finished model may be tested on.

    Parameters
    ----------
    cells : Cells
        N cells, with their true phases.
    duplicates : Duplicates
        Of these cells.
    trained_on : ndarray of uint64, shape (M, 4), or None
        Fingerprints of the cells that the model was trained on, None where no record of them is kept.

    Returns
    -------
    CellChecks
        If no real cell has a known phase, synthetic ones are tested, as a demonstration. If the model was trained on
        all real cells of known phase, they are tested under the protocol ``trained-on``. If somebody chose all cells to
        be labelled, and drew none at random, they are tested under the protocol ``chosen``.
    """
    truth, notes = np.full(len(cells), UNKNOWN, np.int8), list(duplicates.notes)
    truth[duplicates.keep] = cells.phases[duplicates.keep]
    protocol = DEMONSTRATION
    if (~cells.synthetic & (truth != UNKNOWN)).any():
        if cells.synthetic.any():
            truth[cells.synthetic] = UNKNOWN
            notes.append(f"{cells.synthetic.sum():,} synthetic cells were left out: only real ones are tested")
        protocol, chosen = leave_out_chosen(truth, cells, HELD_OUT)
        seen = None if trained_on is None else in_training_set(duplicates.fingerprints, trained_on)
        protocol, note = leave_out_seen(truth, seen, protocol)
        notes += [*chosen, note]
    return CellChecks(truth, protocol, len(cells) - len(duplicates.keep), duplicates.data_sha256, tuple(notes))


def leave_out_chosen(phases: NDArray[np.int8], cells: Cells, protocol: str) -> tuple[str, tuple[str, ...]]:
    """Mark the cells that were chosen to be labelled as unknown, unless there are no others.

    Somebody picked them, or a queue proposed them, because they are hard or rare. So what a model makes of them does
    not say how good it is on all cells.

    Parameters
    ----------
    phases : ndarray of int8, shape (N,)
        True phases; they are changed.
    cells : Cells
        These cells; their column ``drawn`` says how each came to be labelled. An empty text there stands for a phase
        that nobody chose a cell for, such as that of its folder.
    protocol : str
        What the scores of other cells mean.

    Returns
    -------
    protocol : str
        `protocol`, or ``chosen``.
    notes : tuple of str
        What was left out.
    """
    drawn = cells.columns.get("drawn")
    if drawn is None:
        return protocol, ()
    known = phases != UNKNOWN
    chosen = known & ~np.isin(drawn, ["", RANDOM, EVERY_CELL])
    n_chosen = int(chosen.sum())
    if not n_chosen:
        return protocol, ()
    if not (known & ~chosen).any():
        return CHOSEN, ("all of these cells were chosen to be labelled, and none was drawn at random",)
    phases[chosen] = UNKNOWN
    return protocol, (f"{n_chosen:,} cells that were chosen to be labelled, not drawn at random, were left out",)


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
