"""Classify the cells of files, and write a table, a summary and an image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.cells import Cells, Prediction, remembered
from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.evaluation.phase_fractions import phase_fractions, usable_confusion
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.classified_montage import draw_montage
from napari_cellcycle.io.reserve import check_free, reserved
from napari_cellcycle.io.writers.cytometry import write_fcs, write_object_lists
from napari_cellcycle.io.writers.packages import require_package
from napari_cellcycle.io.writers.results import (
    write_anndata,
    write_json,
    write_parquet,
    write_picture,
    write_table,
)
from napari_cellcycle.jobs.config import (
    ClassifySettings,
    CompareSettings,
    FollowSettings,
    ReadSettings,
    WorkerSettings,
)
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.film_durations import film_conditions
from napari_cellcycle.jobs.steps.kept_chunks import KeptChunks
from napari_cellcycle.jobs.steps.predict_chunks import predict_chunks
from napari_cellcycle.jobs.steps.pure_calls import held_out_calls, pure_calls
from napari_cellcycle.jobs.steps.shared_settings import shared_settings
from napari_cellcycle.models import Model, ModelCard
from napari_cellcycle.models.sequence import CellTracks
from napari_cellcycle.predict import classify_cells, extract_features, model_for_channels, unfamiliar_warning
from napari_cellcycle.store.models import load_model
from napari_cellcycle.versions import installed_versions

if TYPE_CHECKING:
    from napari_cellcycle.jobs.follow import Followed
    from napari_cellcycle.tracking.decode import DecodedTracks

RESULT_FILES = ("phases.csv", "summary.json", "montage.png")
_EXPORTED = {
    "parquet": "phases.parquet",
    "h5ad": "phases.h5ad",
    "h5ad-features": "phases.h5ad",
    "fcs": "fcs",
    "object-lists": "object_lists",
}


@dataclass(frozen=True, eq=False)
class Classified:
    """The result of `classify_files`."""

    cells: Cells
    prediction: Prediction
    card: ModelCard
    folder: Path
    followed: Followed | None = None
    decoded: DecodedTracks | None = None


def classify_files(
    paths: Sequence[str | Path],
    output: Path,
    config: ClassifySettings,
    reading: ReadSettings,
    following: FollowSettings | None = None,
    workers: WorkerSettings | None = None,
    comparing: CompareSettings | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
) -> Job[Progress | Note, Classified]:
    """Classify all cells in `paths`, then write ``phases.csv``, ``summary.json`` and ``montage.png`` to `output`.

    A long table is written as ``phases.parquet`` too; whatever ``config.export`` names; and if ``following.tracks`` is
    given, the phases along the tracks of films, whose durations `comparing` groups. With `overwrite` they replace those
    of an earlier run. Of many cells, finished chunks are kept in ``OUTPUT.unfinished`` until all is written; `resume`
    goes on with them.

    Raises
    ------
    WriteError
        A file can't be written or is there already, or a package that writes it is not installed.
    SettingError
        Films are to be compared, but there are no tracks.
    """
    tracks, comparing = None if following is None else following.tracks, comparing or CompareSettings()
    if comparing.is_asked and tracks is None:
        raise SettingError("by and table compare the durations of phases in films; give tracks too, or leave them out")
    names = [*RESULT_FILES, *(_EXPORTED[kind] for kind in config.export)]
    if tracks is not None:
        from napari_cellcycle.jobs import follow  # slow to import, and most cells are in no film

        names += [*follow.FOLLOWED_FILES, *filter(None, [follow.trackmate_copy(tracks)])]
    check_free(Path(output), names, paths, overwrite=overwrite)
    for kind in config.export:
        require_package(kind)
    if config.min_purity is not None:
        held_out_calls(config.held_out)  # what is wrong with it is told before any cell is read
    with reserved(Path(output)):
        chunks = KeptChunks(Path(output), paths, resume=resume, overwrite=overwrite)
        model = load_model(config.model)
        at_work = workers or WorkerSettings()
        found = [os.path.abspath(path) for path in paths] if at_work.scheduler else paths  # others start elsewhere
        cells = yield from open_cells(found, reading, model=model.folder)
        model, note = model_for_channels(model, cells)
        if note:
            yield Note(note)
        kept = remembered(cells, model.card.input.channels)
        followed = decoded = conditions = None
        if following is not None and tracks is not None:  # first, as models may read whole tracks
            if note := follow.note_on_pace(model.card, following):
                yield Note(note)
            followed = yield from follow.follow_cells(cells, following)
            conditions = yield from film_conditions(followed.films, cells, comparing)
        prediction = yield from classify_cells(
            model,
            kept,
            device=config.device,
            batch_size=config.batch_size,
            min_probability=config.min_probability,
            predict=predict_chunks(at_work, chunks),
            tracks=None if followed is None else CellTracks(followed.key, followed.frame),
        )
        if reading.phases is not None:
            prediction = prediction.in_phases(reading.phases)
        if config.min_purity is not None:
            prediction = yield from pure_calls(prediction, config.min_purity, config.held_out)
        settings = {**config.to_dict(), **reading.to_dict(), "input": [str(path) for path in paths]}
        in_tracks: dict[str, Any] = {}
        if following is not None and followed is not None:
            decoded = follow.decode_followed(followed, prediction, following)
            prediction = follow.with_tracks(prediction, followed, decoded)
            follow.write_followed(followed, decoded, prediction, Path(output), conditions)
            settings |= following.to_dict() | comparing.to_dict()
            shown = prediction.is_reliable or config.force
            in_tracks = follow.summarise_tracks(followed, decoded, durations=shown)
        elif config.cycle_position:
            prediction = yield from with_cycle_position(prediction, model, cells, config)
        write_results(kept, prediction, model.card, Path(output), shared_settings(settings), in_tracks)
        yield from _export(cells, prediction, model, Path(output), config)
        chunks.remove()
    return Classified(cells, prediction, model.card, Path(output), followed, decoded)


def with_cycle_position(
    prediction: Prediction, model: Model, cells: Cells, config: ClassifySettings
) -> Job[Progress | Note, Prediction]:
    """The same calls with the column ``cycle_position``, by a closed curve through the features of the network."""
    from napari_cellcycle.tracking.cycle_curve import fit_cycle_curve

    features = yield from extract_features(model, cells, device=config.device, batch_size=config.batch_size)
    try:
        curve = fit_cycle_curve(features, prediction.probabilities)
    except TooFewCellsError as error:
        yield Note(str(error))
        return prediction
    place = curve.positions(features, prediction.probabilities)
    return replace(prediction, columns={**prediction.columns, "cycle_position": place})


def _export(
    cells: Cells, prediction: Prediction, model: Model, folder: Path, config: ClassifySettings
) -> Job[Progress | Note, None]:
    """Write the further files that are asked for."""
    wanted = set(config.export)
    if "parquet" in wanted:
        write_parquet(prediction, folder / "phases.parquet")
    if wanted & {"h5ad", "h5ad-features"}:
        features = None
        if "h5ad-features" in wanted:
            features = yield from extract_features(model, cells, device=config.device, batch_size=config.batch_size)
        write_anndata(prediction, folder / "phases.h5ad", model.card.to_json(), features=features)
    if "fcs" in wanted:
        write_fcs(prediction, folder / "fcs")
    if "object-lists" in wanted:
        write_object_lists(prediction, folder / "object_lists", overwrite=True)


def write_results(
    cells: Cells,
    prediction: Prediction,
    card: ModelCard,
    folder: Path,
    settings: dict[str, Any],
    in_tracks: dict[str, Any] | None = None,
) -> None:
    """Write the table, the summary and the image; the button *Save* in napari writes the same files.

    `in_tracks` is what the summary says of tracks, if the cells were followed.
    """
    write_table(prediction, folder / "phases.csv")
    force = bool(settings.get("force", False))
    summary = summarise(prediction, card, settings, force=force)
    write_json(summary | ({"tracks": in_tracks} if in_tracks else {}), folder / "summary.json")
    write_picture(draw_montage(cells, prediction), folder / "montage.png")


def summarise(
    prediction: Prediction, card: ModelCard, settings: dict[str, Any], *, force: bool = False
) -> dict[str, Any]:
    """The content of ``summary.json``. Where the phases mean nothing, it has their shares only with `force`.

    The fractions of the phases are given as called, and corrected for the confusion of the model if its card has a
    confusion matrix (adjusted count; Forman 2008, :doi:`10.1007/s10618-008-0097-y`).
    """
    is_shown = prediction.is_reliable or force
    found = phase_fractions(prediction) if is_shown else None
    corrected = None
    confusion = usable_confusion(prediction, card.confusion)
    if is_shown and confusion is not None:
        corrected = phase_fractions(prediction, confusion)
    return {
        "n_cells": len(prediction),
        "phase_set": prediction.phase_set.to_dict(),
        "n_unreadable": len(prediction.unreadable),
        "n_unsure": int(prediction.is_unsure.sum()),
        "n_unfamiliar": None if prediction.unfamiliar is None else int(prediction.unfamiliar.sum()),
        "verdict": None if prediction.verdict is None else prediction.verdict.to_dict(),
        "phases": None if found is None else found.to_dict(),
        "phases_corrected_by_confusion": None if corrected is None else corrected.to_dict(),
        "notes": [note for note in (*(found.notes if found else ()), unfamiliar_warning(prediction)) if note],
        "model": {"name": card.name, "description": card.description, "training": card.training.get("data_sha256")},
        "settings": settings,
        "versions": installed_versions(),
    }
