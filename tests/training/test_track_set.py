"""Parts of tracks as a network gets them in training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_cellcycle.models import build
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.track_set import TrackSet

CPU = torch.device("cpu")
PLAIN = TrainConfig(batch_size=2, flips=False, rotation_degrees=0, shift=0, gain=0, rare_phases=0)


def tracks_of(encoded: Tensor, window: int = 4) -> TrackSet:
    """Tracks of 10, 3, 1 and 2 cells; every second frame has no cell, and nothing is known of the last track."""
    lengths = [10, 3, 1, 2]
    track = np.repeat(np.arange(4), lengths)
    step = np.concatenate([2 * np.arange(length) for length in lengths])
    phases = torch.tensor([0] * 6 + [1] * 4 + [0, 1, 1] + [2] + [-1, -1])
    return TrackSet(encoded, phases, track, step, 3, window)


def test_parts_are_as_many_as_windows_and_from_labelled_tracks() -> None:
    tracks = tracks_of(torch.arange(16.0)[:, None])
    starts = set()
    for seed in range(20):
        batches = tracks.batch_indices(PLAIN, torch.Generator().manual_seed(seed))
        parts = [tuple(part) for batch in batches for part in batch.tolist()]
        long = [part for part in parts if part[1] <= 10]
        assert len(long) == 3  # windows of 4 in 10 cells
        assert all(last - first == 4 for first, last in long)
        assert [part for part in parts if part not in long and part != (13, 14)] == [(10, 13)]
        starts |= {first for first, _ in long}
    assert starts == set(range(7))


def test_a_batch_has_its_own_places() -> None:
    tracks = tracks_of(torch.arange(16.0)[:, None])
    batch = tracks.batch(torch.tensor([[4, 8], [10, 13]]), PLAIN, torch.Generator(), CPU)
    assert batch.images[:, 0].tolist() == [4, 5, 6, 7, 10, 11, 12]
    assert batch.places.track.tolist() == [0] * 4 + [1] * 3
    assert batch.places.step.tolist() == [0, 2, 4, 6, 0, 2, 4]
    assert batch.phases.tolist() == [0, 0, 1, 1, 0, 1, 1]
    assert batch.log2_dna.isnan().all()


def test_rare_phases_weigh_more() -> None:
    tracks = tracks_of(torch.zeros(16, 1))  # 7, 6 and 1 cells
    even = tracks.batch(torch.tensor([[0, 4]]), PLAIN, torch.Generator(), CPU).phase_weights
    rare = tracks.batch(torch.tensor([[0, 4]]), replace(PLAIN, rare_phases=1), torch.Generator(), CPU).phase_weights
    assert even is not None
    assert rare is not None
    assert even.tolist() == [1, 1, 1]
    np.testing.assert_allclose(rare * torch.tensor([7, 6, 1]), [14 / 3] * 3, rtol=1e-5)


def test_all_frames_of_a_part_are_changed_alike() -> None:
    images = torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0)).expand(16, -1, -1, -1)
    changes = replace(PLAIN, flips=True, rotation_degrees=180, shift=0.1, gain=0.3)
    batch = tracks_of(images).batch(torch.tensor([[4, 8], [10, 13]]), changes, torch.Generator().manual_seed(1), CPU)
    for rows in (slice(0, 4), slice(4, 7)):
        torch.testing.assert_close(batch.images[rows], batch.images[rows][:1].expand_as(batch.images[rows]))
    assert not torch.allclose(batch.images[0], batch.images[4], atol=0.1)
    assert not torch.allclose(batch.images[0], images[0], atol=0.1)


@pytest.mark.parametrize("name", ["causal", "two-sided"])
def test_logits_in_parts_are_those_of_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    tracks, network = tracks_of(torch.randn(16, 199)), build(name)
    whole = tracks.logits(network, CPU)
    monkeypatch.setattr("napari_cellcycle.training.track_set._STEPS_AT_A_TIME", 8)
    torch.testing.assert_close(tracks.logits(network, CPU), whole, atol=1e-5, rtol=1e-4)
    assert [len(values) for values in tracks.known_logits(network, CPU)] == [14, 14]
