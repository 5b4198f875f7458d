"""Say whether a model fits the cells of files, before they are classified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_cellcycle.cells import Cells, evenly_spaced
from napari_cellcycle.events import Job, Note, Progress, map_events
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.models import Model
from napari_cellcycle.predict import classify_cells, model_for_channels
from napari_cellcycle.store.models import load_model
from napari_cellcycle.verdict import Verdict

N_CHECKED = 500
"""Cells of the input that the model sees, at most."""


@dataclass(frozen=True)
class CheckedFit:
    """Whether `model` fits; `verdict` is None if it can't tell."""

    model: str
    n_checked: int
    verdict: Verdict | None

    @property
    def text(self) -> str:
        """In a sentence."""
        if self.verdict is not None:
            return self.verdict.text
        return f"the model {self.model!r} has no record of what its training cells look like, so its fit is not known"

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for ``--json``."""
        verdict = None if self.verdict is None else self.verdict.to_dict()
        return {"model": self.model, "n_checked": self.n_checked, "verdict": verdict}


def check_fit(paths: Sequence[str | Path], name: str, reading: ReadSettings) -> Job[Progress | Note, CheckedFit]:
    """Check the fit of a model to the cells in `paths`; see `check_cells`."""
    model = load_model(name)
    cells = yield from open_cells(paths, reading)
    model, note = model_for_channels(model, cells)
    if note:
        yield Note(note)
    return (yield from check_cells(model, cells))


def check_cells(model: Model, cells: Cells, *, device: str = "auto") -> Job[Progress | Note, CheckedFit]:
    """Classify up to `N_CHECKED` evenly spaced cells, and give the verdict on them.

    Parameters
    ----------
    model : Model
        For the channels of the cells; see `predict.model_for_channels`.
    cells : Cells
        Any cells.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.

    Returns
    -------
    CheckedFit
        The same verdict as that of `classify` on these cells.
    """
    some = cells.subset(evenly_spaced(len(cells), N_CHECKED))
    classifying = classify_cells(model, some, device=device)
    prediction = yield from map_events(classifying, _progress_of_check)
    return CheckedFit(model.name, len(some), prediction.verdict)


def _progress_of_check(event: Progress | Note) -> list[Progress]:
    """No notes, as the verdict says the same."""
    return [] if isinstance(event, Note) else [replace(event, what="checking whether the model fits")]
