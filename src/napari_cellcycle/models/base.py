"""What every network of this project takes and gives."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class Outputs(NamedTuple):
    """Answers of a network to a batch of B cells."""

    logits: Tensor
    """(B, 7), before softmax, in phase order."""
    log2_dna: Tensor | None = None
    """(B,), log2 of DNA content relative to the G1 peak: 0 in G1, 1 in G2. None without such a head."""
    stain: Tensor | None = None
    """(B, 1, S, S), the DNA stain's image; given in training only."""
    features: Tensor | None = None
    """(B, F), what the phases are told from, at most some hundred numbers a cell; None if it tells none."""


class PhaseNetwork(nn.Module):
    """Base of all networks: images (B, C, S, S) of prepared cells in, `Outputs` out."""

    def forward(self, images: Tensor) -> Outputs:
        """Say the phase, and where the network can, the DNA content."""
        raise NotImplementedError
