"""Input and output of every network of this project."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from torch import Tensor, nn


class Outputs(NamedTuple):
    """Outputs of a network for a batch of B cells."""

    logits: Tensor
    """(B, P), before softmax, in phase order."""
    log2_dna: Tensor | None = None
    """(B,), log2 of the DNA content relative to the G1 peak: 0 in G1, 1 in G2. None without such a head."""
    stain: Tensor | None = None
    """(B, 1, S, S), image of the DNA stain; in training only."""
    features: Tensor | None = None
    """(B, F), what the phases are predicted from, at most a few hundred numbers per cell. None if there are none."""


class PhaseNetwork(nn.Module):
    """Base class of all networks: images (B, C, S, S) of prepared cells in, `Outputs` out."""

    head: ClassVar[str] = "phase_head"
    """Name of the last layer, which has one output for each phase."""

    def forward(self, images: Tensor) -> Outputs:
        """Predict the phases, and the DNA content where the network has a head for it."""
        raise NotImplementedError


def conv_norm(n_inputs: int, n_outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution without bias that keeps the edge length at stride 1, and its batch normalisation.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Channels before and after.
    kernel : int
        Edge of the kernel in pixels, odd.
    stride : int
        Step in pixels; the edge length is divided by it.

    Returns
    -------
    Sequential
        Of two layers.
    """
    convolution = nn.Conv2d(n_inputs, n_outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_outputs))
