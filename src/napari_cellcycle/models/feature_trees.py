"""Measured features and boosted trees, as in Blasi et al. (2016), with the interface of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.phases import N_PHASES

DEPTH = 4
"""Decisions from the root of a tree to each of its leaves."""
DNA = -1
"""Index of the DNA content among the outputs, after the phases."""
_ROUNDS_AT_A_TIME = 19
"""So many that what a batch needs stays in the cache of a core."""


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
        columns = features.T.contiguous()  # one row per feature, so that each node compares neighbours in memory
        total = features.new_zeros(n_outputs, len(features))
        # an exported graph has no loops, so it gets all rounds in one piece
        at_a_time = n_rounds if torch.compiler.is_compiling() else _ROUNDS_AT_A_TIME
        for first in range(0, n_rounds, max(at_a_time, 1)):
            rounds = slice(first, first + at_a_time)
            compared = self.feature[rounds].flatten(0, 1).T.flatten().int()
            values = columns.index_select(0, compared)
            # in place, as comparing into a new tensor of truth values takes five times as long
            is_above = values.gt_(self.threshold[rounds].flatten(0, 1).T.reshape(-1, 1)).to(torch.int8)
            leaf = _leaves(is_above.unflatten(0, (n_nodes, -1)))
            total += self.answer[rounds].flatten(0, 1).gather(1, leaf).unflatten(0, (-1, n_outputs)).sum(0)
        return total.T


def _leaves(is_above: Tensor) -> Tensor:
    """Number of the leaf that cells reach in each tree (T, N), from the answers of all nodes, 0 or 1, (nodes, T, N).

    To ask every node and to choose among the answers by their bits is several times faster than to follow each cell.
    """
    path: list[Tensor] = []
    for depth in range(DEPTH):
        choices = list(is_above[2**depth - 1 : 2 ** (depth + 1) - 1])
        for turn in path:
            half = len(choices) // 2
            choices = [low ^ ((low ^ high) & -turn) for low, high in zip(choices[:half], choices[half:], strict=True)]
        path.append(choices[0])
    leaf = path[0]
    for turn in path[1:]:
        leaf = 2 * leaf + turn
    return leaf.long()


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
    def tells_dna(self) -> bool:
        """Whether the trees were trained on a stain."""
        return not bool(self.start[DNA].isnan())

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
        from napari_cellcycle.images.cell_features import measure_cells  # slow to import, and most trees need a profile

        found = measure_cells(images.cpu().numpy(), self._channels)
        return torch.from_numpy(np.stack(list(found.values()), axis=1)).to(images.device)

    def forward(self, images: Tensor) -> Outputs:
        """Phases of images (B, C, S, S), and DNA content if the trees were trained on a stain."""
        features = self.measure(images)
        outputs = self.start + self.trees.outputs(features)
        log2_dna = outputs[:, DNA] if self.tells_dna else None
        return Outputs(outputs[:, :DNA], log2_dna, features=features)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *others: Any) -> None:
        """Make room for as many rounds as were saved."""
        for name in Trees._fields:
            saved, own = state_dict.get(prefix + name), getattr(self, name)
            if isinstance(saved, Tensor) and saved.shape[1:] == own.shape[1:]:
                setattr(self, name, own.new_zeros(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *others)
