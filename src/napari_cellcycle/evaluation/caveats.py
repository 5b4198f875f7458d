"""What the numbers of an evaluation can't say: told beside them, never left to the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cellcycle.evaluation.metrics import FEW_CELLS
from napari_cellcycle.phases import PHASE_LABELS

if TYPE_CHECKING:
    from napari_cellcycle.evaluation.metrics import Counts, Floats


def caveats(confusion: Counts, shares: Floats | None, n_read: int, n_unsure: int, n_unreadable: int) -> list[str]:
    """One sentence for each thing that the numbers of an evaluation can't say.

    Parameters
    ----------
    confusion : ndarray of int, shape (7, 7)
        Counts, rows true.
    shares : ndarray, shape (7,), or None
        Natural prevalence, where figures are given at it.
    n_read, n_unsure, n_unreadable : int
        Cells of known phase: that were read, that were called unsure, that could not be read.
    """
    support = dict(zip(PHASE_LABELS, confusion.sum(axis=1).tolist(), strict=True))
    few = [f"{label} ({n})" for label, n in support.items() if 0 < n < FEW_CELLS]
    absent = [label for label, n in support.items() if n == 0]
    notes = []
    if few:
        notes.append(
            f"phases with fewer than {FEW_CELLS} cells: {', '.join(few)}; their figures are rough, and their intervals "
            "too, as so few cells can't show how much others differ"
        )
    if absent:
        notes.append(f"phases without cells: {', '.join(absent)}; nothing is said about them, and means leave them out")
    if shares is not None:
        missing = [label for label, share in zip(PHASE_LABELS, shares, strict=True) if share > 0 and not support[label]]
        if missing:
            notes.append(f"the natural prevalence is spread over the other phases for {', '.join(missing)}")
    if n_unsure:
        notes.append(f"{n_unsure} of {n_read} cells were called unsure; the confusion matrix leaves them out")
    if n_unreadable:
        notes.append(f"{n_unreadable} cells could not be read and were left out")
    return notes
