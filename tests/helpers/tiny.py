"""A network of some hundred weights with all the heads of the real ones, for tests that train only to have a model.

Importing this module registers it; the package itself does not know it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from napari_cellcycle.models import ARCHITECTURES
from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.phases import N_PHASES
from napari_cellcycle.training.recipes import RECIPES

WIDTH = 8
STRIDE = 4


class TinyNetwork(PhaseNetwork):
    """Two convolutions, pooled over the cell; phase, DNA content and (in training) stain image heads."""

    def __init__(self, n_channels: int = 2, n_phases: int = N_PHASES) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_channels, WIDTH, STRIDE, STRIDE)  # (B, 8, S/4, S/4)
        self.normalise = nn.BatchNorm2d(WIDTH)
        self.second = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.phase_head = nn.Linear(2 * WIDTH, n_phases)
        self.dna_head = nn.Linear(2 * WIDTH, 1)
        self.stain_head = nn.Conv2d(WIDTH, STRIDE**2, 1)

    def forward(self, images: Tensor) -> Outputs:
        """Phases and DNA content of images (B, C, S, S); S must be a multiple of 4."""
        maps = torch.relu(self.second(torch.relu(self.normalise(self.first(images)))))
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)  # (B, 16)
        stain = nn.functional.pixel_shuffle(self.stain_head(maps), STRIDE) if self.training else None
        return Outputs(self.phase_head(pooled), self.dna_head(pooled)[:, 0], stain, pooled)


ARCHITECTURES["tiny"] = ("tiny", "TinyNetwork")
RECIPES["tiny"] = replace(
    RECIPES["default"],
    architecture="tiny",
    description="a network for tests",
    config=replace(RECIPES["default"].config, learning_rate=0.03),
)
