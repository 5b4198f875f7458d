"""Rounds of labelling: after each one a model is trained on all labels, and tested on cells held out for good."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from napari_cellcycle.annotate.label_file import append_lines
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.errors import WriteError
from napari_cellcycle.evaluation.metrics import Counts, score_table
from napari_cellcycle.io.own_outputs import ROUNDS_FILE
from napari_cellcycle.io.plain_files import plain_bytes
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.store.strict import MAX_BYTES, Name, Strict, Text

MIN_TESTED = 20
"""Held-out cells with a label, without which a figure says nothing."""
MIN_PHASES = 2


@dataclass(frozen=True, kw_only=True)
class Round:
    """A model that was trained on the labels so far, and how good it is.

    Attributes
    ----------
    model : str
        Its folder.
    start_from : str
        Model that it was trained further from.
    n_labels, n_trained, n_tested : int
        Labelled cells; those of them that it was trained on, and those held out that it was tested on.
    macro_f1, low, high : float or None
        Macro F1 on the held-out cells with its 95 % interval; None where there are too few of them, or no interval.
    text : str
        The same in a sentence, or why there is no figure.
    when : str
        Date and time (UTC), as in ``2026-11-27T09:30:00Z``.
    """

    model: str
    start_from: str
    n_labels: int
    n_trained: int
    n_tested: int
    macro_f1: float | None
    low: float | None
    high: float | None
    text: str
    when: str


Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class _Line(Strict):
    model: Name
    start_from: Name
    n_labels: Count
    n_trained: Count
    n_tested: Count
    macro_f1: Share | None
    low: Share | None
    high: Share | None
    text: Text
    when: Text


def rounds_path(labels: LabelTable) -> Path | None:
    """Where the rounds of some labels are kept: next to their file; None if they are in memory only."""
    return None if labels.path is None else labels.path.with_name(ROUNDS_FILE)


def read_rounds(path: Path | None) -> list[Round]:
    """Rounds in their order; none where nothing was trained yet. Damaged lines are left out."""
    try:
        lines = [] if path is None else plain_bytes(path, MAX_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError):  # no file yet, or none of ours: it is a record, nothing depends on it
        return []
    adapter, found = TypeAdapter(_Line), []
    for line in lines:
        try:
            found.append(Round(**vars(adapter.validate_json(line))))
        except ValidationError:
            continue
    return found


def append_round(path: Path, done: Round) -> None:
    """Keep a round.

    Parameters
    ----------
    path : Path
        From `rounds_path`.
    done : Round
        The newest one.

    Raises
    ------
    WriteError
        The file can't be written.
    """
    try:
        append_lines(path, json.dumps(asdict(done)) + "\n")
    except OSError as error:
        raise WriteError(f"the round can't be written to {path} ({error.strerror}); free some space") from error


@dataclass(frozen=True)
class HeldOutFigure:
    """Macro F1 with its interval, each None where it is not known, and what it means or why it is missing."""

    macro_f1: float | None
    low: float | None
    high: float | None
    text: str


def held_out_figure(confusion: Counts, phases: PhaseSet = SEVEN) -> HeldOutFigure:
    """Score a model on held-out cells, if there are enough.

    Parameters
    ----------
    confusion : ndarray of int64, shape (P, P)
        Counts of held-out cells that were drawn at random, rows true.
    phases : PhaseSet
        The P phases.

    Returns
    -------
    HeldOutFigure
        Without numbers if there are fewer than `MIN_TESTED` cells or `MIN_PHASES` phases.
    """
    support = confusion.sum(axis=1)
    n_tested, n_phases = int(support.sum()), int((support > 0).sum())
    if n_tested < MIN_TESTED or n_phases < MIN_PHASES:
        return HeldOutFigure(None, None, None, _too_few(n_tested, n_phases))
    found = score_table(confusion, phases=phases).overall["macro_f1"]
    absent = [label for label, count in zip(phases.names, support.tolist(), strict=True) if not count]
    without = f"; none of them is {' or '.join(absent)}" if absent else ""
    text = f"macro F1 {found} on {n_tested:,} cells that were drawn at random and held out{without}"
    low, high = (None if bound != bound else bound for bound in (found.low, found.high))
    return HeldOutFigure(found.value, low, high, text)


def _too_few(n_tested: int, n_phases: int) -> str:
    """What is missing for a figure."""
    if n_tested >= MIN_TESTED:
        return (
            f"no figure yet: the {n_tested:,} held-out cells are all of one phase; label more cells of the queue random"
        )
    return (
        f"no figure yet: {n_tested:,} cells that were drawn at random are held out, but {MIN_TESTED} are needed; "
        "label more cells of the queue random"
    )
