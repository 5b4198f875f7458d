"""DeepFlow, the network of Eulenberg et al. (2017), "Reconstructing cell cycle and disease progression"."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.phases import N_PHASES


class Eulenberg2017(PhaseNetwork):
    """Dual paths of 1x1 and 3x3 convolutions, concatenated (:doi:`10.1038/s41467-017-00623-3`).

    The layers and their initial weights are those of the authors' published code. It takes the mean of maps of 8x8, the
    last ones of 64-pixel inputs; here the mean is over maps of any size.
    """

    def __init__(self, n_channels: int = 2, n_phases: int = N_PHASES) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _Convolution(n_channels, 96, kernel=3),  # (B, 96, S, S)
            _Dual(96, 32, 32),  # 64 channels
            _Dual(64, 32, 48),  # 80
            _Down(80, 80),  # (B, 160, S/2, S/2)
            _Dual(160, 112, 48),  # 160
            _Dual(160, 96, 64),  # 160
            _Dual(160, 80, 80),  # 160
            _Dual(160, 48, 96),  # 144
            _Down(144, 96),  # (B, 240, S/4, S/4)
            _Dual(240, 176, 160),  # 336
            _Dual(336, 176, 160),  # 336
            _Down(336, 96),  # (B, 432, S/8, S/8)
            _Dual(432, 176, 160),  # 336
            _Dual(336, 176, 160),  # (B, 336, S/8, S/8)
        )
        self.phase_head = nn.Linear(336, n_phases)

    def forward(self, images: Tensor) -> Outputs:
        """Phases of images (B, C, S, S)."""
        return Outputs(self.phase_head(self.features(images).mean((2, 3))))


class _Convolution(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, n_inputs: int, n_outputs: int, *, kernel: int, stride: int = 1) -> None:
        convolution = nn.Conv2d(n_inputs, n_outputs, kernel, stride, padding=kernel // 2, bias=False)
        # "Xavier" of MXNet with the magnitude that the authors set
        nn.init.normal_(convolution.weight, std=math.sqrt(2.34 / (n_inputs * kernel**2)))
        super().__init__(convolution, nn.BatchNorm2d(n_outputs), nn.ReLU())


class _Dual(nn.Module):
    """1x1 and 3x3 convolutions of the same maps, concatenated."""

    def __init__(self, n_inputs: int, n_narrow: int, n_wide: int) -> None:
        super().__init__()
        self.narrow = _Convolution(n_inputs, n_narrow, kernel=1)
        self.wide = _Convolution(n_inputs, n_wide, kernel=3)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, n_inputs, H, W) to (B, n_narrow + n_wide, H, W)."""
        return torch.cat([self.narrow(maps), self.wide(maps)], 1)


class _Down(nn.Module):
    """A 3x3 convolution and a 3x3 maximum of the same maps, both with stride 2, concatenated."""

    def __init__(self, n_inputs: int, n_new: int) -> None:
        super().__init__()
        self.convolution = _Convolution(n_inputs, n_new, kernel=3, stride=2)
        self.maximum = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, n_inputs, H, W) to (B, n_new + n_inputs, H / 2, W / 2)."""
        return torch.cat([self.convolution(maps), self.maximum(maps)], 1)
