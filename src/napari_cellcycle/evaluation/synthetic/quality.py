"""How good synthetic cells are: whether they look like real ones, are as varied, and are new.

For the cells of a generator that was trained on the real cells they are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.metrics import Floats
from napari_cellcycle.evaluation.synthetic.cell_distances import Images
from napari_cellcycle.evaluation.synthetic.fidelity import MIN_COMPARED, Fidelity, compare_distributions
from napari_cellcycle.evaluation.synthetic.memorization import MIN_TRAINING_CELLS, Memorization, memorization
from napari_cellcycle.phases import Phase

_POOR = 0.5
"""The user is warned below this share of the precision or recall of real cells."""

_Sample = dict[Phase, tuple[Floats, Images]]
"""Features (N, D) and images (N, C, S, S) of the cells of each phase that has any."""


@dataclass(frozen=True, eq=False)
class PhaseQuality:
    """Quality of the synthetic cells of one phase; None where there are too few cells to measure it."""

    n_real: int
    n_synthetic: int
    fidelity: Fidelity | None
    memorization: Memorization | None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers; None where undefined. The keys are those of earlier versions."""
        return {
            "n_real": self.n_real,
            "n_made": self.n_synthetic,
            "likeness": None if self.fidelity is None else self.fidelity.to_dict(),
            "copying": None if self.memorization is None else self.memorization.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class SyntheticQuality:
    """How good synthetic cells are; prints as a table.

    Attributes
    ----------
    overall : Fidelity or None
        Over all phases with synthetic cells, with equal numbers of each on both sides; None if there are too few cells.
    per_phase : dict of str to PhaseQuality
        By phase label, only phases with synthetic cells.
    warnings : tuple of str
        What the user should know.
    """

    overall: Fidelity | None
    per_phase: dict[str, PhaseQuality]
    warnings: tuple[str, ...]

    @property
    def copy_rate(self) -> float | None:
        """Share of copies among the synthetic cells; None if no phase has enough real cells to find them."""
        found = [phase.memorization.is_copy for phase in self.per_phase.values() if phase.memorization is not None]
        return float(np.concatenate(found).mean()) if found else None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, as JSON can hold them; None where a score is undefined."""
        return {
            "overall": None if self.overall is None else self.overall.to_dict(),
            "copied": self.copy_rate,
            "per_phase": {label: phase.to_dict() for label, phase in self.per_phase.items()},
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        phases = self.per_phase.values()
        totals = sum(phase.n_real for phase in phases), sum(phase.n_synthetic for phase in phases)
        rows = [_row("all", *totals, self.overall, self.copy_rate)]
        for label, phase in self.per_phase.items():
            copy_rate = None if phase.memorization is None else phase.memorization.copy_rate
            rows.append(_row(label, phase.n_real, phase.n_synthetic, phase.fidelity, copy_rate))
        header = (
            f"{'phase':<10}{'real':>6}{'synthetic':>11}  {'Fréchet distance':<18}{'precision':<13}{'recall':<13}copies"
        )
        caption = "in brackets: as many other real cells in place of the synthetic ones"
        return "\n".join([header, *rows, caption, *(f"warning: {warning}" for warning in self.warnings)])


def score_synthetic(
    real_features: ArrayLike,
    synthetic_features: ArrayLike,
    real_images: ArrayLike,
    synthetic_images: ArrayLike,
    real_phases: ArrayLike,
    synthetic_phases: ArrayLike,
    *,
    seed: int = 0,
) -> SyntheticQuality:
    """Score synthetic cells against the real ones that their generator was trained on.

    First each feature is divided by its standard deviation over the real cells, as a network's features have no common
    unit. The sets are compared by `compare_distributions`, over all phases and for each phase with at least 20 real and
    10 synthetic cells. Copies are searched for by `memorization` in each phase with at least 3 real cells.

    Parameters
    ----------
    real_features, synthetic_features : array_like, shapes (N, D) and (M, D)
        Features of a classifier, from `predict.extract_features`. Rows that are not finite, of unreadable cells, are
        left out.
    real_images, synthetic_images : array_like, shapes (N, C, S, S) and (M, C, S, S)
        The same cells, prepared for a model, so that each channel has a spread near 1.
    real_phases, synthetic_phases : array_like of int, shapes (N,) and (M,)
        Phase numbers; cells of unknown phase are left out.
    seed : int
        Seed of the random draws.

    Returns
    -------
    SyntheticQuality
        Over all phases and per phase, with warnings.

    Raises
    ------
    ValueError
        Features, images and phases have different lengths.
    TooFewCellsError
        There is no real cell of any synthetic phase.
    """
    real = _by_phase(real_features, real_images, real_phases)
    synthetic = _by_phase(synthetic_features, synthetic_images, synthetic_phases)
    if not real.keys() & synthetic.keys():
        raise TooFewCellsError(
            "no real cell has a phase of the synthetic cells, so these can't be assessed; "
            "give the cells that the generator was trained on"
        )
    spread = np.concatenate([features for features, _ in real.values()]).std(axis=0)
    unit = np.where(spread > 1e-4, spread, 1)  # what varies only by rounding keeps its unit
    real, synthetic = (
        {phase: (features / unit, images) for phase, (features, images) in sample.items()}
        for sample in (real, synthetic)
    )
    per_phase = {phase.label: _phase_quality(real, synthetic, phase, seed) for phase in synthetic}
    overall = _compare(real, synthetic, list(synthetic), seed)
    return SyntheticQuality(overall, per_phase, tuple(_warnings(overall, per_phase)))


def _by_phase(features: ArrayLike, images: ArrayLike, phases: ArrayLike) -> _Sample:
    table, pixels, numbers = np.asarray(features, np.float64), np.asarray(images, np.float32), np.asarray(phases)
    if not len(table) == len(pixels) == len(numbers):
        raise ValueError(f"{len(table)} rows of features for {len(pixels)} images and {len(numbers)} phases")
    readable = np.isfinite(table.reshape(len(table), -1)).all(axis=1)
    chosen = {phase: readable & (numbers == phase) for phase in Phase}
    return {phase: (table[here], pixels[here]) for phase, here in chosen.items() if here.any()}


def _phase_quality(real: _Sample, synthetic: _Sample, phase: Phase, seed: int) -> PhaseQuality:
    new_features, new_images = synthetic[phase]
    if phase not in real:
        return PhaseQuality(0, len(new_features), None, None)
    features, images = real[phase]
    fidelity, copies = _compare(real, synthetic, [phase], seed), None
    if len(features) >= MIN_TRAINING_CELLS:
        copies = memorization(features, new_features, images, new_images, seed=seed)
    return PhaseQuality(len(features), len(new_features), fidelity, copies)


def _compare(real: _Sample, synthetic: _Sample, phases: list[Phase], seed: int) -> Fidelity | None:
    both = [phase for phase in phases if phase in real]
    return compare_distributions([real[phase][0] for phase in both], [synthetic[phase][0] for phase in both], seed)


def _warnings(overall: Fidelity | None, phases: dict[str, PhaseQuality]) -> Iterator[str]:
    """What the user should know: the worst of each phase, in one sentence."""
    for label, phase in phases.items():
        copies = phase.memorization
        if copies is None:
            yield (
                f"{label}: {phase.n_synthetic} synthetic cells can't be assessed, as there are fewer than "
                f"{MIN_TRAINING_CELLS} real cells ({phase.n_real}); give more real cells, or make none of this phase"
            )
        elif copies.only_copies:
            yield (
                f"{label}: {copies.copy_rate:.0%} of the synthetic cells are copies of a training cell, so they add "
                "nothing; train the generator with more cells or fewer steps, or leave these cells out"
            )
        elif copies.many_copies:
            yield (
                f"{label}: {copies.copy_rate:.0%} of the synthetic cells are copies of a training cell (by chance, "
                f"{copies.expected:.0%} would look like copies); leave these cells out"
            )
        if phase.fidelity is not None and not (copies and copies.only_copies):
            yield from _shortcoming(label, phase.fidelity)
    few = {label: phase for label, phase in phases.items() if phase.memorization and phase.fidelity is None}
    if few:
        counts = ", ".join(f"{label} ({phase.n_real} and {phase.n_synthetic})" for label, phase in few.items())
        yield (
            f"phases with fewer than {2 * MIN_COMPARED} real or {MIN_COMPARED} synthetic cells: {counts}; too few "
            "to measure how realistic and how varied the synthetic cells of each phase are"
        )
    if overall is not None and all(phase.fidelity is None for phase in phases.values()):
        yield from _shortcoming("all phases", overall)


def _shortcoming(label: str, fidelity: Fidelity) -> Iterator[str]:
    """Cells that look like no real ones can't have their variety, so only the first of both is reported."""
    synthetic, real = fidelity.synthetic, fidelity.real
    if synthetic.precision < _POOR * real.precision:
        yield (
            f"{label}: many of the synthetic cells look like no real cell (precision {synthetic.precision:.2f}, real "
            f"cells {real.precision:.2f}); train the generator with more steps or more cells, or leave these cells out"
        )
    elif synthetic.recall < _POOR * real.recall:
        yield (
            f"{label}: the synthetic cells lack the variety of real ones (recall {synthetic.recall:.2f}, real cells "
            f"{real.recall:.2f}); train the generator with more cells, or make fewer"
        )


def _row(label: str, n_real: int, n_synthetic: int, fidelity: Fidelity | None, copy_rate: float | None) -> str:
    scores = ["-"] * 3
    if fidelity is not None:
        pairs = zip(astuple(fidelity.synthetic), astuple(fidelity.real), (1, 2, 2), strict=True)
        scores = [f"{synthetic:.{digits}f} ({real:.{digits}f})" for synthetic, real, digits in pairs]
    share = "-" if copy_rate is None else f"{copy_rate:.0%}"
    return f"{label:<10}{n_real:>6}{n_synthetic:>11}  {scores[0]:<18}{scores[1]:<13}{scores[2]:<13}{share}"
