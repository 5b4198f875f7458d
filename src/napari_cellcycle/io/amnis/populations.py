"""Populations that IDEAS exports as text: lists of object numbers, which tell the phases of a file's objects.

A list lies beside its .cif or .rif and is named by its phase: ``G1.txt`` where the folder holds one such file, or
``plate3_G1.txt`` for ``plate3.cif``. It holds one object number a line, or is a table with tabs or commas and a column
``Object Number``, as in IDEAS's feature exports; lines above the first number are its heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.file_names import AMNIS_SUFFIXES, phase_in_stem
from napari_cellcycle.phases import UNKNOWN, phase_label

_OBJECT_NUMBER = "object number"


def read_object_numbers(path: Path) -> NDArray[np.int64]:
    """Numbers in a population export.

    Raises
    ------
    ReadError
        The file is missing, or is no list of object numbers.
    """
    try:
        lines = path.read_text("utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise ReadError(f"{path.name} can't be read ({error.strerror}); check the path") from error
    rows = [[cell.strip().strip('"') for cell in re.split(r"[\t,;]", line)] for line in lines if line.strip()]
    headings = [row for row in rows if _OBJECT_NUMBER in map(str.lower, row)]
    column = [cell.lower() for cell in headings[-1]].index(_OBJECT_NUMBER) if headings else 0
    cells = [row[column] if column < len(row) else "" for row in rows]
    start = next((place for place, cell in enumerate(cells) if cell.isdecimal()), len(cells))
    numbers = cells[start:]
    if not numbers or not all(number.isdecimal() for number in numbers):
        raise ReadError(f"{path.name} is no list of object numbers; export the population from IDEAS as text again")
    return np.array(numbers, dtype=np.int64)


def phases_beside(path: Path, ids: NDArray[np.int64]) -> tuple[NDArray[np.int8], list[str]]:
    """Phases that population exports beside a .cif or .rif give its objects, and what to say of them.

    Parameters
    ----------
    path : Path
        The .cif or .rif file.
    ids : ndarray of int64, shape (N,)
        Its object numbers.

    Returns
    -------
    phases : ndarray of int8, shape (N,)
        `UNKNOWN` for an object in no list, or in lists of several phases.
    notes : list of str
        Which lists were taken.
    """
    phases = np.full(len(ids), UNKNOWN, np.int8)
    ambiguous = np.zeros(len(ids), bool)
    notes = []
    for listed, phase in lists_beside(path):
        members = np.isin(ids, read_object_numbers(listed))
        ambiguous |= members & (phases != UNKNOWN) & (phases != phase)
        phases[members] = phase
        notes.append(f"{listed.name} tells that {members.sum()} objects of {path.name} are in {phase_label(phase)}")
    phases[ambiguous] = UNKNOWN
    if ambiguous.any():
        notes.append(f"{ambiguous.sum()} objects of {path.name} are in lists of several phases, so theirs stay unknown")
    return phases, notes


def lists_beside(path: Path) -> Iterator[tuple[Path, int]]:
    """Population exports beside a .cif or .rif that tell of its objects, and the phase of each."""
    alone = sum(other.suffix.lower() in AMNIS_SUFFIXES for other in path.parent.iterdir()) == 1
    for listed in sorted(path.parent.glob("*.[tT][xX][tT]")):
        rest = listed.stem.removeprefix(path.stem).lstrip(" _.-") if listed.stem.startswith(path.stem) else None
        name = rest if rest else listed.stem if alone else ""
        phase = phase_in_stem(name)
        if phase != UNKNOWN:
            yield listed, phase
