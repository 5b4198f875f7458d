"""The network of Jin et al. (2021), "An Imbalanced Image Classification Method for the Cell Cycle Phase"."""

from __future__ import annotations

from napari_cellcycle.models.resnet import Bottleneck, ResNet
from napari_cellcycle.phases import N_PHASES


class Jin2021(ResNet):
    """A residual network of 41 layers (:doi:`10.3390/info12060249`).

    The parts of the paper that are available to us give the depth, not the blocks. The stem and the dense layer leave
    39 layers: no whole number of two-layer blocks, but 13 bottlenecks of three. They are arranged as in ResNet-50
    (3, 4, 6, 3), with three fewer in its longest stage; the widths are those of ResNet-50.
    """

    def __init__(self, n_channels: int = 2, n_phases: int = N_PHASES) -> None:
        super().__init__(Bottleneck, (3, 4, 3, 3), n_channels, n_phases)
