"""Changes of a training batch that the optics allow."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from napari_cellcycle.training.config import TrainConfig


def augment(planes: Tensor, config: TrainConfig, random: torch.Generator) -> Tensor:
    """Turn, shift and flip cells (B, P, S, S) as `config` says, all planes of a cell alike."""
    return random_affine(
        planes, random, flips=config.flips, rotation_degrees=config.rotation_degrees, shift=config.shift
    )


def random_affine(
    planes: Tensor, random: torch.Generator, *, flips: bool, rotation_degrees: float, shift: float
) -> Tensor:
    """Move each cell of (B, P, S, S) in a way of its own; `shift` is a share of the crop.

    Light comes from one side, so cells are flipped top to bottom only, and turned by small angles;
    size carries the phase, so nothing is scaled.
    """
    n_cells = len(planes)
    angle = math.radians(rotation_degrees) * _uniform(n_cells, random)
    mirror = 1 - 2 * torch.randint(0, 2, (n_cells,), generator=random).float() * flips
    # affine_grid measures in half crops, hence the factor 2
    shift_x, shift_y = (2 * shift * _uniform(n_cells, random) for _ in range(2))
    rows = (
        torch.stack([angle.cos(), -angle.sin() * mirror, shift_x], 1),
        torch.stack([angle.sin(), angle.cos() * mirror, shift_y], 1),
    )
    grid = affine_grid(torch.stack(rows, 1).to(planes), list(planes.shape), align_corners=False)
    return grid_sample(planes, grid, padding_mode="zeros", align_corners=False)  # zero is background


def change_gain(images: Tensor, config: TrainConfig, random: torch.Generator) -> Tensor:
    """Multiply each channel of each cell (B, C, S, S) by a factor of its own."""
    factors = 1 + config.gain * _uniform(images.shape[0] * images.shape[1], random)
    return images * factors.reshape(*images.shape[:2], 1, 1).to(images.device)


def _uniform(n: int, random: torch.Generator) -> Tensor:
    return 2 * torch.rand(n, generator=random) - 1
