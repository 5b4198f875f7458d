"""A small conditional generator of cells of all phases, and its critic: rare phases profit from common ones.

References
----------
.. [1] Karras et al. (2019), CVPR, :arxiv:`1812.04948`
.. [2] Miyato and Koyama (2018), ICLR, :arxiv:`1802.05637`
.. [3] Karras et al. (2018), ICLR, :arxiv:`1710.10196`
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import instance_norm, interpolate, leaky_relu

from napari_cellcycle.phases import N_PHASES

SIZE_PX = 40
GROUP = 4
"""Number of cells, of about one phase, whose variety the critic measures."""
ANY_PHASE = N_PHASES
"""Phase of cells of unknown phase, for the critic."""


class CellGenerator(nn.Module):
    """Noise (B, 64) and phases (B,) in, encoded cells (B, C, 40, 40) out, 0 in the background.

    Noise and phase scale and shift the feature maps of each stage [1]_. Each stage also adds noise of its own, for the
    details that differ from cell to cell.
    """

    NOISE = 64

    def __init__(self, n_channels: int = 2, widths: tuple[int, ...] = (96, 64, 32, 16), style: int = 96) -> None:
        super().__init__()
        self.phase = nn.Embedding(N_PHASES, 32)
        self.style = nn.Sequential(nn.Linear(self.NOISE + 32, style), nn.LeakyReLU(0.2), nn.Linear(style, style))
        self.start = nn.Linear(self.NOISE + 32, widths[0] * 5 * 5)
        self.stages = nn.ModuleList(
            _Stage(narrow, wide, style, n_convolutions=1 if number == len(widths) - 1 else 2)
            for number, (narrow, wide) in enumerate(pairwise((widths[0], *widths)))
        )
        self.to_pixels = nn.Conv2d(widths[-1], n_channels, 3, padding=1)

    def forward(self, noise: Tensor, phases: Tensor) -> Tensor:
        """Make cells."""
        inputs = torch.cat([noise, self.phase(phases)], 1)  # (B, 96)
        style = self.style(inputs)
        maps = self.start(inputs).unflatten(1, (-1, 5, 5)).contiguous(memory_format=torch.channels_last)
        for number, stage in enumerate(self.stages):
            maps = interpolate(maps, scale_factor=2) if number else maps
            maps = stage(maps, style)  # 5, 10, 20, 40 pixels
        pixels: Tensor = self.to_pixels(maps)
        return pixels


class _Stage(nn.Module):
    """Convolutions with noise of their own (`grain`), each scaled and shifted by the style."""

    def __init__(self, narrow: int, wide: int, style: int, n_convolutions: int) -> None:
        super().__init__()
        inputs = (narrow, *(wide for _ in range(n_convolutions - 1)))
        self.convolutions = nn.ModuleList(nn.Conv2d(n, wide, 3, padding=1, bias=False) for n in inputs)
        self.styles = nn.ModuleList(nn.Linear(style, 2 * wide) for _ in inputs)
        self.grain = nn.Parameter(torch.full((n_convolutions, 1, wide, 1, 1), 0.1))

    def forward(self, maps: Tensor, style: Tensor) -> Tensor:
        """(B, narrow, H, W) and (B, style) in, (B, wide, H, W) out."""
        for convolution, to_style, strength in zip(self.convolutions, self.styles, self.grain, strict=True):
            maps = convolution(maps)
            maps = maps + strength.to(maps.dtype) * torch.randn_like(maps[:, :1])
            scale, shift = to_style(style)[..., None, None].chunk(2, 1)
            maps = leaky_relu(instance_norm(maps) * (1 + scale) + shift, 0.2)
        return maps


class CellCritic(nn.Module):
    """Encoded cells (B, C, 40, 40) and phases (B,) in, scores (B,) out: higher for cells that look more real.

    The phase is projected on the features [2]_. The critic also sees the variety within each group of cells, so that a
    generator that always makes the same cell gets a low score [3]_.
    """

    def __init__(self, n_channels: int = 2, widths: tuple[int, ...] = (48, 96, 128, 160)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in pairwise((n_channels, *widths)):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers)  # (B, 160, 2, 2)
        self.real = nn.Linear(4 * widths[-1] + 1, 1)
        self.phase = nn.Embedding(N_PHASES + 1, 4 * widths[-1], padding_idx=ANY_PHASE)

    def forward(self, cells: Tensor, phases: Tensor) -> Tensor:
        """Score cells; each `GROUP` of them in a row is a group."""
        features = self.features(cells.contiguous(memory_format=torch.channels_last)).flatten(1)
        groups = features.unflatten(0, (-1, GROUP))  # (B / GROUP, GROUP, F)
        variety = (groups.var(1) + 1e-8).sqrt().mean(1).repeat_interleave(GROUP)[:, None]
        scores: Tensor = self.real(torch.cat([features, variety], 1))[:, 0] + (self.phase(phases) * features).mean(1)
        return scores
