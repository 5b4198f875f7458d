"""A generator and its critic on their way: all that decides how a training goes on, as tensors too."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_cellcycle.models.generator import build_pair
from napari_cellcycle.training.checkpoint import moments, named, restore_moments, under
from napari_cellcycle.training.gan.config import GanConfig

Tensors = dict[str, Tensor]


@dataclass(eq=False)
class GanState:
    """A training between two steps.

    Attributes
    ----------
    generator, critic : nn.Module
        What is trained.
    average : nn.Module
        Running average of the generator's weights, which is what is kept; the generator itself without averaging.
    generator_optimiser, critic_optimiser
        Of their weights.
    random : torch.Generator
        Decides which cells are drawn, how they are changed, and from which noise cells are made; grain inside the
        generator comes from torch's own.
    step : int
        Steps done.
    """

    generator: nn.Module
    critic: nn.Module
    average: nn.Module
    generator_optimiser: torch.optim.Optimizer
    critic_optimiser: torch.optim.Optimizer
    random: torch.Generator
    step: int = 0

    @classmethod
    def begin(cls, method: str, n_channels: int, config: GanConfig, device: torch.device) -> GanState:
        """Fresh networks of `method`, before the first step."""
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

    @torch.no_grad()
    def follow(self, kept: float) -> None:
        """Let the average follow; it forgets the first, untrained weights sooner."""
        if self.average is self.generator:
            return
        kept = min(kept, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - kept)

    def take(self) -> tuple[Tensors, dict[str, Any]]:
        """All that a fresh course of the same settings lacks: tensors on the CPU by name, and values for JSON."""
        tensors = {
            **named("generator", self.generator.state_dict()),
            **named("critic", self.critic.state_dict()),
            **named("generator_optimiser", moments(self.generator_optimiser)),
            **named("critic_optimiser", moments(self.critic_optimiser)),
            "random.course": self.random.get_state(),
            "random.cpu": torch.get_rng_state(),
        }
        if self.average is not self.generator:
            tensors |= named("average", self.average.state_dict())
        return tensors, {"step": self.step}

    def restore(self, tensors: Tensors, values: dict[str, Any]) -> None:
        """Put a fresh course where the one was that `take` gave `tensors` and `values` of."""
        self.generator.load_state_dict(under("generator", tensors))
        self.critic.load_state_dict(under("critic", tensors))
        if self.average is not self.generator:
            self.average.load_state_dict(under("average", tensors))
        restore_moments(self.generator_optimiser, under("generator_optimiser", tensors))
        restore_moments(self.critic_optimiser, under("critic_optimiser", tensors))
        self.random.set_state(tensors["random.course"])
        torch.set_rng_state(tensors["random.cpu"])
        self.step = int(values["step"])
