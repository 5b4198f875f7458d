"""Train a network that reads whole tracks: films with tracks and some true phases in, a model folder out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.splits import split_validation
from napari_cellcycle.datasets.training_cells import count_phases
from napari_cellcycle.errors import SettingError, WriteError
from napari_cellcycle.events import Job, Note, Progress, Stop, never
from napari_cellcycle.io.csv_cells import csv_text
from napari_cellcycle.jobs.config import FollowSettings, ReadSettings, TrainSettings
from napari_cellcycle.jobs.follow import follow_cells
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.checkpointer import Checkpointer, claimed
from napari_cellcycle.jobs.steps.fit_sequences import check_for_tracks, fit_sequence_model
from napari_cellcycle.jobs.steps.training_data import split_table
from napari_cellcycle.jobs.track_data import TrackData, track_data
from napari_cellcycle.models import Model
from napari_cellcycle.models.device import pick_device
from napari_cellcycle.store.checkpoints import remove_checkpoint
from napari_cellcycle.store.models import load_model, load_training_fingerprints, remember_run, save_model
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.training.config import TrainConfig, resolved
from napari_cellcycle.training.recipes import RECIPES, Recipe, recipe_called
from napari_cellcycle.versions import installed_versions


def train_on_tracks(
    paths: Sequence[str | Path],
    output: Path,
    run: TrainSettings,
    following: FollowSettings,
    reading: ReadSettings,
    *,
    stop: Stop = never,
) -> Job[Progress | Note | EpochDone, Model]:
    """Train on the tracks of the films in `paths`; see `train_cells_on_tracks`."""
    with claimed(Path(output), resume=run.resume):
        how = _How.of(run)
        cells = yield from open_cells(paths, reading)
        return (yield from _train(cells, Path(output), run, how, following, stop))


def train_cells_on_tracks(
    cells: Cells, output: Path, run: TrainSettings, following: FollowSettings, *, stop: Stop = never
) -> Job[Progress | Note | EpochDone, Model]:
    """Train on the tracks of films, and write the new model to the new folder `output`.

    True phases are labels of the cells, or a column ``truth`` in the table of tracks; cells without one are there for
    their neighbours. Whole films are held back to choose the best epoch if there are several, else whole lineages.

    Raises
    ------
    WriteError
        `output` exists, or there is an unfinished training of it that is not to be resumed.
    SettingError
        The model sees single frames, the cells are of no film, or none has a known phase.
    TooFewCellsError
        There are too few tracks to hold some back.
    """
    with claimed(Path(output), resume=run.resume):
        return (yield from _train(cells, Path(output), run, _How.of(run), following, stop))


class _How(NamedTuple):
    """What is trained, on the features of which model, and how."""

    recipe: Recipe
    features_of: Model | None
    config: TrainConfig

    @classmethod
    def of(cls, run: TrainSettings) -> Self:
        """As `run` says; SettingError if it asks for what is done with single cells."""
        if run.start_from:
            raise SettingError(
                "start-from is for networks of single frames; with tracks, give a kind of network as model"
            )
        if run.also is not None:
            raise SettingError("also gives single cells, which are in no track; leave it out to train on tracks")
        config = resolved(run.config)
        check_for_tracks(config)
        return cls(*recipe_on_tracks(run.model, run.features_of), config)


def _train(
    cells: Cells, output: Path, run: TrainSettings, how: _How, following: FollowSettings, stop: Stop
) -> Job[Progress | Note | EpochDone, Model]:
    recipe, features_of, config = how
    followed = yield from follow_cells(cells, following)
    data = yield from track_data(cells, followed, recipe.input)
    train, held_back = split_validation(
        data.cells, groups=data.groups, validation_fraction=config.validation_fraction, seed=config.seed
    )
    training, validation = (data.prepared.subset(data.rows_in(part)) for part in (train, held_back))
    hashes = [tracks.cells.sha256 + sha256(tracks.step.tobytes()).hexdigest() for tracks in (training, validation)]
    checkpointer = Checkpointer(output, _identity(run, config, features_of, hashes))
    hooks = checkpointer.hooks(stop, resume=run.resume)
    model, log = yield from fit_sequence_model(
        output.name, recipe, training, validation, config, run.device, features_of=features_of, hooks=hooks
    )
    facts = {
        **facts_of(data, following, features_of),
        "epochs_done": len(log),
        "best_epoch": max(done.epoch for done in log if done.is_best),
        "seconds": round(checkpointer.elapsed()),
    }
    card = replace(
        model.card,
        training={**model.card.training, **facts},
        versions=installed_versions(),
        licence=run.licence,
        data_licence=run.data_licence,
    )
    model = replace(model, card=card, folder=output)
    tables = {
        "log.csv": csv_text(pd.DataFrame([asdict(done) for done in log]), float_format="%.6g"),
        "split.csv": split_table(data.cells, data.rows_in(held_back)),
    }
    try:
        remember_run(output)  # before it is there, so that a kill in between leaves no model that nothing lists
    except WriteError as error:
        yield Note(f"{output.name} is not in the list of models: {error}")
    save_model(model, output, fingerprints_with(data, features_of), tables)
    remove_checkpoint(output)
    return model


def recipe_on_tracks(name: str, features_of: str) -> tuple[Recipe, Model | None]:
    """The recipe of that name, and the model whose features it reads, if it reads features.

    Raises
    ------
    SettingError
        It sees single frames.
    ModelError
        There is no model `features_of`.
    """
    recipe = recipe_called(name)
    if not recipe.reads_tracks:
        able = [known for known, recipe in RECIPES.items() if recipe.reads_tracks]
        raise SettingError(f"model {name} sees single frames; leave out tracks, or choose {', '.join(able)}")
    if not recipe.is_on_features:
        return recipe, None
    model = load_model(features_of)
    return replace(recipe, input=model.card.input), model


def facts_of(data: TrackData, following: FollowSettings, features_of: Model | None) -> dict[str, Any]:
    """What a card says of the training data."""
    phases = data.cells.phase_set
    counts = count_phases(data.cells.phases, phases).tolist()
    facts: dict[str, Any] = {
        "cells_per_phase": dict(zip(phases.names, counts, strict=True)),
        "data_sha256": data.data_sha256,
        "minutes_per_frame": following.minutes_per_frame,
    }
    if features_of is not None:
        facts["features_of"] = {
            "name": features_of.name,
            "data_sha256": features_of.card.training.get("data_sha256", ""),
            "data_licence": features_of.card.data_licence,
        }
    return facts


def fingerprints_with(data: TrackData, features_of: Model | None) -> NDArray[np.uint64]:
    """Fingerprints of all cells behind a model: those in tracks, and those that its features were learned from."""
    known = None
    if features_of is not None and features_of.folder is not None:
        known = load_training_fingerprints(features_of.folder)
    return data.fingerprints if known is None else np.concatenate([known, data.fingerprints])


def _identity(run: TrainSettings, config: TrainConfig, features_of: Model | None, cells: list[str]) -> dict[str, Any]:
    """What must be the same for a training to continue to the same weights."""
    base = [] if features_of is None else [f"features of {features_of.name}"]
    return {
        **config.to_dict(),
        "model": run.model,
        "start_from": "",
        "device": pick_device(run.device).type,
        "cells": [*cells, *base],
    }
