"""One step of each way of training a generator: what the critic loses, what the generator loses. No loop, no file.

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
"""Share of the crop by which cells are shifted at most before the critic sees them."""


class GanLosses(NamedTuple):
    """Of one step; `distance` is how much higher the critic thinks of real cells than of made ones."""

    critic: float
    generator: float
    distance: float


def conditional_step(
    state: GanState, real: Tensor, told: Tensor, wished: Tensor, noise: Tensor, config: GanConfig
) -> GanLosses:
    """Update the critic of `cellgan`, then its generator, once.

    The critic says how much more real each real cell is than a made one beside it [1]_, and pays for its slope at both
    now and then [2]_: generators trained so leave out less of what is real. All cells pass through the same random
    changes, so that the critic can't learn a few of them by heart [3]_.

    Parameters
    ----------
    state : GanCourse
        Is moved on by one step.
    real : Tensor, shape (B, C, H, W)
        Real cells, of about one phase in each group.
    told : Tensor, shape (B,)
        What the critic is told of their phases.
    wished : Tensor, shape (B,)
        Phases of the cells to make.
    noise : Tensor, shape (B, Z)
        To make them of; given, so that a test can repeat the step.
    config : GanConfig
        Of the penalty.
    """
    precision = mixed_precision(real.device)
    due = config.penalty > 0 and (state.step + 1) % config.penalty_every == 0
    with precision:
        made = state.generator(noise, wished)
    shown = _changed(real, state.random).requires_grad_(due)
    shown_made = _changed(made.detach().float(), state.random).requires_grad_(due)
    with nullcontext() if due else precision:  # second derivatives want full precision
        judged, judged_made = (state.critic(cells, told).float() for cells in (shown, shown_made))
    critic_loss = softplus(judged_made - judged).mean()
    if due:
        slopes = torch.autograd.grad(judged.sum() + judged_made.sum(), (shown, shown_made), create_graph=True)
        weight = 0.5 * config.penalty * config.penalty_every
        critic_loss = critic_loss + weight * sum(slope.square().sum((1, 2, 3)).mean() for slope in slopes)
    _descend(state.critic_optimiser, critic_loss)
    state.critic.requires_grad_(False)  # its weights' gradients would be thrown away
    with precision:
        judged_made = state.critic(_changed(made.float(), state.random), told).float()
    generator_loss = softplus(judged.detach() - judged_made).mean()
    _descend(state.generator_optimiser, generator_loss)
    state.critic.requires_grad_(True)
    return GanLosses(critic_loss.item(), generator_loss.item(), (judged - judged_made).mean().item())


def wasserstein_step(
    state: GanState, batches: list[Tensor], noises: list[Tensor], method: str, config: GanConfig
) -> GanLosses:
    """Update a Wasserstein critic once for each batch, then its generator once.

    Parameters
    ----------
    state : GanCourse
        Is moved on by one step.
    batches : list of Tensor
        Real cells, each (B, C, H, W).
    noises : list of Tensor
        To make cells of: one for each batch, and the last for the generator.
    method : str
        ``wgan-gp`` or ``wgan-div``: what is asked of the critic's slope between real and made cells.
    config : GanConfig
        Of the penalty.
    """
    for real, noise in zip(batches, noises[:-1], strict=True):
        with torch.no_grad(), mixed_precision(real.device):
            made = state.generator(noise).float()
        with mixed_precision(real.device):
            distance = state.critic(real).float().mean() - state.critic(made).float().mean()
        share = torch.rand(len(real), 1, 1, 1, generator=state.random).to(real)
        between = (share * real + (1 - share) * made).requires_grad_()
        critic_loss = slope_penalty(state.critic, between, method, config) - distance
        _descend(state.critic_optimiser, critic_loss)
    state.critic.requires_grad_(False)
    with mixed_precision(noises[-1].device):
        generator_loss = -state.critic(state.generator(noises[-1])).float().mean()
    _descend(state.generator_optimiser, generator_loss)
    state.critic.requires_grad_(True)
    return GanLosses(critic_loss.item(), generator_loss.item(), distance.item())


def slope_penalty(critic: nn.Module, cells: Tensor, method: str, config: GanConfig) -> Tensor:
    """What the critic pays for its slope at `cells` (B, C, H, W), which want a gradient.

    ``wgan-gp``: the mean squared difference of the slope from 1 [4]_. ``wgan-div``: the mean of its p-th power [5]_.
    """
    (slope,) = torch.autograd.grad(critic(cells).sum(), cells, create_graph=True)
    norm = slope.flatten(1).norm(dim=1)
    if method == WGAN_GP:
        return config.penalty * (norm - 1).square().mean()
    return config.penalty * norm.pow(config.penalty_power).mean()


def _changed(cells: Tensor, random: torch.Generator) -> Tensor:
    """Upside down or not, and shifted by a few pixels: changes that the optics allow."""
    return random_affine(cells, random, flips=True, rotation_degrees=0, shift=SHIFT)


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
