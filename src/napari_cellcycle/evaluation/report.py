"""The figures of one evaluation, with everything needed to judge them."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import CellCycleError, SettingError
from napari_cellcycle.evaluation.calibration import coverage_curve, reliability
from napari_cellcycle.evaluation.metrics import (
    OVERALL,
    PER_PHASE,
    confusion_table,
    overall_figures,
    score_table,
)
from napari_cellcycle.evaluation.prevalence import parse_prevalence
from napari_cellcycle.evaluation.protocols import PROTOCOLS, caveats
from napari_cellcycle.phases import N_PHASES, PHASE_LABELS, UNKNOWN, UNSURE
from napari_cellcycle.versions import installed_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_cellcycle.cells import Prediction
    from napari_cellcycle.evaluation.calibration import Coverage, Reliability
    from napari_cellcycle.evaluation.metrics import Counts, Floats, Scores
    from napari_cellcycle.evaluation.seed_comparison import SeedComparison


@dataclass(frozen=True, eq=False)
class LossCurve:
    """Mean loss per epoch of one training, from the first epoch on."""

    training: Floats
    validation: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Report:
    """All figures of one evaluation. `str()` gives a short table, `to_dict()` what ``metrics.json`` holds.

    Attributes
    ----------
    model, protocol : str
        Name of the model, and a key of `protocols.PROTOCOLS`.
    scores : Scores
        Overall and per phase, of the cells that were called.
    confusion : ndarray of int64, shape (7, 7)
        Rows true, columns called; cells called unsure are not in it.
    n_cells, n_unsure, n_unreadable : int
        Cells of known phase that were read; of these, those called unsure; and those that could not be read.
    reliability, coverage : Reliability, Coverage
        Of all cells that were read, however unsure.
    prevalence, natural_scores : optional
        Shares of the phases in nature, and the figures at these shares.
    folds : int or None
        Number of folds, None where a finished model was tested.
    per_fold : tuple of dict
        The overall figures of each fold, without intervals.
    temperature : tuple of float
        That were fitted on validation cells, one per fold.
    losses : tuple of LossCurve
        One per fold.
    settings, versions : dict
        What the run was made with.
    data_sha256 : str
        Names the data: see `duplicates.Duplicates`.
    truth, prediction
        The cells behind the figures; the truth is unknown where a cell was not tested, or is in no figure.
    quoted : QuotedFold or None
        The one fold that all figures but `per_fold` are of, where a protocol quotes one.
    """

    model: str
    protocol: str
    scores: Scores
    confusion: Counts
    n_cells: int
    n_unsure: int
    n_unreadable: int
    reliability: Reliability
    coverage: Coverage
    prevalence: Floats | None
    natural_scores: Scores | None
    folds: int | None
    per_fold: tuple[dict[str, float], ...]
    duplicates_removed: int
    seed: int
    temperature: tuple[float, ...]
    losses: tuple[LossCurve, ...]
    settings: dict[str, Any]
    versions: dict[str, str]
    data_sha256: str
    notes: tuple[str, ...]
    truth: NDArray[np.int8] = field(repr=False)
    prediction: Prediction = field(repr=False)
    quoted: SeedComparison | None = None

    def __str__(self) -> str:
        protocol = PROTOCOLS[self.protocol]
        lines = [f"{self.model or 'model'}: {protocol.title}, {self.n_cells} cells"]
        lines += (
            []
            if protocol.estimates
            else textwrap.wrap(protocol.summary, 100, initial_indent="  ", subsequent_indent="  ")
        )
        if self.quoted is not None:
            lines += self.quoted.to_lines()
            by_fold = " ".join(f"{figures.get('weighted_f1', np.nan):.3f}" for figures in self.per_fold)
            lines += [f"  weighted F1 of each fold, from 0: {by_fold}"]
        else:
            lines += [f"  {name:<22}{self.scores.overall[key]}" for key, name in OVERALL.items()]
        if self.natural_scores is not None:
            lines += ["  at natural prevalence"]
            lines += [f"  {name:<22}{self.natural_scores.overall[key]}" for key, name in OVERALL.items()]
        lines += [f"  {'phase':<12}{'cells':>7}  {'precision':<27}{'recall':<27}F1"]
        for label, scores in self.scores.per_phase.items():
            figures = f"{scores.precision!s:<27}{scores.recall!s:<27}{scores.f1}"
            lines += [f"  {label:<12}{scores.support:>7}  {figures}"]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, as JSON can hold them; None where a figure is undefined."""
        content = {
            **_scores_dict(self.scores),
            "confusion": self.confusion.tolist(),
            "phases": list(PHASE_LABELS),
            "protocol": self.protocol,
            "folds": self.folds,
            "per_fold": list(self.per_fold),
            "n_cells": self.n_cells,
            "n_unsure": self.n_unsure,
            "n_unreadable": self.n_unreadable,
            "coverage": 1 - self.n_unsure / self.n_cells,
            "calibration_error": self.reliability.error,
            "temperature": list(self.temperature),
            "natural_prevalence": None if self.natural_scores is None else _scores_dict(self.natural_scores),
            "prevalence": None if self.prevalence is None else dict(zip(PHASE_LABELS, self.prevalence, strict=True)),
            "duplicates_removed": self.duplicates_removed,
            "model": self.model,
            "seed": self.seed,
            "data_sha256": self.data_sha256,
            "settings": self.settings,
            "versions": self.versions,
            "notes": list(self.notes),
            **({} if self.quoted is None else self.quoted.to_dict()),
        }
        plain: dict[str, Any] = _plain(content)
        return plain


