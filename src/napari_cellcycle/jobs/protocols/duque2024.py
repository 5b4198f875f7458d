"""The protocol of Duque-Vazquez et al., to repeat their figures, and the clean figures to compare them with.

In the code that they published, one network is built once and trained again in each fold, so that its weights and the
moments of its optimiser pass from fold to fold; the test part decides when training stops; and synthetic cells, from
generators that had seen all real cells, are split together with the real ones. Nothing here estimates how well other
cells would be called.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.splits import seed_folds
from napari_cellcycle.evaluation.duque2024_scores import compare_with_seed
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.evaluation.reporting.files import write_report
from napari_cellcycle.events import Job
from napari_cellcycle.jobs.config import EvaluateSettings, ReadSettings
from napari_cellcycle.jobs.protocols.cross_validation import (
    FoldDone,
    FoldPredictions,
    cross_validate,
    notes_on_inputs,
    recipe_and_settings,
    settings_of,
    train_fold,
)
from napari_cellcycle.jobs.protocols.duque2024_cells import load_as_seed
from napari_cellcycle.training.classifier import ClassifierState
from napari_cellcycle.training.recipes import Recipe
from napari_cellcycle.training.state import Hooks, load_moments, moments


def evaluate_as_seed(
    paths: Sequence[str | Path],
    folder: Path,
    config: EvaluateSettings,
    reading: ReadSettings,
) -> Job[Any, tuple[Report, Cells]]:
    """Evaluate cleanly, then as the seed does; return the report of both, and the cells of the second.

    The clean report is written to ``clean`` in `folder` as soon as it is ready, so that a run that is stopped later
    leaves the honest figures and no others.
    """
    clean: Report | None = None
    if config.clean_beside:
        where = folder / "clean"
        models = where / "folds" if config.keep_models else None
        clean, cells = yield from cross_validate(paths, replace(config, protocol="clean"), reading, models)
        yield from write_report(clean, cells, where)
    return (yield from validate_as_seed(paths, config, reading, clean))


def validate_as_seed(
    paths: Sequence[str | Path],
    config: EvaluateSettings,
    reading: ReadSettings,
    clean: Report | None = None,
) -> Job[Any, tuple[Report, Cells]]:
    """Train and test fold by fold as the seed does, to compare with the `clean` report; return report and cells."""
    recipe, settings = recipe_and_settings(config)
    found = yield from load_as_seed(paths, config.also, recipe, settings, reading, config.device)
    training_data, cells = found.training_data, found.training_data.cells
    folds = seed_folds(cells, config.cv, seed=config.seed)
    tested, network = FoldPredictions.empty(cells), SharedNetwork()
    seen, n_trained_on = np.zeros(len(cells), bool), 0
    for number, fold in enumerate(folds):
        if number == config.quoted_fold:
            n_trained_on = int(seen[fold.test].sum())
        own = replace(found.settings, seed=config.seed + number)
        name = f"{config.model_name}, as the seed measures, fold {number}"
        training = training_data.prepared.subset(np.r_[fold.train, training_data.stain_only_cells()])
        validation = training_data.prepared.subset(fold.validation)
        model, losses = yield from train_fold(name, recipe, training, validation, own, config.device, network.hooks)
        seen[fold.train] |= network.is_shared
        yield FoldDone(number + 1, len(folds), tested.add(number, fold, model, losses, training_data))
    quoted = compare_with_seed(
        tested.prediction(cells, config.min_probability),
        cells,
        tested.fold,
        config.quoted_fold,
        sizes=found.sizes,
        n_trained_on=n_trained_on,
        clean=None if clean is None else clean.scores,
        n_clean=0 if clean is None else clean.n_cells,
        seed=config.seed,
    )
    report = tested.report(
        training_data,
        config,
        protocol="seed",
        settings=settings_of(paths, config, settings, reading),
        notes=(*_notes(config, recipe, network, clean), *notes_on_inputs(config, recipe), *found.notes),
        seed_comparison=quoted,
    )
    return report, cells


@dataclass(eq=False)
class SharedNetwork:
    """A network that is built once, and its optimiser: each fold starts from the best weights of the one before.

    Keras does the same when ``fit`` is called again on a compiled model after early stopping restored the best weights:
    the optimiser keeps its moments. Trees can't be trained further, so they are grown anew in each fold.
    """

    weights: dict[str, Tensor] = field(default_factory=dict)
    moments: dict[str, Tensor] = field(default_factory=dict)

    @property
    def is_shared(self) -> bool:
        """Whether weights pass to the next fold."""
        return bool(self.weights)

    @property
    def hooks(self) -> Hooks:
        """For the training of a fold."""
        return Hooks(begin=self._begin, save=self._save)

    def _begin(self, state: ClassifierState) -> None:
        if self.is_shared:
            state.network.load_state_dict(self.weights)
            state.average.module.load_state_dict(self.weights)
            state.best.update(deepcopy(self.weights))
            load_moments(state.optimiser, self.moments)

    def _save(self, state: ClassifierState) -> None:
        self.weights, self.moments = deepcopy(state.best), moments(state.optimiser)


def _notes(config: EvaluateSettings, recipe: Recipe, network: SharedNetwork, clean: Report | None) -> list[str]:
    """What the user should know of this run."""
    notes = []
    if clean is None:
        notes.append("the clean figures to compare with are missing, as clean-beside is off: don't quote these")
    if network.is_shared:
        trees = "; only its trees were grown again in each fold" if recipe.architecture == "paired" else ""
        notes.append(f"one network was trained through all folds, with the moments of its optimiser{trees}")
    else:
        notes.append(
            "trees can't be trained further from fold to fold, so each fold grew them again, unlike the seed's network"
        )
    if config.group_by:
        notes.append("group-by applies to the clean figures only: the seed's folds have no groups")
    return notes
