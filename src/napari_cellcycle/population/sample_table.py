"""A user's table of samples, such as conditions of wells, joined to the cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.datasets.groups import FILE, FOLDER, WELL, HasSources, sample_names, without_frame
from napari_cellcycle.errors import ReadError, SettingError
from napari_cellcycle.io.folder_scan import shorten
from napari_cellcycle.io.name_patterns import channel_pattern, folded, split_channel, stem_of
from napari_cellcycle.io.phase_table import read_text

_SOURCE = "source"
_SPELLINGS = {
    _SOURCE: ("source", "path", "filepath", "sourcefile"),
    FILE: ("file", "filename", "image", "imagename", "imagefile"),
    FOLDER: ("folder", "foldername", "directory", "dir"),
    WELL: ("well", "wellid", "wellname", "wellposition"),
}
"""Headings, in small letters without blanks, of columns that say which cells a row is about."""
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class SampleTable:
    """Rows of a user's table.

    Attributes
    ----------
    name : str
        Of the file.
    headings : tuple of str
        As they are written, without blanks around.
    rows : tuple of tuple of str
        Each as long as `headings`.
    lines : tuple of int
        Where in the file each row stands.
    """

    name: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Joined:
    """Columns out of a table for some cells, and what did not match.

    Attributes
    ----------
    columns : mapping of str to ndarray of str, each of shape (N,)
        Empty texts for cells without a row.
    notes : tuple of str
        Rows without cells, and cells without a row.
    """

    columns: Mapping[str, NDArray[np.str_]]
    notes: tuple[str, ...]


def read_sample_table(path: Path) -> SampleTable:
    """Read a table of samples: text with a heading, separated by commas, semicolons, tabs or bars.

    Raises
    ------
    ReadError
        It can't be read, or has no rows under its heading.
    """
    lines = read_text(path).splitlines(keepends=True)
    skipped = 1 if lines and lines[0].lower().startswith("sep=") else 0  # for Excel
    first = lines[skipped] if len(lines) > skipped else ""
    reader = csv.reader(lines[skipped:], delimiter=max(_DELIMITERS, key=first.count))
    try:
        found = [(skipped + reader.line_num, [text.strip() for text in row]) for row in reader if any(row)]
    except csv.Error as error:
        raise ReadError(f"{path} can't be read ({error}); save it as comma-separated text") from error
    if len(found) < 2:
        raise ReadError(f"{path.name} has no rows under a heading; write one row for each sample")
    headings = tuple(found[0][1])
    rows = tuple(tuple([*row, *[""] * len(headings)][: len(headings)]) for _, row in found[1:])
    return SampleTable(path.name, headings, rows, tuple(line for line, _ in found[1:]))


def join_samples(cells: HasSources, table: SampleTable, what: str = "cells") -> Joined:
    """Give each cell what the table says of its sample.

    A row is about the cells that agree with all its columns ``source``, ``file``, ``folder`` and ``well``, and those
    that are called like a column of the cells. Case does not matter; nor do the suffix, the channel and the frame of a
    file name, nor the zero in ``A01``. Of several rows, the one with the longest path counts.

    Parameters
    ----------
    cells : Cells or Prediction
        N cells.
    table : SampleTable
        From `read_sample_table`.
    what : str
        What they are, for the notes.

    Returns
    -------
    Joined
        The other columns of the table.

    Raises
    ------
    ReadError
        No column says which cells a row is about, there is no other column, no row matches a cell, or two rows are
        about the same sample.
    """
    keys = _keys(cells, table)
    others = [number for number, name in enumerate(table.headings) if name and number not in keys.values()]
    if not others:
        raise ReadError(f"{table.name} has no column besides {', '.join(keys)}; add one, such as condition")
    known = _rows_by_key(table, keys)
    combinations, index = _combinations(cells, list(keys))
    matched = np.array([_match(one, list(keys), known) for one in combinations], dtype=np.intp)[index]
    if not (matched >= 0).any():
        name, number = next(iter(keys.items()))
        theirs, ours = table.rows[0][number], combinations[0][0]
        raise ReadError(
            f"no row of {table.name} matches a cell: its column {name} has {theirs!r}, and a cell has {ours!r}; "
            "correct the table"
        )
    columns = {}
    for number in others:
        texts = np.array([*(row[number] for row in table.rows), ""], dtype=str)
        columns[table.headings[number]] = texts[matched]
    return Joined(columns, tuple(_notes(table, keys, matched, what)))


def _keys(cells: HasSources, table: SampleTable) -> dict[str, int]:
    """The columns that say which cells a row is about, by what they name."""
    keys: dict[str, int] = {}
    own = {_plain(name): name for name in cells.columns}
    for number, heading in enumerate(table.headings):
        plain = _plain(heading)
        name = next((name for name, spellings in _SPELLINGS.items() if plain in spellings), own.get(plain))
        if name is None or name in keys or (name == WELL and not _has_wells(cells)):
            continue
        keys[name] = number
    if not keys:
        ways = " or ".join(dict.fromkeys([*_SPELLINGS, *cells.columns]))
        raise ReadError(f"{table.name} does not say which cells its rows are about; call one of its columns {ways}")
    return keys


def _has_wells(cells: HasSources) -> bool:
    try:
        sample_names(cells, WELL)
    except SettingError:
        return False
    return True


def _rows_by_key(table: SampleTable, keys: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    known: dict[tuple[str, ...], int] = {}
    for row, texts in enumerate(table.rows):
        key = tuple(_normal(name, texts[number]) for name, number in keys.items())
        before = known.setdefault(key, row)
        if table.rows[before] != texts:
            lines = f"lines {table.lines[before]} and {table.lines[row]}"
            raise ReadError(f"{lines} of {table.name} are about the same cells; keep one of them")
    return known


def _combinations(cells: HasSources, keys: Sequence[str]) -> tuple[list[tuple[str, ...]], NDArray[np.intp]]:
    """The different texts that cells have for these keys, and which of them each cell has."""
    texts, numbers = [], []
    for key in keys:
        values = sample_names(cells, WELL) if key == WELL else cells.columns.get(key, cells.sources)
        different, index = np.unique(values, return_inverse=True)
        texts.append(different.tolist())
        numbers.append(index)
    rows, index = np.unique(np.stack(numbers, axis=1), axis=0, return_inverse=True)
    return [tuple(texts[i][n] for i, n in enumerate(row)) for row in rows.tolist()], index.reshape(-1)


def _match(texts: Sequence[str], keys: Sequence[str], known: Mapping[tuple[str, ...], int]) -> int:
    """The row about cells that have these texts; -1 if there is none."""
    candidates = [list(_candidates(key, text)) for key, text in zip(keys, texts, strict=True)]
    return next((known[key] for key in product(*candidates) if key in known), -1)


def _candidates(key: str, text: str) -> Iterator[str]:
    """What a table may call this source, file, folder, ..., the most exact first."""
    if key not in (_SOURCE, FILE, FOLDER):
        yield _normal(key, text)
        return
    path = PurePosixPath(_normal(_SOURCE, without_frame(text)))
    if key == FOLDER:
        for folder in path.parents:
            yield str(folder)
        yield from (folder.name for folder in path.parents if folder.name)
        return
    whole, name = _normal(_SOURCE, text), str(path)
    if key == FILE:
        whole, name = whole.rpartition("/")[2], path.name
    stem = stem_of(name)
    yield from (whole, name, stem, split_channel(stem, channel_pattern())[0])


def _normal(key: str, text: str) -> str:
    plain = folded(text.strip().replace("\\", "/"))
    if key == WELL:
        found = re.fullmatch(r"([a-z]{1,2})[ _-]?0*(\d+)", plain)
        return f"{found[1]}{found[2]}" if found else plain
    return plain.removeprefix("./").rstrip("/") or "."


def _plain(heading: str) -> str:
    return re.sub(r"[\s_.-]+", "", heading.casefold())


def _notes(table: SampleTable, keys: Mapping[str, int], matched: NDArray[np.intp], what: str) -> Iterator[str]:
    used = set(np.unique(matched).tolist())
    unused = [" ".join(row[i] for i in keys.values()) for n, row in enumerate(table.rows) if n not in used]
    if unused:
        yield f"{table.name}: no cell belongs to {shorten(unused)}"
    if n_missing := int((matched < 0).sum()):
        yield f"{n_missing:,} of {len(matched):,} {what} have no row in {table.name}"
