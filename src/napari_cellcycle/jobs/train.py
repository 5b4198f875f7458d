"""Train: labelled cells in, a model folder out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.training_cells import TrainingCells, count_cells
from napari_cellcycle.errors import ModelError, SettingError, TooFewCellsError, WriteError
from napari_cellcycle.evaluation.purity import exact_interval
from napari_cellcycle.events import Job, Note, Progress, Stop, never
from napari_cellcycle.jobs.config import ReadSettings, TrainSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.advice import (
    FINE_TUNE_BELOW,
    best_start,
    models_to_fine_tune,
    training_advice,
    what_is_missing,
)
from napari_cellcycle.jobs.steps.checkpointer import Checkpointer, claimed
from napari_cellcycle.jobs.steps.fill_phases import oversampled
from napari_cellcycle.jobs.steps.fit_classifier import fit_model
from napari_cellcycle.jobs.steps.pretrained import PretrainedModel
from napari_cellcycle.jobs.steps.training_data import TrainingData, split_table, train_validation_split
from napari_cellcycle.models import Model, ModelCard
from napari_cellcycle.models.device import pick_device
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.predict import predict_prepared
from napari_cellcycle.store.checkpoints import generator_of, read_identity, remove_checkpoint
from napari_cellcycle.store.finders import copy_finder
from napari_cellcycle.store.models import remember_run, save_model
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.training.config import TrainConfig, resolved
from napari_cellcycle.training.gan.loop import GanStep, Samples
from napari_cellcycle.training.recipes import RECIPES
from napari_cellcycle.training.state import Hooks
from napari_cellcycle.versions import installed_versions

FEW_CELLS = 200
"""With fewer cells of known phase, what a model is worth is hardly known."""


def train_files(
    paths: Sequence[str | Path],
    output: Path,
    run: TrainSettings,
    reading: ReadSettings,
    *,
    stop: Stop = never,
) -> Job[Progress | Note | GanStep | Samples | EpochDone, Model]:
    """Train on all cells in `paths` whose phase is known; see `train_cells`."""
    with claimed(Path(output), resume=run.resume):
        cells = yield from open_cells(paths, reading)
        return (yield from _train(cells, Path(output), run, reading, stop))


def train_cells(
    cells: Cells,
    output: Path,
    run: TrainSettings,
    *,
    reading: ReadSettings | None = None,
    stop: Stop = never,
    resumable: bool = True,
) -> Job[Progress | Note | GanStep | Samples | EpochDone, Model]:
    """Train on the cells of known phase, and write the new model to the new folder `output`.

    Stained cells of unknown phase are used too, for their stain. Next to weights and card the folder gets ``log.csv``
    (losses by epoch) and ``split.csv`` (which cells were for training and which for validation). Meanwhile the folder
    ``OUTPUT.unfinished`` holds what ``run.resume`` needs to continue to the same weights, unless the training is short
    and not `resumable`. `reading` says how the cells of ``run.also`` are read.

    Raises
    ------
    WriteError
        `output` exists, or there is an unfinished training of it that is not to be resumed.
    SettingError
        The unfinished training has other settings or cells.
    TooFewCellsError
        Fewer than two phases have two cells.
    StoppedError
        `stop` was true before there were any weights.
    """
    with claimed(Path(output), resume=run.resume):
        return (yield from _train(cells, Path(output), run, reading, stop, resumable))


def _train(
    cells: Cells, output: Path, run: TrainSettings, reading: ReadSettings | None, stop: Stop, resumable: bool = True
) -> Job[Progress | Note | GanStep | Samples | EpochDone, Model]:
    if not run.start_from and RECIPES[run.model].reads_tracks:
        raise SettingError(f"model {run.model} learns from tracks; give them, as in --tracks tracks.csv")
    cells = cells if run.start_from else RECIPES[run.model].own_phases(cells)
    counts, synthetic = count_cells(cells)
    if missing := what_is_missing(counts, synthetic, cells.phase_set):
        raise TooFewCellsError(missing)
    yield from map(Note, training_advice(counts, synthetic, cells.phase_set))
    if not run.start_from and (better := best_start(counts, synthetic, models_to_fine_tune(cells.channels))):
        yield Note(f"with fewer than {FINE_TUNE_BELOW:,} cells of known phase, start-from {better} is the better start")
    start = PretrainedModel.load(run.start_from) if run.start_from else None
    recipe, start_model = (RECIPES[run.model], None) if start is None else (start.recipe, start.model)
    config = resolved(run.config)

    data = yield from TrainingData.from_cells(cells, run.also, recipe, reading or ReadSettings())
    training_indices, validation_indices = train_validation_split(data, config)
    cells_hash = sha256(data.fingerprints[training_indices].tobytes()).hexdigest()
    fingerprint = partial(_settings_fingerprint, run, start, config, cells.phase_set)
    gan_checkpointer = Checkpointer(generator_of(output), fingerprint([cells_hash]))
    training = yield from oversampled(
        data, training_indices, recipe, config, run.device, stop=stop, checkpointer=gan_checkpointer
    )
    validation = data.prepared.subset(validation_indices)

    cells_hashes = [training.sha256, validation.sha256]
    checkpointer = Checkpointer(output, fingerprint(cells_hashes))
    hooks = checkpointer.hooks(stop, resume=run.resume) if resumable else Hooks(stop=stop)
    model, log = yield from fit_model(
        output.name, recipe, training, validation, config, run.device, start=start_model, hooks=hooks
    )

    if note := _note_on_few(model, validation, int(counts.sum())):
        yield Note(note)
    training_facts = {**_data_facts(data), **_epoch_facts(log), "seconds": round(checkpointer.elapsed())}
    model = replace(model, card=_completed(model.card, training_facts, run, start), folder=output)
    fingerprints = data.fingerprints if start is None else start.fingerprints_with(data.fingerprints)
    log_table = pd.DataFrame([asdict(done) for done in log]).to_csv(index=False, float_format="%.6g")
    tables = {"log.csv": log_table, "split.csv": split_table(data.cells, validation_indices)}
    try:
        remember_run(output)  # before it is there, so that a kill in between leaves no model that nothing lists
    except WriteError as error:
        yield Note(f"{output.name} is not in the list of models: {error}")
    save_model(model, output, fingerprints, tables)
    if start is not None and start.model.folder is not None:
        yield from _take_finder(start.model.folder, output)
    remove_checkpoint(output)
    return model


def _note_on_few(model: Model, validation: TrainingCells, n_known: int) -> str:
    """What a model of few cells may be worth: an interval, as a number would promise more than is known."""
    if n_known >= FEW_CELLS or not len(validation):
        return ""
    images = validation.images / model.card.input.scales[:, None, None]
    called = predict_prepared(model, images, torch.device("cpu")).probabilities.argmax(axis=1)
    chosen = "" if model.card.input.compares_nuclei else ", and they chose its best epoch"
    low, high = exact_interval(int((called == validation.phases).sum()), len(validation))
    return (
        f"the model was trained on {n_known} cells of known phase only: on the {len(validation)} that were held back, "
        f"its accuracy may be anything from {low:.0%} to {high:.0%}{chosen}; label more cells, and test it on others"
    )


def _take_finder(source: Path, output: Path) -> Job[Note, None]:
    """A model keeps the finder of the one that it started from; that no finder can be taken must not lose the model."""
    try:
        if copy_finder(source, output):
            yield Note(f"{output.name} finds cells by the finder of {source.name}")
    except (ModelError, WriteError) as error:
        yield Note(f"{output.name} has no finder: {error}")


def resumed_settings(output: Path, run: TrainSettings) -> TrainSettings:
    """`run` with the settings that the unfinished training of `output` was started with.

    Raises
    ------
    ModelError
        What was saved of it is gone or damaged.
    """
    saved = read_identity(output)
    return replace(
        run,
        model=saved["model"] or run.model,
        start_from=saved["start_from"].rpartition(" (")[0],
        device=saved["device"],
        resume=True,
        overrides=vars(TrainConfig.from_dict(saved)),
    )


def _settings_fingerprint(
    run: TrainSettings,
    start: PretrainedModel | None,
    config: TrainConfig,
    phases: PhaseSet,
    cells_hashes: list[str],
) -> dict[str, Any]:
    """What must be the same for a training to continue to the same weights; `resumed_settings` reads it."""
    return {
        **config.to_dict(),
        "model": run.model if start is None else "",
        "start_from": "" if start is None else f"{start.model.name} ({start.sha256[:12]})",
        "device": pick_device(run.device).type,
        "cells": cells_hashes,
        **({} if phases == SEVEN else {"phases": phases.to_text()}),
    }


def _completed(
    card: ModelCard, training_facts: dict[str, Any], run: TrainSettings, start: PretrainedModel | None
) -> ModelCard:
    """The card, with where the model comes from."""
    provenance = {} if start is None else {"start_from": start.provenance(card.phase_set)}
    return replace(
        card,
        training={**card.training, **training_facts, **provenance},
        versions=installed_versions(),
        licence=run.licence,
        data_licence=run.data_licence if start is None else start.data_licence_with(run.data_licence),
    )


def _data_facts(data: TrainingData) -> dict[str, Any]:
    return {
        "cells_per_phase": dict(zip(data.cells.phase_set.names, count_cells(data.cells)[0].tolist(), strict=True)),
        "repeats_removed": data.n_duplicates,
        "data_sha256": data.data_sha256,
    }


def _epoch_facts(log: list[EpochDone]) -> dict[str, int]:
    best = max(done.epoch for done in log if done.is_best)
    return {"epochs_done": len(log), "best_epoch": best}
