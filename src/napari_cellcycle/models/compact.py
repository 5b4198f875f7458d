"""The network of `default`: a small residual network that learns from the DNA stain without needing it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from napari_cellcycle.models.outputs import Outputs, PhaseNetwork
from napari_cellcycle.phases import N_PHASES


class CompactResNet(PhaseNetwork):
    """Residual stages on a strided stem, with phase, DNA content and (in training) stain image heads.

    Phases of the training data were cut out of the DNA stain, so the stain teaches more than the labels:
    its sum, and where in the cell it lies. Both are asked for while training only (Caruana 1997,
    multitask learning); classifying needs brightfield and darkfield alone.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    widths : sequence of int
        Channels of the stages; each stage after the first halves the resolution.
    blocks : int
        Residual blocks per stage.
    dropout : float
        Of the pooled features.
    """

    def __init__(
        self, n_channels: int = 2, widths: tuple[int, ...] = (24, 48, 96), blocks: int = 1, dropout: float = 0.4
    ) -> None:
        super().__init__()
        self.stem = _convolution(n_channels, widths[0], kernel=5, stride=2)  # (B, w, S/2, S/2)
        stages: list[nn.Module] = [ResidualBlock(widths[0], widths[0]) for _ in range(blocks)]
        for narrow, wide in pairwise(widths):
            stages.append(ResidualBlock(narrow, wide, stride=2))
            stages.extend(ResidualBlock(wide, wide) for _ in range(blocks - 1))
        self.stages = nn.Sequential(*stages)  # (B, W, S/8, S/8)
        self.dropout = nn.Dropout(dropout)
        self.phase_head = nn.Linear(2 * widths[-1], N_PHASES)
        self.dna_head = nn.Linear(2 * widths[-1], 1)
        self.stain_head = nn.Conv2d(widths[-1], 8 * 8, 1)  # each place paints its 8x8 pixels

    def forward(self, images: Tensor) -> Outputs:
        """Phases and DNA content of images (B, C, S, S); S must be a multiple of 8."""
        maps = self.stages(torch.relu(self.stem(images)))
        # the mean tells how much of a structure there is, the maximum whether there is any
        pooled = self.dropout(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1))  # (B, 2W)
        stain = nn.functional.pixel_shuffle(self.stain_head(maps), 8) if self.training else None
        return Outputs(self.phase_head(pooled), self.dna_head(pooled)[:, 0], stain, pooled)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, narrow: int, wide: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _convolution(narrow, wide, stride=stride)
        self.second = _convolution(wide, wide)
        same = narrow == wide and stride == 1
        self.shortcut = nn.Identity() if same else _convolution(narrow, wide, kernel=1, stride=stride)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, narrow, H, W) to (B, wide, H / stride, W / stride)."""
        changed: Tensor = self.second(torch.relu(self.first(maps)))
        return torch.relu(changed + self.shortcut(maps))


def _convolution(narrow: int, wide: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(narrow, wide, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(wide),
    )
