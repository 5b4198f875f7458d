"""A generator of synthetic cells: its networks, and the card that says what it makes and what it was trained on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import SettingError
from napari_cellcycle.images.gan_codec import Encoding
from napari_cellcycle.phases import PHASE_LABELS

if TYPE_CHECKING:
    from torch import nn

GENERATOR_CARD_VERSION = 1
ALL = "all"
"""Name of the network that makes every phase."""
_BATCH_SIZE = 256

# Names of modules and classes rather than classes, so that asking for a card does not import torch
METHODS = {
    "cellgan": ("cellgan", "CellGenerator", "CellCritic"),
    "wgan-gp": ("wasserstein", "WassersteinGenerator", "WassersteinCritic"),
    "wgan-div": ("wasserstein", "WassersteinGenerator", "WassersteinCritic"),
}


@dataclass(frozen=True, kw_only=True)
class GeneratorCard:
    """Everything about a generator but its weights; ``generator.json`` in its folder, which `store.cards` reads.

    Attributes
    ----------
    name, description : str
        What users call it, and one sentence on what it is.
    method : str
        How it was trained, a name in `METHODS`; it decides which networks there are.
    encoding : Encoding
        Channels, crop, and how images are normalised for it.
    cells_per_phase : dict of str to int
        Real cells that it was trained on; it makes these phases and no others.
    training : dict
        Data by hash, settings, seed, steps, duration.
    quality : dict
        What was measured on its synthetic cells.
    versions : dict of str to str
        Versions of the libraries that it was trained with.
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
        return json.dumps({"card_version": GENERATOR_CARD_VERSION, **values}, indent=2) + "\n"

    @property
    def networks(self) -> list[str]:
        """Names of its networks: one, or one for each phase."""
        return [ALL] if self.method == "cellgan" else list(self.cells_per_phase)


@dataclass(frozen=True, eq=False)
class Generator:
    """Networks by name, as `GeneratorCard.networks` lists them, and their card."""

    networks: dict[str, nn.Module]
    card: GeneratorCard

    def make(self, phase: int, n_cells: int, seed: int) -> NDArray[np.generic]:
        """Draw synthetic cells; the same for the same seed.

        Parameters
        ----------
        phase : int
            Phase number, 0 to 6.
        n_cells : int
            How many.
        seed : int
            Of the noise that they are drawn from.

        Returns
        -------
        ndarray of uint16 or float32, shape (n_cells, C, S, S)
            Pixel values as the instrument of the real cells gives them.

        Raises
        ------
        SettingError
            The generator was not trained on this phase.
        """
        label = PHASE_LABELS[phase]
        if label not in self.card.cells_per_phase:
            known = ", ".join(self.card.cells_per_phase)
            raise SettingError(
                f"{self.card.name} can't make {label}: it was trained on {known} only; choose one of these"
            )
        network = self.networks.get(ALL) or self.networks[label]
        return self.card.encoding.decode(generate(network, self.card.method, phase, n_cells, seed))


def build_pair(method: str, n_channels: int) -> tuple[nn.Module, nn.Module]:
    """Generator and critic with fresh weights.

    Parameters
    ----------
    method : str
        A name in `METHODS`.
    n_channels : int
        Channels of the cells.

    Returns
    -------
    generator, critic : nn.Module
    """
    module, generator, critic = METHODS[method]
    home = import_module(f"napari_cellcycle.models.{module}")
    return getattr(home, generator)(n_channels), getattr(home, critic)(n_channels)


def size_of(method: str) -> int:
    """Edge in pixels of the cells that `method` makes."""
    size: int = import_module(f"napari_cellcycle.models.{METHODS[method][0]}").SIZE_PX
    return size


def noise_size(network: nn.Module) -> int:
    """Length of the noise vector that a generator's network turns into one cell."""
    size: int = network.NOISE  # type: ignore[assignment]  # torch takes any unknown attribute for a part of the network
    return size


def generate(network: nn.Module, method: str, phase: int, n_cells: int, seed: int) -> NDArray[np.float32]:
    """Draw cells from one network. The state of torch's own random numbers is the same afterwards.

    Parameters
    ----------
    network : nn.Module
        A generator's network, on any device.
    method : str
        Its method, a name in `METHODS`.
    phase : int
        Phase number, 0 to 6.
    n_cells : int
        How many.
    seed : int
        Of the noise.

    Returns
    -------
    ndarray of float32, shape (n_cells, C, S, S)
        Normalised, as `Encoding.decode` takes them.
    """
    import torch

    device = next(network.parameters()).device
    drawn = []
    was_training = network.training
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.inference_mode():
        torch.manual_seed(seed)
        network.eval()
        for start in range(0, n_cells, _BATCH_SIZE):
            n = min(_BATCH_SIZE, n_cells - start)
            noise = torch.randn(n, noise_size(network)).to(device)
            inputs = (noise, torch.full((n,), phase, device=device)) if method == "cellgan" else (noise,)
            drawn.append(network(*inputs).float().cpu().numpy())
        network.train(was_training)
    return np.concatenate(drawn)
