"""The recurrent network of Jose et al. (2023), "End-to-end classification of cell-cycle stages ...", ICASSP."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from napari_cellcycle.models.sequence import SequenceNetwork
from napari_cellcycle.phases import N_PHASES

_WIDTHS = (32, 64, 128)
_FIRST_SHOWN = 3
"""Times that the first frame is shown, so that the state does not start from nothing; as in the published code."""


class ConvolutionalGRU(nn.Module):
    """A gated recurrent unit whose state is a map, and whose products are 3x3 convolutions [1]_.

    References
    ----------
    .. [1] Ballas et al. (2016), ICLR, arXiv:1511.06432
    """

    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(n_inputs + width, 2 * width, 3, padding=1)
        self.candidate = nn.Conv2d(n_inputs + width, width, 3, padding=1)

    def forward(self, maps: Tensor, state: Tensor) -> Tensor:
        """The next state (B, width, H, W), after maps (B, n_inputs, H, W)."""
        update, reset = self.gates(torch.cat([maps, state], 1)).sigmoid().chunk(2, 1)
        candidate = self.candidate(torch.cat([maps, reset * state], 1)).tanh()
        return state + update * (candidate - state)


class Jose2023(SequenceNetwork):
    """Three convolutions, three convolutional GRUs with pooling between them, two convolutions, two dense layers.

    Layers and widths are those of the published code (github.com/tu-nv/cell-cycle-stages-identification), as the text
    that we have does not give them; the work is continued in :doi:`10.1371/journal.pone.0297356`. Of its two outputs
    only the phases are here: the other one draws the cell in the middle, and needs its mask. The code has crops of 96
    pixels; here the first dense layer takes what is left of a crop of 40.

    Parameters
    ----------
    n_channels : int
        Channels of the input.
    n_phases : int
        Phases that it tells.
    """

    head = "classifier.7"

    def __init__(self, n_channels: int = 2, n_phases: int = N_PHASES) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(n_channels, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 32, S/2, S/2)
        )
        self.recurrent = nn.ModuleList(ConvolutionalGRU(*widths) for widths in pairwise((32, *_WIDTHS)))
        self.classifier = nn.Sequential(
            nn.Conv2d(128, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 512, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(2),  # of 5x5, as pooling by 2 gives
            nn.Flatten(),
            nn.Sequential(nn.Linear(512 * 2 * 2, 4096), nn.ReLU()),
            nn.Linear(4096, n_phases),
        )

    def along(self, frames: Tensor, present: Tensor) -> Tensor:
        """Logits (B, T, P) of images (B, T, C, S, S)."""
        n_tracks, n_steps = present.shape
        seen = self.backbone(frames.flatten(0, 1)).unflatten(0, (n_tracks, n_steps))
        states = self._start(seen)
        last = []
        for step in range(n_steps):
            here = present[:, step, None, None, None]
            for _ in range(1 if step else _FIRST_SHOWN):
                states = [
                    torch.where(here, new, old)
                    for new, old in zip(self._next(seen[:, step], states), states, strict=True)
                ]
            last.append(states[-1])
        logits: Tensor = self.classifier(torch.stack(last, 1).flatten(0, 1)).unflatten(0, (n_tracks, n_steps))
        return logits

    def _start(self, seen: Tensor) -> list[Tensor]:
        size = seen.shape[-1]
        return [seen.new_zeros(len(seen), width, size >> n, size >> n) for n, width in enumerate(_WIDTHS)]

    def _next(self, maps: Tensor, states: list[Tensor]) -> list[Tensor]:
        new: list[Tensor] = []
        for unit, state in zip(self.recurrent, states, strict=True):
            maps = maps if not new else nn.functional.max_pool2d(new[-1], 2)
            new.append(unit(maps, state))
        return new
