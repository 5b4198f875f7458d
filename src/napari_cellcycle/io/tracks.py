"""Tracks as other programs write them: tables, the Cell Tracking Challenge, TrackMate, GEFF."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.geff import is_geff, read_geff
from napari_cellcycle.io.phase_table import read_text
from napari_cellcycle.io.trackmate import parse_trackmate
from napari_cellcycle.tracking.track_table import NO_TRACK, TrackTable

__all__ = ["TrackTable", "read_tracks"]

_DELIMITERS = ",;\t"
_HEADINGS = {
    "track": ("track", "trackid", "tracknumber", "lineageid", "id"),
    "frame": ("frame", "t", "time", "timepoint", "frameid", "positiont"),
    "parent": ("parent", "parentid", "parenttrack", "parenttrackid", "mother", "motherid"),
    "cell": ("cell", "cellid", "label", "cellnumber", "objectnumber", "maskid"),
    "truth": ("truth", "truephase"),
    "x": ("x", "positionx", "centroidx", "xpx"),
    "y": ("y", "positiony", "centroidy", "ypx"),
}
"""Spellings of the headings, in small letters without blanks and underscores."""
_NO_PARENT = {"", "-1", "-1.0", "nan", "none", "na", "n/a"}
_CHALLENGE_COLUMNS = 4
_MOST_FRAMES = 100_000
_NAPARI_COLUMNS = (4, 5)
"""Of napari's Tracks: track, frame, perhaps z, y and x."""


def read_tracks(path: Path) -> TrackTable:
    """Read tracks from a table, from ``res_track.txt`` or ``man_track.txt``, from TrackMate's XML, or from GEFF.

    A table (.csv, .tsv, .txt) has the columns ``track`` and ``frame``, optionally ``parent``, ``truth`` (the true
    phase), and ``cell`` (the label in the image) or ``x`` and ``y``; without a heading, it is the data of a Tracks
    layer of napari (track, frame, y, x). TrackMate's .xml is the file that it saves, not its simple export of tracks.

    Raises
    ------
    ReadError
        It can't be read, is none of these, or does not fit together.
    """
    if is_geff(path):
        return read_geff(path)
    text = read_text(path)
    if text.lstrip().startswith("<"):
        return parse_trackmate(path, text)
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ReadError(f"{path.name} is empty; save the tracks again")
    if _is_challenge(lines):
        return _challenge(path, lines)
    return _table(path, lines)


def _is_challenge(lines: Sequence[str]) -> bool:
    words = lines[0].split()
    return len(words) == _CHALLENGE_COLUMNS and all(word.lstrip("-").isdecimal() for word in words)


def _challenge(path: Path, lines: Sequence[str]) -> TrackTable:
    """``label, first frame, last frame, parent`` of each track; the label is the cell's in every frame."""
    try:
        rows = np.array([[int(word) for word in line.split()] for line in lines], np.int64)
        if rows.shape[1] != _CHALLENGE_COLUMNS:
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise ReadError(
            f"{path.name} must have four whole numbers in each line (label, first frame, last frame, parent)"
        ) from error
    labels, first, last, parent = rows.T
    if (last < first).any():
        label = labels[np.flatnonzero(last < first)[0]]
        raise ReadError(f"{path.name}: track {label} ends before it starts; correct its line")
    if (too_long := (last - first.clip(0) >= _MOST_FRAMES) | (first < 0)).any():
        label = labels[np.flatnonzero(too_long)[0]]
        raise ReadError(f"{path.name}: no film has all the frames of track {label}; correct its line")
    if len(np.unique(labels)) < len(labels):
        raise ReadError(f"{path.name} has a label twice; write one line for each track")
    n_frames = last - first + 1
    track = np.repeat(labels, n_frames)
    frame = np.concatenate([np.arange(begin, end + 1) for begin, end in zip(first, last, strict=True)])
    parents = {int(label): int(mother) for label, mother in zip(labels, parent, strict=True) if mother > 0}
    _check_parents(path, parents, set(labels.tolist()))
    return TrackTable(track, frame, parents, cell=track)


