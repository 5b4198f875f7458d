"""Clean cross-validation: every fold from fresh weights, and nothing fitted outside its training part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_cellcycle.cells import DNA, Cells, Prediction
from napari_cellcycle.datasets.splits import Fold, group_names, make_folds
from napari_cellcycle.datasets.training_cells import TrainingCells
from napari_cellcycle.errors import WriteError
from napari_cellcycle.evaluation.report import LossCurve, Report, evaluate
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.fill_phases import oversampled, refuse_known_cells
from napari_cellcycle.jobs.steps.fit_classifier import fit_model
from napari_cellcycle.jobs.steps.training_data import TrainingData, load_training_data, split_table, stain_only_cells
from napari_cellcycle.models import Model
from napari_cellcycle.phases import N_PHASES, UNKNOWN
from napari_cellcycle.predict import predict_prepared
from napari_cellcycle.store.models import save_model
from napari_cellcycle.training.classifier import EpochDone, Hooks, record_epochs
from napari_cellcycle.training.config import TrainConfig, resolved
from napari_cellcycle.training.gan.loop import GanStep, Samples
from napari_cellcycle.training.recipes import Recipe, recipe_called, with_channels

if TYPE_CHECKING:
    from napari_cellcycle.jobs.config import EvaluateSettings


@dataclass(frozen=True)
class FoldDone:
    """A fold is trained and tested."""

    fold: int
    folds: int
    accuracy: float


def cross_validate(
    paths: Sequence[str | Path],
    config: EvaluateSettings,
    reading: ReadSettings,
    folder: Path | None = None,
) -> Job[Progress | Note | GanStep | Samples | EpochDone | FoldDone, tuple[Report, Cells]]:
    """Train and test fold by fold, each from fresh weights; the result is a `Report` and the cells behind it.

    The folds' models are written to the new `folder`, where one is given; ``split.csv`` beside each one's weights
    names its test cells. A generator of cells is trained in each fold anew, on the training part alone.

    Raises
    ------
    WriteError
        `folder` exists: a model is never overwritten.
    SettingError
        A finished generator was given, and it knows cells that are to be tested.
    """
    if folder is not None and folder.exists():
        raise WriteError(f"{folder} exists already; choose another folder for the report, or remove it first")
    recipe, settings = recipe_and_settings(config)
    training_data: TrainingData = yield from load_training_data(paths, config.also, recipe, reading)
    cells = training_data.cells
    groups = group_names(cells, config.group_by) if config.group_by else None
    folds = make_folds(
        cells, config.cv, groups=groups, validation_fraction=settings.validation_fraction, seed=config.seed
    )
    if settings.generator:
        refuse_known_cells(settings.generator, training_data.fingerprints[cells.phases != UNKNOWN])
    tested, n_made = FoldPredictions.empty(cells), list[int]()
    for number, fold in enumerate(folds):
        own = replace(settings, seed=config.seed + number)  # fresh weights that no other fold starts from
        name = f"{config.model_name}, fold {number + 1} of {len(folds)}"
        places = np.r_[fold.train, stain_only_cells(training_data)]
        training = yield from oversampled(training_data, places, recipe, own, config.device)
        n_made.append(len(training) - len(places))
        validation = training_data.prepared.subset(fold.validation)
        model, losses = yield from train_fold(name, recipe, training, validation, own, config.device)
        accuracy = tested.add(number, fold, model, losses, training_data)
        if folder is not None:
            _keep(model, folder / str(number + 1), fold, training_data)
        yield FoldDone(number + 1, len(folds), accuracy)
    report = evaluate(
        tested.prediction(cells, config.min_probability),
        cells,
        model=config.model_name,
        protocol="clean",
        prevalence=config.shares,
        fold=tested.fold,
        duplicates_removed=training_data.n_duplicates,
        seed=config.seed,
        temperature=tested.temperatures,
        losses=tested.losses,
        settings=settings_of(paths, config, settings, reading),
        data_sha256=training_data.data_sha256,
        notes=(*_notes_on_made(settings, n_made), *notes_on_inputs(config, recipe), *folds.notes),
    )
    return (report, cells)


def recipe_and_settings(config: EvaluateSettings) -> tuple[Recipe, TrainConfig]:
    """The recipe of `config.model` with the channels that were asked for, and its settings with the overrides."""
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
    """Fit one fold's model; the result is the model and its loss curve."""
    log: list[EpochDone] = []
    fitting = fit_model(name, recipe, training, validation, settings, device, hooks=hooks)
    model = yield from record_epochs(fitting, log)
    curve = LossCurve(np.array([done.training_loss for done in log]), np.array([done.validation_loss for done in log]))
    return (model, curve)


def settings_of(
    paths: Sequence[str | Path], config: EvaluateSettings, settings: TrainConfig, reading: ReadSettings
) -> dict[str, Any]:
    """What a report keeps of how it was made."""
    return {**config.to_dict(), **settings.to_dict(), **reading.to_dict(), "input": [str(path) for path in paths]}


def notes_on_inputs(config: EvaluateSettings, recipe: Recipe) -> list[str]:
    """What to say of channels that are not those of the model's source."""
    if not config.inputs:
        return []
    channels = recipe.input.channels
    stain = ": these figures are not label-free, and phases that were cut out of this stain are told by it"
    return [f"the network saw {' and '.join(channels)} only{stain if DNA in channels else ''}"]


def _notes_on_made(settings: TrainConfig, n_made: Sequence[int]) -> list[str]:
    if not settings.augment.generator:
        return []
    source = "a finished generator" if settings.generator else "a generator that saw the fold's training part alone"
    return [f"made cells that were learnt from, fold by fold, by {source}: {', '.join(map(str, n_made))}; none tested"]


def _keep(model: Model, folder: Path, fold: Fold, training_data: TrainingData) -> None:
    table = split_table(training_data.cells, fold.validation, fold.test)
    save_model(model, folder, np.delete(training_data.fingerprints, fold.test, axis=0), {"split.csv": table})


@dataclass(frozen=True, eq=False)
class FoldPredictions:
    """What the folds' models said of their test cells, filled fold by fold."""

    probabilities: NDArray[np.float32]
    dna_content: NDArray[np.float32]
    fold: NDArray[np.int64]
    temperatures: list[float]
    losses: list[LossCurve]

    @classmethod
    def empty(cls, cells: Cells) -> FoldPredictions:
        """Before the first fold."""
        n_cells = len(cells)
        unknown = np.full((n_cells, N_PHASES), np.nan, np.float32)
        return cls(unknown, np.full(n_cells, np.nan, np.float32), np.full(n_cells, -1), [], [])

    def add(self, number: int, fold: Fold, model: Model, losses: LossCurve, training_data: TrainingData) -> float:
        """Test `model` on the fold's test cells; returns its accuracy there."""
        scale = model.card.input.scales
        images = training_data.prepared.images[fold.test] / scale[:, None, None]
        answers = predict_prepared(model, images, torch.device("cpu"))
        self.probabilities[fold.test] = answers.probabilities
        if answers.dna_content is not None:
            self.dna_content[fold.test] = answers.dna_content
        self.fold[fold.test] = number
        self.temperatures.append(model.card.temperature)
        self.losses.append(losses)
        called = self.probabilities[fold.test].argmax(axis=1)
        return float((called == training_data.cells.phases[fold.test]).mean())

    def prediction(self, cells: Cells, min_probability: float) -> Prediction:
        """The calls of all folds together."""
        dna = None if np.isnan(self.dna_content).all() else self.dna_content
        return Prediction(cells.sources, cells.ids, self.probabilities, dna, min_probability)
