"""A network made ready to classify: what training needed of it and calling does not is taken out."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_cellcycle.models.base import PhaseNetwork


def fuse_for_inference(network: PhaseNetwork, device: torch.device) -> PhaseNetwork:
    """A copy on `device` that gives the same answers, but for rounding, in less time.

    Each batch normalisation is folded into the convolution before it, as its mean and variance stay the same from now
    on. The network itself stays as it is, so that training can go on from it, and a GPU's memory is given back with
    the copy.
    """
    copy = deepcopy(network).eval()
    for module in list(copy.modules()):
        if isinstance(module, nn.Sequential):
            _fold(module)
    return copy.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fold(layers: nn.Sequential) -> None:
    for place, (first, second) in enumerate(pairwise(layers)):
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            layers[place], layers[place + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
