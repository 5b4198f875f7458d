"""The tracks that a network is trained on, and how each epoch draws its batches from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.models.device import mixed_precision
from napari_cellcycle.models.sequence import Places, SequenceNetwork, whole_tracks
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.transforms import Batch, random_affine, random_gain

_STEPS_AT_A_TIME = 2048
"""Of tracks that are called together."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TrackBatch(Batch):
    """Parts of tracks: `images` are what `SequenceNetwork.encode` gave of their cells, at `places`."""

    places: Places

    def outputs(self, network: PhaseNetwork) -> Outputs:
        """What a `SequenceNetwork` says of these cells."""
        assert isinstance(network, SequenceNetwork)
        return Outputs(network.call(self.images, self.places))


@dataclass(frozen=True, eq=False)
class TrackSet:
    """Whole tracks as tensors; cells are in the order of tracks and steps.

    Attributes
    ----------
    encoded : Tensor, shape (N, ...)
        What `SequenceNetwork.encode` gave of each cell: images (N, C, S, S), or features.
    phases : Tensor, shape (N,)
        `UNKNOWN` for cells that are there for their neighbours only.
    track, step : ndarray of int, shape (N,)
        Number of the track of each cell, rising, and its step in it.
    n_phases : int
        Phases that there are.
    window : int
        Cells of a track that are trained on together.
    """

    encoded: Tensor
    phases: Tensor
    track: NDArray[np.int64]
    step: NDArray[np.int64]
    n_phases: int
    window: int

    @cached_property
    def _ends(self) -> list[tuple[int, int]]:
        """First cell of each track with a known phase, and the one after its last."""
        _, first, counts = np.unique(self.track, return_index=True, return_counts=True)
        known = self.phases.numpy() != UNKNOWN
        pairs = zip(first.tolist(), (first + counts).tolist(), strict=True)
        return [(start, stop) for start, stop in pairs if known[start:stop].any()]

    def batch_indices(self, config: TrainConfig, random: torch.Generator) -> list[Tensor]:
        """Draw the parts of tracks of one epoch.

        A long track gives as many parts as it has windows, each from anywhere in it.

        Parameters
        ----------
        config : TrainConfig
            Its ``batch_size`` is the number of parts in a batch.
        random : torch.Generator
            Draws the parts and their order.

        Returns
        -------
        list of Tensor
            For each batch, first cell of each part and the one after its last, (B, 2).
        """
        parts = []
        for start, stop in self._ends:
            length = min(self.window, stop - start)
            for _ in range(-(-(stop - start) // self.window)):
                first = start + int(torch.randint(stop - start - length + 1, (), generator=random))
                parts.append((first, first + length))
        order = torch.randperm(len(parts), generator=random)
        batches = torch.tensor(parts)[order].split(config.batch_size)
        return [batch for batch in batches if (batch[:, 1] - batch[:, 0]).sum() > 1]  # batch norm needs two cells

    def batch(self, parts: Tensor, config: TrainConfig, random: torch.Generator, device: torch.device) -> TrackBatch:
        """Take some parts of tracks; images of a part are all changed alike at random.

        Parameters
        ----------
        parts : Tensor, shape (B, 2)
            From `batch_indices`.
        config : TrainConfig
            How images are changed.
        random : torch.Generator
            Draws the changes.
        device : torch.device
            Where the batch goes.
        """
        rows = np.concatenate([np.arange(first, last) for first, last in parts.tolist()])
        number = np.repeat(np.arange(len(parts)), (parts[:, 1] - parts[:, 0]).numpy())
        step = self.step[rows] - self.step[parts[:, 0].numpy()][number]
        places, encoded = Places.of(number, step, device), self.encoded[rows].to(device)
        if encoded.ndim == 4:
            encoded = _changed(encoded, places, config, random)
        unknown = torch.full((len(rows),), torch.nan, device=device)
        weights = self._weights(config.rare_phases).to(device)
        return TrackBatch(
            encoded, self.phases[rows].to(device), unknown, unknown, self.n_phases, weights, places=places
        )

    def _weights(self, rare_phases: float) -> Tensor:
        """Whole tracks can't be drawn by the phase, so rare phases count more; mean 1 over the cells."""
        counts = torch.bincount(self.phases[self.phases != UNKNOWN], minlength=self.n_phases)
        weights = counts.clamp(min=1).float() ** -rare_phases
        return weights * counts.sum() / (weights * counts).sum()

    @torch.inference_mode()
    def logits(self, network: nn.Module, device: torch.device) -> Tensor:
        """Logits (N, P) of all cells on the CPU, by a network on `device`, which is left in evaluation mode."""
        assert isinstance(network, SequenceNetwork)
        network.eval()
        found = []
        for rows in whole_tracks(self.track, self.step, _STEPS_AT_A_TIME):
            places = Places.of(self.track[rows], self.step[rows], device)
            with mixed_precision(device):
                found.append(network.call(self.encoded[rows].to(device), places).float().cpu())
        return torch.cat(found)

    def known_logits(self, network: nn.Module, device: torch.device) -> tuple[Tensor, Tensor]:
        """Logits and phases of the cells of known phase."""
        known = self.phases != UNKNOWN
        return self.logits(network, device)[known], self.phases[known]


def _changed(images: Tensor, places: Places, config: TrainConfig, random: torch.Generator) -> Tensor:
    """Images (N, C, S, S), those of a part of a track all flipped, turned, shifted and brightened alike."""
    grid, _ = places.grid(images)  # (B, T, C, S, S)
    n_steps = grid.shape[1]
    planes = grid.flatten(1, 2)
    if config.flips or config.rotation_degrees or config.shift:
        planes = random_affine(
            planes, random, flips=config.flips, rotation_degrees=config.rotation_degrees, shift=config.shift
        )
    if config.gain:
        channels = planes.unflatten(1, (n_steps, -1)).transpose(1, 2)  # (B, C, T, S, S)
        changed = random_gain(channels.flatten(3), config.gain, random).reshape(channels.shape)
        planes = changed.transpose(1, 2).flatten(1, 2)
    return planes.unflatten(1, (n_steps, -1))[places.track, places.step]
