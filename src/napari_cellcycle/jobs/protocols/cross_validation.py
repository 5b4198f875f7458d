"""Clean cross-validation: each fold starts from new weights, and everything is fitted on its training part alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cellcycle.cells import DNA, Cells, Prediction
from napari_cellcycle.datasets.groups import group_names
from napari_cellcycle.datasets.splits import Fold, make_folds
from napari_cellcycle.datasets.training_cells import TrainingCells, count_phases
from napari_cellcycle.errors import WriteError
from napari_cellcycle.evaluation.checks import leave_out_chosen
from napari_cellcycle.evaluation.report import LossCurve, Report, evaluate
from napari_cellcycle.events import Job, Note, Progress, run_job
from napari_cellcycle.jobs.config import CLEAN, EvaluateSettings, ReadSettings, WorkerSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.fill_phases import oversampled, refuse_known_cells
from napari_cellcycle.jobs.steps.fit_classifier import fit_model
from napari_cellcycle.jobs.steps.shared_settings import shared_settings
from napari_cellcycle.jobs.steps.training_data import TrainingData, split_table
from napari_cellcycle.models import Model
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.predict import PartialPrediction, predict_prepared
from napari_cellcycle.store.models import save_model
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.training.config import TrainConfig, resolved
from napari_cellcycle.training.gan.loop import GanStep, Samples
from napari_cellcycle.training.recipes import Recipe, recipe_called, with_channels
from napari_cellcycle.training.state import Hooks


@dataclass(frozen=True)
class FoldDone:
    """A fold was trained and tested."""

    fold: int
    folds: int
    accuracy: float


def cross_validate(
    paths: Sequence[str | Path],
    config: EvaluateSettings,
    reading: ReadSettings,
    folder: Path | None = None,
    workers: WorkerSettings | None = None,
) -> Job[Progress | Note | GanStep | Samples | EpochDone | FoldDone, tuple[Report, Cells]]:
    """Read the cells in `paths`, and train and test on them as `cross_validate_cells` does."""
    _check_folder(folder)
    cells = yield from open_cells(paths, reading)
    return (yield from cross_validate_cells(cells, config, reading, [str(path) for path in paths], folder, workers))


def cross_validate_cells(
    cells: Cells,
    config: EvaluateSettings,
    reading: ReadSettings,
    names: Sequence[str],
    folder: Path | None = None,
    workers: WorkerSettings | None = None,
) -> Job[Progress | Note | GanStep | Samples | EpochDone | FoldDone, tuple[Report, Cells]]:
    """Train and test fold by fold, each from new weights; return the report, and the cells that it is about.

    The report says that the cells come from the files and folders `names`, read as `reading` says.

    The models of the folds are written to the new `folder`, where one is given, each with a ``split.csv`` that lists
    its test cells. If synthetic cells are needed, each fold trains a generator of its own, on its training part alone.
    With `workers` folds are trained at the same time, each in one thread, and so the report is that of one thread.

    Raises
    ------
    WriteError
        `folder` exists: a model is never overwritten.
    SettingError
        A finished generator was chosen that was trained on cells that are to be tested.
    """
    _check_folder(folder)
    recipe, settings = recipe_and_settings(config)
    training_data = yield from TrainingData.from_cells(cells, config.also, recipe, reading)
    cells = training_data.cells
    groups = group_names(cells, config.group_by) if config.group_by else None
    folds = make_folds(
        cells, config.cv, groups=groups, validation_fraction=settings.validation_fraction, seed=config.seed
    )
    if settings.generator:
        refuse_known_cells(settings.generator, training_data.fingerprints[cells.phases != UNKNOWN])
    work = _FoldWork(training_data, tuple(folds), recipe, settings, config)
    tested, n_synthetic = FoldPredictions.empty(cells), list[int]()
    trained_folds = _by_workers(work, workers) if workers is not None and workers.is_many else None
    for number, fold in enumerate(folds):
        trained = yield from (work.train(number) if trained_folds is None else trained_folds(number))
        n_synthetic.append(trained.n_synthetic)
        accuracy = tested.add(number, fold, trained.model, trained.losses, training_data)
        if folder is not None:
            _save_fold(trained.model, folder / str(number + 1), fold, training_data)
        yield FoldDone(number + 1, len(folds), accuracy)
    truth = cells.phases.copy()
    protocol, chosen = leave_out_chosen(truth, cells, CLEAN)
    report = tested.report(
        replace(training_data, cells=replace(cells, phases=truth)),
        config,
        protocol=protocol,
        duplicates_removed=training_data.n_duplicates,
        settings=settings_of(names, config, settings, reading),
        notes=(*chosen, *_notes_on_synthetic(settings, n_synthetic), *notes_on_inputs(config, recipe), *folds.notes),
    )
    return report, cells


class _TrainedFold(NamedTuple):
    model: Model
    losses: LossCurve
    n_synthetic: int
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, eq=False)
class _FoldWork:
    """What a process needs to train the model of any fold."""

    training_data: TrainingData
    folds: tuple[Fold, ...]
    recipe: Recipe
    settings: TrainConfig
    config: EvaluateSettings

    def train(self, number: int) -> Job[Progress | Note | GanStep | Samples | EpochDone, _TrainedFold]:
        """Train the model of one fold from new weights."""
        fold, device = self.folds[number], self.config.device
        own = replace(self.settings, seed=self.config.seed + number)  # initial weights of its own
        name = f"{self.config.model_name}, fold {number + 1} of {len(self.folds)}"
        indices = np.r_[fold.train, self.training_data.stain_only_cells()]
        training = yield from oversampled(self.training_data, indices, self.recipe, own, device)
        validation = self.training_data.prepared.subset(fold.validation)
        model, losses = yield from train_fold(name, self.recipe, training, validation, own, device)
        return _TrainedFold(model, losses, len(training) - len(indices))


def _train_in_worker(work: _FoldWork, number: int) -> _TrainedFold:
    notes: list[Note] = []
    trained = run_job(work.train(number), lambda event: notes.append(event) if isinstance(event, Note) else None)
    return trained._replace(notes=tuple(notes))


def _by_workers(work: _FoldWork, workers: WorkerSettings) -> Callable[[int], Job[Progress | Note, _TrainedFold]]:
    """Train all folds at the same time; what is returned waits for one of them."""
    from napari_cellcycle.jobs.steps.workers import run_tasks

    coming = run_tasks(_train_in_worker, work, range(len(work.folds)), workers)
    done: dict[int, _TrainedFold] = {}
    n_done = 0

    def wait_for(number: int) -> Job[Progress | Note, _TrainedFold]:
        nonlocal n_done
        while number not in done:
            index, done[index] = next(coming)
            n_done += 1
            yield Progress(n_done, len(work.folds), "training folds")
        trained = done.pop(number)
        yield from trained.notes
        return trained

    return wait_for


def _check_folder(folder: Path | None) -> None:
    if folder is not None and folder.exists():
        raise WriteError(f"{folder} exists already; choose another folder for the report, or remove it first")


def recipe_and_settings(config: EvaluateSettings) -> tuple[Recipe, TrainConfig]:
    """The recipe of `config.model` with the channels of ``config.inputs``, and its settings with the overrides."""
    recipe = recipe_called(config.model_name)
    if config.inputs:
        recipe = with_channels(recipe, config.inputs)
    return recipe, resolved(replace(recipe.config, **config.overrides, seed=config.seed))


def train_fold(
    name: str,
    recipe: Recipe,
    training: TrainingCells,
    validation: TrainingCells,
    settings: TrainConfig,
    device: str,
    hooks: Hooks | None = None,
) -> Job[Progress | EpochDone, tuple[Model, LossCurve]]:
    """Fit the model of one fold; return it with its loss curve."""
    model, log = yield from fit_model(name, recipe, training, validation, settings, device, hooks=hooks)
    curve = LossCurve(np.array([done.training_loss for done in log]), np.array([done.validation_loss for done in log]))
    return model, curve


def settings_of(
    paths: Sequence[str | Path], config: EvaluateSettings, settings: TrainConfig, reading: ReadSettings
) -> dict[str, Any]:
    """All settings, for the report, which is passed on."""
    given = {**config.to_dict(), **settings.to_dict(), **reading.to_dict(), "input": [str(path) for path in paths]}
    return shared_settings(given)


def notes_on_inputs(config: EvaluateSettings, recipe: Recipe) -> list[str]:
    """What the report says about channels that are not those of the recipe."""
    if not config.inputs:
        return []
    channels = recipe.input.channels
    stain = ": these figures are not label-free, and if the phases were gated on this stain, they repeat the gates"
    return [f"the network saw {' and '.join(channels)} only{stain if DNA in channels else ''}"]


def _notes_on_synthetic(settings: TrainConfig, n_synthetic: Sequence[int]) -> list[str]:
    if not settings.augment.generator:
        return []
    source = "a finished generator" if settings.generator else "a generator that saw the fold's training part alone"
    counts = ", ".join(map(str, n_synthetic))
    return [f"synthetic cells in the training part of each fold, from {source}: {counts}; none of them was tested"]


def _save_fold(model: Model, folder: Path, fold: Fold, training_data: TrainingData) -> None:
    table = split_table(training_data.cells, fold.validation, fold.test)
    save_model(model, folder, np.delete(training_data.fingerprints, fold.test, axis=0), {"split.csv": table})


@dataclass(frozen=True, eq=False)
class FoldPredictions:
    """What the models of the folds predict for their test cells."""

    predicted: PartialPrediction
    fold: NDArray[np.int64]
    temperatures: list[float] = field(default_factory=list)
    losses: list[LossCurve] = field(default_factory=list)

    @classmethod
    def empty(cls, cells: Cells) -> FoldPredictions:
        """Before the first fold."""
        return cls(PartialPrediction.empty(len(cells), cells.phase_set), np.full(len(cells), -1))

    def add(self, number: int, fold: Fold, model: Model, losses: LossCurve, training_data: TrainingData) -> float:
        """Test `model` on the test cells of its fold; return its accuracy there."""
        scale = model.card.input.scales
        images = training_data.prepared.images[fold.test] / scale[:, None, None]
        trained, phases = np.delete(training_data.cells.phases, fold.test), model.card.phase_set
        facts = {"cells_per_phase": dict(zip(phases.names, count_phases(trained, phases).tolist(), strict=True))}
        knowing = replace(model, card=replace(model.card, training={**model.card.training, **facts}))
        predicted = predict_prepared(knowing, images, torch.device("cpu"))
        self.predicted.add(fold.test, predicted)
        self.fold[fold.test] = number
        self.temperatures.append(model.card.temperature)
        self.losses.append(losses)
        return float((predicted.probabilities.argmax(axis=1) == training_data.cells.phases[fold.test]).mean())

    def report(self, training_data: TrainingData, config: EvaluateSettings, **options: Any) -> Report:
        """Score all folds together; `options` are those of `evaluate` in which protocols differ."""
        return evaluate(
            self.prediction(training_data.cells, config.min_probability),
            training_data.cells,
            model=config.model_name,
            prevalence=config.prevalence,
            fold=self.fold,
            seed=config.seed,
            temperature=self.temperatures,
            losses=self.losses,
            data_sha256=training_data.data_sha256,
            **options,
        )

    def prediction(self, cells: Cells, min_probability: float) -> Prediction:
        """All folds together."""
        # the tables of cross-validation have no values in the column synthetic
        return replace(self.predicted.prediction(cells, min_probability), synthetic=None)
