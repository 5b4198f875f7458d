"""The loop that trains a generator, as a generator of events: the caller owns it, and may stop reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Progress, Stop, never
from napari_cellcycle.models.cellgan import ANY_PHASE, GROUP
from napari_cellcycle.models.device import free_gpu_memory
from napari_cellcycle.models.generator import generate, noise_size
from napari_cellcycle.phases import N_PHASES, UNKNOWN
from napari_cellcycle.training.gan.config import CELLGAN, GanConfig
from napari_cellcycle.training.gan.state import GanState
from napari_cellcycle.training.gan.steps import GanLosses, conditional_step, wasserstein_step

TELL_EVERY = 25
SHOWN = 6
"""Cells of each phase that are made to be looked at on the way."""


@dataclass(frozen=True)
class GanStep:
    """Mean losses of the steps since the last one; `distance` as in `GanLosses`."""

    step: int
    steps: int
    critic_loss: float
    generator_loss: float
    distance: float


@dataclass(frozen=True, eq=False)
class Samples:
    """Cells to look at, as the generator makes them now, always of the same noise.

    Attributes
    ----------
    step : int
        Updates so far.
    images : dict of int to ndarray of float32, (n, C, S, S)
        By phase, encoded.
    are_real : bool
        Whether these are cells that it learns from, to compare with; told once, before the first step.
    """

    step: int
    images: dict[int, NDArray[np.float32]]
    are_real: bool = False


def _nothing(state: GanState) -> None:
    """For a training that nobody writes down."""


@dataclass(frozen=True)
class GanHooks:
    """How a training is steered from outside.

    Attributes
    ----------
    stop : callable
        Asked after each step; once true, training ends with the generator as it is.
    begin : callable
        Gets the `GanState` before its first step, and may put it where another one was.
    after_step : callable
        Gets the `GanState` after each step, to write it down.
    show_every : int
        Steps from one `Samples` to the next; 0: none.
    """

    stop: Stop = never
    begin: Callable[[GanState], None] = _nothing
    after_step: Callable[[GanState], None] = _nothing
    show_every: int = 0


def train_gan(
    state: GanState,
    method: str,
    images: Tensor,
    phases: NDArray[np.int8],
    config: GanConfig,
    device: torch.device,
    hooks: GanHooks | None = None,
) -> Iterator[Progress | GanStep | Samples]:
    """Train the generator of `state` in place on real cells.

    However it ends, both networks are left on the CPU in evaluation mode, and the device's memory is given back.

    Parameters
    ----------
    state : GanCourse
        Fresh, of the same method and settings.
    method : str
        ``cellgan`` learns all phases at once; ``wgan-gp`` and ``wgan-div`` ask for cells of one phase.
    images : Tensor, shape (N, C, S, S)
        Encoded real cells.
    phases : ndarray of int8, shape (N,)
        Their phases; of cells of unknown phase, ``cellgan`` learns what cells look like.
    config : GanConfig
        How.
    device : torch.device
        Where.
    hooks : GanHooks, optional
        How it is stopped, shown, and written down on the way.

    Raises
    ------
    SettingError
        A loss was not a finite number, or the device's memory is too small.
    """
    hooks = hooks or GanHooks()
    steps = config.n_steps(len(images))
    shown = sorted(set(phases.tolist()) - {UNKNOWN})
    draw = _Draw(images, phases, config, device)
    torch.manual_seed(config.seed)  # grain inside the generator
    try:
        hooks.begin(state)
        state.generator.train()
        losses: list[GanLosses] = []
        while state.step < steps:
            losses.append(draw.step(state, method))
            state.step += 1
            state.follow(config.averaging)
            if not np.isfinite(losses[-1]).all():
                raise SettingError("the losses are no numbers any more; train with a lower learning-rate")
            yield Progress(state.step, steps, "training the generator")
            if state.step % TELL_EVERY == 0 or state.step == steps:
                yield GanStep(state.step, steps, *np.mean(losses, axis=0).tolist())
                losses.clear()
            if hooks.show_every and (state.step % hooks.show_every == 0 or state.step == steps):
                yield show(state, method, shown)
            hooks.after_step(state)
            if hooks.stop():
                return
    except torch.OutOfMemoryError as error:
        raise SettingError(
            f"the memory of {device} is too small for {config.batch_size} cells a step; lower the batch-size"
        ) from error
    finally:
        for network in (state.generator, state.critic, state.average):
            network.zero_grad()
            network.to("cpu").eval()
        free_gpu_memory(device)


def show(state: GanState, method: str, phases: list[int]) -> Samples:
    """Make cells to be looked at, without any effect on the training."""
    images = {phase: generate(state.average, method, phase, SHOWN, seed=phase) for phase in phases}
    return Samples(state.step, images)


class _Draw:
    """Draws real cells and noise, and does a step with them."""

    def __init__(self, images: Tensor, phases: NDArray[np.int8], config: GanConfig, device: torch.device) -> None:
        self.images, self.config, self.device = images.to(device), config, device
        self.phases = torch.from_numpy(phases.astype(np.int64))
        counts = np.bincount(phases[phases != UNKNOWN], minlength=N_PHASES)
        # cells of unknown phase are drawn as those of the largest phase are
        rarity = np.where(phases == UNKNOWN, counts.max(), counts[phases])
        self.weights = torch.from_numpy(1.0 / np.maximum(rarity, 1) ** config.rare_phases)

    def step(self, state: GanState, method: str) -> GanLosses:
        """One step of `method`."""
        if method == CELLGAN:
            return self._conditional(state)
        size = min(self.config.batch_size, len(self.images))
        batches = [
            self.images[torch.randperm(len(self.images), generator=state.random)[:size]]
            for _ in range(self.config.critic_steps)
        ]
        noises = [self._noise(state, size) for _ in range(self.config.critic_steps + 1)]
        return wasserstein_step(state, batches, noises, method, self.config)

    def _conditional(self, state: GanState) -> GanLosses:
        size = -(-self.config.batch_size // GROUP) * GROUP
        batch = torch.multinomial(self.weights, size, replacement=True, generator=state.random)
        batch = batch[self.phases[batch].argsort()]  # so that a group holds cells of one phase, or of two neighbours
        told = self.phases[batch]
        unknown = told == UNKNOWN
        known = torch.nonzero(self.phases != UNKNOWN)[:, 0]
        lent = known[torch.multinomial(self.weights[known], size, replacement=True, generator=state.random)]
        wished = torch.where(unknown, self.phases[lent], told)
        told = told.masked_fill(unknown, ANY_PHASE)
        place = self.device
        return conditional_step(
            state, self.images[batch], told.to(place), wished.to(place), self._noise(state, size), self.config
        )

    def _noise(self, state: GanState, size: int) -> Tensor:
        return torch.randn(size, noise_size(state.generator), generator=state.random).to(self.device)
