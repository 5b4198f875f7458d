"""Does the model fit these cells? A verdict from how many of them are unlike the training cells, with the reason."""

from __future__ import annotations

import numpy as np
import torch

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.misfit import MOST, UnlikeCells, find_reason
from napari_cellcycle.models import Model
from napari_cellcycle.phases import Phase
from napari_cellcycle.verdict import DOES_NOT_FIT, FINE_TUNE, FITS, Verdict

MAX_UNFAMILIAR = 0.1
"""With a larger share of unfamiliar cells the user is warned; a few cells are flagged in any sample."""
LEARNING_CURVE = {20: (98, 0.688), 50: (218, 0.734)}
"""Labelled cells of a phase: cells in all, and accuracy after fine-tuning, from the table in docs/training.md.

The unchanged model has 0.415 there, and 0.770 on its own instrument: 20 of a phase win back 3/4 of the loss, 50 win
back 9/10.
"""
_MUCH_MITOSIS = 0.3
"""Share of a mitotic phase that no culture has unless it was arrested."""


def judge_fit(model: Model, cells: Cells, prediction: Prediction, device: torch.device) -> Verdict | None:
    """Say whether a model fits the cells that it has classified.

    Parameters
    ----------
    model : Model
        That made `prediction`, with its network on `device`.
    cells : Cells
        With the channels of the model.
    prediction : Prediction
        Of all `cells`.
    device : torch.device
        Where to compute.

    Returns
    -------
    Verdict or None
        None if it can't be told: the model has no detector of unfamiliar cells, or no cell could be read.
    """
    readable = np.delete(np.arange(len(prediction)), list(prediction.unreadable))
    if model.familiarity is None or prediction.unfamiliar is None or not len(readable):
        return None
    unlike = readable[prediction.unfamiliar[readable]]
    share = len(unlike) / len(readable)
    are = "is" if len(unlike) == 1 else "are"
    counted = f"{len(unlike):,} of {len(readable):,} cells {are} unlike the cells that the model was trained on"
    if share <= MAX_UNFAMILIAR:
        text = f"the model {model.name!r} fits: {counted}"
        return Verdict(answer=FITS, share_unlike=share, reliable=True, reason="", text=text)
    if share <= MOST:
        text = f"{counted}; their phases are not to be relied on; {_labelling(20)}"
        return _to_fine_tune(share, text, 20)
    counted += f", so their phases mean nothing{_implausible(prediction)}"
    reason = find_reason(UnlikeCells(model, model.familiarity, cells.subset(unlike), device))
    if reason is None:
        why = "the images are of another instrument or another kind of cell"
        text = f"the model {model.name!r} does not fit without fine-tuning, because {why}; {counted}; {_labelling(50)}"
        return _to_fine_tune(share, text, 50)
    text = f"the model {model.name!r} does not fit, because {reason.found}; {counted}; {reason.advice}"
    return Verdict(answer=DOES_NOT_FIT, share_unlike=share, reliable=False, reason=reason.word, text=text)


def _to_fine_tune(share: float, text: str, per_phase: int) -> Verdict:
    n_cells, _ = LEARNING_CURVE[per_phase]
    reliable = share <= MOST
    return Verdict(
        answer=FINE_TUNE, share_unlike=share, reliable=reliable, reason="other", text=text, n_to_label=n_cells
    )


def _labelling(per_phase: int) -> str:
    n_cells, _ = LEARNING_CURVE[per_phase]
    how_many = f"label about {n_cells} cells ({per_phase} of each phase, fewer of rare ones)"
    return f"{how_many} and fine-tune the model with train --start-from"


def _implausible(prediction: Prediction) -> str:
    """A part of the sentence, if more cells of a mitotic phase were called than a culture has."""
    names, parts = prediction.phase_set.names, prediction.phase_set.parts
    shares = np.bincount(prediction.best[prediction.best >= 0], minlength=len(names)) / len(prediction)
    mitotic = [number for number, part in enumerate(parts) if part and min(part) >= Phase.PROPHASE]
    phase = max(mitotic, key=lambda number: shares[number], default=None)
    if phase is None or shares[phase] <= _MUCH_MITOSIS:
        return ""
    return f" (it calls {shares[phase]:.0%} of them {names[phase]})"
