"""One training step of each kind of GAN: the losses of the critic and of the generator. No loop, no file.

References
----------
.. [1] Jolicoeur-Martineau (2019), ICLR, :arxiv:`1807.00734`
.. [2] Huang et al. (2024), NeurIPS, :arxiv:`2501.05441`; Mescheder et al. (2018), ICML, :arxiv:`1801.04406`
.. [3] Zhao et al. (2020), NeurIPS, :arxiv:`2006.10738`
.. [4] Gulrajani et al. (2017), NeurIPS, :arxiv:`1704.00028`
.. [5] Wu et al. (2018), ECCV, :arxiv:`1712.01026`
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.training.gan.config import WGAN_GP, GanConfig
from napari_cellcycle.training.gan.state import GanState
from napari_cellcycle.training.transforms import random_affine

SHIFT = 0.08
"""Cells are shifted by up to this share of the crop before the critic sees them."""


class GanLosses(NamedTuple):
    """Of one step; `critic_gap` is the critic's mean score of real cells minus that of synthetic ones."""

    critic: float
    generator: float
    critic_gap: float


def conditional_step(
    state: GanState, real: Tensor, critic_phases: Tensor, generator_phases: Tensor, noise: Tensor, config: GanConfig
) -> GanLosses:
    """Update the critic of `cellgan`, then its generator, once.

    The critic scores how much more real each real cell looks than a synthetic one [1]_; every few steps its gradient at
    both is penalised [2]_. Generators trained in this way cover more of the variety of real cells. All cells go through
    the same random changes, so that the critic can't memorize the few real ones [3]_.

    Parameters
    ----------
    state : GanState
        Is updated by one step.
    real : Tensor of float32, shape (B, C, H, W)
        Real cells, about one phase in each group.
    critic_phases : Tensor of int64, shape (B,)
        Phases of the real cells as the critic sees them, `ANY_PHASE` where unknown.
    generator_phases : Tensor of int64, shape (B,)
        Phases of the synthetic cells.
    noise : Tensor of float32, shape (B, Z)
        The synthetic cells are made from it; an argument, so that a test can repeat the step.
    config : GanConfig
        Settings of the penalty.

    Returns
    -------
    GanLosses
    """
    precision = mixed_precision(real.device)
    with_penalty = config.penalty > 0 and (state.step + 1) % config.penalty_every == 0
    with precision:
        synthetic = state.generator(noise, generator_phases)
    seen_real = _augmented(real, state.random).requires_grad_(with_penalty)
    seen_synthetic = _augmented(synthetic.detach().float(), state.random).requires_grad_(with_penalty)
    with nullcontext() if with_penalty else precision:  # second derivatives need full precision
        real_scores, scores = (state.critic(cells, critic_phases).float() for cells in (seen_real, seen_synthetic))
    critic_loss = softplus(scores - real_scores).mean()
    if with_penalty:
        total = real_scores.sum() + scores.sum()
        gradients = torch.autograd.grad(total, (seen_real, seen_synthetic), create_graph=True)
        weight = 0.5 * config.penalty * config.penalty_every
        critic_loss = critic_loss + weight * sum(gradient.square().sum((1, 2, 3)).mean() for gradient in gradients)
    _descend(state.critic_optimiser, critic_loss)
    state.critic.requires_grad_(False)  # the gradients of its weights are not needed here
    with precision:
        scores = state.critic(_augmented(synthetic.float(), state.random), critic_phases).float()
    generator_loss = softplus(real_scores.detach() - scores).mean()
    _descend(state.generator_optimiser, generator_loss)
    state.critic.requires_grad_(True)
    return GanLosses(critic_loss.item(), generator_loss.item(), (real_scores - scores).mean().item())


def wasserstein_step(
    state: GanState, batches: list[Tensor], noises: list[Tensor], method: str, config: GanConfig
) -> GanLosses:
    """Update a Wasserstein critic once for each batch, then its generator once.

    Parameters
    ----------
    state : GanState
        Is updated by one step.
    batches : list of Tensor of float32, shape (B, C, H, W)
        Real cells.
    noises : list of Tensor of float32, shape (B, Z)
        Synthetic cells are made from it: one for each batch, and the last one for the generator.
    method : str
        ``wgan-gp`` or ``wgan-div``: which penalty on the critic's gradient is used.
    config : GanConfig
        Settings of the penalty.

    Returns
    -------
    GanLosses
    """
    for real, noise in zip(batches, noises[:-1], strict=True):
        with torch.no_grad(), mixed_precision(real.device):
            synthetic = state.generator(noise).float()
        with mixed_precision(real.device):
            critic_gap = state.critic(real).float().mean() - state.critic(synthetic).float().mean()
        share = torch.rand(len(real), 1, 1, 1, generator=state.random).to(real)
        between = (share * real + (1 - share) * synthetic).requires_grad_()
        critic_loss = gradient_penalty(state.critic, between, method, config) - critic_gap
        _descend(state.critic_optimiser, critic_loss)
    state.critic.requires_grad_(False)
    with mixed_precision(noises[-1].device):
        generator_loss = -state.critic(state.generator(noises[-1])).float().mean()
    _descend(state.generator_optimiser, generator_loss)
    state.critic.requires_grad_(True)
    return GanLosses(critic_loss.item(), generator_loss.item(), critic_gap.item())


def gradient_penalty(critic: nn.Module, cells: Tensor, method: str, config: GanConfig) -> Tensor:
    """Penalty on the critic's gradient at `cells`.

    ``wgan-gp``: the mean squared difference of the gradient's norm from 1 [4]_. ``wgan-div``: the mean of the norm's
    p-th power [5]_.

    Parameters
    ----------
    critic : nn.Module
        Of cells of one phase.
    cells : Tensor of float32, shape (B, C, H, W)
        Between real and synthetic ones; with ``requires_grad``.
    method : str
        ``wgan-gp`` or ``wgan-div``.
    config : GanConfig
        Weight and power of the penalty.

    Returns
    -------
    Tensor, shape ()
    """
    (gradient,) = torch.autograd.grad(critic(cells).sum(), cells, create_graph=True)
    norm = gradient.flatten(1).norm(dim=1)
    if method == WGAN_GP:
        return config.penalty * (norm - 1).square().mean()
    return config.penalty * norm.pow(config.penalty_power).mean()


def _augmented(cells: Tensor, random: torch.Generator) -> Tensor:
    """Flipped from top to bottom or not, and shifted: changes that the optics allow."""
    return random_affine(cells, random, flips=True, rotation_degrees=0, shift=SHIFT)


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
