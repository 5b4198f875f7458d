"""Networks, one per file, and the card that says what each wants and was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_cellcycle.errors import ModelError
from napari_cellcycle.models.card import ModelCard

if TYPE_CHECKING:
    from napari_cellcycle.models.outputs import PhaseNetwork

__all__ = ["ARCHITECTURES", "Model", "ModelCard", "build"]


def _duque2024(**options: Any) -> PhaseNetwork:
    from napari_cellcycle.models.duque2024 import Duque2024

    return Duque2024(**options)


def _compact(**options: Any) -> PhaseNetwork:
    from napari_cellcycle.models.compact import CompactResNet

    return CompactResNet(**options)


# Functions rather than classes, so that asking for a name does not import torch
ARCHITECTURES: dict[str, Callable[..., PhaseNetwork]] = {"compact": _compact, "duque2024": _duque2024}


def build(architecture: str, **options: Any) -> PhaseNetwork:
    """A network with fresh weights.

    Raises
    ------
    ModelError
        No architecture has this name.
    """
    if architecture not in ARCHITECTURES:
        raise ModelError(f"no architecture is called {architecture!r}; choose one of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture](**options)


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its weights and its card."""

    network: PhaseNetwork
    card: ModelCard

    @property
    def name(self) -> str:
        """What users call it."""
        return self.card.name
