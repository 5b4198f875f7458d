"""Follow the cells of films: find their tracks, and the phases along them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Job, Note
from napari_cellcycle.images.field_crops import cell_boxes
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.csv_cells import write_csv
from napari_cellcycle.io.trackmate import SpotFeature, write_spot_features
from napari_cellcycle.io.tracks import read_tracks
from napari_cellcycle.jobs.config import AUTO, LABELS, LINK, FollowSettings
from napari_cellcycle.jobs.steps.film_durations import (
    ALL_FILMS,
    Conditions,
    Durations,
    duration_tables,
    durations_of_films,
    unit_of,
)
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.tracking.course import track_positions
from napari_cellcycle.tracking.cycle_model import CycleModel
from napari_cellcycle.tracking.decode import DecodedTracks, decode_tracks
from napari_cellcycle.tracking.film import Film, FilmTracks, films_of
from napari_cellcycle.tracking.linking import labels_persist, link_cells, persisting_tracks
from napari_cellcycle.tracking.matching import match_tracks
from napari_cellcycle.tracking.track_table import NO_TRACK, TrackTable

if TYPE_CHECKING:
    import pandas as pd

    from napari_cellcycle.models import ModelCard

FOLLOWED_FILES = ("transitions.csv", "durations.csv", "duration_curves.csv")


@dataclass(frozen=True, eq=False)
class Followed:
    """Cells of films along their tracks.

    Attributes
    ----------
    films : tuple of Film
        Their cells, as rows among all N cells.
    key : ndarray of int, shape (N,)
        Number of each cell's track among the tracks of all films; -1 for cells without a track.
    track, frame, parent : ndarray of int, shape (N,)
        Track in its film, frame, and the track of the mother; -1 where there is none.
    mothers : mapping of int to int
        Mother of each track that has one, as `key` counts them.
    spots : tuple of ndarray or None
        For each film, what the file of tracks calls each cell.
    source : str
        Where the tracks come from: a file, ``labels`` or ``link``.
    truth : ndarray of str, shape (N,), or None
        True phase of each cell, if the file of tracks says it; empty where it does not.
    """

    films: tuple[Film, ...]
    key: NDArray[np.int64]
    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    parent: NDArray[np.int64]
    mothers: Mapping[int, int]
    spots: tuple[NDArray[np.int64] | None, ...]
    source: str
    truth: NDArray[np.str_] | None = None

    @property
    def rows(self) -> NDArray[np.intp]:
        """Cells that are in tracks."""
        return np.flatnonzero(self.key != NO_TRACK)

    @property
    def n_tracks(self) -> int:
        """Tracks of all films."""
        return len(np.unique(self.key[self.rows]))


def follow_cells(cells: Cells, settings: FollowSettings, table: TrackTable | None = None) -> Job[Note, Followed]:
    """Find the tracks of the cells of films: from a table or a file, from labels that persist, or by linking.

    Raises
    ------
    SettingError
        No cell is in a film, or the tracks don't fit it.
    ReadError
        The file of tracks can't be read.
    """
    films = films_of(cells.sources, cells.ids, cell_boxes(cells.images))
    if not films:
        raise SettingError("these cells are of no film, so they have no tracks; give a time-lapse, or leave out tracks")
    found, source = _tracks_of(films, cells, settings, table)
    key, track, frame, parent = np.full((4, len(cells)), NO_TRACK, np.int64)
    mothers: dict[int, int] = {}
    for film, tracks in zip(films, found, strict=True):
        yield from (Note(text) for text in tracks.notes)
        here = tracks.track != NO_TRACK
        names = np.unique(tracks.track[here])
        first = int(key.max()) + 1
        number = {int(name): first + place for place, name in enumerate(names)}
        known = {child: mother for child, mother in tracks.parents.items() if child in number}
        mothers |= {number[child]: number[mother] for child, mother in known.items() if mother in number}
        rows = film.rows[here]
        frame[film.rows] = film.frame
        track[rows] = tracks.track[here]
        key[rows] = [number[name] for name in tracks.track[here].tolist()]
        parent[rows] = [known.get(name, NO_TRACK) for name in tracks.track[here].tolist()]
        if rest := int((~here).sum()):
            yield Note(f"{film.name}: {rest:,} of {len(here):,} cells are in no track, so they have no decoded phase")
    spots = tuple(tracks.spot for tracks in found)
    truth = None
    if len(found) == 1 and found[0].truth is not None:
        truth = np.full(len(cells), "", found[0].truth.dtype)
        truth[films[0].rows] = found[0].truth
    return Followed(tuple(films), key, track, frame, parent, mothers, spots, source, truth)


def note_on_pace(card: ModelCard, settings: FollowSettings) -> str:
    """A note if a model that reads tracks was trained on films of another pace than this one; else empty."""
    learned, here = card.training.get("minutes_per_frame"), settings.minutes_per_frame
    if learned is None or here is None or learned == here:
        return ""
    return f"{card.name} learned from films of {learned:g} minutes a frame, and this one has {here:g}"


def _tracks_of(
    films: list[Film], cells: Cells, settings: FollowSettings, table: TrackTable | None
) -> tuple[list[FilmTracks], str]:
    how = settings.tracks
    if table is not None or how not in (None, AUTO, LABELS, LINK):
        if len(films) > 1:
            named = ", ".join(film.name for film in films[:3])
            raise SettingError(f"tracks are those of one film, but there are several ({named}); give one film")
        (film,) = films
        size = cells.pixel_size_um[film.rows[0]]
        table = read_tracks(Path(str(how))) if table is None else table
        return [match_tracks(film, table, float(size) if size > 0 else None)], str(how or "a Tracks layer")
    if how in (None, AUTO):
        how = LABELS if all(map(labels_persist, films)) else LINK
    if how == LABELS:
        return [persisting_tracks(film) for film in films], LABELS
    return [link_cells(film, settings.max_move_px) for film in films], LINK


def decode_followed(
    followed: Followed,
    prediction: Prediction,
    settings: FollowSettings,
    labels: NDArray[np.integer] | None = None,
    model: CycleModel | None = None,
) -> DecodedTracks:
    """Phases along the tracks; rows are ``followed.rows``.

    Phases that the model can't call are left out, and those outside of the cycle, such as dead cells. `labels` are
    phases that a person gave to the cells, -1 elsewhere; with `model`, nothing is learned anew.
    """
    rows = followed.rows
    probabilities = prediction.probabilities[rows]
    told = np.full(len(rows), UNKNOWN) if labels is None else labels[rows]
    names, in_cycle = np.array(prediction.phase_set.names), np.array(list(map(bool, prediction.phase_set.parts)))
    can_be = np.nan_to_num(probabilities).max(axis=0, initial=0) > 0
    can_be[told[told >= 0]] = True
    can_be = can_be & in_cycle if model is None else np.isin(names, model.phase_set)
    phases = np.flatnonzero(can_be)
    probabilities = probabilities[:, phases]
    probabilities = np.where(probabilities.sum(axis=1, keepdims=True) > 0, probabilities, np.nan)
    place = np.where(can_be, np.cumsum(can_be) - 1, UNKNOWN)
    return decode_tracks(
        probabilities,
        followed.key[rows],
        followed.frame[rows],
        names[phases].tolist(),
        followed.mothers or None,
        settings.minutes_per_frame,
        unfamiliar=None if prediction.unfamiliar is None else prediction.unfamiliar[rows],
        known=np.where(told >= 0, place[told], UNKNOWN),
        model=model,
    )


def positions_along(followed: Followed, prediction: Prediction, decoded: DecodedTracks) -> NDArray[np.float64]:
    """Position of ``followed.rows`` in the cycle, by the calls of single frames and their DNA content."""
    rows = followed.rows
    signals = prediction.probabilities[rows]
    if prediction.dna_content is not None:
        signals = np.column_stack([signals, np.log2(prediction.dna_content[rows])])
    return track_positions(decoded, signals, followed.key[rows], followed.frame[rows], followed.mothers)


def with_tracks(prediction: Prediction, followed: Followed, decoded: DecodedTracks) -> Prediction:
    """The same calls with ``track, frame, parent, phase_decoded, posterior, cycle_position`` beside them."""
    rows, n_cells = followed.rows, len(prediction)
    phase = np.full(n_cells, "", f"U{max(map(len, decoded.phase_set))}")
    posterior, position = np.full((2, n_cells), np.nan)
    phase[rows] = decoded.names
    position[rows] = positions_along(followed, prediction, decoded)
    posterior[rows] = decoded.posterior[np.arange(len(rows)), decoded.phases]
    columns = {"track": followed.track, "frame": followed.frame, "parent": followed.parent}
    columns |= {"phase_decoded": phase, "posterior": posterior, "cycle_position": position}
    return replace(prediction, columns={**prediction.columns, **columns})


def transition_table(followed: Followed, decoded: DecodedTracks) -> pd.DataFrame:
    """One row for each transition, with the film and the number of its track there."""
    table = decoded.transition_table()
    rows = followed.rows
    _, first = np.unique(followed.key[rows], return_index=True)
    where = rows[first][table["track"].to_numpy(np.int64)] if len(table) else np.empty(0, np.int64)
    names = np.full(len(followed.key), "", dtype=object)
    for film in followed.films:
        names[film.rows] = film.name
    table["track"] = followed.track[where]
    table.insert(0, "source", names[where])
    return table


def summarise_tracks(followed: Followed, decoded: DecodedTracks, *, durations: bool = True) -> dict[str, Any]:
    """What ``summary.json`` says of the tracks; null for `durations` where they mean nothing."""
    medians, _ = duration_tables([Durations(ALL_FILMS, "", decoded.durations)], unit_of(decoded))
    return {
        "source": followed.source,
        "n_tracks": followed.n_tracks,
        "n_divisions": len(set(followed.mothers.values())),
        "n_cells_in_tracks": len(followed.rows),
        "n_cells_without_track": int((followed.key == NO_TRACK).sum()),
        "n_transitions": len(decoded.transitions),
        "impossible_before": decoded.impossible_before,
        "impossible_after": decoded.impossible_after,
        "minutes_per_frame": decoded.minutes_per_frame,
        "trust": decoded.model.trust,
        "durations": [
            {name: None if value != value else value for name, value in row.items()}
            for row in medians.drop(columns="source").to_dict(orient="records")
        ]
        if durations
        else None,
    }


def text_of_tracks(followed: Followed, decoded: DecodedTracks, *, durations: bool = True) -> str:
    """In some lines: the tracks, what decoding changed, and how long phases last, if that means something."""
    counts = {
        f"tracks ({followed.source})": followed.n_tracks,
        "divisions": len(set(followed.mothers.values())),
        "transitions": len(decoded.transitions),
        "steps back before decoding": decoded.impossible_before,
        "after": decoded.impossible_after,
    }
    lines = ["; ".join(f"{name}: {count:,}" for name, count in counts.items())]
    unit = unit_of(decoded)
    for name, curve in decoded.durations.items() if durations else ():
        low, high = (f"{value:.3g}" if value == value else "not known" for value in curve.median_interval)
        if curve.median == curve.median:
            seen = f"{curve.n_ended + curve.n_cut} seen to start, {curve.n_ended} to end"
            lines.append(f"  {name:<11} lasts {curve.median:.3g} {unit} ({low} to {high}; {seen})")
    return "\n".join(lines)


def write_followed(
    followed: Followed,
    decoded: DecodedTracks,
    prediction: Prediction,
    folder: Path,
    conditions: Conditions | None = None,
) -> None:
    """Write `FOLLOWED_FILES`; and tracks of TrackMate once more, with the phases as features of their spots.

    With `conditions`, durations are those of each too, and have a column that is called as they are.
    As in ``phases.csv``, there is a column ``reliable``, which is false, only where the phases mean nothing.
    """
    found = durations_of_films(followed.films, followed.key, decoded, conditions)
    by = "" if conditions is None else conditions.by
    tables = (transition_table(followed, decoded), *duration_tables(found, unit_of(decoded), by))
    for name, table in zip(FOLLOWED_FILES, tables, strict=True):
        if not prediction.is_reliable:
            table["reliable"] = False
        with atomic_path(folder / name) as temporary:
            write_csv(table, temporary, float_format="%.6g")
    if name := trackmate_copy(followed.source):
        write_spot_features(Path(followed.source), _spot_features(followed, decoded, prediction), folder / name)


def trackmate_copy(tracks: str | None) -> str:
    """Name of the file with the phases, if the tracks are a file of TrackMate; else empty."""
    path = Path(tracks or "")
    return f"{path.stem}_phases.xml" if path.suffix.lower() == ".xml" else ""


def _spot_features(followed: Followed, decoded: DecodedTracks, prediction: Prediction) -> list[SpotFeature]:
    (film,), (spot,) = followed.films, followed.spots
    if spot is None:
        return []
    name = np.full(len(followed.key), NO_TRACK)
    name[film.rows] = spot
    ids = name[followed.rows].tolist()
    number = np.array([prediction.phase_set.names.index(name) + 1 for name in decoded.phase_set])
    columns = {
        "PHASE": ("Cell-cycle phase", number[decoded.phases], True),
        "PHASE_RAW": ("Phase, single frame", prediction.best[followed.rows] + 1, True),
        "POSTERIOR": ("Phase, probability", prediction.columns["posterior"][followed.rows], False),
        "POSITION": ("Position in the cycle", prediction.columns["cycle_position"][followed.rows], False),
    }
    if not prediction.is_reliable:
        columns["RELIABLE"] = ("Phases mean something", np.zeros(len(ids), np.int64), True)
    return [
        SpotFeature(key, title, dict(zip(ids, values.tolist(), strict=True)), whole)
        for key, (title, values, whole) in columns.items()
    ]
