"""Evaluate: score a model on labelled cells, or a way of training by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.datasets.duplicates import Duplicates, iter_duplicates
from napari_cellcycle.errors import ModelError, SettingError
from napari_cellcycle.evaluation.checks import choose_tested
from napari_cellcycle.evaluation.compare import Comparison, compare
from napari_cellcycle.evaluation.report import Report, evaluate
from napari_cellcycle.evaluation.reporting.files import REPORT_FILES, write_report
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.io.reserve import check_free, reserved
from napari_cellcycle.io.writers.results import write_json
from napari_cellcycle.jobs.config import CLEAN, SEED, EvaluateSettings, ReadSettings, WorkerSettings
from napari_cellcycle.jobs.protocols.cross_validation import cross_validate
from napari_cellcycle.jobs.protocols.duque2024 import evaluate_as_seed
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.shared_settings import shared_settings
from napari_cellcycle.phase_sets import shared_phases
from napari_cellcycle.predict import classify_cells, model_for_channels
from napari_cellcycle.store.models import find_model, load_model, load_training_fingerprints


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Reports by model, in the given order, and the first model compared with each of the others, cell by cell."""

    reports: dict[str, Report]
    comparisons: tuple[Comparison, ...]

    def __str__(self) -> str:
        return "\n\n".join(str(part) for part in (*self.reports.values(), *self.comparisons))


def evaluate_files(
    paths: Sequence[str | Path],
    output: Path,
    config: EvaluateSettings,
    reading: ReadSettings,
    workers: WorkerSettings | None = None,
    *,
    overwrite: bool = False,
) -> Job[Any, Evaluation]:
    """Test on the cells in `paths` and write report, tables and figures to `output`.

    Several models are tested on the same cells, in the same folds; each has a folder of its own then, and
    ``comparison.json`` lies next to them. A cross-validation leaves the model of each fold in ``folds/1``,
    ``folds/2``, ... where `config` says so. The protocol of the seed puts the clean report into ``clean``. With
    `overwrite` they replace those of an earlier run. `workers` train the folds of a cross-validation.

    Raises
    ------
    SettingError
        Settings of `config` contradict each other.
    WriteError
        The folder can't be written, or holds what an earlier run wrote.
    """
    _check_together(config)
    _check_workers(config, workers)
    folders = {name: Path(output) / Path(name).name if len(config.model) > 1 else Path(output) for name in config.model}
    for folder in folders.values():
        check_free(folder, REPORT_FILES, paths, overwrite=overwrite)
    with reserved(Path(output)):
        return (yield from _evaluate(paths, Path(output), folders, config, reading, workers))


def _evaluate(
    paths: Sequence[str | Path],
    output: Path,
    folders: Mapping[str, Path],
    config: EvaluateSettings,
    reading: ReadSettings,
    workers: WorkerSettings | None,
) -> Job[Any, Evaluation]:
    reports: dict[str, Report] = {}
    for name, folder in folders.items():
        report, cells = yield from _test(paths, folder, replace(config, model=(name,)), reading, workers)
        yield from write_report(report, cells, folder)
        reports[name] = report
    comparisons = _compare_with_first(reports)
    if comparisons:
        content = {"comparisons": [asdict(comparison) for comparison in comparisons]}
        write_json(content, output / "comparison.json")
    return Evaluation(reports, comparisons)


def _check_workers(config: EvaluateSettings, workers: WorkerSettings | None) -> None:
    """Raise `SettingError` if there is nothing that workers could share."""
    if workers is not None and workers.is_many and (not config.cv or config.protocol == SEED):
        raise SettingError(
            "workers and scheduler share the folds of the clean cross-validation; give --cv 5, or neither"
        )


def _check_together(config: EvaluateSettings) -> None:
    """Raise `SettingError` if settings contradict each other."""
    if not config.model:
        raise SettingError("model is empty; name one, such as default")
    if config.inputs and not config.cv:
        raise SettingError("inputs needs cv, as in --cv 5: a finished model already has its channels")
    if config.protocol == CLEAN:
        return
    if not config.cv:
        raise SettingError("protocol seed needs cv, as in --cv 5: it trains and tests a network fold by fold")
    if len(config.model) > 1:
        raise SettingError(f"protocol seed tests one model, but model names {len(config.model)}: it compares none")
    if config.quoted_fold >= config.cv:
        raise SettingError(
            f"quoted-fold is {config.quoted_fold}, but counted from 0 the last fold is {config.cv - 1} with cv "
            f"{config.cv}"
        )
    if config.keep_models and not config.clean_beside:
        raise SettingError("keep-models with protocol seed needs clean-beside: it keeps the models of the clean folds")


