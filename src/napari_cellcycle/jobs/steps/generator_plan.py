"""Which generator is trained; cheap to import, because forms ask how long the training takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from napari_cellcycle.models.trained_generator import ALL
from napari_cellcycle.phases import PHASE_LABELS, Phase
from napari_cellcycle.training.gan.config import CELLGAN, GanConfig, preset

GENERATOR_CHANNELS = ("brightfield", "darkfield")
MIN_CELLS_GENERATOR = 5
"""With fewer real cells of a phase, a generator can do little more than copy them."""


def channels_to_generate(chosen: tuple[str, ...], available: Collection[str]) -> tuple[str, ...]:
    """The channels that the user chose or, without a choice, those of `GENERATOR_CHANNELS` that the cells have."""
    return chosen or tuple(name for name in GENERATOR_CHANNELS if name in available) or GENERATOR_CHANNELS


@dataclass(frozen=True, kw_only=True)
class GeneratorPlan:
    """Which generator is trained.

    Attributes
    ----------
    method : str
        ``cellgan``, ``wgan-gp`` or ``wgan-div``.
    phases : tuple of int
        Phases of the synthetic cells.
    channels : tuple of str
        Channels of the synthetic cells, in order; generated together, so that they fit each other.
    changes : mapping
        Settings of `GanConfig` that differ from those of the method's source.
    seed : int
        The same seed gives the same generator.
    device : str
        Where to compute.
    """

    method: str
    phases: tuple[int, ...]
    channels: tuple[str, ...] = GENERATOR_CHANNELS
    changes: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"

    def config(self, phase: int | None) -> GanConfig:
        """Settings for one phase, or for all of them at once."""
        found = preset(self.method, None if phase is None else Phase(phase))
        # each phase has initial weights of its own
        return replace(found, **{**self.changes, "seed": self.seed + (0 if phase is None else phase)})

    def parts(self) -> list[tuple[str, int | None]]:
        """The networks to train: the name of each, and its only phase, or None for all phases."""
        each: list[tuple[str, int | None]] = [(PHASE_LABELS[phase], phase) for phase in self.phases]
        return [(ALL, None)] if self.method == CELLGAN else each
