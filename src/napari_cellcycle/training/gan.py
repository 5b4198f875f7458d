"""One conditional generator for all phases, small enough for a laptop: rare phases borrow from common ones.

A projection critic [1]_ and non-saturating losses [2]_ with a gradient penalty on real cells [3]_. Both real and
made cells pass through the same random changes before the critic sees them, so that it can't learn a few
cells by heart [4]_; the generator that is kept is a running average.

References
----------
.. [1] Miyato and Koyama (2018), ICLR, :arxiv:`1802.05637`
.. [2] Goodfellow et al. (2014), NeurIPS, :arxiv:`1406.2661`
.. [3] Mescheder et al. (2018), ICML, :arxiv:`1801.04406`
.. [4] Zhao et al. (2020), NeurIPS, :arxiv:`2006.10738`
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate, softplus

from napari_cellcycle.events import Progress
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.phases import N_PHASES
from napari_cellcycle.settings import Checked, setting
from napari_cellcycle.training.augment import random_affine

GROUP = 4
"""Cells of about one phase that the critic compares with each other."""


@dataclass(frozen=True, kw_only=True)
class GanConfig(Checked):
    """How the generator is trained."""

    steps: int = setting(5000, "updates of critic and generator", 1, 1_000_000)
    groups: int = setting(8, f"groups of {GROUP} cells per step", 1, 1024)
    learning_rate: float = setting(2e-4, "step size of the generator", 1e-7, 1)
    critic_learning_rate: float = setting(1e-3, "step size of the critic, which must stay ahead", 1e-7, 1)
    penalty: float = setting(0.005, "weight of the gradient penalty on real cells", 0, 1000)
    penalty_every: int = setting(8, "steps from one gradient penalty to the next", 1, 1000)
    rare_phases: float = setting(0.5, "draw rare phases more often: 0 as they are, 1 all equally often", 0, 1)
    averaging: float = setting(0.998, "share of the running average that each step keeps", 0, 0.99999)
    seed: int = setting(0, "same seed, same cells", 0, 2**31 - 1)


class Generator(nn.Module):
    """Noise (B, 64) and phases (B,) to cells (B, C, 40, 40), 0 where background is.

    Every stage is scaled and shifted by noise and phase, after the normalisation of each map by itself.
    """

    NOISE = 64

    def __init__(self, n_channels: int = 2, widths: tuple[int, ...] = (96, 64, 32, 16)) -> None:
        super().__init__()
        self.phase = nn.Embedding(N_PHASES, 32)
        self.style = nn.Sequential(nn.Linear(self.NOISE + 32, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128))
        self.start = nn.Linear(self.NOISE + 32, widths[0] * 5 * 5)
        self.stages = nn.ModuleList(
            Modulated(narrow, wide) for narrow, wide in zip((widths[0], *widths[:-1]), widths, strict=True)
        )
        self.to_pixels = nn.Conv2d(widths[-1], n_channels, 3, padding=1)

    def forward(self, noise: Tensor, phases: Tensor) -> Tensor:
        """Make cells."""
        wish = torch.cat([noise, self.phase(phases)], 1)  # (B, 96)
        style = self.style(wish)  # (B, 128)
        maps = self.start(wish).unflatten(1, (-1, 5, 5))
        for number, stage in enumerate(self.stages):
            maps = interpolate(maps, scale_factor=2, mode="bilinear") if number else maps
            maps = stage(maps, style)  # 5, 10, 20, 40 pixels
        pixels: Tensor = self.to_pixels(maps)
        return pixels


class Modulated(nn.Module):
    """Two convolutions with noise of their own, each scaled and shifted by the style."""

    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv2d(narrow, wide, 3, padding=1), nn.Conv2d(wide, wide, 3, padding=1)])
        self.styles = nn.ModuleList(nn.Linear(128, 2 * wide) for _ in range(2))
        self.grain = nn.Parameter(torch.full((2, 1, wide, 1, 1), 0.1))

    def forward(self, maps: Tensor, style: Tensor) -> Tensor:
        """(B, narrow, H, W) and (B, 128) to (B, wide, H, W)."""
        for convolution, to_style, strength in zip(self.convolutions, self.styles, self.grain, strict=True):
            maps = convolution(maps)
            maps = maps + strength * torch.randn_like(maps[:, :1])
            scale, shift = to_style(style)[..., None, None].chunk(2, 1)
            maps = nn.functional.leaky_relu(nn.functional.instance_norm(maps) * (1 + scale) + shift, 0.2)
        return maps


class Critic(nn.Module):
    """Cells (B, C, 40, 40) and phases (B,) to how real they look, (B,).

    It also sees how much each cell's group differs in itself, so that a generator that makes one
    cell over and over is found out (Karras et al. 2018, :arxiv:`1710.10196`).
    """

    def __init__(self, n_channels: int = 2, widths: tuple[int, ...] = (48, 96, 128, 160)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in pairwise((n_channels, *widths)):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers)  # (B, 160, 2, 2)
        self.real = nn.Linear(4 * widths[-1] + 1, 1)
        self.phase = nn.Embedding(N_PHASES, 4 * widths[-1])

    def forward(self, cells: Tensor, phases: Tensor) -> Tensor:
        """Judge cells."""
        features = self.features(cells).flatten(1)
        groups = features.unflatten(0, (-1, GROUP))  # (B / GROUP, GROUP, F)
        variety = (groups.var(1) + 1e-8).sqrt().mean(1).repeat_interleave(GROUP)[:, None]
        judged: Tensor = self.real(torch.cat([features, variety], 1))[:, 0] + (self.phase(phases) * features).mean(1)
        return judged


@dataclass(frozen=True, eq=False)
class Gan:
    """Both networks, their optimisers, and the running average that is kept."""

    generator: Generator
    critic: Critic
    average: Generator
    generator_optimiser: torch.optim.Optimizer
    critic_optimiser: torch.optim.Optimizer

    @classmethod
    def fresh(cls, n_channels: int, config: GanConfig) -> Gan:
        """Untrained networks."""
        torch.manual_seed(config.seed)
        generator, critic = Generator(n_channels), Critic(n_channels)
        average = Generator(n_channels).requires_grad_(False)
        average.load_state_dict(generator.state_dict())
        betas = (0.5, 0.99)
        return cls(
            generator,
            critic,
            average,
            torch.optim.Adam(generator.parameters(), config.learning_rate, betas),
            torch.optim.Adam(critic.parameters(), config.critic_learning_rate, betas),
        )


@dataclass(frozen=True)
class GanStep:
    """Mean losses of one step."""

    step: int
    critic_loss: float
    generator_loss: float


def train_gan(
    gan: Gan, cells: NDArray[np.float32], phases: NDArray[np.int8], config: GanConfig
) -> Iterator[Progress | GanStep]:
    """Train `gan` in place on real `cells` (N, C, 40, 40), scaled to a spread near 1, and their `phases` (N,)."""
    random = torch.Generator().manual_seed(config.seed)
    counts = np.bincount(phases, minlength=N_PHASES)
    weights = torch.from_numpy(1.0 / counts[phases] ** config.rare_phases)
    images, numbers = torch.from_numpy(cells), torch.from_numpy(phases.astype(np.int64))
    for step in range(1, config.steps + 1):
        batch = torch.multinomial(weights, GROUP * config.groups, replacement=True, generator=random)
        batch = batch[numbers[batch].argsort()]  # so that a group holds cells of one phase, or of two neighbours
        noise = torch.randn(len(batch), Generator.NOISE, generator=random)
        punish = config.penalty * config.penalty_every if step % config.penalty_every == 0 else 0.0
        losses = gan_step(gan, images[batch], numbers[batch], noise, punish, random)
        _average(gan, config.averaging)
        if step % 50 == 0:
            yield GanStep(step, *losses)
        yield Progress(step, config.steps, "training the generator")


def gan_step(
    gan: Gan, real: Tensor, phases: Tensor, noise: Tensor, penalty: float, random: torch.Generator
) -> tuple[float, float]:
    """Update critic, then generator, once; returns their losses.

    `real` is (B, C, H, W), `phases` (B,), `noise` (B, 64), given so that a test can repeat the step.
    """
    precision = mixed_precision(real.device)
    with precision:
        fake = gan.generator(noise, phases)
    shown = _changed(real, random).requires_grad_(penalty > 0)
    with nullcontext() if penalty else precision:  # second derivatives want full precision
        judged = gan.critic(shown, phases)
        judged_fake = gan.critic(_changed(fake.detach().float(), random), phases)
    critic_loss = (softplus(-judged.float()) + softplus(judged_fake.float())).mean()
    if penalty:
        (slope,) = torch.autograd.grad(judged.sum(), shown, create_graph=True)
        critic_loss = critic_loss + 0.5 * penalty * slope.square().sum((1, 2, 3)).mean()
    _descend(gan.critic_optimiser, critic_loss)
    with precision:
        judged_fake = gan.critic(_changed(fake.float(), random), phases)
    generator_loss = softplus(-judged_fake.float()).mean()
    _descend(gan.generator_optimiser, generator_loss)
    return critic_loss.item(), generator_loss.item()


@torch.no_grad()
def make_cells(generator: Generator, phase: int, n_cells: int, seed: int) -> NDArray[np.float32]:
    """`n_cells` made cells of `phase`, shape (n_cells, C, 40, 40), scaled as the training cells were."""
    torch.manual_seed(seed)  # the grain inside the generator
    noise = torch.randn(n_cells, Generator.NOISE)
    made: NDArray[np.float32] = generator.eval()(noise, torch.full((n_cells,), phase)).numpy()
    return made


def _changed(cells: Tensor, random: torch.Generator) -> Tensor:
    """Upside down or not, and shifted by up to 3 pixels: changes that the optics allow."""
    return random_affine(cells, random, flips=True, rotation_degrees=0, shift=0.08)


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


@torch.no_grad()
def _average(gan: Gan, kept: float) -> None:
    for mean, current in zip(gan.average.parameters(), gan.generator.parameters(), strict=True):
        mean.lerp_(current, 1 - kept)