def _table(path: Path, lines: Sequence[str]) -> TrackTable:
    delimiter = max(_DELIMITERS, key=lines[0].count)
    if not lines[0].count(delimiter):
        lines, delimiter = [" ".join(line.split()) for line in lines], " "
    headings, *rows = csv.reader(lines, delimiter=delimiter)
    if all(map(_is_number, headings)) and len(headings) in _NAPARI_COLUMNS:
        headings, rows = ["track", "frame", *"zyx"[5 - len(headings) :]], [headings, *rows]
    found = {name: _column(headings, spellings) for name, spellings in _HEADINGS.items()}
    if found["track"] is None or found["frame"] is None:
        raise ReadError(f"{path.name} lacks the columns track and frame (it has {', '.join(headings)}); rename them")
    if not rows:
        raise ReadError(f"{path.name} has no rows under its heading; save the tracks again")
    columns = {
        name: [row[place].strip() if place < len(row) else "" for row in rows]
        for name, place in found.items()
        if place is not None
    }
    track, frame = (_whole(path, name, columns[name]) for name in ("track", "frame"))
    pairs = zip(track.tolist(), columns.get("parent", [""] * len(rows)), strict=True)
    named = {number: text for number, text in pairs if text.lower() not in _NO_PARENT}
    mothers = _whole(path, "parent", list(named.values()))
    parents = {number: int(mother) for number, mother in zip(named, mothers, strict=True) if mother != number}
    if not _zero_is_a_mother(track, frame, parents):
        parents = {number: mother for number, mother in parents.items() if mother}
    cell = _whole(path, "cell", columns["cell"]) if "cell" in columns else None
    position = None
    if "x" in columns and "y" in columns:
        position = np.stack([_numbers(path, name, columns[name]) for name in ("y", "x")], axis=1)
    truth = np.array(columns["truth"]) if "truth" in columns else None
    table = _in_tracks(TrackTable(track, frame, parents, cell, position, truth=truth))
    _check_parents(path, parents, set(table.track.tolist()))
    return table


def _zero_is_a_mother(track: NDArray[np.int64], frame: NDArray[np.int64], parents: Mapping[int, int]) -> bool:
    """Whether the parent 0 is a track, and does not mean none: then it ends before its daughters start."""
    daughters = [number for number, mother in parents.items() if mother == 0]
    if not daughters or not (track == 0).any():
        return False
    return bool(frame[np.isin(track, daughters)].min() > frame[track == 0].max())


def _in_tracks(table: TrackTable) -> TrackTable:
    """Without the rows of cells that are in no track, as in a table of ours."""
    kept = table.track != NO_TRACK
    if kept.all():
        return table
    cell = None if table.cell is None else table.cell[kept]
    position = None if table.position is None else table.position[kept]
    parents = {track: mother for track, mother in table.parents.items() if track != NO_TRACK}
    truth = None if table.truth is None else table.truth[kept]
    return TrackTable(table.track[kept], table.frame[kept], parents, cell, position, truth=truth)


def _column(headings: Sequence[str], spellings: Sequence[str]) -> int | None:
    plain = ["".join(letter for letter in heading.lower() if letter.isalnum()) for heading in headings]
    return next((plain.index(word) for word in spellings if word in plain), None)


def _numbers(path: Path, name: str, texts: Sequence[str]) -> NDArray[np.float64]:
    try:
        return np.array([float(text) for text in texts])
    except ValueError as error:
        wrong = next(text for text in texts if not _is_number(text))
        raise ReadError(f"{path.name}: {wrong!r} in the column {name} is no number; correct it") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _whole(path: Path, name: str, texts: Sequence[str]) -> NDArray[np.int64]:
    numbers = _numbers(path, name, texts)
    fits = np.isfinite(numbers) & (np.abs(numbers) < 2**53) & (numbers == np.round(numbers))
    if not fits.all():
        wrong = texts[int(np.flatnonzero(~fits)[0])]
        raise ReadError(f"{path.name}: {wrong!r} in the column {name} is no whole number; correct it")
    return numbers.astype(np.int64)


def _check_parents(path: Path, parents: Mapping[int, int], tracks: set[int]) -> None:
    missing = next((mother for mother in parents.values() if mother not in tracks), None)
    if missing is not None:
        raise ReadError(f"{path.name} names track {missing} as a parent, but has no such track; correct the parents")
