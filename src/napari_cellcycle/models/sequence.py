"""Networks that read whole tracks: what they share, and small ones on the features of any other network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from napari_cellcycle.errors import ModelError
from napari_cellcycle.models import build
from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.phases import N_PHASES

_SURE = 1e-4
"""No call counts as less probable than this, so that its logarithm stays small."""


class CellTracks(NamedTuple):
    """In which track N cells are, each a number of its own or -1 for none, and in which frame; both (N,)."""

    track: NDArray[np.int64]
    frame: NDArray[np.int64]

    def in_order(self) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
        """Cells by track and frame: which cell, its track from 0, and its step from the start of its track.

        A cell without a track is one of its own.
        """
        alone = self.track.max(initial=-1) + 1 + np.arange(len(self.track))
        key = np.where(self.track < 0, alone, self.track)
        order = np.lexsort((self.frame, key))
        _, first, number = np.unique(key[order], return_index=True, return_inverse=True)
        frame = self.frame[order]
        return order, number, frame - frame[first][number]


def whole_tracks(track: NDArray[np.int64], step: NDArray[np.int64], n_steps: int) -> Iterator[slice]:
    """Parts of the cells that divide no track, and that fit a grid of tracks and steps of limited size.

    Parameters
    ----------
    track : ndarray of int, shape (N,)
        Track of each cell, rising.
    step : ndarray of int, shape (N,)
        Step of each cell in its track.
    n_steps : int
        Tracks of a part, times the steps of the longest of them; more only if one track has more.

    Returns
    -------
    iterator of slice
        All cells, in order.
    """
    ends = np.append(np.flatnonzero(np.diff(track)) + 1, len(track)).tolist() if len(track) else []
    start, stop, n_tracks, longest = 0, 0, 0, 0
    for end in ends:
        length = int(step[stop:end].max()) + 1
        if n_tracks and (n_tracks + 1) * max(longest, length) > n_steps:
            yield slice(start, stop)
            start, n_tracks, longest = stop, 0, 0
        stop, n_tracks, longest = end, n_tracks + 1, max(longest, length)
    if stop > start:
        yield slice(start, stop)


class Places(NamedTuple):
    """Where N cells are: number of the track from 0, and step from the start of the track; both (N,)."""

    track: Tensor
    step: Tensor

    @classmethod
    def apart(cls, n_cells: int, device: torch.device) -> Self:
        """Each cell is a track of its own."""
        return cls(torch.arange(n_cells, device=device), torch.zeros(n_cells, dtype=torch.long, device=device))

    @classmethod
    def of(cls, track: NDArray[np.int64], step: NDArray[np.int64], device: torch.device) -> Self:
        """From arrays; tracks are numbered anew from 0."""
        _, number = np.unique(track, return_inverse=True)
        return cls(torch.from_numpy(number).to(device), torch.from_numpy(step.astype(np.int64)).to(device))

    def grid(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Values (N, ...) as (B, T, ...), 0 where a track has no cell, and where it has one, (B, T)."""
        shape = (int(self.track.max()) + 1, int(self.step.max()) + 1)
        grid = values.new_zeros(*shape, *values.shape[1:])
        present = torch.zeros(shape, dtype=torch.bool, device=values.device)
        grid[self.track, self.step] = values
        present[self.track, self.step] = True
        return grid, present


class SequenceNetwork(PhaseNetwork):
    """Base class of networks that call each cell from all frames of its track, or from those so far."""

    def encode(self, images: Tensor) -> Tensor:
        """What `along` reads of each frame of images (N, C, S, S), and training does not change: here the image."""
        return images

    def along(self, frames: Tensor, present: Tensor) -> Tensor:
        """Logits (B, T, P) of what `encode` gave of B tracks, (B, T, ...), of which the cells (B, T) are `present`."""
        raise NotImplementedError

    def call(self, encoded: Tensor, places: Places) -> Tensor:
        """Logits (N, P) of what `encode` gave of the N cells at `places`."""
        return self.along(*places.grid(encoded))[places.track, places.step]

    def forward(self, images: Tensor, places: Places | None = None) -> Outputs:
        """Phases of images (N, C, S, S) at `places`; without, each is a track of its own."""
        return Outputs(self.call(self.encode(images), places or Places.apart(len(images), images.device)))


