"""Fractions of the phases and DNA content of each sample, with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Prediction
from napari_cellcycle.datasets.groups import in_order
from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.evaluation.metrics import MIN_CELLS_REPORT, Counts
from napari_cellcycle.evaluation.phase_fractions import (
    PhaseFractions,
    counted_cells,
    phase_fractions,
    usable_confusion,
)
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.phase_sets import PhaseSet
from napari_cellcycle.phases import UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

CALLS, LABELS = "calls", "labels"
_DRAWN_AT_RANDOM = "random"
_Z = 1.959964


@dataclass(frozen=True, eq=False)
class Sample:
    """One sample of a population.

    Attributes
    ----------
    name : str
        As `sample_names` gives it.
    rows : ndarray of int
        Its cells that count: real ones, or synthetic ones where no cell is real.
    called : PhaseFractions or None
        Fractions as they were called or labelled; None where they are withheld, or no cell has a phase.
    corrected : PhaseFractions or None
        Corrected for the model's confusion; None where that is not known.
    dna_content : tuple of float
        Mean of the cells, and its 95 % interval; NaN where there is none.
    n_unfamiliar : int or None
        Cells unlike the training cells; None if the model can't tell.
    """

    name: str
    rows: NDArray[np.intp]
    called: PhaseFractions | None
    corrected: PhaseFractions | None
    dna_content: tuple[float, float, float]
    n_unfamiliar: int | None


@dataclass(frozen=True, eq=False)
class Populations:
    """Cells by sample.

    Attributes
    ----------
    by : str
        What the samples are.
    of : {"calls", "labels"}
        Whether phases are calls of a model or labels.
    samples : tuple of Sample
        In natural order.
    names : ndarray of str, shape (N,)
        Sample of each cell, counted or not.
    prediction : Prediction
        The cells with the phases that were counted: calls, or labels as if they were sure calls.
    notes : tuple of str
        Limits of these numbers.
    """

    by: str
    of: str
    samples: tuple[Sample, ...]
    names: NDArray[np.str_]
    prediction: Prediction
    notes: tuple[str, ...]

    @property
    def phases(self) -> NDArray[np.int8]:
        """Phase of each cell, shape (N,)."""
        return self.prediction.phases

    @property
    def phase_set(self) -> PhaseSet:
        """The P phases."""
        return self.prediction.phase_set

    @property
    def has_unsure(self) -> bool:
        """Whether some cells were called unsure."""
        return bool(self.prediction.is_unsure.any())

    @property
    def is_greyed(self) -> bool:
        """Whether the phases mean nothing, as most cells are unlike the training cells."""
        return not self.prediction.is_reliable

    @property
    def is_corrected(self) -> bool:
        """Whether the model's confusion is known, so that there are corrected fractions."""
        return any(sample.corrected is not None for sample in self.samples)

    def to_table(self) -> pd.DataFrame:
        """One row for each sample and phase, as in ``populations.csv``; what is not known is empty."""
        import pandas as pd

        return pd.DataFrame([row for sample in self.samples for row in _rows(self, sample)])

    def __str__(self) -> str:
        return "\n".join(_line(sample) for sample in self.samples)


def summarise_samples(
    prediction: Prediction,
    names: NDArray[np.str_],
    by: str,
    *,
    confusion: Counts | None = None,
    of: str = CALLS,
    force: bool = False,
    seed: int = 0,
) -> Job[Progress, Populations]:
    """Count the phases of each sample.

    Parameters
    ----------
    prediction : Prediction
        N cells.
    names : ndarray of str, shape (N,)
        Sample of each cell.
    by : str
        What the samples are.
    confusion : ndarray of int, shape (P, P), optional
        Of the model on test cells, rows true; used for calls, unless some are unsure by a minimum probability.
    of : {"calls", "labels"}
        Count what the model called, or the column ``label``.
    force : bool
        Give fractions even where most cells are unlike the training cells.
    seed : int
        The same seed gives the same intervals.

    Returns
    -------
    Job of Populations

    Raises
    ------
    SettingError
        Labels are asked for, and no cell has one.
    """
    counted, notes = prediction, [*_notes(prediction, of, force=force)]
    if of == LABELS:
        counted, confusion = _labelled(prediction), None
    confusion = usable_confusion(counted, confusion)
    is_shown = of == LABELS or prediction.is_reliable or force
    ordered, samples = in_order(names), list[Sample]()
    rows_of = _rows_by_name(names, counted_cells(prediction), ordered)
    for number, name in enumerate(ordered):
        yield Progress(number, len(ordered), "counting phases")
        samples.append(_summarise(counted, name, rows_of[name], confusion, is_shown=is_shown, seed=seed))
    few = [sample.name for sample in samples if sample.called and sample.called.counts.sum() < MIN_CELLS_REPORT]
    if few and len(few) < len(samples):
        notes.append(f"samples with fewer than {MIN_CELLS_REPORT} cells, look at their intervals: {len(few):,}")
    elif few:
        notes.append(f"each sample has fewer than {MIN_CELLS_REPORT} cells; look at the intervals")
    return Populations(by, of, tuple(samples), names, counted, tuple(notes))