def _test(
    paths: Sequence[str | Path],
    folder: Path,
    config: EvaluateSettings,
    reading: ReadSettings,
    workers: WorkerSettings | None,
) -> Job[Any, tuple[Report, Cells]]:
    """Test one model as `config` says; the result is the report and the cells behind it."""
    if not config.cv:
        return _test_finished(paths, config, reading)
    if config.protocol == SEED:
        return evaluate_as_seed(paths, folder, config, reading)
    return cross_validate(paths, config, reading, folder / "folds" if config.keep_models else None, workers)


def _compare_with_first(reports: Mapping[str, Report]) -> tuple[Comparison, ...]:
    (name, first), *others = ((Path(name).name, report) for name, report in reports.items())
    return tuple(
        compare(first.prediction, other.prediction, first.truth, names=(name, other_name), seed=first.seed)
        for other_name, other in others
    )


def _test_finished(
    paths: Sequence[str | Path], config: EvaluateSettings, reading: ReadSettings
) -> Job[Progress | Note, tuple[Report, Cells]]:
    """Test a finished model; the result is the report and the cells behind it."""
    name = config.model_name
    model = load_model(name)
    cells: Cells = yield from open_cells(paths, reading)
    trained = model.card.fallback_for(cells.channels) or name
    model, note = model_for_channels(model, cells)
    if note:
        yield Note(note)
    duplicates = yield from iter_duplicates(cells)
    cells = cells.subset(duplicates.keep)
    shared_phases(model.card.phase_set, cells.phase_set)  # before any cell is read
    prediction = yield from classify_cells(model, cells, device=config.device, min_probability=config.min_probability)
    report = yield from evaluate_prediction(
        cells,
        prediction,
        trained,
        model=model.name,
        duplicates=duplicates,
        prevalence=config.prevalence,
        seed=config.seed,
        temperature=(model.card.temperature,),
        settings=shared_settings({**config.to_dict(), **reading.to_dict(), "input": [str(path) for path in paths]}),
    )
    return report, cells


def evaluate_prediction(
    cells: Cells,
    prediction: Prediction,
    trained: str | Path,
    *,
    model: str = "",
    duplicates: Duplicates | None = None,
    **how: Any,
) -> Job[Progress | Note, Report]:
    """Score what a finished model predicts for `cells`: every command and every dock asks here what is tested.

    Duplicates are left out, and so are cells that the model was trained on, while there are others. Synthetic cells are
    tested only where no real cell has a known phase, and then as a demonstration.

    Parameters
    ----------
    cells : Cells
        With their true phases.
    prediction : Prediction
        Of these cells.
    trained : str or Path
        Name or folder of the model, where its training cells are listed.
    model : str
        Name to show; else `trained`.
    duplicates : Duplicates, optional
        What was found in the cells before its copies were dropped; without it, duplicates are looked for here.
    **how
        For the report, as `evaluate` takes it: ``prevalence``, ``seed``, ``temperature``, ``settings``.
    """
    if duplicates is None:
        duplicates = kept = yield from iter_duplicates(cells)
    else:
        kept = duplicates.of_kept()
    checks = choose_tested(cells, kept, _training_fingerprints(trained))
    return evaluate(
        prediction,
        replace(cells, phases=checks.truth),
        model=model or Path(trained).name,
        protocol=checks.protocol,
        synthetic=cells.synthetic,
        duplicates_removed=duplicates.n_removed,
        data_sha256=duplicates.data_sha256,
        notes=(*duplicates.notes, *checks.notes[len(kept.notes) :]),
        **how,
    )


def _training_fingerprints(model: str | Path) -> NDArray[np.uint64] | None:
    """Fingerprints of the cells that a model was trained on, None where they are not known."""
    try:
        folder = find_model(model)
    except ModelError:  # its folder was removed after it had classified these cells
        return None
    return load_training_fingerprints(folder)
