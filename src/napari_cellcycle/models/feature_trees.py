"""Measured features and boosted trees, as in Blasi et al. (2016), with the interface of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_cellcycle.images.cell_features import measure_cells
from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.phases import N_PHASES

DEPTH = 4
"""Decisions from the root of a tree to each of its leaves."""
DNA = -1
"""Index of the DNA content among the outputs, after the phases."""


class Trees(NamedTuple):
    """Complete binary trees, R rounds with one tree for each of K outputs, as plain arrays.

    Node 0 is the root. Below node n are 2n + 1, for values up to its threshold, and 2n + 2.
    """

    feature: Tensor
    """(R, K, 2^DEPTH - 1), int16: index of the feature that each node compares."""
    threshold: Tensor
    """(R, K, 2^DEPTH - 1)."""
    answer: Tensor  # the name is part of saved weights
    """(R, K, 2^DEPTH): what each leaf adds to the output."""

    def outputs(self, features: Tensor) -> Tensor:
        """Sum over all rounds of the leaves that `features` (N, F) lead to, shape (N, K)."""
        n_rounds, n_outputs, n_nodes = self.feature.shape
        first = torch.arange(n_rounds * n_outputs, device=features.device) * n_nodes
        node = torch.zeros(len(features), len(first), dtype=torch.int64, device=features.device)
        for _ in range(DEPTH):
            compared = self.feature.flatten()[first + node].long()
            is_above = features.gather(1, compared) > self.threshold.flatten()[first + node]
            node = 2 * node + 1 + is_above
        leaf = first // n_nodes * (n_nodes + 1) + node - n_nodes
        return self.answer.flatten()[leaf].unflatten(1, (n_rounds, n_outputs)).sum(1)


class FeatureTrees(PhaseNetwork):
    """Measures each cell, and predicts its phase and DNA content with boosted trees (:doi:`10.1038/ncomms10256`).

    Blasi et al. measured brightfield and darkfield with CellProfiler, predicted the phases with boosted trees that see
    rare phases more often, and predicted the DNA content with boosted regression trees. Here the features are those of
    `images.cell_features`, and the trees are scikit-learn's. They are stored as arrays, like the weights of a network:
    nothing is pickled.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    n_phases : int
        Phases that it tells.
    """

    feature: Tensor
    threshold: Tensor
    answer: Tensor
    start: Tensor

    def __init__(self, n_channels: int = 2, n_phases: int = N_PHASES) -> None:
        super().__init__()
        n_outputs = n_phases + 1
        self._channels = tuple(f"channel {number}" for number in range(n_channels))
        self.register_buffer("start", torch.full((n_outputs,), torch.nan))  # before the first tree; NaN: no output
        self.register_buffer("feature", torch.zeros(0, n_outputs, 2**DEPTH - 1, dtype=torch.int16))
        self.register_buffer("threshold", torch.zeros(0, n_outputs, 2**DEPTH - 1))
        self.register_buffer("answer", torch.zeros(0, n_outputs, 2**DEPTH))

    @property
    def is_grown(self) -> bool:
        """Whether there are trees."""
        return len(self.feature) > 0

    @property
    def trees(self) -> Trees:
        """The trained trees."""
        return Trees(self.feature, self.threshold, self.answer)

    @trees.setter
    def trees(self, trees: Trees) -> None:
        self.feature, self.threshold, self.answer = trees

    def measure(self, images: Tensor) -> Tensor:
        """Features (N, F) of images (N, C, S, S)."""
        found = measure_cells(images.cpu().numpy(), self._channels)
        return torch.from_numpy(np.stack(list(found.values()), axis=1)).to(images.device)

    def forward(self, images: Tensor) -> Outputs:
        """Phases of images (B, C, S, S), and DNA content if the trees were trained on a stain."""
        features = self.measure(images)
        outputs = self.start + self.trees.outputs(features)
        log2_dna = None if self.start[DNA].isnan() else outputs[:, DNA]
        return Outputs(outputs[:, :DNA], log2_dna, features=features)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *others: Any) -> None:
        """Make room for as many rounds as were saved."""
        for name in Trees._fields:
            saved, own = state_dict.get(prefix + name), getattr(self, name)
            if isinstance(saved, Tensor) and saved.shape[1:] == own.shape[1:]:
                setattr(self, name, own.new_zeros(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *others)
