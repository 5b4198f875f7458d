"""Fusion of a trained network's layers, for faster predictions."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_cellcycle.models.base import PhaseNetwork


def fuse_for_inference(network: PhaseNetwork, device: torch.device) -> PhaseNetwork:
    """Copy a network to a device, with each batch normalisation fused into the convolution before it.

    This is possible because their means and variances no longer change. The network itself is not changed, so that it
    can be trained further, and the memory of a GPU is free again when the copy is deleted.

    Parameters
    ----------
    network : PhaseNetwork
        A trained network.
    device : torch.device
        Where the copy runs.

    Returns
    -------
    PhaseNetwork
        In evaluation mode; the same outputs except for rounding, in less time.
    """
    copy = deepcopy(network).eval()
    for module in list(copy.modules()):
        if isinstance(module, nn.Sequential):
            _fuse(module)
    return copy.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fuse(layers: nn.Sequential) -> None:
    for index, (first, second) in enumerate(pairwise(layers)):
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            layers[index], layers[index + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
