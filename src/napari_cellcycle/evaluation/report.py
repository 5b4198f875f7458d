"""The scores of one evaluation, with everything that is needed to judge them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.errors import CellCycleError, SettingError
from napari_cellcycle.evaluation.calibration import Coverage, Reliability, coverage_curve, reliability
from napari_cellcycle.evaluation.checks import HELD_OUT, TRAINED_ON, CellChecks, check_cells, leave_out_seen
from napari_cellcycle.evaluation.duque2024_scores import SeedComparison
from napari_cellcycle.evaluation.metrics import (
    OVERALL_METRICS,
    PHASE_METRICS,
    Counts,
    Estimate,
    Floats,
    Scores,
    confusion_table,
    overall_scores,
    score_table,
)
from napari_cellcycle.evaluation.natural_prevalence import normalised_shares, parse_prevalence
from napari_cellcycle.evaluation.protocol_caveats import PROTOCOLS, caveats
from napari_cellcycle.evaluation.purity import SHOWN_PURITIES, Purity, purities
from napari_cellcycle.events import result_of, warn_user
from napari_cellcycle.phase_sets import VOCABULARY, PhaseSet, phase_set, settle, shared_phases
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.verdict import FITS, Verdict
from napari_cellcycle.versions import installed_versions


@dataclass(frozen=True, eq=False)
class LossCurve:
    """Mean loss per epoch of one training, from the first epoch on."""

    training: Floats
    validation: Floats


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Report:
    """All scores of one evaluation. `str()` gives a short table, `to_dict()` the content of ``metrics.json``.

    Attributes
    ----------
    model, protocol : str
        Name of the model, and a key of `protocols.PROTOCOLS`.
    scores : Scores
        Overall and per phase, of the cells that were called.
    confusion : ndarray of int64, shape (P, P)
        Rows true, columns called; without the cells that were called unsure.
    n_cells, n_unsure, n_unreadable : int
        Cells of known phase that were read; of these, those called unsure; and those that could not be read.
    reliability, coverage : Reliability, Coverage
        Of all cells that were read, also the unsure ones.
    prevalence, natural_scores : ndarray of shape (P,), Scores; or None
        Natural shares of the phases, and the scores at these shares.
    folds : int or None
        Number of folds, None where a finished model was tested.
    per_fold : tuple of dict
        Overall scores of each fold, without intervals.
    duplicates_removed, seed : int
        Duplicate cells removed before the test, and the seed of the intervals.
    temperature : tuple of float
        Temperatures fitted on validation cells, one per fold.
    losses : tuple of LossCurve
        One per fold.
    settings, versions : dict
        Settings of the run, and versions of the libraries.
    data_sha256 : str
        Identifies the data: see `duplicates.Duplicates`.
    notes : tuple of str
        What a reader should know, without full stops.
    truth, prediction : ndarray of int8, shape (N,), and Prediction
        The cells behind the scores; the truth is unknown where a cell was not tested, or counts for no score.
    seed_comparison : SeedComparison or None
        The quoted fold, where the protocol quotes one: all scores but `per_fold` are of this fold.
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
    truth: NDArray[np.int8]
    prediction: Prediction
    seed_comparison: SeedComparison | None = None

    def __repr__(self) -> str:
        accuracy = self.scores.overall["accuracy"]
        return f"Report({self.model or 'model'!r}, {self.protocol}, {self.n_cells} cells, accuracy {accuracy})"

    def __str__(self) -> str:
        protocol = PROTOCOLS[self.protocol]
        lines = [f"{self.model or 'model'}: {protocol.title}, {self.n_cells} cells"]
        if not protocol.estimates:
            lines += textwrap.wrap(protocol.summary, 100, initial_indent="  ", subsequent_indent="  ")
        if self.verdict is not None and self.verdict.answer != FITS:
            lines += textwrap.wrap(self.verdict.text, 100, initial_indent="  ", subsequent_indent="  ")
        if self.seed_comparison is not None:
            by_fold = " ".join(f"{scores.get('weighted_f1', np.nan):.3f}" for scores in self.per_fold)
            lines += [*self.seed_comparison.to_lines(), f"  weighted F1 of each fold, from 0: {by_fold}"]
        else:
            lines += [f"  {name:<22}{self.scores.overall[key]}" for key, name in OVERALL_METRICS.items()]
        if self.natural_scores is not None:
            lines += ["  at natural prevalence"]
            lines += [f"  {name:<22}{self.natural_scores.overall[key]}" for key, name in OVERALL_METRICS.items()]
        lines += [f"  {'phase':<12}{'cells':>7}  {'precision':<27}{'recall':<27}F1"]
        for label, one in self.scores.per_phase.items():
            lines += [f"  {label:<12}{one.support:>7}  {one.precision!s:<27}{one.recall!s:<27}{one.f1}"]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    @property
    def phase_set(self) -> PhaseSet:
        """The P phases: those of the calls and of the truth."""
        return self.prediction.phase_set

    @property
    def verdict(self) -> Verdict | None:
        """Whether the model fits the cells; None where that was not asked, as in a cross-validation."""
        return self.prediction.verdict

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, as JSON can hold them; None where a score is undefined."""
        names = self.phase_set.names
        content = {
            **_scores_dict(self.scores),
            "confusion": self.confusion.tolist(),
            "phases": list(self.phase_set.names),
            "verdict": None if self.verdict is None else self.verdict.to_dict(),
            **self._values("protocol", "folds", "per_fold", "n_cells", "n_unsure", "n_unreadable"),
            "purity": self._purity(),
            "coverage": 1 - self.n_unsure / self.n_cells,
            "calibration_error": self.reliability.error,
            "temperature": list(self.temperature),
            "natural_prevalence": None if self.natural_scores is None else _scores_dict(self.natural_scores),
            "prevalence": None if self.prevalence is None else dict(zip(names, self.prevalence, strict=True)),
            **self._values("duplicates_removed", "model", "seed", "data_sha256", "settings", "versions", "notes"),
            **({} if self.seed_comparison is None else self.seed_comparison.to_dict()),
        }
        return _plain(content)

    def _purity(self) -> dict[str, list[dict[str, Any]]]:
        return {name: [asdict(one) for one in found] for name, found in self.purities.items()}

    @property
    def purities(self) -> dict[str, list[Purity]]:
        """Purities of each phase that has cells, at `SHOWN_PURITIES`; none where the scores are no estimate."""
        if not PROTOCOLS[self.protocol].estimates:
            return {}
        return purities(self.prediction, self.truth, SHOWN_PURITIES)

    def _values(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}


def evaluate(
    prediction: Prediction,
    truth: Cells | ArrayLike,
    *,
    model: str = "",
    protocol: str | None = None,
    synthetic: ArrayLike | None = None,
    trained_on: ArrayLike | None = None,
    prevalence: str | Mapping[str, float] | ArrayLike | None = None,
    fold: ArrayLike | None = None,
    duplicates_removed: int = 0,
    seed: int = 0,
    temperature: Sequence[float] = (),
    losses: Sequence[LossCurve] = (),
    settings: Mapping[str, Any] | None = None,
    data_sha256: str = "",
    notes: Iterable[str] = (),
    seed_comparison: SeedComparison | None = None,
    phases: PhaseSet | str | None = None,
) -> Report:
    """Score a prediction of cells whose true phases are known.

    Cells are checked before they are tested, unless `protocol` or `trained_on` says what the scores mean: copies of a
    cell, synthetic cells next to real ones, and cells that the model was trained on are left out. If the model was
    trained on all of them, the scores are no estimate, and a `CellCycleWarning` says so. This needs the cells: of true
    phases alone nothing can be checked, which is said too.

    Parameters
    ----------
    prediction : Prediction
        The calls of a model for N cells.
    truth : Cells, or array_like of int or str, shape (N,)
        These cells, with their phases and with a mark on synthetic ones; or their true phases alone, as numbers or
        names. Cells of unknown phase (-1 or an empty text) are left out.
    model : str
        Name to show; by default that of the prediction.
    protocol : str, optional
        What the scores mean: ``held-out``, ``clean``, ``seed``, ``trained-on`` or ``demonstration``. By default, what
        the check of the cells finds.
    synthetic : array_like of bool, shape (N,), optional
        Which cells are synthetic, if `prediction` and `truth` do not say so. Synthetic cells are refused under every
        protocol but ``seed`` and ``demonstration``.
    trained_on : array_like of bool, shape (N,), optional
        Cells that are known to be in the model's training set, from `duplicates.in_training_set`. They are left out. If
        there are no others, they are tested under the protocol ``trained-on``.
    prevalence : str, mapping or array_like of shape (P,), optional
        Also give the scores at these shares of the phases; a name or list as `parse_prevalence` takes, or the shares.
    fold : array_like of int, shape (N,), optional
        Fold in which each cell was tested, -1 for cells that were not tested; these are left out.
    duplicates_removed, seed, temperature, losses, settings, data_sha256, notes
        How the prediction was made: see `Report`.
    seed_comparison : SeedComparison, optional
        The quoted fold: all scores are of this fold, except those of each fold.
    phases : PhaseSet or str, optional
        Phase set to test in, such as ``"g1-s-g2m"``: probabilities of finer calls are added up, and finer true phases
        are joined. By default that of the truth if the calls tell it, or else that of the calls.

    Returns
    -------
    Report
        The scores with their intervals, and what to know about them.

    Raises
    ------
    SettingError
        The protocol or the prevalence is unknown, or a true phase is no phase.
    ModelError
        The calls can't be added up to the phases.
    CellCycleError
        Synthetic cells are among those to test, or truth and prediction have different lengths.
    TooFewCellsError
        No cell of known phase was called.

    Examples
    --------
    >>> import napari_cellcycle as cc
    >>> rows = np.eye(7)[[0, 0, 1, 2]]
    >>> calls = cc.Prediction(np.array(["a.tif"] * 4), np.arange(4), rows)
    >>> cc.evaluate(calls, ["G1", "S", "S", "G2"])
    Report('model', held-out, 4 cells, accuracy 0.750 (0.500 to 1.000))
    """
    if protocol not in (None, *PROTOCOLS):
        raise SettingError(f"protocol is {protocol!r}, but must be one of {', '.join(PROTOCOLS)}")
    synthetic = prediction.synthetic if synthetic is None else synthetic
    cells = truth if isinstance(truth, Cells) else None
    if cells is not None and synthetic is None:
        synthetic = cells.synthetic
    own, (known_set, numbers) = prediction.phase_set, _true_phases(truth, prediction)
    wanted = shared_phases(own, known_set) if phases is None else phase_set(phases)
    prediction, true = prediction.in_phases(wanted), known_set.numbers_in(wanted)[numbers]
    cells = None if cells is None else cells.in_phases(wanted)
    notes = (*notes, *_joined(own, known_set, wanted))
    if true.shape != (len(prediction),):
        raise CellCycleError(
            f"{len(prediction)} calls can't be compared with {true.size} true phases; give the same cells"
        )
    if cells is not None and not _same_cells(prediction, cells):
        raise CellCycleError("the calls are of other cells, or in another order; give the cells that were classified")
    if protocol is None and trained_on is None and fold is None:
        checks = _check(prediction, cells, true)
        true, protocol, notes = checks.truth, checks.protocol, (*checks.notes, *notes)
        duplicates_removed += checks.duplicates_removed
        data_sha256 = data_sha256 or checks.data_sha256
    protocol = protocol or HELD_OUT
    fold = None if fold is None else np.asarray(fold)
    if fold is not None:
        true[fold < 0] = UNKNOWN
    if trained_on is not None:
        protocol, note = leave_out_seen(true, np.asarray(trained_on, dtype=bool), protocol)
        notes = (*notes, note)
    per_fold = None if fold is None else _per_fold(true, prediction, fold)
    if seed_comparison is not None:
        true[fold != seed_comparison.number] = UNKNOWN
    known = true != UNKNOWN
    if synthetic is not None and not PROTOCOLS[protocol].tests_synthetic:
        _refuse_synthetic(int((np.asarray(synthetic, dtype=bool) & known).sum()))
    confusion = confusion_table(true, prediction.phases, wanted)
    read = known & (prediction.best != UNKNOWN)
    probabilities = prediction.probabilities[read]
    shares = _shares(prevalence, wanted)
    shares = None if shares is None else _checked_shares(shares, confusion)
    n_read, n_unreadable = int(read.sum()), int((known & ~read).sum())
    n_unsure = int(prediction.is_unsure[read].sum())
    return Report(
        model=model or prediction.model,
        protocol=protocol,
        scores=score_table(confusion, seed=seed, phases=wanted),
        confusion=confusion,
        n_cells=n_read,
        n_unsure=n_unsure,
        n_unreadable=n_unreadable,
        reliability=reliability(probabilities, true[read]),
        coverage=coverage_curve(probabilities, true[read]),
        prevalence=shares,
        natural_scores=None if shares is None else score_table(confusion, prevalence=shares, seed=seed, phases=wanted),
        folds=None if per_fold is None else len(per_fold),
        per_fold=per_fold or (),
        duplicates_removed=duplicates_removed,
        seed=seed,
        temperature=tuple(temperature),
        losses=tuple(losses),
        settings=dict(settings or {}),
        versions=installed_versions(),
        data_sha256=data_sha256,
        notes=(*notes, *caveats(confusion, shares, n_read, n_unsure, n_unreadable, wanted)),
        truth=true,
        prediction=prediction,
        seed_comparison=seed_comparison,
    )


def _true_phases(truth: Cells | ArrayLike, prediction: Prediction) -> tuple[PhaseSet, NDArray[np.int8]]:
    """True phases, and the set that they are numbers of: numbers are those of the calls, names may be coarser."""
    if isinstance(truth, Cells):
        return truth.phase_set, truth.phases
    given, own = np.ravel(np.asarray(truth, object)).tolist(), prediction.phase_set
    words = {text: VOCABULARY.number_of(text) for text in given if isinstance(text, str)}
    named = {text: VOCABULARY.parts[number] for text, number in words.items() if number != UNKNOWN}
    coarse = [text for text, part in named.items() if len(part) > 1 and own.number_of(text) == UNKNOWN]
    known_set = settle(named.values()) if coarse else own
    return known_set, np.array(known_set.numbers(given), np.int8)


def _joined(calls: PhaseSet, truth: PhaseSet, wanted: PhaseSet) -> tuple[str, ...]:
    """What to say where calls or true phases were brought to a coarser set."""
    said = [] if calls == wanted else [f"the probabilities of {calls} were added up to {wanted}"]
    return (*said, *([] if truth == wanted else [f"the true phases were joined to {wanted}"]))


def _same_cells(prediction: Prediction, cells: Cells) -> bool:
    """Whether the calls are of these cells in this order; calls that were built by hand may name no cells."""
    return np.array_equal(prediction.ids, cells.ids) and np.array_equal(prediction.sources, cells.sources)


def _check(prediction: Prediction, cells: Cells | None, phases: NDArray[np.int8]) -> CellChecks:
    """Which cells are tested, with a warning where the scores are no estimate or nothing can be checked."""
    if cells is not None:
        checks = result_of(check_cells(cells, prediction.trained_on))
        if checks.protocol == TRAINED_ON:
            warn_user(
                [
                    "the model was trained on all of these cells, so these scores are no estimate of its accuracy; "
                    "test other cells, or use cross-validation"
                ],
                stacklevel=3,
            )
        return checks
    notes: tuple[str, ...] = ()
    if prediction.model:
        notes = (
            f"these cells were not compared with those that {prediction.model!r} was trained on, as only their phases "
            "were given; give the cells instead, as in evaluate(calls, cells)",
        )
        warn_user(notes, stacklevel=3)
    return CellChecks(phases, HELD_OUT, 0, "", notes)


def _refuse_synthetic(n_synthetic: int) -> None:
    if n_synthetic:
        raise CellCycleError(
            f"{n_synthetic} of the cells to test are synthetic, and scores of synthetic cells say nothing about real "
            "ones; leave them out of the evaluation (a model may be trained on them)"
        )


def _shares(prevalence: str | Mapping[str, float] | ArrayLike | None, phases: PhaseSet) -> Floats | None:
    """Shares of P phases, shape (P,), in whatever form they are given."""
    if prevalence is None:
        return None
    if isinstance(prevalence, str):
        return parse_prevalence(prevalence, phases)
    if isinstance(prevalence, Mapping):
        return normalised_shares(prevalence, phases)
    return np.asarray(prevalence, np.float64)


def _checked_shares(shares: Floats, confusion: Counts) -> Floats:
    """Shares of the phases that sum to 1; some phase with a share must have cells."""
    if np.where(confusion.sum(axis=1) > 0, shares, 0).sum() <= 0:
        raise SettingError("the prevalence names only phases that none of these cells has; name phases that they have")
    return shares / shares.sum()


def _per_fold(
    truth: NDArray[np.int8], prediction: Prediction, fold: NDArray[np.generic]
) -> tuple[dict[str, float], ...]:
    """Overall scores of each fold; a fold in which nothing was called has none."""
    all_scores = []
    for number in np.unique(fold[truth != UNKNOWN]):
        here = (fold == number) & prediction.is_called
        table = confusion_table(truth[here], prediction.phases[here], prediction.phase_set) if here.any() else None
        scores = {} if table is None else overall_scores(table)
        all_scores.append({key: float(value) for key, value in scores.items()})
    return tuple(all_scores)


def _scores_dict(scores: Scores) -> dict[str, Any]:
    values, intervals = {}, {}
    for label, one in scores.per_phase.items():
        estimates: dict[str, Estimate] = {key: getattr(one, key) for key in PHASE_METRICS}
        values[label] = {**{key: estimate.value for key, estimate in estimates.items()}, "support": one.support}
        intervals[label] = {key: [estimate.low, estimate.high] for key, estimate in estimates.items()}
    return {**asdict(scores)["overall"], "per_phase": values, "per_phase_intervals": intervals}


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
