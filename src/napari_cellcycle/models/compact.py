"""A small residual network that learns from the DNA stain in training, and does not need it to classify."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from napari_cellcycle.models.base import Outputs, PhaseNetwork, conv_norm
from napari_cellcycle.phases import N_PHASES


class CompactResNet(PhaseNetwork):
    """Residual stages [1]_ on a strided stem, with heads for phase, DNA content and (in training) the stain's image.

    The phases of the training data were defined by the DNA stain, so the stain holds more information than the labels:
    its sum, and where in the cell it lies. The network predicts both, but in training only (multitask learning [2]_).
    To classify, it needs only brightfield and darkfield.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    widths : sequence of int
        Channels of the stages; each stage after the first halves the resolution.
    blocks : int
        Residual blocks per stage.
    dropout : float
        Share of the pooled features that is dropped in training.
    n_phases : int
        Phases that it tells.

    References
    ----------
    .. [1] He et al. (2016), CVPR, :doi:`10.1109/CVPR.2016.90`
    .. [2] Caruana (1997), Mach. Learn. 28, 41, :doi:`10.1023/A:1007379606734`
    """

    def __init__(
        self,
        n_channels: int = 2,
        widths: tuple[int, ...] = (24, 48, 96),
        blocks: int = 1,
        dropout: float = 0.4,
        n_phases: int = N_PHASES,
    ) -> None:
        super().__init__()
        self.stem = conv_norm(n_channels, widths[0], kernel=5, stride=2)  # (B, w, S/2, S/2)
        self.stages = nn.ModuleList([_stage(widths[0], widths[0], blocks, stride=1)])
        self.stages.extend(_stage(narrow, wide, blocks, stride=2) for narrow, wide in pairwise(widths))
        self.dropout = nn.Dropout(dropout)
        self.phase_head = nn.Linear(2 * widths[-1], n_phases)
        self.dna_head = nn.Linear(2 * widths[-1], 1)
        self.stain_head = StainDecoder(widths)

    def forward(self, images: Tensor) -> Outputs:
        """Phases and DNA content of images (B, C, S, S); S must be a multiple of 8."""
        maps = [torch.relu_(self.stem(images))]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        # the mean shows how much of a structure there is, the maximum whether there is any
        pooled = self.dropout(torch.cat([maps[-1].mean((2, 3)), maps[-1].amax((2, 3))], 1))  # (B, 2W)
        stain = self.stain_head(maps[1:]) if self.training else None
        return Outputs(self.phase_head(pooled), self.dna_head(pooled)[:, 0], stain, pooled)


class StainDecoder(nn.Module):
    """The stain's image from the maps of all stages, coarse to fine, as in a U-Net [1]_.

    With the fine maps, the coarse ones need not know to the pixel where an edge lies. A network that is trained this
    way predicts phases better than one whose stain image is drawn from the coarse maps alone.

    References
    ----------
    .. [1] Ronneberger et al. (2015), MICCAI, :doi:`10.1007/978-3-319-24574-4_28`
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.merges = nn.ModuleList(conv_norm(wide + narrow, narrow) for narrow, wide in pairwise(widths))
        self.paint = nn.Conv2d(widths[0], 2 * 2, 3, padding=1)  # each pixel becomes 2x2 pixels

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps of the stages, fine to coarse, to (B, 1, S, S)."""
        drawn = maps[-1]
        for finer, merge in zip(maps[-2::-1], reversed(self.merges), strict=True):
            drawn = torch.relu(merge(torch.cat([nn.functional.interpolate(drawn, scale_factor=2), finer], 1)))
        return nn.functional.pixel_shuffle(self.paint(drawn), 2)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, narrow: int, wide: int, stride: int = 1) -> None:
        super().__init__()
        self.first = conv_norm(narrow, wide, stride=stride)
        self.second = conv_norm(wide, wide)
        same = narrow == wide and stride == 1
        self.shortcut = nn.Identity() if same else conv_norm(narrow, wide, kernel=1, stride=stride)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, narrow, H, W) to (B, wide, H / stride, W / stride)."""
        changed: Tensor = self.second(torch.relu_(self.first(maps)))
        return torch.relu_(changed + self.shortcut(maps))


def _stage(narrow: int, wide: int, blocks: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(ResidualBlock(narrow, wide, stride), *(ResidualBlock(wide, wide) for _ in range(blocks - 1)))
