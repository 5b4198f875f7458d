"""The network of Rana et al. (2022), "Imbalanced cell-cycle classification using WGAN-div and mixup"."""

from __future__ import annotations

from napari_cellcycle.models.resnet import BasicBlock, ResNet
from napari_cellcycle.phases import N_PHASES


class Rana2022(ResNet):
    """A residual network (ISBI 2022, pages 1 to 4; continued in :doi:`10.1038/s41598-022-22882-x`).

    The parts of the paper that are available to us say "ResNet" without a depth. This is ResNet-18, the least deep of
    those in He et al.: 18 layers, 11 million weights, enough for a few thousand cells.
    """

    def __init__(self, n_channels: int = 2, n_phases: int = N_PHASES) -> None:
        super().__init__(BasicBlock, (2, 2, 2, 2), n_channels, n_phases)
