"""Networks that read whole tracks: what they may know of a frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_cellcycle.models import build
from napari_cellcycle.models.base import PhaseNetwork
from napari_cellcycle.models.sequence import CellTracks, Places, whole_tracks

NAMES = ["jose2023", "causal", "two-sided"]
TRACK = np.array([0, 0, 0, 0, 1, 1, 1])
STEP = np.array([0, 1, 3, 4, 0, 1, 2])


def network_and_images(name: str) -> tuple[PhaseNetwork, Tensor]:
    torch.manual_seed(0)
    return build(name).eval(), torch.randn(7, 2, 40, 40)


def logits(network: PhaseNetwork, images: Tensor, rows: list[int]) -> Tensor:
    places = Places.of(TRACK[rows], STEP[rows], torch.device("cpu"))
    with torch.inference_mode():
        return network(images[rows], places).logits


@pytest.mark.parametrize("name", NAMES)
def test_other_tracks_and_their_length_change_nothing(name: str) -> None:
    network, images = network_and_images(name)
    together = logits(network, images, list(range(7)))
    for rows in ([0, 1, 2, 3], [4, 5, 6]):
        torch.testing.assert_close(logits(network, images, rows), together[rows], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("name", "knows"), [("jose2023", False), ("causal", False), ("two-sided", True)])
def test_only_a_two_sided_network_knows_what_comes(name: str, knows: bool) -> None:
    network, images = network_and_images(name)
    whole, begun = logits(network, images, [0, 1, 2, 3]), logits(network, images, [0, 1])
    assert torch.allclose(whole[:2], begun, atol=1e-5) != knows
    other = images.clone()
    other[0] += 1
    assert not torch.allclose(logits(network, other, [0, 1, 2, 3])[3], whole[3], atol=1e-5)  # the first frame is known


@pytest.mark.parametrize("name", NAMES)
def test_a_single_cell_is_a_track_of_its_own(name: str) -> None:
    network, images = network_and_images(name)
    with torch.inference_mode():
        alone = network(images).logits
    torch.testing.assert_close(alone[[0, 4]], logits(network, images, [0, 4]), atol=1e-5, rtol=1e-4)


def test_only_what_is_not_frozen_learns() -> None:
    network, images = network_and_images("causal")
    before = {name: values.clone() for name, values in network.state_dict().items()}
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    network(images).logits.square().sum().backward()
    optimiser.step()
    same = {name: torch.equal(values, before[name]) for name, values in network.state_dict().items()}
    assert all(same[name] for name in same if name.startswith("frozen."))
    assert not any(same[name] for name in same if name.startswith("phase_head."))


def test_cells_in_the_order_of_tracks_and_frames() -> None:
    order, number, step = CellTracks(np.array([5, -1, 5, 2, -1]), np.array([9, 3, 7, 0, 3])).in_order()
    assert order.tolist() == [3, 2, 0, 1, 4]  # the two without a track come last, apart
    assert number.tolist() == [0, 1, 1, 2, 3]
    assert step.tolist() == [0, 0, 2, 0, 0]


def test_no_track_is_divided_and_no_grid_is_too_large() -> None:
    def parts(lengths: list[int], n_steps: int, gap: int = 0) -> list[tuple[int, int]]:
        track = np.repeat(np.arange(len(lengths)), lengths)
        step = np.concatenate([np.arange(length) * (1 + gap) for length in lengths])
        return [(part.start, part.stop) for part in whole_tracks(track, step, n_steps)]

    assert parts([3, 2, 9, 1], 6) == [(0, 5), (5, 14), (14, 15)]
    assert parts([3, 2], 6, gap=1) == [(0, 3), (3, 5)]  # steps without a cell are steps too
    assert parts([9, 1, 1, 1, 1], 12) == [(0, 9), (9, 13)]  # short tracks would be filled up to the long one
    assert parts([0], 5) == []
