"""A support vector machine on two figures of a nucleus (Narotamo et al. 2021), with the interface of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from napari_cellcycle.models.base import Outputs, PhaseNetwork

N_FIGURES = 2
_AT_A_TIME = 1024


class SupportVectors(PhaseNetwork):
    """Tells two phases by area and total stain of a nucleus (:doi:`10.1038/s41598-021-98489-5`).

    The kernel is Gaussian. Vectors and weights are scikit-learn's, stored as plain arrays in double precision: nothing
    is pickled, and the decision is the same to the last digits.

    Parameters
    ----------
    n_channels : int
        1, the stain.
    n_phases : int
        2; the second one is where the decision is above 0.
    """

    vectors: Tensor
    """(V, 2)"""
    weights: Tensor
    """(V,)"""
    intercept: Tensor
    gamma: Tensor

    def __init__(self, n_channels: int = 1, n_phases: int = 2) -> None:
        super().__init__()
        if (n_channels, n_phases) != (1, 2):
            raise ValueError(f"it tells 2 phases by 1 channel, not {n_phases} by {n_channels}")
        self.register_buffer("vectors", torch.zeros(0, N_FIGURES, dtype=torch.float64))
        self.register_buffer("weights", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("intercept", torch.zeros((), dtype=torch.float64))
        self.register_buffer("gamma", torch.ones((), dtype=torch.float64))

    def decide(self, figures: Tensor) -> Tensor:
        """Decision function (N,) of figures (N, 2), which is above 0 for the second phase."""
        parts = []
        for some in figures.double().split(_AT_A_TIME):
            distances = (some[:, None] - self.vectors).square().sum(2)
            parts.append((torch.exp(-self.gamma * distances) * self.weights).sum(1) + self.intercept)
        return torch.cat(parts)

    def forward(self, images: Tensor) -> Outputs:
        """Phases of nuclei (B, 1, 1, 2)."""
        decision = self.decide(images.flatten(1))
        return Outputs(torch.stack([torch.zeros_like(decision), decision], dim=1).float())

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *others: Any) -> None:
        """Make room for as many vectors as were saved."""
        saved = state_dict.get(f"{prefix}weights")
        if isinstance(saved, Tensor) and saved.ndim == 1:
            self.vectors = self.vectors.new_zeros(len(saved), N_FIGURES)
            self.weights = self.weights.new_zeros(len(saved))
        super()._load_from_state_dict(state_dict, prefix, *others)