def count_by_two(populations: Populations, frames: NDArray[np.str_]) -> Job[Progress, dict[str, Populations]]:
    """The samples of a population, each frame by frame: calls as they are, with Wilson intervals.

    Parameters
    ----------
    populations : Populations
        Of N cells.
    frames : ndarray of str, shape (N,)
        Frame of each cell.

    Returns
    -------
    Job of dict of str to Populations
        By name of the sample; if the samples are frames themselves, all in one.
    """
    if populations.by == "frame":
        return {"": populations}
    found = {}
    for sample in populations.samples:
        rows = np.flatnonzero(populations.names == sample.name)
        part = _subset(populations.prediction, rows)
        force = sample.called is not None
        found[sample.name] = yield from summarise_samples(part, frames[rows], "frame", of=populations.of, force=force)
    return found


def rows_of_phase(populations: Populations, sample: Sample, phase: int) -> NDArray[np.intp]:
    """The counted cells of one sample and phase.

    Parameters
    ----------
    populations : Populations
        All samples.
    sample : Sample
        One of them.
    phase : int
        Number of the phase.

    Returns
    -------
    ndarray of int
        Rows of the prediction.
    """
    return sample.rows[populations.phases[sample.rows] == phase]


def _rows_by_name(
    names: NDArray[np.str_], counts: NDArray[np.bool_], ordered: list[str]
) -> dict[str, NDArray[np.intp]]:
    _, index = np.unique(names, return_inverse=True)
    order = np.argsort(index, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(index))[:-1])
    by_name = dict(zip(np.unique(names).tolist(), parts, strict=True))
    return {name: by_name[name][counts[by_name[name]]] for name in ordered}


def _summarise(
    prediction: Prediction,
    name: str,
    rows: NDArray[np.intp],
    confusion: Counts | None,
    *,
    is_shown: bool,
    seed: int,
) -> Sample:
    part = _subset(prediction, rows)
    called = corrected = None
    if is_shown and len(rows):
        try:
            called = phase_fractions(part)
            corrected = None if confusion is None else phase_fractions(part, confusion, seed=seed)
        except TooFewCellsError:  # no cell of this sample has a phase
            called = None
    n_unfamiliar = None if part.unfamiliar is None else int(part.unfamiliar.sum())
    return Sample(name, rows, called, corrected, _mean(part.dna_content), n_unfamiliar)


def _subset(prediction: Prediction, rows: NDArray[np.intp]) -> Prediction:
    def some(values: NDArray | None) -> NDArray | None:  # type: ignore[type-arg]
        return None if values is None else values[rows]

    return replace(
        prediction,
        sources=prediction.sources[rows],
        ids=prediction.ids[rows],
        probabilities=prediction.probabilities[rows],
        dna_content=some(prediction.dna_content),
        synthetic=some(prediction.synthetic),
        unfamiliar=some(prediction.unfamiliar),
        columns={name: texts[rows] for name, texts in prediction.columns.items()},
        unreadable={},
    )


def _labelled(prediction: Prediction) -> Prediction:
    """The same cells, whose phases are their labels; those without one have none."""
    texts = prediction.columns.get("label")
    if texts is None:
        raise SettingError("no cell has a label, so there are no fractions of labels; choose those of calls")
    different, index = np.unique(texts, return_inverse=True)
    numbers = np.array([*map(prediction.phase_set.number_of, different.tolist())])[index]
    if not (numbers != UNKNOWN).any():
        raise SettingError("no cell has the label of a phase, so there are no fractions; choose those of calls")
    n_phases = len(prediction.phase_set)
    chances = np.eye(n_phases + 1, n_phases, dtype=np.float32)
    chances[UNKNOWN] = np.nan
    return replace(prediction, probabilities=chances[numbers], min_probability=0.0, verdict=None)


