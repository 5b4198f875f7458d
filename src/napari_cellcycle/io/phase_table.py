"""The table beside a stack that tells the phase of each of its cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_cellcycle.phases import phase_label

if TYPE_CHECKING:
    from napari_cellcycle.cells import Cells


import csv
from collections.abc import Iterator
from dataclasses import replace

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.file_names import stem_of
from napari_cellcycle.phases import UNKNOWN, parse_phase

_TRUE = {"1", "true", "yes"}
_FALSE = {"", "0", "false", "no"}


def with_truth(cells: Cells, image: Path, key: str) -> Cells:
    """The same cells with what ``<stem>.csv`` beside their file says, if there is such a table.

    Its columns are ``cell`` (the position, or the label), ``phase`` (empty where unknown) and, if it
    likes, ``synthetic`` (0 or 1). Tables without the first two are not ours and are left alone.

    Raises
    ------
    ReadError
        The table names a cell or a phase that is none.
    """
    tables = [image.with_name(f"{stem}.csv") for stem in (stem_of(image.name), key)]
    table = next((path for path in tables if path.is_file()), None)
    if table is None:
        return cells
    known = set(cells.ids.tolist())
    phase_of: dict[int, int] = {}
    synthetic_of: dict[int, bool] = {}
    for line, row in _rows(table):
        where, cell = f"{table.name} line {line}", _number(row["cell"])
        if cell not in known:
            raise ReadError(f"{where}: {image.name} has no cell {row['cell']!r}; correct the table")
        phase_of[cell] = _phase(row["phase"], where)
        synthetic_of[cell] = _flag(row.get("synthetic") or "", where)
    ids = cells.ids.tolist()
    phases = [phase_of.get(cell, before) for cell, before in zip(ids, cells.phases.tolist(), strict=True)]
    synthetic = [synthetic_of.get(cell, False) for cell in ids]
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
        raise ReadError(f"{where}: {text!r} is no phase; write G1, S, G2, Prophase, Metaphase, Anaphase or Telophase")
    return int(phase)


def _flag(text: str, where: str) -> bool:
    if text.strip().lower() not in _TRUE | _FALSE:
        raise ReadError(f"{where}: synthetic is {text!r}, but must be 0 or 1; correct the table")
    return text.strip().lower() in _TRUE


_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".ome.zarr", ".zarr")


def sidecar_path(stack: Path) -> Path:
    """``cells.csv`` for ``cells.ome.tif`` and ``cells.ome.zarr``."""
    suffix = next((suffix for suffix in _SUFFIXES if stack.name.lower().endswith(suffix)), "")
    return stack.with_name(stack.name[: len(stack.name) - len(suffix)] + ".csv")


def write_sidecar(cells: Cells, path: Path) -> None:
    """Write one row a cell: its position in the stack, its source and id there, its phase, 1 if it is synthetic."""
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
