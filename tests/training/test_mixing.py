"""Cells put together from two, and blended ones beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellcycle.datasets.training_cells import TrainingCells, g1_dna
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.training_set import TrainingSet, fit_scale
from napari_cellcycle.training.transforms import Batch

SIZE = 6
PHASES = st.lists(st.sampled_from([0, 1, 2, UNKNOWN]), min_size=2, max_size=7)


def told_apart(phases: list[int]) -> Batch:
    """No two pixels are alike, so that each one tells its cell and its place; cells of G2 are without stain."""
    n_cells = len(phases)
    images = torch.arange(n_cells * 2 * SIZE * SIZE, dtype=torch.float32).reshape(n_cells, 2, SIZE, SIZE) + 1
    known = torch.tensor(phases)
    unstained = known == 2
    return Batch(
        images,
        known,
        torch.arange(n_cells, dtype=torch.float32).masked_fill(unstained, torch.nan),
        (-images[:, :1]).masked_fill(unstained[:, None, None, None], torch.nan),
    )


def parents(image: torch.Tensor) -> torch.Tensor:
    """Number of the cell that each pixel (S, S) of `image` (2, S, S) comes from, at the place where it was there."""
    numbers = (image[0].long() - 1) // (2 * SIZE * SIZE)
    for channel in range(2):
        places = (numbers * 2 + channel) * SIZE * SIZE + torch.arange(SIZE * SIZE).reshape(SIZE, SIZE)
        assert torch.equal(image[channel], places + 1.0)
    return numbers


def first_part(own: torch.Tensor) -> tuple[str, int]:
    """How an image of which the mask `own` (S, S) is the cell's own was cut, and where."""
    rows, columns = own.all(1), own.all(0)
    cut = int(rows.sum() or columns.sum())
    kind, expected = ("top", rows[:, None]) if rows.any() else ("left", columns[None])
    assert torch.equal(own, expected.expand(SIZE, SIZE))
    assert own.flatten()[0]
    assert 0 < cut < SIZE
    return kind, cut


@settings(max_examples=60)
@given(PHASES, st.integers(0, 2**31))
def test_a_cell_is_two_parts_of_two_cells_and_what_is_learnt_of_it_goes_by_area(phases: list[int], seed: int) -> None:
    batch = told_apart(phases)
    mixed = batch.mixed(0.0, torch.Generator().manual_seed(seed), nonlinear=1.0)
    others = []
    for cell, phase in enumerate(phases):
        found = parents(mixed.images[cell])
        (other,) = {*found.unique().tolist()} - {cell} or {cell}
        others.append(other)
        share = float((found == cell).float().mean())
        if other != cell:
            first_part(found == cell)
        assert (phase == UNKNOWN) == (phases[other] == UNKNOWN)
        expected = np.zeros(7)
        if phase != UNKNOWN:
            expected[phase] += share
            expected[phases[other]] += 1 - share
        assert mixed.phases[cell].tolist() == pytest.approx(expected, abs=1e-6)
        if 2 in (phase, phases[other]):
            assert mixed.log2_dna[cell].isnan()
            assert mixed.stain[cell].isnan().all()
        else:
            assert mixed.log2_dna[cell] == pytest.approx(share * cell + (1 - share) * other, abs=1e-5)
            assert torch.equal(mixed.stain[cell], -mixed.images[cell, :1])  # cut alike
    assert sorted(others) == list(range(len(phases)))  # each one is a partner once


def test_cuts_are_of_both_kinds_and_anywhere() -> None:
    batch = told_apart([0, 1])
    random = torch.Generator().manual_seed(0)
    cuts = []
    for _ in range(2000):
        own = parents(batch.mixed(0.0, random, nonlinear=1.0).images[0]) == 0
        if not own.all():  # or it was its own partner
            cuts.append(first_part(own))
    assert len(cuts) == pytest.approx(1000, abs=120)
    counts = [cuts.count((kind, cut)) / len(cuts) for kind in ("top", "left") for cut in range(1, SIZE)]
    assert counts == pytest.approx([0.1] * 10, abs=0.04)  # two kinds, five places


@pytest.mark.parametrize(("alpha", "nonlinear"), [(0.0, 0.25), (0.2, 0.25), (0.2, 0.75)])
def test_a_share_of_the_cells_is_cut_and_the_others_are_blended_or_left(alpha: float, nonlinear: float) -> None:
    n_cells = 3000
    batch = told_apart([number % 2 for number in range(n_cells)])
    images = batch.images.double()  # numbers beyond the 24 bits of a float32 blend
    mixed = replace(batch, images=images).mixed(alpha, torch.Generator().manual_seed(1), nonlinear)
    apart = (mixed.images - images)[:, 0].flatten(1)  # 0 in a cell's own part, else the same for all of its pixels
    is_same, is_moved = (apart == 0).all(1), (apart != 0).all(1)
    assert float((~is_same & ~is_moved).double().mean()) == pytest.approx(nonlinear, abs=0.03)
    assert float(is_moved.double().mean()) == pytest.approx((1 - nonlinear) * (alpha > 0), abs=0.05)
    assert torch.allclose(mixed.phases.sum(1), torch.ones(n_cells, dtype=mixed.phases.dtype))


def test_a_cell_that_is_left_alone_keeps_its_stain_next_to_unstained_ones() -> None:
    batch = told_apart([0] * 20 + [2] * 20)
    mixed = batch.mixed(0.0, torch.Generator().manual_seed(0), nonlinear=0.01)
    alone = (mixed.images == batch.images).flatten(1).all(1)[:20]
    assert alone.sum() > 10
    assert torch.equal(mixed.stain[:20][alone], batch.stain[:20][alone])
    assert torch.equal(mixed.log2_dna[:20][alone], batch.log2_dna[:20][alone])


@pytest.mark.parametrize(("mixup", "nonlinear_mixup"), [(0.0, 0.5), (0.2, 0.5), (0.2, 0.0)])
def test_same_seed_same_batch(prepared: TrainingCells, mixup: float, nonlinear_mixup: float) -> None:
    config = TrainConfig(batch_size=32, mixup=mixup, nonlinear_mixup=nonlinear_mixup)
    training_set = TrainingSet.from_cells(prepared, fit_scale(prepared), g1_dna(prepared), config)

    def drawn(seed: int) -> Batch:
        random = torch.Generator().manual_seed(seed)
        return training_set.batch(training_set.batch_indices(config, random)[0], config, random, torch.device("cpu"))

    first = drawn(3)
    torch.rand(5)
    np.random.default_rng().random(5)
    again, other = drawn(3), drawn(4)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.phases, again.phases)
    assert torch.equal(first.stain, again.stain)
    assert not torch.equal(first.phases, other.phases)
    assert first.phases.shape == (32, 7)
