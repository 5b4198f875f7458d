"""The table next to an image file that gives the phase of each of its cells."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.file_names import stem_of
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN, parse_phase, phase_label

_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".ome.zarr", ".zarr")
_TRUE = {"1", "true", "yes"}
_FALSE = {"", "0", "false", "no"}


def with_truth(cells: Cells, image: Path, key: str) -> Cells:
    """Add the phases from the table ``<stem>.csv`` in the folder of the images, if there is one.

    Its columns are ``cell`` (position in the file, or label), ``phase`` (empty if unknown) and optionally ``synthetic``
    (0 or 1). A table without the first two is ignored.

    Parameters
    ----------
    cells : Cells
        The cells of one image file, or of one file per channel.
    image : Path
        The image file.
    key : str
        A second name that the table may have: that of the images without their channel.

    Returns
    -------
    Cells
        The same cells; the phase of a cell that the table does not list is unchanged.

    Raises
    ------
    ReadError
        The table can't be read, or names an unknown cell or phase.
    """
    tables = [image.with_name(f"{stem}.csv") for stem in (stem_of(image.name), key)]
    table = next((path for path in tables if path.is_file()), None)
    if table is None:
        return cells
    ids = cells.ids.tolist()
    known = set(ids)
    rows: dict[int, tuple[int, bool]] = {}
    for line, row in _rows(table):
        where, cell = f"{table.name} line {line}", _number(row["cell"])
        if cell not in known:
            raise ReadError(f"{where}: {image.name} has no cell {row['cell']!r}; correct the table")
        rows[cell] = _phase(row["phase"], where), _flag(row.get("synthetic") or "", where)
    phases = [rows[cell][0] if cell in rows else phase for cell, phase in zip(ids, cells.phases.tolist(), strict=True)]
    synthetic = [cell in rows and rows[cell][1] for cell in ids]
    return replace(cells, phases=np.array(phases, np.int8), synthetic=cells.synthetic | np.array(synthetic, bool))


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if {"cell", "phase"} <= set(reader.fieldnames or ()):
                yield from enumerate(reader, start=2)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError(f"{table} can't be read ({error}); save it as comma-separated text") from error


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.strip().isdecimal() else -1


def _phase(text: str | None, where: str) -> int:
    if not text or not text.strip():
        return UNKNOWN
    phase = parse_phase(text)
    if phase is None:
        raise ReadError(f"{where}: {text!r} is not a phase; write one of {', '.join(PHASE_LABELS)}")
    return int(phase)


def _flag(text: str, where: str) -> bool:
    if text.strip().lower() not in _TRUE | _FALSE:
        raise ReadError(f"{where}: synthetic is {text!r}, but must be 0 or 1; correct the table")
    return text.strip().lower() in _TRUE


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
    ``synthetic`` (0 or 1).

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
            "phase": [phase_label(int(phase)) for phase in cells.phases],
            "synthetic": cells.synthetic.astype(int),
        }
    )
    table.to_csv(path, index=False)