def evaluate(
    prediction: Prediction,
    truth: Cells | ArrayLike,
    *,
    model: str = "",
    protocol: str = "held-out",
    synthetic: ArrayLike | None = None,
    trained_on: ArrayLike | None = None,
    prevalence: str | ArrayLike | None = None,
    fold: ArrayLike | None = None,
    duplicates_removed: int = 0,
    seed: int = 0,
    temperature: Sequence[float] = (),
    losses: Sequence[LossCurve] = (),
    settings: Mapping[str, Any] | None = None,
    data_sha256: str = "",
    notes: Iterable[str] = (),
    quoted: SeedComparison | None = None,
) -> Report:
    """Figures of a prediction where the truth is known.

    Parameters
    ----------
    prediction : Prediction
        What a model says of N cells.
    truth : Cells, or array_like of int, shape (N,)
        These cells, which know their phases and which of them are synthetic; or their true phases alone. Cells of
        unknown phase are left out.
    model : str
        Name to show.
    protocol : str
        What the figures stand for: ``held-out``, ``clean``, ``seed``, ``trained-on`` or ``demonstration``.
    synthetic : array_like of bool, shape (N,), optional
        Cells that a generator made, where `prediction` and `truth` don't know. They are refused under every protocol
        but ``seed`` and ``demonstration``.
    trained_on : array_like of bool, shape (N,), optional
        Cells that the model is known to have been trained on, by `duplicates.in_training_set`. They are left out; where
        no others are left, they are tested under the protocol ``trained-on``.
    prevalence : str or array_like, shape (7,), optional
        Give the figures at these shares of the phases too; a name or list as `parse_prevalence` takes.
    fold : array_like of int, shape (N,), optional
        In which fold each cell was tested, -1 for those that were not, which are left out.
    duplicates_removed, seed, temperature, losses, settings, data_sha256, notes
        How the prediction came about, kept for the report.
    quoted : QuotedFold, optional
        The fold that is quoted: all figures are of it, but those of each fold.

    Raises
    ------
    SettingError
        The protocol or the prevalence is unknown.
    CellCycleError
        Synthetic cells are among those to test, or truth and prediction have different lengths.
    TooFewCellsError
        No cell of known phase was called.
    """
    if protocol not in PROTOCOLS:
        raise SettingError(f"protocol is {protocol!r}, but must be one of {', '.join(PROTOCOLS)}")
    synthetic = prediction.synthetic if synthetic is None else synthetic
    if isinstance(truth, Cells):
        synthetic = truth.synthetic if synthetic is None else synthetic
        truth = truth.phases
    phases = np.array(truth, dtype=np.int8)
    if phases.shape != (len(prediction),):
        raise CellCycleError(
            f"{len(prediction)} calls can't be compared with {phases.size} true phases; give the same cells"
        )
    fold = None if fold is None else np.asarray(fold)
    if fold is not None:
        phases[fold < 0] = UNKNOWN
    if trained_on is not None:
        protocol, found = _leave_out(phases, np.asarray(trained_on, dtype=bool), protocol)
        notes = (*notes, found)
    n_folds = None if fold is None else len(np.unique(fold[phases != UNKNOWN]))
    per_fold = () if fold is None else _per_fold(phases, prediction.phases, fold)
    if quoted is not None:
        phases[fold != quoted.number] = UNKNOWN
    known = phases != UNKNOWN
    if synthetic is not None and not PROTOCOLS[protocol].tests_synthetic:
        _refuse_synthetic(np.asarray(synthetic, dtype=bool) & known)
    confusion = confusion_table(phases, prediction.phases)
    read = known & (prediction.best != UNKNOWN)
    chances = prediction.probabilities[read]
    shares = parse_prevalence(prevalence) if isinstance(prevalence, str) else prevalence
    shares = None if shares is None else _covered(np.asarray(shares, np.float64), confusion)
    n_unsure = int((prediction.phases[read] == UNSURE).sum())
    n_unreadable = int((known & ~read).sum())
    return Report(
        model=model,
        protocol=protocol,
        scores=score_table(confusion, seed=seed),
        confusion=confusion,
        n_cells=int(read.sum()),
        n_unsure=n_unsure,
        n_unreadable=n_unreadable,
        reliability=reliability(chances, phases[read]),
        coverage=coverage_curve(chances, phases[read]),
        prevalence=shares,
        natural_scores=None if shares is None else score_table(confusion, prevalence=shares, seed=seed),
        folds=n_folds,
        per_fold=per_fold,
        duplicates_removed=duplicates_removed,
        seed=seed,
        temperature=tuple(temperature),
        losses=tuple(losses),
        settings=dict(settings or {}),
        versions=installed_versions(),
        data_sha256=data_sha256,
        notes=(*notes, *caveats(confusion, shares, int(read.sum()), n_unsure, n_unreadable)),
        truth=phases,
        prediction=prediction,
        quoted=quoted,
    )


