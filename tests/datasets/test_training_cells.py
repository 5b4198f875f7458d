"""Prepared cells, put one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cellcycle.datasets.training_cells import TrainingCells, join_training


@pytest.fixture
def made(prepared: TrainingCells) -> TrainingCells:
    some = prepared.subset(np.arange(5))
    return replace(some, stain=None, synthetic=np.ones(5, bool), positions=np.full(5, -1))


def test_cells_follow_one_another_with_all_that_is_known_of_them(prepared: TrainingCells, made: TrainingCells) -> None:
    joined = join_training([prepared, made])
    assert len(joined) == len(prepared) + 5
    assert np.array_equal(joined.images, np.r_[prepared.images, made.images])
    assert joined.phases.tolist() == [*prepared.phases.tolist(), *made.phases.tolist()]
    assert joined.synthetic.tolist() == [False] * len(prepared) + [True] * 5
    assert joined.positions.tolist() == [*range(len(prepared)), *[-1] * 5]
    assert {joined.images.dtype, joined.stain.dtype} == {np.dtype(np.float32)}
    assert joined.phases.dtype == np.int8


def test_cells_without_stain_have_none_among_those_with_it(prepared: TrainingCells, made: TrainingCells) -> None:
    joined = join_training([made, prepared])
    assert np.isnan(joined.stain[:5]).all()
    assert np.array_equal(joined.stain[5:], prepared.stain)
    assert np.isnan(joined.total_dna).sum() == 5


def test_without_any_stain_there_is_none(made: TrainingCells) -> None:
    assert join_training([made, made]).stain is None


def test_one_part_is_the_same_cells(prepared: TrainingCells) -> None:
    assert join_training([prepared]).sha256 == prepared.sha256
