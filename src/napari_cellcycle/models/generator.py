"""A generator of cells: its networks, and the card that says what it makes and what it learnt from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ModelError, SettingError
from napari_cellcycle.images.gan_codec import Encoding
from napari_cellcycle.models.card import parse_card
from napari_cellcycle.phases import PHASE_LABELS

if TYPE_CHECKING:
    from torch import nn

CARD_VERSION = 1
ALL = "all"
"""Name of the network that makes every phase."""
MADE_AT_ONCE = 256

# Names of modules and classes rather than classes, so that asking for a card does not import torch
_KINDS = {
    "cellgan": ("cellgan", "CellGenerator", "CellCritic"),
    "wgan-gp": ("wasserstein", "WassersteinGenerator", "WassersteinCritic"),
    "wgan-div": ("wasserstein", "WassersteinGenerator", "WassersteinCritic"),
}


@dataclass(frozen=True, kw_only=True)
class GeneratorCard:
    """Everything about a generator but its weights; written beside them as ``generator.json``.

    Attributes
    ----------
    name, description : str
        What users call it, and one sentence on what it is.
    method : str
        How it was trained, and so what networks it has.
    encoding : Encoding
        Channels, crop, and how cells are told to it.
    cells_per_phase : dict of str to int
        Real cells that it learnt from; it makes these phases and no others.
    training : dict
        Data by hash, settings, seed, steps, duration.
    quality : dict
        What was measured of the cells that it makes.
    versions : dict of str to str
        Of the libraries it was trained with.
    licence, data_licence : str
        Of the weights, and of the data behind them.
    """

    name: str
    method: str
    encoding: Encoding
    description: str = ""
    cells_per_phase: dict[str, int] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    quality: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    licence: str = ""
    data_licence: str = ""

    def to_json(self) -> str:
        """The card as text."""
        values = {**asdict(self), "encoding": self.encoding.to_dict()}
        return json.dumps({"card_version": CARD_VERSION, **values}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> GeneratorCard:
        """Read a card.

        Raises
        ------
        ModelError
            The text is no card, or one of a later version.
        """
        card = parse_card(text, CARD_VERSION, cls._from_values, "generator's card")
        if card.method not in _KINDS or not set(card.cells_per_phase) <= set(PHASE_LABELS):
            raise ModelError(f"its method is {card.method!r}, which this version does not know; update the plugin")
        return card

    @classmethod
    def _from_values(cls, values: dict[str, Any]) -> GeneratorCard:
        return cls(encoding=Encoding.from_dict(values.pop("encoding")), **values)

    @property
    def networks(self) -> list[str]:
        """Names of its networks: one, or one a phase."""
        return [ALL] if self.method == "cellgan" else list(self.cells_per_phase)


@dataclass(frozen=True, eq=False)
class Generator:
    """Networks by name, as `GeneratorCard.networks` lists them, and their card."""

    networks: dict[str, nn.Module]
    card: GeneratorCard

    def make(self, phase: int, n_cells: int, seed: int) -> NDArray[np.generic]:
        """Counts of `n_cells` made cells of `phase`, shape (n_cells, C, S, S); the same for the same seed.

        Raises
        ------
        SettingError
            It has never seen this phase.
        """
        label = PHASE_LABELS[phase]
        if label not in self.card.cells_per_phase:
            known = ", ".join(self.card.cells_per_phase)
            raise SettingError(f"{self.card.name} can't make {label}: it learnt {known} only; choose one of these")
        network = self.networks.get(ALL) or self.networks[label]
        return self.card.encoding.decode(generate(network, self.card.method, phase, n_cells, seed))


def build_pair(method: str, n_channels: int) -> tuple[nn.Module, nn.Module]:
    """Generator and critic of `method` with fresh weights."""
    module, generator, critic = _KINDS[method]
    home = import_module(f"napari_cellcycle.models.{module}")
    return getattr(home, generator)(n_channels), getattr(home, critic)(n_channels)


def size_of(method: str) -> int:
    """Edge in pixels of the cells that `method` makes."""
    size: int = import_module(f"napari_cellcycle.models.{_KINDS[method][0]}").SIZE_PX
    return size


def noise_size(network: nn.Module) -> int:
    """Numbers of noise that a generator's network makes a cell of."""
    size: int = network.NOISE  # type: ignore[assignment]  # torch takes any unknown attribute for a part of the network
    return size


def generate(network: nn.Module, method: str, phase: int, n_cells: int, seed: int) -> NDArray[np.float32]:
    """Encoded cells (n_cells, C, S, S) of `phase`; torch's own random numbers go on as if nothing had been drawn."""
    import torch

    place = next(network.parameters()).device
    made = []
    was_training = network.training
    devices = [place] if place.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.inference_mode():
        torch.manual_seed(seed)
        network.eval()
        for start in range(0, n_cells, MADE_AT_ONCE):
            n = min(MADE_AT_ONCE, n_cells - start)
            noise = torch.randn(n, noise_size(network)).to(place)
            told = (noise, torch.full((n,), phase, device=place)) if method == "cellgan" else (noise,)
            made.append(network(*told).float().cpu().numpy())
        network.train(was_training)
    return np.concatenate(made)
