"""The radial profile of a cell, from its centre outwards: few numbers, quick to measure, that show much of its size."""

from __future__ import annotations

import torch
from torch import Tensor

N_PROFILE_RINGS = 14
RING_PX = 1.5
_EPSILON = 1e-6
"""Keeps quotients, roots and logarithms of blank images finite."""


def radial_profile(images: Tensor) -> Tensor:
    """Measure cells of any size in a batch.

    The centre is that of the squared first channel. Rings around it, each `RING_PX` wide, give for each channel: the
    mean, the spread, the steepness, and how far the light leans to the right, since darkfield is lit from one side. The
    other values are the second moments of the squared first channel, and the mean, the spread and the extremes of each
    channel.

    Parameters
    ----------
    images : Tensor, shape (N, C, S, S)
        Prepared cells; 0 is background.

    Returns
    -------
    Tensor of float32, shape (N, (4 * N_PROFILE_RINGS + 4) * C + 4)
        Rings first; spread and steepness as logarithms.
    """
    cells = _centred(images.float().contiguous())
    across, down = _offsets(cells)
    radius = torch.hypot(across, down)
    lit = cells * (across / radius.clamp(min=_EPSILON))
    squared = cells.square()
    rings = _rings(radius)
    # one by one, as to join them first takes longer than to multiply them
    mean, square, steep, lean = (plane.flatten(2) @ rings for plane in (cells, squared, _steepness(cells), lit))
    spread = torch.sqrt((square - mean.square()).clamp(min=0) + _EPSILON)
    energy = squared[:, 0].flatten(1)
    total = energy.sum(1, keepdim=True).clamp(min=_EPSILON)
    moments = energy @ torch.stack([across.square(), down.square(), across * down]).flatten(1).T / total
    pixels = cells.flatten(2)
    level, power = pixels.mean(2), squared.flatten(2).mean(2)  # torch.std takes three times as long
    variance = (power - level.square()).clamp(min=0) * pixels.shape[2] / (pixels.shape[2] - 1)
    plain = [level, torch.sqrt(variance), pixels.amax(2), pixels.amin(2)]
    profiles = [part.flatten(1) for part in (mean, spread.log(), (steep + _EPSILON).log(), lean)]
    return torch.cat([*profiles, moments, total.log(), *plain], 1)


def _centred(cells: Tensor) -> Tensor:
    """Cells (N, C, S, S) shifted by whole pixels to the middle, so that all of them have the same rings."""
    size = cells.shape[-1]
    axis = torch.arange(size, device=cells.device)
    energy = cells[:, 0].square()
    total = energy.sum((1, 2)).clamp(min=_EPSILON)
    indices = []
    for summed in (2, 1):  # for rows, then for columns
        centre = (energy.sum(summed) * axis).sum(1) / total
        shift = (centre - (size - 1) / 2).round().long()
        indices.append((axis + shift[:, None]).clamp(0, size - 1))
    rows, columns = indices
    flat = (rows[:, :, None] * size + columns[:, None, :]).flatten(1)[:, None]
    return cells.flatten(2).gather(2, flat.expand(-1, cells.shape[1], -1)).unflatten(2, (size, size))


def _offsets(cells: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each pixel from the middle, to the right and down, each (S, S)."""
    size = cells.shape[-1]
    axis = torch.arange(size, dtype=cells.dtype, device=cells.device) - (size - 1) / 2
    return axis.expand(size, size), axis[:, None].expand(size, size)


def _steepness(cells: Tensor) -> Tensor:
    """Length of the gradient of each pixel; along an edge of the image, only what runs along this edge counts."""
    squared = torch.full_like(cells, _EPSILON)
    squared[..., 1:-1] += (cells[..., 2:] - cells[..., :-2]).square_()
    squared[..., 1:-1, :] += (cells[..., 2:, :] - cells[..., :-2, :]).square_()
    return squared.sqrt_()


def _rings(radius: Tensor) -> Tensor:
    """Weights (S * S, N_PROFILE_RINGS) for means over rings of `radius` (S, S) that overlap linearly."""
    middle = torch.arange(N_PROFILE_RINGS, dtype=radius.dtype, device=radius.device)
    part = (1 - (radius.flatten()[:, None] / RING_PX - middle).abs()).clamp(min=0)
    return part / part.sum(0).clamp(min=_EPSILON)
