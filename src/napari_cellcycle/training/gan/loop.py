"""The loop that trains a generator, as a generator of events: the caller owns it, and may stop reading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cellcycle.datasets.training_cells import count_phases
from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.models.cellgan import ANY_PHASE, GROUP
from napari_cellcycle.models.trained_generator import generate, noise_size
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.gan.config import CELLGAN, GanConfig
from napari_cellcycle.training.gan.state import GanState
from napari_cellcycle.training.gan.steps import GanLosses, conditional_step, wasserstein_step
from napari_cellcycle.training.state import Hooks, device_memory

REPORT_EVERY = 25
"""Steps between two `GanStep` events."""
SAMPLES_PER_PHASE = 6
"""Cells of each phase in a `Samples` event."""


@dataclass(frozen=True)
class GanStep:
    """Mean losses of the steps since the last event; see `GanLosses` for `critic_gap`."""

    step: int
    steps: int
    critic_loss: float
    generator_loss: float
    critic_gap: float


@dataclass(frozen=True, eq=False)
class Samples:
    """Cells to look at, made by the current generator, always from the same noise.

    Attributes
    ----------
    step : int
        Steps done.
    images : dict of int to ndarray of float32, shape (n, C, S, S)
        Encoded cells by phase.
    are_real : bool
        Whether these are real training cells, for comparison; sent once, before the first step.
    """

    step: int
    images: dict[int, NDArray[np.float32]]
    are_real: bool = False


def train_gan(
    state: GanState,
    method: str,
    images: Tensor,
    phases: NDArray[np.int8],
    config: GanConfig,
    device: torch.device,
    hooks: Hooks | None = None,
) -> Job[Progress | GanStep | Samples, None]:
    """Train the generator of `state` in place on real cells.

    However it ends, both networks are left on the CPU in evaluation mode.

    Parameters
    ----------
    state : GanState
        Fresh, with the same method and settings.
    method : str
        ``cellgan`` learns all phases at once; ``wgan-gp`` and ``wgan-div`` need cells of one phase.
    images : Tensor of float32, shape (N, C, S, S)
        Encoded real cells.
    phases : ndarray of int8, shape (N,)
        Their phases; from cells of unknown phase, ``cellgan`` learns what cells look like.
    config : GanConfig
        Settings.
    device : torch.device
        Where to train.
    hooks : Hooks, optional
        How to stop, show, save and resume the training.

    Raises
    ------
    SettingError
        A loss was not a finite number, or the device's memory is too small.
    """
    hooks = hooks or Hooks()
    n_steps = config.n_steps(len(images))
    known_phases = sorted(set(phases.tolist()) - {UNKNOWN})
    sampler = _Sampler(images, phases, config, device)
    torch.manual_seed(config.seed)  # for the noise inside the generator
    with device_memory(device, config.batch_size):
        try:
            hooks.begin(state)
            state.generator.train()
            losses: list[GanLosses] = []
            while state.step < n_steps:
                losses.append(sampler.step(state, method))
                state.end_step(config.averaging)
                if not np.isfinite(losses[-1]).all():
                    raise SettingError("the losses are no longer numbers; train with a lower learning-rate")
                yield Progress(state.step, n_steps, "training the generator")
                if state.step % REPORT_EVERY == 0 or state.step == n_steps:
                    yield GanStep(state.step, n_steps, *np.mean(losses, axis=0).tolist())
                    losses.clear()
                if hooks.show_every and (state.step % hooks.show_every == 0 or state.step == n_steps):
                    yield _samples(state, method, known_phases)
                hooks.save(state)
                if hooks.stop():
                    return
        finally:
            for network in (state.generator, state.critic, state.average):
                network.zero_grad()
                network.to("cpu").eval()


def _samples(state: GanState, method: str, phases: list[int]) -> Samples:
    """Make cells to look at, without any effect on the training."""
    images = {phase: generate(state.average, method, phase, SAMPLES_PER_PHASE, seed=phase) for phase in phases}
    return Samples(state.step, images)


class _Sampler:
    """Draws real cells and noise, and trains one step with them."""

    def __init__(self, images: Tensor, phases: NDArray[np.int8], config: GanConfig, device: torch.device) -> None:
        self.images, self.config, self.device = images.to(device), config, device
        self.phases = torch.from_numpy(phases.astype(np.int64))
        counts = count_phases(phases)
        # cells of unknown phase are drawn as often as those of the largest phase
        sizes = np.where(phases == UNKNOWN, counts.max(), counts[phases])
        self.weights = torch.from_numpy(1.0 / np.maximum(sizes, 1) ** config.rare_phases)

    def step(self, state: GanState, method: str) -> GanLosses:
        """One step of `method`."""
        if method == CELLGAN:
            return self._conditional_step(state)
        size = min(self.config.batch_size, len(self.images))
        batches = [
            self.images[torch.randperm(len(self.images), generator=state.random)[:size]]
            for _ in range(self.config.critic_steps)
        ]
        noises = [self._noise(state, size) for _ in range(self.config.critic_steps + 1)]
        return wasserstein_step(state, batches, noises, method, self.config)

    def _conditional_step(self, state: GanState) -> GanLosses:
        size = -(-self.config.batch_size // GROUP) * GROUP
        indices = torch.multinomial(self.weights, size, replacement=True, generator=state.random)
        indices = indices[self.phases[indices].argsort()]  # so that a group holds one phase, or two neighbours
        phases = self.phases[indices]
        unknown = phases == UNKNOWN
        # a real cell of unknown phase is compared with a synthetic one of a phase that is drawn here
        known = torch.nonzero(self.phases != UNKNOWN)[:, 0]
        drawn = known[torch.multinomial(self.weights[known], size, replacement=True, generator=state.random)]
        sampled_phases = self.phases[drawn]
        generator_phases = torch.where(unknown, sampled_phases, phases).to(self.device)
        critic_phases = phases.masked_fill(unknown, ANY_PHASE).to(self.device)
        noise = self._noise(state, size)
        return conditional_step(state, self.images[indices], critic_phases, generator_phases, noise, self.config)

    def _noise(self, state: GanState, size: int) -> Tensor:
        return torch.randn(size, noise_size(state.generator), generator=state.random).to(self.device)