class FeatureSequence(SequenceNetwork):
    """A gated recurrent unit [1]_ on the features and calls that another, frozen network has of each frame.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    n_phases : int
        Phases that it tells.
    frozen : mapping
        The other network: its ``architecture``, and its options for `models.build`.
    n_inputs : int
        Its features and phases.

    References
    ----------
    .. [1] Cho et al. (2014), EMNLP, :doi:`10.3115/v1/D14-1179`
    """

    two_sided: ClassVar[bool]
    width: ClassVar[int] = 64

    def __init__(
        self,
        n_channels: int = 2,
        n_phases: int = N_PHASES,
        frozen: Mapping[str, Any] | None = None,
        n_inputs: int = 199,
    ) -> None:
        super().__init__()
        options = {"architecture": "compact", "n_channels": n_channels, **(frozen or {})}
        self.frozen = build(options.pop("architecture"), **options).requires_grad_(requires_grad=False)
        if isinstance(self.frozen, SequenceNetwork):
            raise ModelError("features are those of single frames; choose another model than one that reads tracks")
        # features come in units of their own
        self.reduce = nn.Sequential(
            nn.BatchNorm1d(n_inputs), nn.Linear(n_inputs, self.width), nn.ReLU(), nn.Dropout(0.3)
        )
        self.recurrent = nn.GRU(self.width + 1, self.width, batch_first=True, bidirectional=self.two_sided)
        self.phase_head = nn.Linear(self.width * (2 if self.two_sided else 1), n_phases)

    def train(self, mode: bool = True) -> Self:
        """The frozen network stays as it is."""
        super().train(mode)
        self.frozen.eval()
        return self

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Features and calls (N, F + P) of the frozen network."""
        return frame_features(self.frozen(images))

    def along(self, frames: Tensor, present: Tensor) -> Tensor:
        """Logits (B, T, P) from features and calls (B, T, F + P)."""
        # what is added up over hundreds of frames is kept in full precision
        with torch.autocast(frames.device.type, enabled=False):
            reduced = frames.new_zeros(*present.shape, self.width, dtype=torch.float32)
            reduced[present] = self.reduce(frames[present].float())
            steps = torch.cat([reduced, present[..., None].float()], 2)
            # packed, so that what lies after the end of a shorter track does not count
            lengths = (present * torch.arange(1, present.shape[1] + 1, device=present.device)).amax(1)
            packed = pack_padded_sequence(steps, lengths.cpu(), batch_first=True, enforce_sorted=False)
            states, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=present.shape[1])
            logits: Tensor = self.phase_head(states)
        return logits

    def forward(self, images: Tensor, places: Places | None = None) -> Outputs:
        """Phases of images (N, C, S, S) at `places`, with the features and the DNA content of the frozen network."""
        alone = self.frozen(images)
        places = places or Places.apart(len(images), images.device)
        return alone._replace(logits=self.call(frame_features(alone), places), stain=None)


def frame_features(outputs: Outputs) -> Tensor:
    """Features and log-probabilities, (N, F + P), of what a network says of N single frames."""
    calls = outputs.logits.float().softmax(1).clamp(min=_SURE).log()
    return calls if outputs.features is None else torch.cat([outputs.features.float(), calls], 1)


class CausalSequence(FeatureSequence):
    """Knows the frames so far, so that it can call cells while they are recorded."""

    two_sided = False


class TwoSidedSequence(FeatureSequence):
    """Knows the frames before and after."""

    two_sided = True
