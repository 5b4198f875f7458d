"""Tracks as other programs write them: tables, the Cell Tracking Challenge, TrackMate."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.phase_table import read_text

_DELIMITERS = ",;\t"
_HEADINGS = {
    "track": ("track", "trackid", "tracknumber", "lineageid"),
    "frame": ("frame", "t", "time", "timepoint", "frameid", "positiont"),
    "parent": ("parent", "parentid", "parenttrack", "parenttrackid", "mother", "motherid"),
    "cell": ("cell", "cellid", "label", "cellnumber", "objectnumber", "maskid"),
    "x": ("x", "positionx", "centroidx", "xpx"),
    "y": ("y", "positiony", "centroidy", "ypx"),
}
"""Spellings of the headings, in small letters without blanks and underscores."""
_NO_PARENT = {"", "0", "-1", "nan", "none", "na", "n/a"}
_CHALLENGE_COLUMNS = 4


@dataclass(frozen=True, eq=False)
class TrackTable:
    """N cells of tracks, one row for each cell and frame.

    Attributes
    ----------
    track, frame : ndarray of int, shape (N,)
        Number of the track, and frame from 0 (as the file counts).
    parents : mapping of int to int
        Mother of each track that has one.
    cell : ndarray of int, shape (N,), or None
        Label of the cell in the image of its frame, if the file says it.
    position : ndarray, shape (N, 2), or None
        Centre (y, x) as the file gives it, in pixels or in its unit of length.
    unit : str
        Unit of the positions; empty if it is not known.
    """

    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    parents: Mapping[int, int] = field(default_factory=dict)
    cell: NDArray[np.int64] | None = None
    position: NDArray[np.float64] | None = None
    unit: str = ""

    def __len__(self) -> int:
        return len(self.track)


def read_tracks(path: Path) -> TrackTable:
    """Read tracks from a table, from ``res_track.txt`` or ``man_track.txt``, or from TrackMate's XML.

    A table (.csv, .tsv, .txt) has the columns ``track`` and ``frame``, optionally ``parent``, and ``cell`` (the label
    in the image) or ``x`` and ``y``. TrackMate's .xml is the file that it saves, not its simple export of tracks.

    Raises
    ------
    ReadError
        It can't be read, is none of these, or does not fit together.
    """
    text = read_text(path)
    if text.lstrip().startswith("<"):
        return _trackmate(path, text)
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
        rows = np.array([[int(word) for word in line.split()] for line in lines])
        if rows.shape[1] != _CHALLENGE_COLUMNS:
            raise ValueError
    except ValueError as error:
        raise ReadError(
            f"{path.name} must have four whole numbers in each line (label, first frame, last frame, parent)"
        ) from error
    labels, first, last, parent = rows.T
    if (last < first).any():
        label = labels[np.flatnonzero(last < first)[0]]
        raise ReadError(f"{path.name}: track {label} ends before it starts; correct its line")
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
    headings, *rows = csv.reader(lines, delimiter=delimiter)
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
    named = {number: text for number, text in pairs if text.lower() not in _NO_PARENT | {"-1.0", "0.0"}}
    mothers = _whole(path, "parent", list(named.values()))
    parents = {number: int(mother) for number, mother in zip(named, mothers, strict=True) if mother != number}
    _check_parents(path, parents, set(track.tolist()))
    cell = _whole(path, "cell", columns["cell"]) if "cell" in columns else None
    position = None
    if "x" in columns and "y" in columns:
        position = np.stack([_numbers(path, name, columns[name]) for name in ("y", "x")], axis=1)
    return TrackTable(track, frame, parents, cell, position)


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


def _trackmate(path: Path, text: str) -> TrackTable:
    try:
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("it defines entities, which TrackMate never does")
        root = ElementTree.fromstring(text.encode())
        spots, edges = _spots(root), _edges(root)
        if root.find(".//AllSpots") is None or not edges:
            raise ValueError("it has no spots in tracks")
    except (ElementTree.ParseError, ValueError, KeyError, RecursionError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise ReadError(f"{path.name} is no file of TrackMate or is damaged ({reason}); save it again") from error
    model = root.find("Model")
    unit = "" if model is None else model.get("spatialunits", "")
    return _linked(path, spots, edges, unit)


def _spots(root: ElementTree.Element) -> dict[int, tuple[int, float, float]]:
    """Frame, y and x by id."""
    return {
        int(spot.attrib["ID"]): (
            round(float(spot.attrib["FRAME"])),
            float(spot.attrib["POSITION_Y"]),
            float(spot.attrib["POSITION_X"]),
        )
        for spot in root.iterfind(".//AllSpots//Spot")
    }


def _edges(root: ElementTree.Element) -> list[tuple[int, int]]:
    """Pairs of spots that are linked, of the tracks that pass TrackMate's filters."""
    kept = {int(track.attrib["TRACK_ID"]) for track in root.iterfind(".//FilteredTracks/TrackID")}
    filtered = root.find(".//FilteredTracks") is not None
    return [
        (int(edge.attrib["SPOT_SOURCE_ID"]), int(edge.attrib["SPOT_TARGET_ID"]))
        for track in root.iterfind(".//AllTracks/Track")
        if not filtered or int(track.attrib["TRACK_ID"]) in kept
        for edge in track.iterfind("Edge")
    ]


def _linked(
    path: Path, spots: Mapping[int, tuple[int, float, float]], edges: Sequence[tuple[int, int]], unit: str
) -> TrackTable:
    """Tracks from birth to division: one of TrackMate is a whole lineage, cut here where two spots follow one."""
    follow: dict[int, list[int]] = {}
    lead: dict[int, int] = {}
    for one, other in edges:
        if one not in spots or other not in spots:
            raise ReadError(f"{path.name} links spots that it does not have; save it again")
        source, target = (one, other) if spots[one][0] <= spots[other][0] else (other, one)
        if target in lead or spots[source][0] == spots[target][0]:
            raise ReadError(f"{path.name} links two cells to one in frame {spots[target][0]}; undo merges in TrackMate")
        follow.setdefault(source, []).append(target)
        lead[target] = source
    number: dict[int, int] = {}
    n_tracks = 0
    parents: dict[int, int] = {}
    for spot in sorted({*follow, *lead}, key=lambda spot: (spots[spot][0], spot)):
        mother = lead.get(spot)
        if mother is not None and len(follow[mother]) == 1:
            number[spot] = number[mother]
            continue
        number[spot] = n_tracks
        n_tracks += 1
        if mother is not None:
            parents[number[spot]] = number[mother]
    rows = sorted(number, key=lambda spot: (number[spot], spots[spot][0]))
    track, frame = np.array([number[spot] for spot in rows]), np.array([spots[spot][0] for spot in rows])
    return TrackTable(track, frame, parents, position=np.array([spots[spot][1:] for spot in rows]), unit=unit)