def _leave_out(phases: NDArray[np.int8], trained_on: NDArray[np.bool_], protocol: str) -> tuple[str, str]:
    """Make cells that were trained on unknown, unless there are no others; returns the protocol, and what was found."""
    n_seen = int((trained_on & (phases != UNKNOWN)).sum())
    if not n_seen:
        return protocol, "none of these cells is among those that the model was trained on"
    if not (~trained_on & (phases != UNKNOWN)).any():
        return "trained-on", "the model was trained on all of these cells"
    phases[trained_on] = UNKNOWN
    return protocol, f"the model was trained on {n_seen} of these cells, which are left out of all figures"


def _refuse_synthetic(synthetic: NDArray[np.bool_]) -> None:
    if synthetic.any():
        raise CellCycleError(
            f"{int(synthetic.sum())} of the cells to test are synthetic, and figures on made cells say nothing about "
            "real ones; leave them out of the evaluation (they may be trained on)"
        )


def _covered(shares: Floats, confusion: Counts) -> Floats:
    """Shares of the phases that have cells; there must be some."""
    covered = np.where(confusion.sum(axis=1) > 0, shares, 0)
    if covered.sum() <= 0:
        raise SettingError("the prevalence names only phases that none of these cells has; name phases that they have")
    normalised: Floats = shares / shares.sum()
    return normalised


def _per_fold(
    truth: NDArray[np.int8], called: NDArray[np.int8], fold: NDArray[np.generic]
) -> tuple[dict[str, float], ...]:
    """Overall figures of each fold; a fold in which nothing was called has none."""
    figures = []
    for number in np.unique(fold[truth != UNKNOWN]):
        here = (fold == number) & (called >= 0) & (called < N_PHASES)
        values = overall_figures(confusion_table(truth[here], called[here])) if here.any() else {}
        figures.append({key: float(value) for key, value in values.items()})
    return tuple(figures)


def _scores_dict(scores: Scores) -> dict[str, Any]:
    figures = {label: asdict(found) for label, found in scores.per_phase.items()}
    return {
        **{key: asdict(estimate) for key, estimate in scores.overall.items()},
        "per_phase": {
            label: {**{key: found[key]["value"] for key in PER_PHASE}, "support": found["support"]}
            for label, found in figures.items()
        },
        "per_phase_intervals": {
            label: {key: [found[key]["low"], found[key]["high"]] for key in PER_PHASE}
            for label, found in figures.items()
        },
    }


def _plain(value: Any) -> Any:
    """The same with Python's own types, and None for what is not a number."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
