"""Residual networks as in He et al. (2016), for models whose paper does not name another layout.

References
----------
.. [1] He et al. (2016), "Deep residual learning for image recognition", CVPR, :doi:`10.1109/CVPR.2016.90`
"""

from __future__ import annotations

from torch import Tensor, nn

from napari_cellcycle.models.base import Outputs, PhaseNetwork, conv_norm
from napari_cellcycle.phases import N_PHASES

_STAGE_WIDTHS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut: two weight layers."""

    widening = 1

    def __init__(self, n_inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            *conv_norm(n_inputs, width, kernel=3, stride=stride),
            nn.ReLU(),
            *conv_norm(width, width, kernel=3),
        )
        self.shortcut = _shortcut(n_inputs, width, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, n_inputs, H, W) to (B, width, H / stride, W / stride)."""
        return nn.functional.relu(self.change(maps) + self.shortcut(maps))


class Bottleneck(nn.Module):
    """A 3x3 convolution between two 1x1 ones around a shortcut: three weight layers."""

    widening = 4

    def __init__(self, n_inputs: int, width: int, stride: int) -> None:
        super().__init__()
        n_outputs = self.widening * width
        self.change = nn.Sequential(
            *conv_norm(n_inputs, width, kernel=1),
            nn.ReLU(),
            *conv_norm(width, width, kernel=3, stride=stride),
            nn.ReLU(),
            *conv_norm(width, n_outputs, kernel=1),
        )
        self.shortcut = _shortcut(n_inputs, n_outputs, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, n_inputs, H, W) to (B, 4 width, H / stride, W / stride)."""
        return nn.functional.relu(self.change(maps) + self.shortcut(maps))


class ResNet(PhaseNetwork):
    """A stem, four stages of residual blocks, the mean of each map, one dense layer [1]_.

    Parameters
    ----------
    block : type of BasicBlock or Bottleneck
        Building block of the stages.
    n_blocks : tuple of int
        Blocks in each stage; every stage but the first halves the resolution.
    n_channels : int
        Channels of the input.
    n_phases : int
        Phases that it tells.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        n_blocks: tuple[int, int, int, int],
        n_channels: int,
        n_phases: int = N_PHASES,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *conv_norm(n_channels, _STAGE_WIDTHS[0], kernel=7, stride=2),  # (B, 64, S/2, S/2)
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),  # (B, 64, S/4, S/4)
        )
        stages: list[nn.Module] = []
        n_inputs = _STAGE_WIDTHS[0]
        for number, (width, depth) in enumerate(zip(_STAGE_WIDTHS, n_blocks, strict=True)):
            for index in range(depth):
                stages.append(block(n_inputs, width, stride=2 if number and not index else 1))
                n_inputs = block.widening * width
        self.stages = nn.Sequential(*stages)  # (B, n_inputs, S/32, S/32)
        self.phase_head = nn.Linear(n_inputs, n_phases)
        self.apply(_initialise_as_he)

    def forward(self, images: Tensor) -> Outputs:
        """Phases of images (B, C, S, S)."""
        maps = self.stages(self.stem(images))
        return Outputs(self.phase_head(maps.mean((2, 3))))


def _shortcut(n_inputs: int, n_outputs: int, stride: int) -> nn.Module:
    if n_inputs == n_outputs and stride == 1:
        return nn.Identity()
    return conv_norm(n_inputs, n_outputs, kernel=1, stride=stride)


def _initialise_as_he(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
