"""A training of a generator and its critic between two steps."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from napari_cellcycle.models.trained_generator import build_pair
from napari_cellcycle.training.gan.config import GanConfig
from napari_cellcycle.training.state import Checkpoint, Tensors, TrainingState


@dataclass(eq=False)
class GanState(TrainingState):
    """All that decides how a training continues, apart from its cells and settings.

    Attributes
    ----------
    generator, critic : nn.Module
        The trained networks.
    average : nn.Module
        Running average of the generator, which is the one to keep; without averaging, the generator itself.
    generator_optimiser, critic_optimiser
        Of their weights.
    random : torch.Generator
        Draws batches, their changes, and the noise that cells are made from. The noise that is added inside the
        generator comes from torch's global generator.
    step : int
        Steps done.
    """

    RANDOM: ClassVar[str] = "course"
    generator: nn.Module
    critic: nn.Module
    average: nn.Module
    generator_optimiser: torch.optim.Optimizer
    critic_optimiser: torch.optim.Optimizer
    random: torch.Generator
    step: int = 0

    @classmethod
    def begin(cls, method: str, n_channels: int, config: GanConfig, device: torch.device) -> GanState:
        """Untrained networks, before the first step.

        Parameters
        ----------
        method : str
            ``cellgan``, ``wgan-gp`` or ``wgan-div``.
        n_channels : int
            Channels of the cells.
        config : GanConfig
            Settings.
        device : torch.device
            Where to train.
        """
        torch.manual_seed(config.seed)
        generator, critic = build_pair(method, n_channels)
        generator.to(device)
        critic.to(device)
        average = copy.deepcopy(generator).requires_grad_(False) if config.averaging else generator
        betas = (config.beta1, config.beta2)
        return cls(
            generator,
            critic,
            average,
            torch.optim.Adam(generator.parameters(), config.learning_rate, betas),
            torch.optim.Adam(critic.parameters(), config.critic_learning_rate, betas),
            torch.Generator().manual_seed(config.seed),
        )

    @property
    def parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """Networks and optimisers by their names in a checkpoint."""
        parts: dict[str, nn.Module | torch.optim.Optimizer] = {
            "generator": self.generator,
            "critic": self.critic,
            "generator_optimiser": self.generator_optimiser,
            "critic_optimiser": self.critic_optimiser,
        }
        return parts if self.average is self.generator else {**parts, "average": self.average}

    def state_dict(self) -> Checkpoint:
        """Everything that a fresh state with the same settings lacks."""
        return super().state_dict()[0], {"step": self.step}

    def load_state_dict(self, tensors: Tensors, values: Mapping[str, Any]) -> None:
        """Continue from a checkpoint; see `TrainingState.load_state_dict`."""
        super().load_state_dict(tensors, values)
        self.step = int(values["step"])

    @torch.no_grad()
    def end_step(self, max_decay: float) -> None:
        """Count the step, and update the running average, of which each step keeps the share `max_decay`."""
        self.step += 1
        if self.average is self.generator:
            return
        # less in the first steps, so that the untrained weights are soon forgotten
        decay = min(max_decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - decay)
