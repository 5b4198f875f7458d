"""Fractions of phases, DNA content, a map of features and curves over time, by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.datasets.groups import groupings, sample_names
from napari_cellcycle.errors import CellCycleError, ModelError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.io.calls_table import SavedCalls, is_calls_table, read_calls
from napari_cellcycle.io.reserve import check_free, reserved
from napari_cellcycle.io.writers.results import write_json, write_table
from napari_cellcycle.jobs.classify import summarise
from napari_cellcycle.jobs.config import PopulationsSettings, ReadSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.shared_settings import shared_settings
from napari_cellcycle.models import Model
from napari_cellcycle.population.drawing import PopulationFigure
from napari_cellcycle.population.embedding import Embedding, embed
from napari_cellcycle.population.sample_table import join_samples, read_sample_table
from napari_cellcycle.population.summary import Populations, summarise_samples
from napari_cellcycle.population.views import draw_views, write_views
from napari_cellcycle.predict import classify_cells, extract_features, model_for_channels, unfamiliar_warning
from napari_cellcycle.store.models import find_model, load_card, load_model

Confusion = list[list[int]] | None


@dataclass(frozen=True, eq=False)
class PopulationViews:
    """The result of `populations_of_files`: the numbers, and the figures by the names of their files."""

    populations: Populations
    figures: dict[str, PopulationFigure]
    folder: Path


def populations_of_files(
    paths: Sequence[str | Path],
    output: Path,
    config: PopulationsSettings,
    reading: ReadSettings,
    *,
    overwrite: bool = False,
) -> Job[Progress | Note, PopulationViews]:
    """Summarise the cells in `paths` by sample, and write a table and figures to `output`.

    One file ``phases.csv`` that `classify` wrote is read as it is. Other inputs are classified first; then
    ``phases.csv`` and ``summary.json`` are written too. With `overwrite` they replace those of an earlier run.

    Raises
    ------
    SettingError
        The cells can't be grouped so.
    ReadError
        The input, or the table of samples, can't be read or does not match.
    WriteError
        The folder can't be written, or holds what an earlier run wrote.
    """
    has_calls = len(paths) == 1 and is_calls_table(Path(paths[0]))
    makes = ("populations.csv",) if has_calls else ("populations.csv", "phases.csv", "summary.json")
    check_free(Path(output), makes, paths, overwrite=overwrite)
    with reserved(Path(output)):
        return (yield from _summarise(paths, output, config, reading, has_calls))


def _summarise(
    paths: Sequence[str | Path], output: Path, config: PopulationsSettings, reading: ReadSettings, has_calls: bool
) -> Job[Progress | Note, PopulationViews]:
    embedding, cells = None, None
    if has_calls:
        saved = read_calls(Path(paths[0]))
        prediction = saved.prediction
        if reading.phases is not None:
            prediction = prediction.in_phases(reading.phases)
        confusion, note = confusion_of(saved, config.model)
        if note:
            yield Note(note)
        yield from (Note(text) for text in [unfamiliar_warning(prediction)] if text)
    else:
        cells = yield from open_cells(paths, reading)
        model, note = model_for_channels(load_model(config.model or "default"), cells)
        if note:
            yield Note(note)
        prediction = yield from classify_cells(
            model, cells, device=config.device, batch_size=config.batch_size, min_probability=config.min_probability
        )
        if reading.phases is not None:
            prediction = prediction.in_phases(reading.phases)
        confusion = model.card.confusion
        _write_calls(prediction, model, Path(output), config, reading, paths)
        embedding = yield from embed_cells(cells, model, config)
    populations = yield from count_samples(prediction, config, confusion)
    figures = yield from draw_views(populations, embedding, cells)
    yield from write_views(figures, Path(output))
    if cells is None:
        yield Note("a table has no images, so there is no embedding and no gallery; give the images for these")
    return PopulationViews(populations, figures, Path(output))


def count_samples(
    prediction: Prediction, config: PopulationsSettings, confusion: Confusion = None
) -> Job[Progress | Note, Populations]:
    """Group cells as `config` says, and count them; what a user should know of that is a `Note`."""
    by = config.by or groupings(prediction)[0]
    if config.table is not None:
        prediction, names, notes = with_table(prediction, config.table)
        yield from (Note(note) for note in notes)
        by = config.by or names[0]
    matrix: NDArray[np.int64] | None = None if confusion is None else np.array(confusion, np.int64)
    populations = yield from summarise_samples(
        prediction,
        sample_names(prediction, by),
        by,
        confusion=matrix,
        of=config.of,
        force=config.force,
        seed=config.seed,
    )
    yield from (Note(note) for note in populations.notes)
    return populations


def with_table(prediction: Prediction, table: Path) -> tuple[Prediction, tuple[str, ...], list[str]]:
    """The same calls with the columns of a user's table, the names of these, and what did not match."""
    joined = join_samples(prediction, read_sample_table(table))
    columns = {**prediction.columns, **joined.columns}
    return replace(prediction, columns=columns), tuple(joined.columns), [*joined.notes]


def embed_cells(cells: Cells, model: Model, config: PopulationsSettings) -> Job[Progress | Note, Embedding | None]:
    """A map of the cells by the features of `model`; None, with a note, where there is none."""
    if config.embedding == "none":
        return None
    try:
        features = yield from extract_features(model, cells, device=config.device, batch_size=config.batch_size)
        return (yield from embed(features, config.embedding, seed=config.seed))
    except CellCycleError as error:  # the other views need no map
        yield Note(f"no embedding: {error}")
        return None


def confusion_of(saved: SavedCalls, asked: str = "") -> tuple[Confusion, str]:
    """The confusion matrix of the model that made some calls, and a note where it is not known.

    A model of the same name that was trained on other cells is not the same.
    """
    for name in (asked,) if asked else saved.models:
        try:
            card = load_card(find_model(name))
        except ModelError:
            if asked:
                raise
            continue
        if asked or not saved.trained_on or card.training.get("data_sha256") == saved.trained_on:
            return card.confusion, ""
    who = f"the model {saved.models[-1]!r}" if saved.models else "the model that made these calls"
    return None, f"{who} is not known here, so fractions are not corrected for its confusion; name it with --model"


def _write_calls(
    prediction: Prediction,
    model: Model,
    folder: Path,
    config: PopulationsSettings,
    reading: ReadSettings,
    paths: Sequence[str | Path],
) -> None:
    """The files of `classify` that need no image, so that the same cells can be grouped otherwise in no time."""
    settings = {**config.to_dict(), **reading.to_dict(), "model": config.model or "default"}
    settings["input"] = [str(path) for path in paths]
    write_table(prediction, folder / "phases.csv")
    write_json(
        summarise(prediction, model.card, shared_settings(settings), force=config.force), folder / "summary.json"
    )
