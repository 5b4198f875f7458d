"""Populations exported from IDEAS as text: lists of object numbers, which give the phases of the objects.

A list lies in the folder of its .cif or .rif file and is named after its phase: ``G1.txt`` if the folder has one such
file, or ``plate3_G1.txt`` for ``plate3.cif``. It has one object number per line, or is a table with tabs or commas and
a column ``Object Number``, as in the feature exports of IDEAS. Lines above the first number are a heading.
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
    """The object numbers in a population export.

    Raises
    ------
    ReadError
        The file is missing, or is not a list of object numbers.
    """
    try:
        lines = path.read_text("utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise ReadError(f"{path.name} can't be read ({error.strerror}); check the path") from error
    rows = [[cell.strip().strip('"') for cell in re.split(r"[\t,;]", line)] for line in lines if line.strip()]
    headings = [row for row in rows if _OBJECT_NUMBER in map(str.lower, row)]
    column = [cell.lower() for cell in headings[-1]].index(_OBJECT_NUMBER) if headings else 0
    cells = [row[column] if column < len(row) else "" for row in rows]
    start = next((line for line, cell in enumerate(cells) if cell.isdecimal()), len(cells))
    numbers = cells[start:]
    if not numbers or not all(number.isdecimal() for number in numbers):
        raise ReadError(f"{path.name} is not a list of object numbers; export the population from IDEAS again as text")
    return np.array(numbers, dtype=np.int64)


def phases_beside(path: Path, ids: NDArray[np.int64]) -> tuple[NDArray[np.int8], list[str]]:
    """Phases of the objects of a .cif or .rif file, from the population exports in its folder.

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
        Which lists were used.

    Raises
    ------
    ReadError
        A list can't be read.
    """
    phases = np.full(len(ids), UNKNOWN, np.int8)
    ambiguous = np.zeros(len(ids), bool)
    notes = []
    for listed, phase in lists_beside(path):
        members = np.isin(ids, read_object_numbers(listed))
        ambiguous |= members & (phases != UNKNOWN) & (phases != phase)
        phases[members] = phase
        notes.append(f"{listed.name} gives {members.sum()} objects of {path.name} the phase {phase_label(phase)}")
    phases[ambiguous] = UNKNOWN
    if ambiguous.any():
        notes.append(
            f"{ambiguous.sum()} objects of {path.name} are in lists of several phases, so their phase is unknown"
        )
    return phases, notes


def lists_beside(path: Path) -> Iterator[tuple[Path, int]]:
    """Population exports in the folder of a .cif or .rif file that belong to it, and the phase of each."""
    alone = sum(other.suffix.lower() in AMNIS_SUFFIXES for other in path.parent.iterdir()) == 1
    for listed in sorted(path.parent.glob("*.[tT][xX][tT]")):
        rest = listed.stem.removeprefix(path.stem).lstrip(" _.-") if listed.stem.startswith(path.stem) else None
        name = rest if rest else listed.stem if alone else ""
        phase = phase_in_stem(name)
        if phase != UNKNOWN:
            yield listed, phase
