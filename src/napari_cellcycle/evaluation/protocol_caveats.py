"""What the scores of an evaluation mean, in plain words, by how the tested cells were chosen."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cellcycle.evaluation.metrics import MIN_CELLS_REPORT, Counts, Floats
from napari_cellcycle.phase_sets import SEVEN, PhaseSet


@dataclass(frozen=True)
class Protocol:
    """What a way of testing guarantees, and what it does not.

    Attributes
    ----------
    title, summary : str
        Shown above all scores.
    holds, limits : tuple of str
        What the scores mean, and what they do not mean.
    estimates : bool
        Whether the scores estimate how well other cells would be called.
    tests_synthetic : bool
        Whether synthetic cells may be among the tested cells.
    """

    title: str
    summary: str
    holds: tuple[str, ...]
    limits: tuple[str, ...]
    estimates: bool = True
    tests_synthetic: bool = False


_LIMITS = (
    "The intervals show how much the scores would change with other cells of the same kind. They do not cover other "
    "instruments, cell lines, stains or days.",
    "The scores are only as good as the labels. Where a threshold on a stain separates the phases, some errors are "
    "errors of the labels.",
)

PROTOCOLS = {
    "held-out": Protocol(
        title="A finished model on cells that were given to it",
        summary="The model was not changed by these cells. Cells known to be in its training set are left out.",
        holds=("Nothing was fitted to these cells: no weights, no normalisation, no temperature, no threshold.",),
        limits=(
            "If a model keeps no record of its training cells, they can't be found here. If some of these cells were "
            "among them, the scores are too good. The notes at the top say what was found.",
            *_LIMITS,
        ),
    ),
    "clean": Protocol(
        title="Clean cross-validation",
        summary="Every cell was called by a model that was never trained on it, not even on another crop of it.",
        holds=(
            "Duplicate cells were removed before the split, even if they were cropped or padded differently.",
            "The folds have the same mixture of phases. If groups were given, no group is in two parts of a fold.",
            "Every fold started from new weights. All that was fitted (weights, normalisation, generators, early "
            "stopping, temperature) was fitted inside its training part.",
            "All tested cells are real. Synthetic cells are never tested.",
        ),
        limits=(
            "The scores describe this way of training, not one model: a model trained on all cells may be better.",
            "Without groups, cells of one file, plate or donor are in both the training and the test part. The scores "
            "may then be too good for the next plate or donor.",
            *_LIMITS,
        ),
    ),
    "seed": Protocol(
        title="The seed's protocol: no estimate of accuracy",
        summary=(
            "This follows the protocol of Duque-Vazquez et al., so that their results can be reproduced. "
            "The model was trained on some of the tested cells. Don't quote these scores as its performance."
        ),
        holds=(
            "The scores can be compared with the published ones, and with nothing else.",
            "The clean scores are of the same kind of network, channels and augmentation, trained and tested by clean "
            "cross-validation. Quote those.",
        ),
        limits=(
            "One network is trained through all folds. From the second fold on, it is tested on cells that it was "
            "trained on before.",
            "The scores are those of one fold. Its number was chosen after the authors' results were known.",
            "The tested cells decide when training stops, and how sure the calls are.",
            "Synthetic cells are tested too, and their generator was trained on every real cell of their phase.",
            "Duplicate cells were not removed.",
        ),
        estimates=False,
        tests_synthetic=True,
    ),
    "demonstration": Protocol(
        title="A demonstration on synthetic cells: no estimate of accuracy",
        summary="A generator made these cells. They show what a report looks like, not how good the model is.",
        holds=("The scores are computed in the same way as for real cells.",),
        limits=("Synthetic cells are simpler than real ones, and their phase is what the generator was asked for.",),
        estimates=False,
        tests_synthetic=True,
    ),
    "trained-on": Protocol(
        title="Cells that the model was trained on: no estimate of accuracy",
        summary="The model was trained on these very cells. The scores show how well it remembers them.",
        holds=("A bad score here is a bad sign: the model does not even call its own training cells right.",),
        limits=("A good score here says nothing about other cells. Use cross-validation, or cells of another day.",),
        estimates=False,
    ),
    "chosen": Protocol(
        title="Cells that were chosen to be labelled: no estimate of accuracy",
        summary="Somebody or a queue chose these cells because they are hard or rare. Other cells may be easier.",
        holds=("The model was not trained on these cells, as far as that is known.",),
        limits=(
            "The scores don't say how good the model is on all cells. For that, label cells of the queue random.",
            *_LIMITS,
        ),
        estimates=False,
    ),
}
"""By the names that `evaluate` and ``metrics.json`` use."""


def caveats(
    confusion: Counts,
    shares: Floats | None,
    n_read: int,
    n_unsure: int,
    n_unreadable: int,
    phases: PhaseSet = SEVEN,
) -> list[str]:
    """One sentence for each limit of the scores of an evaluation.

    Parameters
    ----------
    confusion : ndarray of int, shape (P, P)
        Counts, rows true.
    shares : ndarray, shape (P,), or None
        Natural prevalence, where scores are given at it.
    n_read, n_unsure, n_unreadable : int
        Cells of known phase: those that were read, of these the unsure ones, and those that could not be read.
    phases : PhaseSet
        The P phases.

    Returns
    -------
    list of str
        Without a full stop; empty if there is nothing to say.
    """
    support = dict(zip(phases.names, confusion.sum(axis=1).tolist(), strict=True))
    few = [f"{label} ({n})" for label, n in support.items() if 0 < n < MIN_CELLS_REPORT]
    absent = [label for label, n in support.items() if n == 0]
    missing = [] if shares is None else [label for label, share in zip(phases.names, shares, strict=True) if share > 0]
    missing = [label for label in missing if not support[label]]
    notes = {
        f"phases with fewer than {MIN_CELLS_REPORT} cells: {', '.join(few)}; their scores are rough, and so are the "
        "intervals, as so few cells do not show how much other cells differ": few,
        f"phases without cells: {', '.join(absent)}; they have no scores, and means leave them out": absent,
        f"the natural prevalence of {', '.join(missing)} is spread over the other phases": missing,
        f"{n_unsure} of {n_read} cells were called unsure; the confusion matrix leaves them out": n_unsure,
        f"{n_unreadable} cells could not be read and were left out": n_unreadable,
    }
    return [note for note, applies in notes.items() if applies]
