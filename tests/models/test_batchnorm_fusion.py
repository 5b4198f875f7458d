"""Ready to call: the same answers with fewer steps, and the network itself untouched."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_cellcycle.models import build
from napari_cellcycle.models.batchnorm_fusion import fuse_for_inference


@pytest.mark.parametrize(("architecture", "size"), [("compact", 40), ("jin2021", 64), ("eulenberg2017", 40)])
def test_answers_stay_and_batch_norms_go(architecture: str, size: int) -> None:
    torch.manual_seed(0)
    network = build(architecture, n_channels=2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # as training leaves them: neither 0 nor 1
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = torch.randn(3, 2, size, size)
    ready = fuse_for_inference(network, torch.device("cpu"))
    with torch.inference_mode():
        assert torch.allclose(ready(images).logits, network(images).logits, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in ready.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_network_without_batch_norm_is_copied_as_it_is() -> None:
    network = build("duque2024", n_channels=2).eval()
    images = torch.randn(2, 2, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(
            fuse_for_inference(network, torch.device("cpu"))(images).logits, network(images).logits, atol=1e-5
        )
