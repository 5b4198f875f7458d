"""What docks and commands decide from counts of cells: what is missing, what is scarce, and what would help.

Everywhere `counts` are the cells of each phase, shape (P,), and `synthetic` those of them that are synthetic. Cheap to
import, because docks ask at every click.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.jobs.steps.generator_plan import MIN_CELLS_GENERATOR, GeneratorPlan
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.store.models import list_models
from napari_cellcycle.training.recipes import NO_FINE_TUNING

Counts = NDArray[np.integer]

MIN_CELLS_TRAIN = 20
"""A model can hardly learn a phase with fewer cells."""

FINE_TUNE_BELOW = 1000
"""With fewer cells of known phase, a model that was trained on others is the better start."""


def as_sentences(texts: Iterable[str]) -> str:
    """Messages one after the other, each with a capital letter and a full stop; empty ones are left out."""
    return " ".join(f"{text[0].upper()}{text[1:].rstrip('.')}." for text in texts if text)


def real_or_all(counts: Counts, synthetic: Counts) -> Counts:
    """The cells that a model is judged by, of each phase: real ones, or all where no real cell has a known phase."""
    real = counts - synthetic
    return real if real.any() else counts


def is_demonstration(counts: Counts, synthetic: Counts) -> bool:
    """Whether all cells of known phase are synthetic, so that they say nothing about real ones."""
    return bool(counts.any() and not (counts - synthetic).any())


def what_is_missing(counts: Counts, synthetic: Counts, phases: PhaseSet = SEVEN) -> str:
    """Why no model can be trained on these cells; empty if one can."""
    judged = real_or_all(counts, synthetic)
    kind = "real cells" if judged.sum() < counts.sum() else "cells"
    known = [label for label, count in zip(phases.names, judged, strict=True) if count]
    where = "open folders that are named after phases, such as G1 and S, or label some cells of each in napari"
    if not known:
        return f"no cell has a known phase; {where}"
    if len(known) == 1:
        return f"all {kind} of known phase are {known[0]}, but at least 2 phases are needed; {where}"
    if (judged >= 2).sum() < 2:
        return f"{judged.sum()} {kind} of known phase are too few: at least 2 phases need 2 each, better 5 or more"
    return ""


def training_advice(counts: Counts, synthetic: Counts, phases: PhaseSet = SEVEN) -> list[str]:
    """What to know before a model is trained on these cells."""
    if missing := what_is_missing(counts, synthetic, phases):
        return [missing]
    named = [*zip(phases.names, counts, real_or_all(counts, synthetic), strict=True)]
    few = [f"{label} ({n})" for label, _, n in named if 0 < n < MIN_CELLS_TRAIN]
    none = [label for label, n, _ in named if not n]
    n_synthetic = int(synthetic.sum())
    texts = {
        f"few cells of {', '.join(few)}, so don't trust these calls": few,
        f"no cells of {', '.join(none)}, so the model is not trained on these": none,
        "all cells of known phase are synthetic, so the model is a demonstration": is_demonstration(counts, synthetic),
        f"{n_synthetic:,} cells are synthetic; don't test the model on the real cells of their generator": n_synthetic,
    }
    return [text for text, applies in texts.items() if applies]


def models_to_fine_tune(channels: Collection[str]) -> list[str]:
    """Names of the models that can be trained further with cells that have these channels."""
    cards = [card for card in list_models() if card.architecture not in NO_FINE_TUNING]
    return [card.name for card in cards if set(card.input.channels) <= set(channels)]


def best_start(counts: Counts, synthetic: Counts, models: Sequence[str]) -> str:
    """Which of `models` to train further, if there are too few cells to train from scratch; else empty."""
    return models[0] if models and real_or_all(counts, synthetic).sum() < FINE_TUNE_BELOW else ""


def cells_to_fill(counts: Counts, synthetic: Counts, fill_to: int = 0, *, undersample: bool = False) -> list[int]:
    """How many cells each phase lacks to `fill_to` or, if that is 0, to the largest phase.

    If the largest phase will be undersampled, to the second largest (Jin et al. 2021). A phase without real cells stays
    empty.
    """
    largest = np.sort(counts)[-2 if undersample else -1]
    lacking = np.where(counts > synthetic, np.maximum((fill_to or largest) - counts, 0), 0)
    return [int(n) for n in lacking]


def cannot_generate(real: Counts, known: Collection[str] | None = None, phases: PhaseSet = SEVEN) -> dict[int, str]:
    """Phases that can't be generated, and why: by a generator that is trained on `real` cells, or knows some phases."""
    if known is not None:
        why = f"this generator was trained on {', '.join(known)} only"
        return {phase: why for phase, label in enumerate(phases.names) if label not in known}
    why = "there are no real cells of this phase to train a generator on"
    return {phase: why for phase, n in enumerate(real) if not n}


def planned_steps(method: str, real: Counts, phases: Collection[int], changes: Mapping[str, Any]) -> int:
    """Updates of the generator, or of those of all phases, that are trained on so many real cells of each phase."""
    plan = GeneratorPlan(method=method, phases=tuple(phases), changes=changes)
    counts = [int(real.sum() if phase is None else real[phase]) for _, phase in plan.parts()]
    return sum(plan.config(phase).n_steps(n) for (_, phase), n in zip(plan.parts(), counts, strict=True))


def warning_of_few(real: Counts, phases: Collection[int], phase_set: PhaseSet = SEVEN) -> str:
    """Which of `phases` have too few real cells to train a generator on; empty if none."""
    few = [f"{phase_set.names[phase]} ({real[phase]})" for phase in phases if 0 < real[phase] < MIN_CELLS_GENERATOR]
    if not few:
        return ""
    return (
        f"there are fewer than {MIN_CELLS_GENERATOR} real cells of {', '.join(few)}: synthetic cells of so few can "
        "hardly be more than copies"
    )


def generator_advice(counts: Counts, synthetic: Counts, phases: PhaseSet = SEVEN) -> list[str]:
    """What to know before a generator is trained on these cells."""
    if phases != SEVEN:
        return [f"generators make cells of the seven phases only, and these cells are {phases}"]
    text = "all cells are synthetic, but a generator is trained on real cells only; a finished generator needs none"
    return [text] if is_demonstration(counts, synthetic) else []
