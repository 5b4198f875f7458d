"""Retrain: the labels so far in, a model a minute later, with an honest figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.cell_hash import held_out_rows
from napari_cellcycle.annotate.data_labels import open_labels
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.annotate.rounds import (
    HeldOutFigure,
    Round,
    append_round,
    held_out_figure,
    read_rounds,
    rounds_path,
)
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import in_training_set, iter_duplicates
from napari_cellcycle.datasets.training_cells import count_cells
from napari_cellcycle.errors import TooFewCellsError, WriteError
from napari_cellcycle.evaluation.metrics import confusion_table
from napari_cellcycle.events import Job, Note, Progress, Stop, never
from napari_cellcycle.io.inputs import root_of
from napari_cellcycle.jobs.config import ReadSettings, RetrainSettings, TrainSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.advice import what_is_missing
from napari_cellcycle.jobs.steps.checkpointer import check_output_free
from napari_cellcycle.jobs.train import train_cells
from napari_cellcycle.models import Model
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.predict import classify_cells
from napari_cellcycle.store.checkpoints import unfinished_folder
from napari_cellcycle.store.models import find_model, load_training_fingerprints, models_folder
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.training.config import FINE_TUNING
from napari_cellcycle.training.gan.loop import GanStep, Samples

MOST_STEPS = 900
"""Updates of a round, which take about half a minute on two cores: more labels are gone through fewer times."""
FEWEST_EPOCHS = 6


def retrain_files(
    paths: Sequence[str | Path], output: Path, settings: RetrainSettings, reading: ReadSettings, *, stop: Stop = never
) -> Job[Progress | Note | GanStep | Samples | EpochDone, Round]:
    """Train on the labels that lie next to the cells in `paths`; see `retrain`."""
    check_output_free(Path(output), resume=False)
    cells = yield from open_cells(paths, reading, labelled=False)
    labels = open_labels(cells, root_of(list(paths)))
    yield from map(Note, labels.notes)
    device, seed = settings.device, settings.seed
    return (
        yield from retrain(cells, labels, settings.start_from, output=Path(output), device=device, seed=seed, stop=stop)
    )


def retrain(
    cells: Cells,
    labels: LabelTable,
    start_from: str = "default",
    *,
    output: Path | None = None,
    device: str = "auto",
    seed: int = 0,
    stop: Stop = never,
) -> Job[Progress | Note | GanStep | Samples | EpochDone, Round]:
    """Train a model further on the labels so far, test it on the held-out ones, and keep the round.

    Every round starts from the same finished model, not from the last round, so that rounds can be compared, and none
    inherits what another one learned by chance.

    Parameters
    ----------
    cells : Cells
        N cells.
    labels : LabelTable
        Of these cells. A third of those that were drawn at random is never trained on: see `held_out_rows`.
    start_from : str
        Name or folder of the model to start from. If it is the model of a round, what that round started from is taken.
    output : Path, optional
        New folder for the model; else a new one in `models_folder`.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train.
    seed : int
        The same seed, labels and machine give the same weights.
    stop : callable
        If it becomes true, training ends early, with the best weights so far.

    Returns
    -------
    Round
        With the folder of the model, which can be used like any other.

    Raises
    ------
    TooFewCellsError
        Fewer than two phases have two labelled cells that may be trained on.
    SettingError
        `start_from` is of a kind that can't be trained further.
    """
    history = rounds_path(labels)
    start = _root_of(start_from, read_rounds(history))
    held, training = yield from _parts(cells, labels)
    counts, _ = count_cells(training)
    if missing := what_is_missing(counts, np.zeros_like(counts), cells.phase_set):
        raise TooFewCellsError(missing)
    folder = output or _free_folder(start)
    run = TrainSettings(start_from=start, device=device, overrides={"seed": seed, "epochs": _n_epochs(len(training))})
    # a new round with more labels would not continue an interrupted one
    model = yield from train_cells(training, folder, run, stop=stop, resumable=False)
    figure, n_tested = yield from _test(model, held, device)
    done = Round(
        model=str(folder),
        start_from=start,
        n_labels=int((labels.decided & (labels.labels >= 0)).sum()),
        n_trained=len(training),
        n_tested=n_tested,
        **vars(figure),
        when=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    if history is not None:
        try:
            append_round(history, done)
        except WriteError as error:
            yield Note(str(error))
    return done


def _parts(cells: Cells, labels: LabelTable) -> Job[Progress, tuple[Cells, Cells]]:
    """The held-out cells, and those to train on, without copies of the held-out ones."""
    known = (labels.phases != UNKNOWN) & ~cells.synthetic
    held, others = known & held_out_rows(labels), known & ~held_out_rows(labels)
    rows = np.r_[np.flatnonzero(held), np.flatnonzero(others)]
    chosen = replace(cells, phases=labels.phases, phase_set=labels.phase_set).subset(rows)
    fingerprints = (yield from iter_duplicates(chosen)).fingerprints
    n_held = int(held.sum())
    copied = in_training_set(fingerprints[n_held:], fingerprints[:n_held])
    return chosen.subset(np.arange(n_held)), chosen.subset(n_held + np.flatnonzero(~copied))


def _n_epochs(n_cells: int) -> int:
    """How often each cell is shown, so that a round stays short."""
    steps = ceil(n_cells * (1 - FINE_TUNING.validation_fraction) / FINE_TUNING.batch_size)
    return int(np.clip(MOST_STEPS // max(steps, 1), FEWEST_EPOCHS, FINE_TUNING.epochs))


def _test(model: Model, held: Cells, device: str) -> Job[Progress | Note, tuple[HeldOutFigure, int]]:
    """Score a model on those of the held-out cells that neither it nor the model before it was trained on."""
    phases = held.phase_set
    confusion: NDArray[np.int64] = np.zeros((len(phases), len(phases)), np.int64)
    duplicates = yield from iter_duplicates(held)
    trained_on = None if model.folder is None else load_training_fingerprints(model.folder)
    seen = np.zeros(len(held), bool)
    if trained_on is not None:
        seen = in_training_set(duplicates.fingerprints, trained_on)
    tested = held.subset(np.setdiff1d(duplicates.keep, np.flatnonzero(seen)))
    if seen.any():
        yield Note(f"the model that was started from had been trained on {seen.sum():,} of the held-out cells before")
    if len(tested):
        prediction = yield from classify_cells(model, tested, device=device)
        if (prediction.best != UNKNOWN).any():
            confusion = confusion_table(tested.phases, prediction.in_phases(phases).best, phases)
    return held_out_figure(confusion, phases), int(confusion.sum())


def _root_of(start_from: str, rounds: list[Round]) -> str:
    """What the first round of a chain of rounds started from."""
    before = {Path(done.model): done.start_from for done in rounds}
    found = start_from
    while (folder := find_model(found)) in before:
        found = before.pop(folder)
    return found


def _free_folder(start: str) -> Path:
    """A new folder among the user's models, as in ``default-round-3``."""
    names = (f"{Path(start).name}-round-{number}" for number in count(1))
    folders = (models_folder() / name for name in names)
    # a round that was killed, or that runs in another window, keeps its name
    return next(folder for folder in folders if not folder.exists() and not unfinished_folder(folder).exists())
