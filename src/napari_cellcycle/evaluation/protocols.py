"""What a set of figures stands for, in plain words, by how the tested cells were chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_cellcycle.evaluation.metrics import MIN_CELLS_REPORT
from napari_cellcycle.phases import PHASE_LABELS

if TYPE_CHECKING:
    from napari_cellcycle.evaluation.metrics import Counts, Floats


from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """What a way of testing guarantees, and what it doesn't.

    Attributes
    ----------
    title, summary : str
        Said above all figures.
    holds, limits : tuple of str
        What the figures stand for, and what they don't.
    estimates : bool
        Whether the figures estimate how well other cells would be called.
    tests_synthetic : bool
        Whether synthetic cells may be among those tested.
    """

    title: str
    summary: str
    holds: tuple[str, ...]
    limits: tuple[str, ...]
    estimates: bool = True
    tests_synthetic: bool = False


_SAMPLING = (
    "The intervals say how much the figures would change with other cells of the same kind. They say nothing about "
    "other instruments, cell lines, stainings or days."
)
_TRUTH = (
    "The truth is as good as its labels. Where phases were cut apart by a threshold on a stain, part of the errors are "
    "the truth's."
)

PROTOCOLS = {
    "held-out": Protocol(
        title="A finished model on cells that were given to it",
        summary="The model was not changed by these cells. Those known to have been trained on are left out.",
        holds=("Nothing was fitted to these cells: no weights, no normalisation, no temperature, no threshold.",),
        limits=(
            "Where a model keeps no record of its training cells, they can't be told from others: if any of these "
            "cells were among them, the figures are too good. The notes at the top say what was found.",
            _SAMPLING,
            _TRUTH,
        ),
    ),
    "clean": Protocol(
        title="Clean cross-validation",
        summary="Every cell was called by a model that had never seen it, not even in another crop.",
        holds=(
            "Repeated cells were found and removed before the split, even if they were cropped or padded differently.",
            "The folds hold the same mixture of phases; where groups were given, no group is in two parts of a fold.",
            "Every fold started from fresh weights, and all that was fitted (weights, normalisation, generators, "
            "early stopping, temperature) was fitted inside its training part.",
            "All tested cells are real. Synthetic cells can't be tested.",
        ),
        limits=(
            "The figures belong to this way of training, not to one model: one trained on all cells may be better.",
            "Without groups, cells of one file, plate or donor are on both sides of the split, so the figures may be "
            "too good for the next plate or donor.",
            _SAMPLING,
            _TRUTH,
        ),
    ),
    "seed": Protocol(
        title="The seed's protocol: no estimate of anything",
        summary=(
            "This repeats the protocol of Duque-Vazquez et al. so that their figures can be repeated. "
            "The tested cells are not unseen. Don't quote these figures as a performance."
        ),
        holds=(
            "The figures can be compared with the published ones, and with nothing else.",
            "The figures called clean are of the same kind of network, channels and augmentation, trained and tested "
            "by clean cross-validation. They are the ones to quote.",
        ),
        limits=(
            "The network goes on from fold to fold, so from the second fold on, tested cells were trained on before.",
            "The figures are those of one fold, whose number was chosen after the authors' results were known.",
            "The tested cells decide when training stops, and how sure the calls are.",
            "Synthetic cells are tested too, and their generator has seen every real cell of their phase.",
            "Repeated cells were not removed.",
        ),
        estimates=False,
        tests_synthetic=True,
    ),
    "demonstration": Protocol(
        title="A demonstration on synthetic cells: no estimate of accuracy",
        summary="These cells were made by a generator. They show how the figures look, not how good the model is.",
        holds=("The figures are computed as they are for real cells.",),
        limits=("Made cells are simpler than real ones, and their phase is what the generator was asked for.",),
        estimates=False,
        tests_synthetic=True,
    ),
    "trained-on": Protocol(
        title="Cells that the model was trained on: no estimate of anything",
        summary="The model has seen these very cells. The figures say how well it remembers, not how well it calls.",
        holds=("A bad figure here is a bad sign: the model can't even call the cells it learnt from.",),
        limits=("A good figure here says nothing about other cells. Use cross-validation, or cells of another day.",),
        estimates=False,
    ),
}
"""By the names that `evaluate` and ``metrics.json`` use."""


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
    few = [f"{label} ({n})" for label, n in support.items() if 0 < n < MIN_CELLS_REPORT]
    absent = [label for label, n in support.items() if n == 0]
    notes = []
    if few:
        notes.append(
            f"phases with fewer than {MIN_CELLS_REPORT} cells: {', '.join(few)}; their figures are rough, and their intervals "
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
