"""How many synthetic cells of each phase are generated: what the user asks for, or what the real cells lack."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import SettingError
from napari_cellcycle.jobs.steps.fill_phases import cells_to_fill
from napari_cellcycle.phases import PHASE_LABELS


def phase_counts(
    cells: Cells | None, phase: Mapping[int, int] | None, n_cells: int, *, known: Collection[str] = ()
) -> dict[int, int]:
    """Return how many cells to generate, by phase.

    Parameters
    ----------
    cells : Cells or None
        Real ones, which show what is lacking; None if there are none.
    phase : mapping of int to int, or None
        Number of cells by phase, 0 where `n_cells` counts; None: all phases that lack cells, or without `cells` all
        that are `known`.
    n_cells : int
        For each phase without a number of its own; 0: what it lacks to the largest phase.
    known : collection of str
        Phases that the generator knows.

    Returns
    -------
    dict of int to int
        All numbers are above 0.

    Raises
    ------
    SettingError
        Nothing tells how many cells of a phase are wanted, or a phase lacks none.
    """
    if cells is None and not n_cells and not (phase and all(phase.values())):
        raise SettingError("n-cells is 0, but without input there is nothing to fill up to; say how many, as in -n 500")
    lacking = [0] * len(PHASE_LABELS) if cells is None else cells_to_fill(cells, 0)
    if not phase:
        every = [label in known for label in PHASE_LABELS] if cells is None else lacking
        phase = {number: 0 for number, wanted in enumerate(every) if wanted}
    counts = {number: n or n_cells or lacking[number] for number, n in phase.items()}
    full = [PHASE_LABELS[number] for number, n in counts.items() if not n]
    if full or not counts:
        which = f"{', '.join(full)} has" if full else "all phases have"
        raise SettingError(f"{which} as many cells as the largest phase; say how many more to generate, as in -n 500")
    return counts
