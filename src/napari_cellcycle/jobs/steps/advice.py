"""What to say of cells before a training: what is missing, what is scarce, what would help."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.jobs.steps.generator_plan import MIN_CELLS_GENERATOR, GeneratorPlan
from napari_cellcycle.phases import PHASE_LABELS

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray


MIN_CELLS_TRAIN = 20
"""A phase with fewer cells is hardly learnt."""

GO_ON_BELOW = 1000
"""With fewer labelled cells, a model that was trained on others is the better start."""


def what_is_missing(counts: NDArray[np.int64]) -> str:
    """Why no model can be trained on so many cells of each phase; empty if one can."""
    known = [label for label, count in zip(PHASE_LABELS, counts, strict=True) if count]
    if not known:
        return "No phase is known: open folders named after phases, or paint phases on the cells."
    if len(known) == 1:
        return f"Only {known[0]} cells are known, but at least two phases are needed."
    return ""


def what_is_scarce(counts: NDArray[np.int64], made: NDArray[np.int64]) -> str:
    """Which phases have too few cells to be learnt well, made ones not counted; empty if none."""
    named = [*zip(PHASE_LABELS, counts, real_or_all(counts, made), strict=True)]
    few = [f"{label} ({n})" for label, _, n in named if 0 < n < MIN_CELLS_TRAIN]
    none = [label for label, n, _ in named if not n]
    parts = [f"few cells of {', '.join(few)}, so don't trust these calls"] if few else []
    parts += [f"no {', '.join(none)}, so the model can't call them"] if none else []
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}." if parts else ""


def real_or_all(counts: NDArray[np.int64], made: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of `counts` those that a model can be judged by: real cells, or all where none is real."""
    real = counts - made
    return real if real.any() else counts


def advice(counts: NDArray[np.int64], made: NDArray[np.int64]) -> str:
    """What to know before a model is trained on these cells."""
    synthetic = counts.any() and not (counts - made).any()
    demonstration = "All cells are synthetic: a model trained on them is a demonstration only."
    needed = what_is_missing(real_or_all(counts, made)) or what_is_scarce(counts, made)
    return " ".join(filter(None, (needed, demonstration if synthetic else "")))


def planned_steps(method: str, real: NDArray[np.integer], phases: tuple[int, ...], changes: Mapping[str, Any]) -> int:
    """Updates of the generator, or of those of all phases, that learn from so many real cells of each phase."""
    plan = GeneratorPlan(method=method, phases=phases, changes=changes)
    counts = [int(real.sum() if phase is None else real[phase]) for _, phase in plan.parts()]
    return sum(plan.config(phase).n_steps(n) for (_, phase), n in zip(plan.parts(), counts, strict=True))


def warning_of_few(real: NDArray[np.int64], phases: Collection[int]) -> str:
    """Which of `phases` have too few real cells to learn from; empty if none."""
    few = [f"{PHASE_LABELS[phase]} ({real[phase]})" for phase in phases if 0 < real[phase] < MIN_CELLS_GENERATOR]
    if not few:
        return ""
    return f"Fewer than {MIN_CELLS_GENERATOR} real cells of {', '.join(few)}: what is made can hardly be more than copies of them."


def generator_advice(counts: NDArray[np.int64], made: NDArray[np.int64]) -> str:
    """What to know before a generator is trained on these cells."""
    if counts.any() and not (counts - made).any():
        return (
            "All cells are synthetic, but a generator is trained on real cells only; a finished generator needs none."
        )
    return ""
