"""What is drawn, and what is to be learnt of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellcycle.data import TrainingCells, g1_dna
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.lessons import Lesson, Lessons, fit_scale, undersampled

QUICK = TrainConfig(batch_size=32)


def test_cells_of_unknown_phase_are_taught_by_their_stain_only(prepared: TrainingCells) -> None:
    twice = prepared.subset(np.r_[: len(prepared), : len(prepared)])
    both = replace(twice, phases=np.r_[prepared.phases, np.full(len(prepared), -1, np.int8)])
    lessons = Lessons.of(both, fit_scale(both), g1_dna(both), QUICK)
    batch = lessons.batches(QUICK, torch.Generator())[0]
    assert (batch < len(prepared)).sum() == QUICK.batch_size
    assert (batch >= len(prepared)).sum() == QUICK.batch_size // 2


def test_rare_phases_are_drawn_more_often(prepared: TrainingCells) -> None:
    phases = np.where(np.arange(len(prepared)) < 81, 0, 1).astype(np.int8)  # 81 and 9
    lessons = Lessons.of(replace(prepared, phases=phases), fit_scale(prepared), None, replace(QUICK, rare_phases=0.5))
    drawn = torch.cat([torch.cat(lessons.batches(QUICK, torch.Generator().manual_seed(i))) for i in range(40)])
    share = float((lessons.phases[drawn] == 1).double().mean())
    assert share == pytest.approx(0.25, abs=0.02)  # 9 / sqrt(9) to 81 / sqrt(81), so 1 to 3


def test_dna_is_told_relative_to_g1(prepared: TrainingCells) -> None:
    lessons = Lessons.of(prepared, fit_scale(prepared), g1_dna(prepared), QUICK)
    contents = 2 ** lessons.log2_dna.numpy()
    medians = [float(np.median(contents[lessons.phases == phase])) for phase in (0, 1, 2)]
    assert medians[0] == pytest.approx(1, abs=1e-4)
    assert medians == sorted(medians)
    assert g1_dna(replace(prepared, stain=None)) is None


def told_apart(phases: torch.Tensor) -> Lesson:
    """Cell i is an image of 10 ** i, so that a blend tells what went into it, and how much."""
    value = 10.0 ** torch.arange(len(phases), dtype=torch.float64)
    stain = torch.where(phases == 2, torch.nan, value)  # G2 is without stain
    return Lesson(
        value[:, None, None, None].expand(-1, 2, 4, 4),
        phases,
        stain,
        stain[:, None, None, None].expand(-1, 1, 4, 4),
    )


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([0, 1, 2, UNKNOWN]), min_size=2, max_size=7), st.integers(0, 2**31))
def test_a_mixed_cell_and_what_is_learnt_of_it_are_the_same_blend_of_two(phases: list[int], seed: int) -> None:
    lesson = told_apart(torch.tensor(phases))
    mixed = lesson.mixed(1.0, torch.Generator().manual_seed(seed))
    values = lesson.images[:, 0, 0, 0]
    for cell, phase in enumerate(phases):
        blend = mixed.images[cell]
        assert (blend == blend[0, 0, 0]).all()
        explanations = []
        for other, other_phase in enumerate(phases):
            if (phase == UNKNOWN) != (other_phase == UNKNOWN):
                continue  # known and unknown are never blended
            apart = values[cell] - values[other]
            share = (blend[0, 0, 0] - values[other]) / apart if other != cell else torch.tensor(1.0)
            expected = torch.zeros(7, dtype=torch.float64)
            if phase != UNKNOWN:
                expected[phase] += share
                expected[other_phase] += 1 - share
            explanations.append(0 <= share <= 1 and torch.allclose(mixed.phases[cell].double(), expected, atol=1e-6))
        assert any(explanations)
        if not mixed.log2_dna[cell].isnan():
            assert mixed.log2_dna[cell] == pytest.approx(float(blend[0, 0, 0]))
            assert torch.allclose(mixed.stain[cell], blend[:1])
        assert mixed.log2_dna[cell].isnan() == mixed.stain[cell].isnan().all()


def test_shares_come_from_the_beta_distribution() -> None:
    lesson = told_apart(torch.zeros(2, dtype=torch.int64))
    random = torch.Generator().manual_seed(0)
    blends = [lesson.mixed(0.4, random).images[0, 0, 0, 0] for _ in range(4000)]
    shares = (10 - torch.stack([value for value in blends if value != 1])) / 9  # the others were mixed with themselves
    assert len(shares) == pytest.approx(2000, abs=150)
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(shares.var()) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.01)  # of Beta(a, a)


def test_mixing_is_off_unless_asked_for(prepared: TrainingCells) -> None:
    lessons = Lessons.of(prepared, fit_scale(prepared), g1_dna(prepared), QUICK)
    batch = torch.arange(8)
    assert lessons.draw(batch, QUICK, torch.Generator(), torch.device("cpu")).phases.shape == (8,)
    mixing = replace(QUICK, mixup=0.4)
    assert lessons.draw(batch, mixing, torch.Generator(), torch.device("cpu")).phases.shape == (8, 7)


@pytest.mark.parametrize(
    ("counts", "kept"),
    [
        ((40, 25, 25), (25, 25, 25)),
        ((20, 50, 10), (20, 20, 10)),
        ((30, 30, 30), (30, 30, 30)),
        ((90, 0, 0), (90, 0, 0)),
    ],
)
def test_undersampling_cuts_the_largest_phase_to_the_second_largest(
    prepared: TrainingCells, counts: tuple[int, ...], kept: tuple[int, ...]
) -> None:
    phases = np.repeat([0, 1, 2], counts).astype(np.int8)
    phases = np.r_[phases, np.full(90 - len(phases), UNKNOWN, np.int8)]
    cells = replace(prepared, phases=phases)
    fewer = undersampled(cells, seed=0)
    assert tuple(np.bincount(fewer.phases[fewer.phases != UNKNOWN], minlength=3)) == kept
    assert (fewer.phases == UNKNOWN).sum() == (phases == UNKNOWN).sum()
    lessons = Lessons.of(cells, fit_scale(cells), None, replace(QUICK, undersample=True))
    assert len(lessons.phases) == len(fewer)
    assert fewer.positions.tolist() == undersampled(cells, seed=0).positions.tolist()
