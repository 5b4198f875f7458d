"""The table next to an image file that gives the phase of each of its cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.csv_cells import unescaped, write_csv
from napari_cellcycle.io.name_patterns import stem_of
from napari_cellcycle.io.plain_files import plain_bytes
from napari_cellcycle.phase_sets import VOCABULARY, PhaselessNote, PhaseSet
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN, named_phases

_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".ome.zarr", ".zarr")
_TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
MOST_BYTES = 512 * 2**20
"""Of a table or list, which has a line for each cell."""
_TRUE = {"1", "true", "yes"}
_FALSE = {"", "0", "false", "no"}
_NOT_KNOWN = {"", "?", "-", "unknown", "unsure", "nan", "na", "n/a", "none"}
_NO_PHASE = {"dead", "dying", "apoptotic", "apoptosis", "debris", "doublet", "doublets", "artefact", "artifact"}
"""Words for what has no phase."""
_HEADINGS = {
    "cell": ("cell", "cellid", "cellnumber", "label", "objectnumber"),
    "phase": ("phase", "cellcyclephase", "cellcyclestage", "stage"),
    "synthetic": ("synthetic",),
    "source": ("source",),
    "id": ("id",),
    "well": ("well",),
    "field": ("field",),
}
"""Spellings of the headings, in small letters without spaces and underscores."""
_READ = {"cell", "phase", "synthetic", "source", "id"}
"""Columns that are not columns of the cells."""


def with_truth(cells: Cells, image: Path, key: str, vocabulary: PhaseSet = VOCABULARY) -> Cells:
    """Add the phases from the table ``<stem>.csv`` in the folder of the images, if there is one.

    Its columns are ``cell`` (position in the file, or label), ``phase`` (empty if unknown) and optionally ``synthetic``
    (0 or 1), separated by commas, semicolons or tabs. A table without the first two is ignored, with a note. ``well``
    and ``field`` become columns of the cells, and in a table of `write_sidecar` all others too.

    Parameters
    ----------
    cells : Cells
        The cells of one image file, or of one file per channel.
    image : Path
        The image file.
    key : str
        A second name that the table may have: that of the images without their channel.
    vocabulary : PhaseSet
        What words can mean.

    Returns
    -------
    Cells
        The same cells, with their phases in `vocabulary`; that of a cell that the table does not list is unchanged.

    Raises
    ------
    ReadError
        The table can't be read, or names an unknown cell or phase.
    """
    table = table_of(image, key)
    if table is None:
        return cells
    columns = _read_columns(table)
    if columns is None:
        return replace(cells, notes=(*cells.notes, f"{table.name} is not used, as it has no columns cell and phase"))
    ids = cells.ids.tolist()
    known = set(ids)
    rows: dict[int, tuple[int, bool]] = {}
    coarse: dict[str, int] = {}
    for line, row in columns:
        where, cell = f"{table.name} line {line}", _number(row["cell"])
        if cell not in known:
            raise ReadError(
                f"{where}: {image.name} has no cell {row['cell'][:40]!r}; correct the table{_counted(known)}"
            )
        found = _phase(row["phase"], where, coarse, vocabulary), _flag(row.get("synthetic", ""), where)
        if rows.setdefault(cell, found) != found:
            raise ReadError(f"{where}: cell {cell} is there twice, and differently; correct the table")
    phases = [rows[cell][0] if cell in rows else phase for cell, phase in zip(ids, cells.phases.tolist(), strict=True)]
    synthetic = np.array([cell in rows and rows[cell][1] for cell in ids], bool)
    notes = (*cells.notes, *(coarse_note(name, count, table.name) for name, count in coarse.items()))
    known_columns = {**cells.columns, **_further_columns(columns, cells)}
    synthetic |= cells.synthetic
    return replace(
        cells,
        phases=np.array(phases, np.int8),
        synthetic=synthetic,
        notes=notes,
        columns=known_columns,
        phase_set=vocabulary,
    )


def _further_columns(lines: Sequence[tuple[int, dict[str, str]]], cells: Cells) -> dict[str, NDArray[np.str_]]:
    """Columns such as the well, in the order of the cells; empty where the table does not list one."""
    names = dict.fromkeys(name for _, row in lines for name in row if name not in _READ)
    rows = {_number(row["cell"]): row for _, row in lines}
    listed = [rows.get(cell, {}) for cell in cells.ids.tolist()]
    return {name: np.array([row.get(name, "") for row in listed], dtype=str) for name in names}


def coarse_note(name: str, n_cells: int, where: str = "") -> PhaselessNote:
    """Note on a name that stands for several phases, or for none, for a phase set without it.

    Parameters
    ----------
    name : str
        As it is written.
    n_cells : int
        Number of its cells.
    where : str
        The table or list that has it, if it is not the name of a file or folder.

    Returns
    -------
    PhaselessNote
        A sentence.

    Examples
    --------
    >>> coarse_note("G1/S", 3, "a.csv")
    '3 cells of G1/S in a.csv have no phase, as it stands for several phases (G1, S)'
    """
    meaning = ", ".join(phase.label for phase in named_phases(name))
    place = f" in {where}" if where else ""
    why = f", as it stands for several phases ({meaning})" if meaning else ""
    counted = f"1 cell of {name}{place} has" if n_cells == 1 else f"{n_cells:,} cells of {name}{place} have"
    return PhaselessNote.on(name, f"{counted} no phase{why}")


def table_of(image: Path, key: str) -> Path | None:
    """The file that may be the table of an image.

    Parameters
    ----------
    image : Path
        The image file.
    key : str
        A second name that the table may have.

    Returns
    -------
    Path or None
        None if there is no such file.
    """
    stems = dict.fromkeys((stem_of(image.name), key))
    spellings = [*_TABLE_SUFFIXES, *map(str.upper, _TABLE_SUFFIXES)]
    tables = (image.with_name(f"{stem}{suffix}") for stem in stems if stem for suffix in spellings)
    return next((path for path in tables if path.is_file()), None)


def has_phases(table: Path) -> bool:
    """Whether a file is a table of cells and phases."""
    return _read_columns(table) is not None


def read_sources(table: Path) -> list[str]:
    """Different entries of the column ``source`` in a table that `write_sidecar` wrote; empty for another table."""
    columns = _read_columns(table) or []
    return list(dict.fromkeys(row["source"] for _, row in columns if "source" in row))


def _read_columns(table: Path) -> list[tuple[int, dict[str, str]]] | None:
    """Lines and their known columns, or None if the table has no columns ``cell`` and ``phase``."""
    lines = read_text(table).splitlines(keepends=True)
    skipped, delimiters = 0, [",", ";", "\t", "|"]
    if lines and lines[0].lower().startswith("sep="):  # for Excel
        skipped, delimiters = 1, [lines[0][4:5]] if lines[0][4:].strip("\r\n") else ["\t"]
    for delimiter in delimiters:
        rows = csv.reader(lines[skipped:], delimiter=delimiter)
        try:
            heading = next(rows, [])
            names, is_ours = [_heading(text) for text in heading], False
            if {"cell", "phase", "source", "id"} <= set(names):  # a table of ours
                names, is_ours = [name or unescaped(text) for name, text in zip(names, heading, strict=True)], True
            if {"cell", "phase"} <= set(names):
                read = unescaped if is_ours else str
                return [
                    (skipped + rows.line_num, _named([*map(read, row)], names))
                    for row in rows
                    if any(map(str.strip, row))
                ]
        except csv.Error as error:
            raise ReadError(f"{table} can't be read ({error}); save it as comma-separated text") from error
    return None


def _named(row: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The cells of a row by their heading; a short row is filled."""
    filled = [*row, *[""] * (len(names) - len(row))]
    return {name: text for name, text in zip(names, filled, strict=False) if name}


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 or UTF-16, or else in the encoding of Western Windows.

    Raises
    ------
    ReadError
        It can't be read, or is no text.
    """
    try:
        content = plain_bytes(path, MOST_BYTES)
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return content.decode("utf-16")
        if b"\0" in content[:100]:
            return content.decode("utf-16-le" if content[1:2] == b"\0" else "utf-16-be")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return content.decode("cp1252", errors="replace")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ReadError(f"{path.name} can't be read ({reason}); save it as text in UTF-8") from error


def _heading(text: str) -> str:
    plain = re.sub(r"[\s_.\"'-]+", "", text.lower())
    return next((name for name, spellings in _HEADINGS.items() if plain in spellings), "")


def _number(text: str) -> int:
    found = re.fullmatch(r"\s*\"?(\d{1,18})(?:[.,]0*)?\"?\s*", text)
    return int(found[1]) if found else -1


def _counted(known: set[int]) -> str:
    """How cells are counted, where that may be the reason why one is not found."""
    return " (cells are counted from 0)" if min(known, default=1) == 0 else ""


def _phase(text: str, where: str, coarse: dict[str, int], vocabulary: PhaseSet) -> int:
    name = text.strip().strip('"').strip()
    if name.lower() in _NOT_KNOWN:
        return UNKNOWN
    number = vocabulary.number_of(name)
    if number == UNKNOWN and name.lower() not in _NO_PHASE:
        raise ReadError(f"{where}: {text[:40]!r} is not a phase; write one of {', '.join(PHASE_LABELS)}")
    if len(named_phases(name)) != 1:
        coarse[name] = coarse.get(name, 0) + 1
    return number


def _flag(text: str, where: str) -> bool:
    word = re.sub(r"[.,]0*$", "", text.strip().strip('"').lower())
    if word not in _TRUE | _FALSE:
        raise ReadError(f"{where}: synthetic is {text!r}, but must be 0 or 1; correct the table")
    return word in _TRUE


def sidecar_path(stack: Path) -> Path:
    """Path of the table of a stack.

    Examples
    --------
    >>> sidecar_path(Path("cells.ome.tif")).name, sidecar_path(Path("cells.ome.zarr")).name
    ('cells.csv', 'cells.csv')
    """
    suffix = next((suffix for suffix in _SUFFIXES if stack.name.lower().endswith(suffix)), "")
    return stack.with_name(stack.name[: len(stack.name) - len(suffix)] + ".csv")


def write_sidecar(cells: Cells, path: Path) -> None:
    """Write the table of a stack, with one row per cell.

    The columns are ``cell`` (position in the stack), ``source`` and ``id`` (where it comes from), ``phase`` and
    ``synthetic`` (0 or 1); then the further columns of the cells, such as ``well`` and ``field``.

    Parameters
    ----------
    cells : Cells
        The cells of the stack, in its order.
    path : Path
        The CSV file.
    """
    import pandas as pd

    table = pd.DataFrame(
        {
            "cell": np.arange(len(cells)),
            "source": cells.sources,
            "id": cells.ids,
            "phase": cells.phase_set.labels(cells.phases),
            "synthetic": cells.synthetic.astype(int),
            **cells.columns,
        }
    )
    write_csv(table, path)