def _mean(dna_content: NDArray[np.float32] | None) -> tuple[float, float, float]:
    """Mean with its 95 % interval (Student's t); NaN where it can't be told."""
    values = np.empty(0) if dna_content is None else dna_content[np.isfinite(dna_content)].astype(float)
    if not len(values):
        return (np.nan, np.nan, np.nan)
    if len(values) == 1:
        return (float(values[0]), np.nan, np.nan)
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return (float(values.mean()), float(values.mean()) - half, float(values.mean()) + half)


def _notes(prediction: Prediction, of: str, *, force: bool) -> Iterator[str]:
    """What the numbers count, and what they don't."""
    is_counted, labels = counted_cells(prediction), prediction.columns.get("label")
    n_labelled = 0 if labels is None else int((labels != "").sum())
    if of == LABELS:
        yield f"fractions are of the labels of {n_labelled:,} cells; cells without one do not count"
        drawn = prediction.columns.get("drawn")
        chosen = 0 if drawn is None or labels is None else int(((labels != "") & (drawn != _DRAWN_AT_RANDOM)).sum())
        if chosen:
            were = f"{chosen:,} of {n_labelled:,} labelled cells were not drawn at random"
            yield f"{were}, so the samples may have other fractions"
    elif n_labelled:
        yield f"{n_labelled:,} cells have labels; these fractions are of the calls of the model"
    if n_synthetic := int((~is_counted).sum()):
        yield f"synthetic cells that are not counted: {n_synthetic:,}"
    elif prediction.synthetic is not None and len(prediction) and prediction.synthetic.all():
        yield "all these cells are synthetic"
    if of == CALLS and not prediction.is_reliable:
        shown = "shown, although they mean nothing" if force else "withheld, as they mean nothing"
        yield f"the fractions are {shown}: most cells are unlike the cells that the model was trained on"


def _rows(populations: Populations, sample: Sample) -> Iterator[dict[str, object]]:
    """A row of the table for each phase; the columns of the whole sample are repeated."""
    found, dna_content = sample.called, populations.prediction.dna_content
    whole = dict(zip(("sample_dna_content", "sample_dna_low", "sample_dna_high"), sample.dna_content, strict=True))
    for phase, label in enumerate(populations.phase_set.names):
        rows = rows_of_phase(populations, sample, phase)
        yield {
            populations.by: sample.name,
            "phase": label,
            "of": populations.of,
            "count": np.nan if found is None else len(rows),
            **_of_phase("", sample.called, phase),
            **_of_phase("corrected_", sample.corrected, phase),
            "dna_content": np.nan if found is None else _mean(_at(dna_content, rows))[0],
            "sample_cells": len(sample.rows),
            "sample_counted": np.nan if found is None else int(found.counts.sum()),
            "sample_unsure": np.nan if found is None else found.n_unsure,
            "sample_without_phase": np.nan if found is None else found.n_unreadable,
            "sample_unfamiliar": np.nan if sample.n_unfamiliar is None else sample.n_unfamiliar,
            **whole,
        }


def _of_phase(start: str, found: PhaseFractions | None, phase: int) -> dict[str, float]:
    columns = {"fraction": "fractions", "low": "low", "high": "high"}
    return {
        f"{start}{name}": np.nan if found is None else getattr(found, attribute)[phase]
        for name, attribute in columns.items()
    }


def _at(values: NDArray[np.float32] | None, rows: NDArray[np.intp]) -> NDArray[np.float32] | None:
    return None if values is None else values[rows]


def _line(sample: Sample) -> str:
    """A sample as a person reads it: each phase with its interval."""
    found = sample.corrected or sample.called
    if found is None:
        return f"{sample.name}: {len(sample.rows):,} cells, no fractions"
    parts = [
        f"{label} {100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        for label, share, low, high in zip(found.phase_set.names, found.fractions, found.low, found.high, strict=True)
        if share > 0
    ]
    kind = ", corrected" if found.corrected else ""
    return f"{sample.name}: {int(found.counts.sum()):,} cells{kind}: {', '.join(parts)}"
