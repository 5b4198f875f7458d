"""Networks, one in each file, and the card that says what a model needs and was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cellcycle.errors import ModelError
from napari_cellcycle.models.card import ModelCard

if TYPE_CHECKING:
    from napari_cellcycle.models.base import PhaseNetwork
    from napari_cellcycle.models.out_of_distribution import MahalanobisDetector

__all__ = ["ARCHITECTURES", "Model", "ModelCard", "build"]


# Names of modules and classes rather than classes, so that asking for a name does not import torch; a module
# without a leading dot lies outside this package
ARCHITECTURES = {
    "compact": (".compact", "CompactResNet"),
    "paired": (".ensemble", "PairedNetwork"),
    "duque2024": (".duque2024", "Duque2024"),
    "jin2021": (".jin2021", "Jin2021"),
    "rana2022": (".rana2022", "Rana2022"),
    "eulenberg2017": (".eulenberg2017", "Eulenberg2017"),
    "features": (".feature_trees", "FeatureTrees"),
    "narotamo2021": (".support_vectors", "SupportVectors"),
    "jose2023": (".jose2023", "Jose2023"),
    "causal": (".sequence", "CausalSequence"),
    "two-sided": (".sequence", "TwoSidedSequence"),
}


def build(architecture: str, **options: Any) -> PhaseNetwork:
    """A network with fresh weights.

    Parameters
    ----------
    architecture : str
        A name in `ARCHITECTURES`.
    **options
        Of that architecture, such as ``n_channels``.

    Returns
    -------
    PhaseNetwork

    Raises
    ------
    ModelError
        No architecture has this name.
    """
    if architecture not in ARCHITECTURES:
        raise ModelError(f"no architecture is called {architecture!r}; choose one of {', '.join(ARCHITECTURES)}")
    module, name = ARCHITECTURES[architecture]
    network: PhaseNetwork = getattr(import_module(module, __name__), name)(**options)
    return network


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A network with its weights and its card, and what cells are familiar to it, where that is known."""

    network: PhaseNetwork
    card: ModelCard
    familiarity: MahalanobisDetector | None = None
    folder: Path | None = None
    """Where it was loaded from or written to, with the record of the cells that it was trained on; None if nowhere."""

    def __repr__(self) -> str:
        spec = self.card.input
        return f"Model({self.name!r}: {self.card.architecture}, {' + '.join(spec.channels)}, {spec.size_px} px)"

    @property
    def name(self) -> str:
        """What users call it."""
        return self.card.name
