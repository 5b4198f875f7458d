"""The network of `default`: a residual network and trees that answer together, and the profile the trees ask for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_cellcycle.models import build
from napari_cellcycle.models.ensemble import NETWORK_SHARE, PairedNetwork
from napari_cellcycle.models.radial_profile import N_PROFILE_RINGS, RING_PX, radial_profile


def disc(radius: float, centre: tuple[float, float] = (19.5, 19.5), size: int = 40) -> torch.Tensor:
    y, x = np.mgrid[:size, :size]
    inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2
    return torch.from_numpy(np.stack([inside, inside * (x > centre[1])]).astype(np.float32))


def grown(n_rounds: int = 3, seed: int = 0) -> PairedNetwork:
    """With trees that nobody taught, but that do split."""
    random = torch.Generator().manual_seed(seed)
    network = build("paired", n_channels=2).eval()
    assert isinstance(network, PairedNetwork)
    trees = network.trees
    trees.start = torch.zeros(8)
    trees.feature = torch.randint(0, 100, (n_rounds, 8, 15), generator=random, dtype=torch.int16)
    trees.threshold = torch.randn(n_rounds, 8, 15, generator=random)
    trees.answer = torch.randn(n_rounds, 8, 16, generator=random)
    return network


def test_rings_tell_the_radius_and_the_side_that_light_comes_from() -> None:
    found = radial_profile(disc(9)[None])[0]
    mean, lean = found[:N_PROFILE_RINGS], found[7 * N_PROFILE_RINGS : 8 * N_PROFILE_RINGS]
    assert mean[: int(9 / RING_PX)].min() > 0.9
    assert mean[int(9 / RING_PX) + 2 :].abs().max() < 1e-3
    assert lean[1:5].min() > 0.2  # the second channel is lit on the right


@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-6, 2)])
def test_the_profile_does_not_depend_on_where_the_cell_lies(shift: tuple[int, int]) -> None:
    there = radial_profile(disc(8, (19.5 + shift[0], 19.5 + shift[1]))[None])
    assert torch.allclose(there, radial_profile(disc(8)[None]), atol=1e-4)


def test_moments_are_those_of_a_disc() -> None:
    across, down, both = radial_profile(disc(10)[None])[0, 8 * N_PROFILE_RINGS : 8 * N_PROFILE_RINGS + 3].tolist()
    assert across == pytest.approx(10**2 / 4, rel=0.05)  # of a full disc: a quarter of the squared radius
    assert down == pytest.approx(across, rel=1e-4)
    assert both == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("n_channels", "size"), [(1, 24), (2, 40), (3, 64)])
def test_every_profile_is_a_number_even_of_blank_images(n_channels: int, size: int) -> None:
    images = torch.cat([torch.zeros(1, n_channels, size, size), torch.randn(2, n_channels, size, size)])
    found = radial_profile(images)
    assert found.shape == (3, (4 * N_PROFILE_RINGS + 4) * n_channels + 4)
    assert found.isfinite().all()


def test_probabilities_are_the_weighted_mean_of_both() -> None:
    network, images = grown(), torch.randn(5, 2, 40, 40)
    with torch.inference_mode():
        both, alone, trees = network(images), network.network(images), network.trees(images)
    expected = NETWORK_SHARE * alone.logits.softmax(1) + (1 - NETWORK_SHARE) * trees.logits.softmax(1)
    assert torch.allclose(both.logits.softmax(1), expected, atol=1e-5)
    assert torch.allclose(both.log2_dna, (alone.log2_dna + trees.log2_dna) / 2)
    assert torch.equal(both.features, alone.features)


def test_without_trees_and_in_training_the_network_answers_alone() -> None:
    network, images = grown(), torch.randn(4, 2, 40, 40)
    with torch.inference_mode():
        alone = network.network(images).logits
        assert not torch.allclose(network(images).logits, alone)
        network.remove_trees()
        assert torch.equal(network(images).logits, alone)
    assert grown().train()(images).stain.shape == (4, 1, 40, 40)


def test_trees_are_saved_and_loaded_with_the_weights(tmp_path: Path) -> None:
    network, images = grown(), torch.randn(3, 2, 40, 40)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    again = build("paired", n_channels=2).eval()
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    with torch.inference_mode():
        assert torch.equal(again(images).logits, network(images).logits)
