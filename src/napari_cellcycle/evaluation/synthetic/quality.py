"""How good made cells are: whether they look like real ones, are as varied, and are new.

Written for cells of a generator that was trained on the real cells they are judged by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.synthetic.distances import Floats, Images
from napari_cellcycle.evaluation.synthetic.fidelity import FEWEST_COMPARED, Fidelity, compare_distributions
from napari_cellcycle.evaluation.synthetic.memorization import FEWEST_TRAINING, Memorization, copying
from napari_cellcycle.phases import Phase

POOR = 0.5
"""Under this share of the precision or recall that real cells reach, the user is told."""

Sample = dict[Phase, tuple[Floats, Images]]
"""Features (N, D) and images (N, C, S, S) of the cells of each phase that has any."""


@dataclass(frozen=True, eq=False)
class PhaseQuality:
    """What is known of the made cells of one phase; None where there are too few cells to tell."""

    n_real: int
    n_made: int
    likeness: Fidelity | None
    copying: Memorization | None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers; None where undefined."""
        return {
            "n_real": self.n_real,
            "n_made": self.n_made,
            "likeness": None if self.likeness is None else asdict(self.likeness),
            "copying": None if self.copying is None else self.copying.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class SyntheticQuality:
    """How good made cells are; prints as a table.

    Attributes
    ----------
    overall : Likeness or None
        Over all phases that were made, each in the same number on both sides; None if there are too few cells.
    per_phase : dict of str to PhaseQuality
        By phase label, those that were made only.
    warnings : tuple of str
        What the user should know.
    """

    overall: Fidelity | None
    per_phase: dict[str, PhaseQuality]
    warnings: tuple[str, ...]

    @property
    def copied(self) -> float | None:
        """Share of copies among the made cells; None if no phase has the real cells to tell."""
        found = [phase.copying.is_copy for phase in self.per_phase.values() if phase.copying is not None]
        return float(np.concatenate(found).mean()) if found else None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, as JSON can hold them; None where a figure is undefined."""
        return {
            "overall": None if self.overall is None else asdict(self.overall),
            "copied": self.copied,
            "per_phase": {label: phase.to_dict() for label, phase in self.per_phase.items()},
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        phases = self.per_phase.values()
        n_real, n_made = sum(phase.n_real for phase in phases), sum(phase.n_made for phase in phases)
        rows = [_row("all", n_real, n_made, self.overall, self.copied)]
        for label, phase in self.per_phase.items():
            copied = None if phase.copying is None else phase.copying.copied
            rows.append(_row(label, phase.n_real, phase.n_made, phase.likeness, copied))
        header = f"{'phase':<10}{'real':>6}{'made':>7}  {'Fréchet distance':<18}{'precision':<13}{'recall':<13}copies"
        caption = "in brackets: as many other real cells in place of the made ones"
        return "\n".join([header, *rows, caption, *(f"warning: {warning}" for warning in self.warnings)])


def score_synthetic(
    real_features: ArrayLike,
    made_features: ArrayLike,
    real_images: ArrayLike,
    made_images: ArrayLike,
    real_phases: ArrayLike,
    made_phases: ArrayLike,
    *,
    seed: int = 0,
) -> SyntheticQuality:
    """Judge made cells by the real ones that their generator was trained on.

    Each feature is divided by its standard deviation over the real cells before anything is measured, as a network's
    features have no common unit. Sets are compared by `compare_distributions`, over all phases and for each that has at least
    20 real cells and 10 made ones; copies are looked for by `copying` in each that has at least 3 real cells.

    Parameters
    ----------
    real_features, made_features : array_like, shapes (N, D) and (M, D)
        What a classifier tells the phases from, by `predict.extract_features`. Rows that are not finite, of cells that
        could not be read, are left out.
    real_images, made_images : array_like, shapes (N, C, S, S) and (M, C, S, S)
        The same cells, prepared for a model, so that each channel has a spread near 1.
    real_phases, made_phases : array_like of int, shapes (N,) and (M,)
        Phase numbers; cells of unknown phase are left out.
    seed : int
        Of what is drawn.

    Raises
    ------
    TooFewCellsError
        There is no real cell of a phase that was made.
    """
    real = _by_phase(real_features, real_images, real_phases)
    made = _by_phase(made_features, made_images, made_phases)
    if not real.keys() & made.keys():
        raise TooFewCellsError(
            "no real cell is of a phase that cells were made of, so the made cells can't be judged; "
            "give the cells that the generator was trained on"
        )
    unit = _unit(np.concatenate([features for features, _ in real.values()]))
    real, made = _divided(real, unit), _divided(made, unit)
    per_phase = {phase.label: _judge_phase(real, made, phase, seed) for phase in made}
    overall = _compare(real, made, seed)
    return SyntheticQuality(overall, per_phase, tuple(_warnings(overall, per_phase)))


def _by_phase(features: ArrayLike, images: ArrayLike, phases: ArrayLike) -> Sample:
    table, pixels, numbers = np.asarray(features, np.float64), np.asarray(images, np.float32), np.asarray(phases)
    if not len(table) == len(pixels) == len(numbers):
        raise ValueError(f"{len(table)} rows of features for {len(pixels)} images and {len(numbers)} phases")
    readable = np.isfinite(table.reshape(len(table), -1)).all(axis=1)
    places = {phase: np.flatnonzero(readable & (numbers == phase)) for phase in Phase}
    return {phase: (table[here], pixels[here]) for phase, here in places.items() if len(here)}


def _unit(features: Floats) -> Floats:
    """Standard deviation of each feature; 1 where it varies by rounding alone."""
    spread = features.std(axis=0)
    return np.where(spread > 1e-4, spread, 1)


def _divided(sample: Sample, unit: Floats) -> Sample:
    return {phase: (features / unit, images) for phase, (features, images) in sample.items()}


def _judge_phase(real: Sample, made: Sample, phase: Phase, seed: int) -> PhaseQuality:
    made_features, made_images = made[phase]
    if phase not in real:
        return PhaseQuality(0, len(made_features), None, None)
    features, images = real[phase]
    enough = len(features) >= FEWEST_TRAINING
    return PhaseQuality(
        n_real=len(features),
        n_made=len(made_features),
        likeness=_compare({phase: real[phase]}, {phase: made[phase]}, seed),
        copying=copying(features, made_features, images, made_images, seed=seed) if enough else None,
    )


def _compare(real: Sample, made: Sample, seed: int) -> Fidelity | None:
    phases = [phase for phase in made if phase in real]
    return compare_distributions([real[phase][0] for phase in phases], [made[phase][0] for phase in phases], seed)


def _warnings(overall: Fidelity | None, phases: dict[str, PhaseQuality]) -> Iterator[str]:
    """What the user should know: the worst of each phase, in one sentence."""
    for label, phase in phases.items():
        if phase.copying is None:
            yield (
                f"{label}: {phase.n_made} made cells can't be judged, as the real cells are fewer than "
                f"{FEWEST_TRAINING} ({phase.n_real}); give more real cells, or make none of this phase"
            )
        elif phase.copying.only_copies:
            yield (
                f"{label}: {phase.copying.copied:.0%} of the made cells are copies of a training cell, so they add "
                "nothing; train the generator with more cells or fewer steps, or leave these cells out"
            )
        elif phase.copying.many_copies:
            yield (
                f"{label}: {phase.copying.copied:.0%} of the made cells are copies of a training cell (of new real "
                f"cells, {phase.copying.expected:.0%} would be taken for such); leave these cells out"
            )
        if phase.likeness is not None and not (phase.copying and phase.copying.only_copies):
            yield from _shortcoming(label, phase.likeness)
    few = {label: phase for label, phase in phases.items() if phase.copying is not None and phase.likeness is None}
    if few:
        counts = ", ".join(f"{label} ({phase.n_real} and {phase.n_made})" for label, phase in few.items())
        yield (
            f"phases with fewer than {2 * FEWEST_COMPARED} real or {FEWEST_COMPARED} made cells: {counts}; "
            "how real and how varied their made cells are can't be told of each by itself"
        )
    if overall is not None and all(phase.likeness is None for phase in phases.values()):
        yield from _shortcoming("all phases", overall)


def _shortcoming(label: str, likeness: Fidelity) -> Iterator[str]:
    """Cells that look like no real ones can't have their variety, so that is not said twice."""
    made, real = likeness.made, likeness.real
    if made.precision < POOR * real.precision:
        yield (
            f"{label}: many of the made cells look like no real one (precision {made.precision:.2f}, of real cells "
            f"{real.precision:.2f}); train the generator with more steps or more cells, or leave these cells out"
        )
    elif made.recall < POOR * real.recall:
        yield (
            f"{label}: the made cells lack the variety of real ones (recall {made.recall:.2f}, of real cells "
            f"{real.recall:.2f}); train the generator with more cells, or make fewer"
        )


def _row(label: str, n_real: int, n_made: int, likeness: Fidelity | None, copied: float | None) -> str:
    figures = ["-"] * 3
    if likeness is not None:
        made, real = likeness.made, likeness.real
        figures = [
            f"{made.frechet_distance:.1f} ({real.frechet_distance:.1f})",
            f"{made.precision:.2f} ({real.precision:.2f})",
            f"{made.recall:.2f} ({real.recall:.2f})",
        ]
    share = "-" if copied is None else f"{copied:.0%}"
    return f"{label:<10}{n_real:>6}{n_made:>7}  {figures[0]:<18}{figures[1]:<13}{figures[2]:<13}{share}"
