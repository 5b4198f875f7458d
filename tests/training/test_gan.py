"""The generator: repeatable, conditional, and better for training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cellcycle.training.gan import Gan, GanConfig, GanStep, Generator, gan_step, make_cells, train_gan


def blobs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Discs of phase 0 (small) and phase 2 (large)."""
    phases = np.tile([0, 2], n // 2).astype(np.int8)
    y, x = np.mgrid[:40, :40]
    cells = (np.hypot(y - 20, x - 20) < (6 + 4 * phases)[:, None, None]).astype(np.float32)
    return np.stack([cells, -cells], 1), phases


def test_same_seed_same_cells() -> None:
    config = GanConfig(steps=3, groups=1)
    made = []
    for _ in range(2):
        torch.rand(5)  # disturb the seed between the runs
        gan = Gan.fresh(2, config)
        list(train_gan(gan, *blobs(8), config))
        made.append(make_cells(gan.average, phase=0, n_cells=2, seed=1))
    np.testing.assert_array_equal(made[0], made[1])
    assert made[0].shape == (2, 2, 40, 40)


def test_the_phase_changes_the_cell() -> None:
    generator = Gan.fresh(2, GanConfig()).average
    assert not np.allclose(make_cells(generator, 0, 1, seed=0), make_cells(generator, 2, 1, seed=0))


def test_the_critic_learns_to_tell_real_from_made() -> None:
    gan, (cells, phases) = Gan.fresh(2, GanConfig()), blobs(32)
    gan.generator_optimiser.param_groups[0]["lr"] = 0.0  # an opponent that stands still
    random = torch.Generator().manual_seed(0)
    arguments = (torch.from_numpy(cells), torch.from_numpy(phases.astype(np.int64)))
    noise = torch.randn(32, Generator.NOISE, generator=random)
    losses = [gan_step(gan, *arguments, noise, 0.0, random)[0] for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]


def test_progress_and_losses_are_told() -> None:
    config = GanConfig(steps=50, groups=1, penalty_every=25)
    steps = [event for event in train_gan(Gan.fresh(2, config), *blobs(4), config) if isinstance(event, GanStep)]
    assert [step.step for step in steps] == [50]
    assert np.isfinite([steps[0].critic_loss, steps[0].generator_loss]).all()


@pytest.mark.parametrize("n_channels", [1, 2, 3])
def test_any_number_of_channels(n_channels: int) -> None:
    assert make_cells(Generator(n_channels), 6, 3, seed=0).shape == (3, n_channels, 40, 40)
