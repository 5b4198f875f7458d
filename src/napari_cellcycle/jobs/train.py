"""Train: labelled cells in, a model folder out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.errors import TooFewCellsError, WriteError
from napari_cellcycle.events import Job, Note, Progress, Stop, never
from napari_cellcycle.jobs.config import ReadSettings, TrainSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.base_model import BaseModel
from napari_cellcycle.jobs.steps.checkpointer import Checkpointer, check_output_free
from napari_cellcycle.jobs.steps.fill_phases import oversampled
from napari_cellcycle.jobs.steps.training_data import TrainingData, prepare_training_data, split, split_table
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN
from napari_cellcycle.training.classifier import record_epochs
from napari_cellcycle.training.config import TrainConfig, resolved
from napari_cellcycle.training.recipes import RECIPES

if TYPE_CHECKING:
    from napari_cellcycle.cells import Cells
    from napari_cellcycle.models import Model, ModelCard
    from napari_cellcycle.training.classifier import EpochDone
    from napari_cellcycle.training.gan.loop import GanStep, Samples


def train_files(
    paths: Sequence[str | Path],
    output: Path,
    run: TrainSettings,
    reading: ReadSettings,
    *,
    stop: Stop = never,
) -> Job[Progress | Note | GanStep | Samples | EpochDone, Model]:
    """Train on all cells in `paths` whose phase is known; see `train_cells`."""
    check_output_free(Path(output), resume=run.resume)
    cells: Cells = yield from open_cells(paths, reading)
    return (yield from train_cells(cells, output, run, reading=reading, stop=stop))


def train_cells(
    cells: Cells,
    output: Path,
    run: TrainSettings,
    *,
    reading: ReadSettings | None = None,
    stop: Stop = never,
) -> Job[Progress | Note | GanStep | Samples | EpochDone, Model]:
    """Train on `cells` whose phase is known, and write the model's folder `output`.

    Beside weights and card the folder gets ``log.csv`` (losses by epoch) and ``split.csv`` (which cells were
    learnt from, which chose the best epoch). The last event carries the `Model`. While it runs, ``OUTPUT.unfinished``
    beside it keeps what a later run needs to go on with ``run.resume``, to the same weights.

    Parameters
    ----------
    cells : Cells
        With `phases`; those of unknown phase are learnt from where they are stained.
    output : Path
        Folder of the new model; its name is the model's.
    run : TrainSettings
        Which model is trained, and how.
    reading : ReadSettings, optional
        How the cells of ``run.also`` are read.
    stop : callable
        Asked after each step; once it is true, training ends and the best weights so far are written.

    Raises
    ------
    WriteError
        `output` exists: a model is never overwritten, nor is one that was broken off without ``run.resume``.
    SettingError
        What is to be resumed was begun with other settings or other cells.
    TooFewCellsError
        Fewer than two phases, or too few cells to hold some back.
    StoppedError
        It was stopped while a generator was trained, before there were any weights to keep.
    """
    from napari_cellcycle.jobs.steps.fit_classifier import fit_model
    from napari_cellcycle.store.checkpoints import generator_of, remove_checkpoint
    from napari_cellcycle.store.models import remember_run, save_model

    output = Path(output)
    check_output_free(output, resume=run.resume)
    _refuse_too_few(cells)
    start = BaseModel.of(run.start_from) if run.start_from else None
    recipe, start_model = (RECIPES[run.model], None) if start is None else (start.recipe, start.model)
    config = resolved(run.config)
    if n_synthetic := int((cells.synthetic & (cells.phases != UNKNOWN)).sum()):
        yield Note(
            f"{n_synthetic:,} cells are synthetic; don't test on the real cells that their generator learnt from"
        )
    training_data = yield from prepare_training_data(cells, run.also, recipe, reading or ReadSettings())
    training, validation = split(training_data, config)
    learnt_from = [sha256(training_data.fingerprints[training].tobytes()).hexdigest()]
    journal = Checkpointer(generator_of(output), _identity(run, start, config, learnt_from))
    filled = yield from oversampled(training_data, training, recipe, config, run.device, stop=stop, journal=journal)
    parts = (filled, training_data.prepared.subset(validation))
    resumable = Checkpointer(output, _identity(run, start, config, [part.sha256 for part in parts]))
    hooks = resumable.hooks(stop, resume=run.resume)
    log: list[EpochDone] = []
    model = yield from record_epochs(
        fit_model(output.name, recipe, *parts, config, run.device, start=start_model, hooks=hooks), log
    )
    facts = {**_data_facts(training_data), **_course_facts(log), "seconds": round(resumable.elapsed())}
    model = replace(model, card=_signed(model.card, facts, run, start))
    fingerprints = training_data.fingerprints if start is None else start.fingerprints_with(training_data.fingerprints)
    tables = {"log.csv": _log_table(log), "split.csv": split_table(training_data.cells, validation)}
    save_model(model, output, fingerprints, tables)
    remove_checkpoint(output)
    try:
        remember_run(output)
    except WriteError as error:
        yield Note(f"{output.name} is not in the list of models: {error}")
    return model


def _refuse_too_few(cells: Cells) -> None:
    import numpy as np

    counts = np.bincount(cells.phases[cells.phases != UNKNOWN], minlength=len(PHASE_LABELS))
    known = [label for label, count in zip(PHASE_LABELS, counts, strict=True) if count]
    mend = "give folders named after the phases, such as G1 and S"
    if not known:
        raise TooFewCellsError(f"the phase of none of the {len(cells)} cells is known; {mend}")
    if len(known) == 1:
        raise TooFewCellsError(f"all cells of known phase are {known[0]}, but at least 2 phases are needed; {mend}")
    if (counts >= 2).sum() < 2:
        raise TooFewCellsError(
            f"{counts.sum()} cells of known phase are too few: at least 2 phases need 2 cells each, better 5 or more"
        )


def _identity(run: TrainSettings, start: BaseModel | None, config: TrainConfig, cells: list[str]) -> dict[str, Any]:
    """What must be the same for a training to go on to the same weights; `cells` by their hashes."""
    from napari_cellcycle.models.device import pick_device

    return {
        **config.to_dict(),
        "model": run.model if start is None else "",
        "start_from": "" if start is None else f"{start.model.name} ({start.sha256[:12]})",
        "device": pick_device(run.device).type,
        "cells": cells,
    }


def _signed(card: ModelCard, facts: dict[str, Any], run: TrainSettings, start: BaseModel | None) -> ModelCard:
    """The card with where the model comes from."""
    from napari_cellcycle.versions import installed_versions

    return replace(
        card,
        training={**card.training, **facts, **({} if start is None else {"start_from": start.facts()})},
        versions=installed_versions(),
        licence=run.licence,
        data_licence=run.data_licence if start is None else start.data_licence_with(run.data_licence),
    )


def _data_facts(training_data: TrainingData) -> dict[str, Any]:
    import numpy as np

    counts = np.bincount(training_data.cells.phases[training_data.cells.phases != UNKNOWN], minlength=len(PHASE_LABELS))
    return {
        "cells_per_phase": dict(zip(PHASE_LABELS, counts.tolist(), strict=True)),
        "repeats_removed": training_data.n_duplicates,
        "data_sha256": training_data.data_sha256,
    }


def _course_facts(log: list[EpochDone]) -> dict[str, int]:
    best = max(done.epoch for done in log if done.is_best)
    return {"epochs_done": len(log), "best_epoch": best}


def _log_table(log: list[EpochDone]) -> str:
    import pandas as pd

    return pd.DataFrame([asdict(done) for done in log]).to_csv(index=False, float_format="%.6g")
