"""What is drawn, and what is to be learnt of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellcycle.datasets.training_cells import TrainingCells, g1_dna, join_training
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.training_set import TrainingSet, fit_scale, undersampled
from napari_cellcycle.training.transforms import Batch

QUICK = TrainConfig(batch_size=32)


def test_cells_of_unknown_phase_are_taught_by_their_stain_only(prepared: TrainingCells) -> None:
    twice = prepared.subset(np.r_[: len(prepared), : len(prepared)])
    both = replace(twice, phases=np.r_[prepared.phases, np.full(len(prepared), -1, np.int8)])
    training_set = TrainingSet.from_cells(both, fit_scale(both), g1_dna(both), QUICK)
    batch = training_set.batch_indices(QUICK, torch.Generator())[0]
    assert (batch < len(prepared)).sum() == QUICK.batch_size
    assert (batch >= len(prepared)).sum() == QUICK.batch_size // 2


def test_rare_phases_are_drawn_more_often(prepared: TrainingCells) -> None:
    phases = np.where(np.arange(len(prepared)) < 81, 0, 1).astype(np.int8)  # 81 and 9
    training_set = TrainingSet.from_cells(
        replace(prepared, phases=phases), fit_scale(prepared), None, replace(QUICK, rare_phases=0.5)
    )
    drawn = torch.cat(
        [torch.cat(training_set.batch_indices(QUICK, torch.Generator().manual_seed(i))) for i in range(40)]
    )
    share = float((training_set.phases[drawn] == 1).double().mean())
    assert share == pytest.approx(0.25, abs=0.02)  # 9 / sqrt(9) to 81 / sqrt(81), so 1 to 3


def test_dna_is_told_relative_to_g1(prepared: TrainingCells) -> None:
    training_set = TrainingSet.from_cells(prepared, fit_scale(prepared), g1_dna(prepared), QUICK)
    contents = 2 ** training_set.log2_dna.numpy()
    medians = [float(np.median(contents[training_set.phases == phase])) for phase in (0, 1, 2)]
    assert medians[0] == pytest.approx(1, abs=1e-4)
    assert medians == sorted(medians)
    assert g1_dna(replace(prepared, stain=None)) is None


def told_apart(phases: torch.Tensor) -> Batch:
    """Cell i is an image of 10 ** i, so that a blend tells what went into it, and how much."""
    value = 10.0 ** torch.arange(len(phases), dtype=torch.float64)
    stain = torch.where(phases == 2, torch.nan, value)  # G2 is without stain
    return Batch(
        value[:, None, None, None].expand(-1, 2, 4, 4),
        phases,
        stain,
        stain[:, None, None, None].expand(-1, 1, 4, 4),
    )


@settings(max_examples=50)
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
    training_set = TrainingSet.from_cells(prepared, fit_scale(prepared), g1_dna(prepared), QUICK)
    batch = torch.arange(8)
    assert training_set.batch(batch, QUICK, torch.Generator(), torch.device("cpu")).phases.shape == (8,)
    mixing = replace(QUICK, mixup=0.4)
    assert training_set.batch(batch, mixing, torch.Generator(), torch.device("cpu")).phases.shape == (8, 7)


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
    training_set = TrainingSet.from_cells(cells, fit_scale(cells), None, replace(QUICK, undersample=True))
    assert len(training_set.phases) == len(fewer)
    assert fewer.positions.tolist() == undersampled(cells, seed=0).positions.tolist()


def test_undersampling_counts_made_cells_and_drops_real_ones_last(prepared: TrainingCells) -> None:
    phases = np.repeat([0, 1, 2], (50, 30, 10)).astype(np.int8)
    synthetic = np.zeros(90, bool)
    synthetic[60:80] = True  # the second largest phase has 30 cells, 20 of them made
    filled = undersampled(replace(prepared, phases=phases, synthetic=synthetic), seed=0)
    assert np.bincount(filled.phases).tolist() == [30, 30, 10]
    assert filled.synthetic.sum() == 20
    synthetic[:35] = True
    overfilled = undersampled(replace(prepared, phases=phases, synthetic=synthetic), seed=0)
    assert np.bincount(overfilled.phases).tolist() == [30, 30, 10]
    assert ((overfilled.phases == 0) & ~overfilled.synthetic).sum() == 15  # all that there were


def part(prepared: TrainingCells, phase: int, n_real: int, n_made: int) -> TrainingCells:
    """Cells of one phase."""
    cells = prepared.subset(np.arange(n_real + n_made) % len(prepared))
    synthetic = np.arange(len(cells)) >= n_real
    return replace(cells, phases=np.full(len(cells), phase, np.int8), synthetic=synthetic)


def training_set_of(cells: TrainingCells, config: TrainConfig) -> TrainingSet:
    return TrainingSet.from_cells(cells, fit_scale(cells), None, config)


def shares_of(training_set: TrainingSet) -> list[float]:
    """How often each phase is drawn."""
    known = training_set.phases != UNKNOWN
    sums = torch.bincount(training_set.phases[known], training_set.draw_weights[known], minlength=7)
    return (sums / sums.sum()).tolist()


@pytest.mark.parametrize("rare_phases", [0.3, 0.5, 1.0])
def test_made_cells_share_the_draws_of_their_phase(prepared: TrainingCells, rare_phases: float) -> None:
    config = replace(QUICK, rare_phases=rare_phases)
    common, unknown = part(prepared, 0, 80, 0), part(prepared, UNKNOWN, 7, 0)
    real = training_set_of(join_training([common, part(prepared, 5, 4, 0), unknown]), config)
    filled = training_set_of(join_training([common, part(prepared, 5, 4, 76), unknown]), config)
    by_hand = np.array([80, 4]) ** (1 - rare_phases)
    assert [shares_of(filled)[phase] for phase in (0, 5)] == pytest.approx(by_hand / by_hand.sum())
    assert shares_of(filled) == pytest.approx(shares_of(real))
    of_rare = filled.draw_weights[filled.phases == 5]  # 4 real cells, then 76 made ones
    assert of_rare[:4].sum() == pytest.approx(of_rare[4:].sum())  # however many are made, half of the draws are real
    assert len(of_rare[:4].unique()) == len(of_rare[4:].unique()) == 1
    assert filled.draw_weights[filled.phases == UNKNOWN].tolist() == [0.0] * 7
    assert real.n_draws == filled.n_draws == 84
    batches = filled.batch_indices(config, torch.Generator())
    assert sum(int((filled.phases[batch] != UNKNOWN).sum()) for batch in batches) == 84


def test_made_cells_count_where_a_phase_has_no_others(prepared: TrainingCells) -> None:
    config = replace(QUICK, rare_phases=0.5)
    mixed = training_set_of(join_training([part(prepared, 0, 81, 9), part(prepared, 1, 0, 9)]), config)
    assert shares_of(mixed)[:2] == pytest.approx([0.75, 0.25])  # 81 and 9 by their roots
    assert mixed.n_draws == 90
    made_only = training_set_of(join_training([part(prepared, 0, 0, 81), part(prepared, 1, 0, 9)]), config)
    assert shares_of(made_only)[:2] == pytest.approx([0.75, 0.25])


def test_without_rare_phases_each_cell_is_drawn_once_an_epoch(prepared: TrainingCells) -> None:
    config = replace(QUICK, rare_phases=0.0)
    training_set = training_set_of(join_training([part(prepared, 0, 40, 0), part(prepared, 5, 4, 36)]), config)
    assert training_set.draw_weights.tolist() == [1.0] * 80
    assert torch.cat(training_set.batch_indices(config, torch.Generator())).sort().values.tolist() == list(range(80))
