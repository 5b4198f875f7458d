"""The network of `default`: the mean of a small residual network and of trees on the cell's radial profile."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.models.compact import CompactResNet
from napari_cellcycle.models.feature_trees import FeatureTrees
from napari_cellcycle.models.radial_profile import radial_profile
from napari_cellcycle.phases import N_PHASES

NETWORK_SHARE = 2 / 3
"""Weight of the residual network's probabilities; the trees have the rest."""


class ProfileTrees(FeatureTrees):
    """Boosted trees on the radial profile of a cell instead of on all its features: a tenth of the time."""

    def measure(self, images: Tensor) -> Tensor:
        """Features (N, F) of images (N, C, S, S)."""
        return radial_profile(images)


class PairedNetwork(PhaseNetwork):
    """Probabilities and DNA content of a residual network and of trees, averaged.

    The two learn differently and so make mistakes on different cells. Together they are better than either of them, and
    better than two such networks (Dietterich 2000, :doi:`10.1007/3-540-45014-9_1`). Without trees the outputs are those
    of the network alone: in training, where the trees come last, and in a model that was fine-tuned on few cells.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    n_phases : int
        Phases that it tells.
    """

    head = "network.phase_head"

    def __init__(self, n_channels: int = 2, n_phases: int = N_PHASES) -> None:
        super().__init__()
        self.n_channels, self.n_phases = n_channels, n_phases
        self.network = CompactResNet(n_channels, n_phases=n_phases)
        self.trees = ProfileTrees(n_channels, n_phases)

    def forward(self, images: Tensor) -> Outputs:
        """Phases and DNA content of images (B, C, S, S); S must be a multiple of 8."""
        alone = self.network(images)
        if self.training or not self.trees.is_grown:
            return alone
        with torch.autocast(images.device.type, enabled=False):  # a profile in half precision is too coarse for trees
            grown = self.trees(images)
        mixed = NETWORK_SHARE * alone.logits.float().softmax(1) + (1 - NETWORK_SHARE) * grown.logits.softmax(1)
        log2_dna = alone.log2_dna if grown.log2_dna is None else (alone.log2_dna.float() + grown.log2_dna) / 2
        return Outputs(mixed.log(), log2_dna, features=alone.features)

    def remove_trees(self) -> None:
        """Go back to the outputs of the network alone."""
        self.trees = ProfileTrees(self.n_channels, self.n_phases)
