"""The network of a finder: a small U-Net that says where objects are, and how deep inside one each pixel lies.

The form is that of Ronneberger et al. 2015 [1]_; the second map, a distance to the edge that is 1 in the middle of each
object, separates objects that touch, as in [2]_.

References
----------
.. [1] Ronneberger, Fischer, Brox (2015), MICCAI, :doi:`10.1007/978-3-319-24574-4_28`
.. [2] Naylor et al. (2019), IEEE Trans. Med. Imaging 38, :doi:`10.1109/TMI.2018.2865709`
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from napari_cellcycle.models.base import conv_norm

WIDTHS = (16, 32, 64, 96)
FOREGROUND, DISTANCE = 0, 1
"""The two maps that the network gives."""


class FinderNetwork(nn.Module):
    """Images (B, C, Y, X) in, logit of the foreground and normalised distance out, (B, 2, Y, X).

    Y and X must be multiples of `multiple`.
    """

    def __init__(self, n_channels: int = 1, widths: Sequence[int] = WIDTHS, n_maps: int = 2) -> None:
        super().__init__()
        inputs = (n_channels, *widths)
        self.down = nn.ModuleList(_block(before, after) for before, after in zip(inputs, widths, strict=False))
        self.up = nn.ModuleList(
            _block(deep + shallow, shallow) for deep, shallow in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.maps = nn.Conv2d(widths[0], n_maps, 1)
        self.multiple = 2 ** (len(widths) - 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the maps of a batch."""
        shallower: list[Tensor] = []
        values = images
        for level, block in enumerate(self.down):
            values = block(values if level == 0 else nn.functional.max_pool2d(values, 2))
            shallower.append(values)
        shallower.pop()
        for block in self.up:
            values = block(torch.cat([interpolate(values, scale_factor=2.0), shallower.pop()], 1))
        maps: Tensor = self.maps(values)
        return maps


def _block(n_inputs: int, n_outputs: int) -> nn.Sequential:
    """Two convolutions with their normalisation."""
    first, second = conv_norm(n_inputs, n_outputs), conv_norm(n_outputs, n_outputs)
    return nn.Sequential(*first, nn.ReLU(inplace=True), *second, nn.ReLU(inplace=True))
