"""How many synthetic cells of each phase are generated: what the user asks for, or what the real cells lack."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from napari_cellcycle.errors import SettingError
from napari_cellcycle.jobs.steps.advice import Counts, cells_to_fill
from napari_cellcycle.phases import PHASE_LABELS


def phase_counts(
    counts: tuple[Counts, Counts] | None, phase: Mapping[int, int] | None, n_cells: int, known: Collection[str] | None
) -> dict[int, int]:
    """Return how many cells to generate, by phase.

    Parameters
    ----------
    counts : tuple of two ndarray of int, shape (7,), or None
        Cells of each phase, and the synthetic ones of them, which show what is lacking; None if there are no cells.
    phase : mapping of int to int, or None
        Number of cells by phase, 0 where `n_cells` counts; None: all phases that lack cells, or without cells all that
        are `known`.
    n_cells : int
        For each phase without a number of its own; 0: what it lacks to the largest phase.
    known : collection of str, or None
        Phases that a finished generator was trained on; None if a new one is trained on these cells.

    Returns
    -------
    dict of int to int
        All numbers are above 0.

    Raises
    ------
    SettingError
        Nothing tells how many cells of a phase are wanted, or a phase lacks none.
    """
    if counts is None and not n_cells and not (phase and all(phase.values())):
        raise SettingError("n-cells is 0, but without input there is nothing to fill up to; say how many, as in -n 500")
    lacking = [0] * len(PHASE_LABELS) if counts is None else cells_to_fill(*counts)
    if not phase:
        possible = [known is None or label in known for label in PHASE_LABELS]
        every = possible if counts is None else [n if can else 0 for n, can in zip(lacking, possible, strict=True)]
        phase = {number: 0 for number, wanted in enumerate(every) if wanted}
    wanted = {number: n or n_cells or lacking[number] for number, n in phase.items()}
    full = [PHASE_LABELS[number] for number, n in wanted.items() if not n]
    if full or not wanted:
        which = f"{', '.join(full)} has" if full else "all phases have"
        raise SettingError(f"{which} as many cells as the largest phase; say how many more to generate, as in -n 500")
    return wanted
