"""From what the words of files mean to the phases of cells: the last step of reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_cellcycle.cells import Cells
from napari_cellcycle.io.phase_set_file import PHASES_FLAG
from napari_cellcycle.phase_sets import SEVEN, PhaselessNote, PhaseSet, settle
from napari_cellcycle.phases import UNKNOWN


def settle_phases(read: Sequence[Cells], wanted: PhaseSet | None = None) -> tuple[list[Cells], tuple[str, ...]]:
    """Give cells their phases in one set.

    Parameters
    ----------
    read : sequence of Cells
        What readers return: their phases are numbers in a vocabulary, see `phase_sets.vocabulary`.
    wanted : PhaseSet, optional
        The set that the user asks for; by default the finest in which all words mean one phase.

    Returns
    -------
    cells : list of Cells
        The same, with their phases in the set, and without notes that are void in it.
    notes : tuple of str
        Which set was chosen, and why; which phases are in none of it.
    """
    counts: dict[str, int] = {}
    parts = {}
    for cells in read:
        for number, count in zip(*np.unique(cells.phases, return_counts=True), strict=True):
            if number != UNKNOWN:
                name = cells.phase_set.names[number]
                counts[name] = counts.get(name, 0) + int(count)
                parts[name] = cells.phase_set.parts[number]
    chosen = settle(parts.values()) if wanted is None else wanted
    notes = set_notes(chosen, [name for name, part in parts.items() if len(part) > 1]) if wanted is None else ()
    if wanted is not None:
        lost = {name: n for name, n in counts.items() if len(parts[name]) == 1 and chosen.number_of(name) == UNKNOWN}
        notes = tuple(f"{n:,} cells of {name} have no phase, as it is none of {chosen}" for name, n in lost.items())
    return [_in(chosen, cells) for cells in read], notes


def set_notes(chosen: PhaseSet, coarse: Sequence[str]) -> tuple[str, ...]:
    """What is said where a set other than the seven was chosen because of coarser names.

    Parameters
    ----------
    chosen : PhaseSet
        The set.
    coarse : sequence of str
        Names that stand for several phases.

    Returns
    -------
    tuple of str
        One sentence, or none for the seven.

    Examples
    --------
    >>> from napari_cellcycle.phase_sets import phase_set
    >>> set_notes(phase_set("g1-s-g2m"), ["G2/M"])
    ('the phases are G1, S and G2/M, as G2/M stands for several; change it with --phases',)
    """
    if chosen == SEVEN or not coarse:
        return ()
    stands = "stands" if len(coarse) == 1 else "stand"
    return (f"the phases are {chosen}, as {' and '.join(coarse)} {stands} for several; change it with {PHASES_FLAG}",)


def _in(chosen: PhaseSet, cells: Cells) -> Cells:
    notes = tuple(
        note for note in cells.notes if not (isinstance(note, PhaselessNote) and chosen.number_of(note.name) != UNKNOWN)
    )
    return replace(cells.in_phases(chosen), notes=notes)
