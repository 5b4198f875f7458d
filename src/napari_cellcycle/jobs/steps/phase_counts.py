"""Which phases are to be made, and how many cells of each: read from what the user says and the cells lack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_cellcycle.errors import SettingError
from napari_cellcycle.jobs.config import MAX_SYNTHETIC
from napari_cellcycle.jobs.steps.fill_phases import cells_to_fill
from napari_cellcycle.phases import PHASE_LABELS, parse_phase

if TYPE_CHECKING:
    from napari_cellcycle.cells import Cells


def parse_phase_counts(cells: Cells | None, phase: str, n_cells: int, *, known: Sequence[str] = ()) -> dict[int, int]:
    """How many cells to make of each phase.

    Parameters
    ----------
    cells : Cells or None
        Real ones, which say what is lacking; None if there are none.
    phase : str
        As in ``Anaphase,Telophase`` or ``Anaphase=500,Telophase=200``; empty: all phases that lack cells, or without
        `cells` all that are `known`.
    n_cells : int
        Of each phase that `phase` gives no number; 0: what it lacks to the largest phase.
    known : sequence of str
        Phases that the generator makes.

    Raises
    ------
    SettingError
        A phase is none or named twice, or there is no telling how many.
    """
    named = _named(phase)
    lacking = [0] * len(PHASE_LABELS) if cells is None else cells_to_fill(cells, 0)
    if cells is None and not n_cells and not (named and all(named.values())):
        raise SettingError("n-cells is 0, but without input there is nothing to fill up to; say how many, as in -n 500")
    if not named:
        every = [number for number, n in enumerate(lacking) if n]
        if cells is None:
            every = [number for number, label in enumerate(PHASE_LABELS) if label in known]
        named = dict.fromkeys(every, 0)
    wanted = {number: n or n_cells or lacking[number] for number, n in named.items()}
    full = [PHASE_LABELS[number] for number, n in wanted.items() if not n]
    if full or not wanted:
        which = f"{', '.join(full)} has" if full else "all phases have"
        raise SettingError(f"{which} as many cells as the largest phase; say how many more to make, as in -n 500")
    return wanted


def _named(text: str) -> dict[int, int]:
    """Phases named as in ``Anaphase=500,Telophase``, with how many cells to make of each; 0 where that is not said."""
    named: dict[int, int] = {}
    for part in filter(str.strip, text.split(",")):
        name, sign, count = (side.strip() for side in part.partition("="))
        phase = _phase(name)
        if phase in named:
            raise SettingError(
                f"phase names {PHASE_LABELS[phase]} twice; name it once, as in {PHASE_LABELS[phase]}=500"
            )
        named[phase] = _how_many(count, PHASE_LABELS[phase]) if sign else 0
    return named


def _how_many(text: str, label: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MAX_SYNTHETIC:
        raise SettingError(f"phase asks for {text!r} cells of {label}, but must ask for 1 to {MAX_SYNTHETIC:,} of them")
    return int(text)


def _phase(name: str) -> int:
    phase = parse_phase(name)
    if phase is None:
        raise SettingError(f"phase is {name!r}, but must be one of {', '.join(PHASE_LABELS)}")
    return int(phase)
