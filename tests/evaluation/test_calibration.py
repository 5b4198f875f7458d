"""Probabilities against what really happens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, log_loss

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.calibration import coverage_curve, reliability
from napari_cellcycle.phases import N_PHASES
from napari_cellcycle.training.temperature import apply_temperature, fit_temperature


def honest(n_cells: int, seed: int) -> tuple[Any, Any]:
    """Probabilities, and truths drawn from just these."""
    random = np.random.default_rng(seed)
    chances = random.dirichlet(np.full(N_PHASES, 0.4), n_cells)
    truth = (chances.cumsum(axis=1) < random.random((n_cells, 1))).sum(axis=1).clip(max=N_PHASES - 1)
    return chances, truth


@given(st.integers(1, 300), st.integers(0, 1000))
def test_reliability_agrees_with_sklearn(n_cells: int, seed: int) -> None:
    chances, truth = honest(n_cells, seed)
    found = reliability(chances, truth)
    right = chances.argmax(axis=1) == truth
    accuracy, probability = calibration_curve(right, chances.max(axis=1), n_bins=15)
    filled = found.n_cells > 0
    np.testing.assert_allclose(found.accuracy[filled], accuracy)
    np.testing.assert_allclose(found.probability[filled], probability)
    assert found.error == pytest.approx((np.abs(accuracy - probability) * found.n_cells[filled]).sum() / n_cells)


def test_honest_probabilities_have_no_calibration_error_and_need_no_temperature() -> None:
    chances, truth = honest(20_000, 1)
    assert reliability(chances, truth).error < 0.015
    assert fit_temperature(chances, truth) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("wrong", [0.4, 3.0])
def test_a_wrong_temperature_is_found_and_undone(wrong: float) -> None:
    chances, truth = honest(20_000, 2)
    spoilt = apply_temperature(chances, wrong)
    temperature = fit_temperature(spoilt, truth)
    assert temperature == pytest.approx(1 / wrong, rel=0.05)
    mended = apply_temperature(spoilt, temperature)
    assert log_loss(truth, mended) < log_loss(truth, spoilt)
    np.testing.assert_array_equal(mended.argmax(axis=1), chances.argmax(axis=1))
    np.testing.assert_allclose(mended.sum(axis=1), 1)


def test_temperature_copes_with_certain_and_wrong() -> None:
    chances = np.eye(N_PHASES)[[0, 0, 1]]
    assert 1 < fit_temperature(chances, [0, 1, 1]) <= 20


@settings(max_examples=25)
@given(st.integers(1, 200), st.integers(0, 1000))
def test_coverage_curve_is_the_accuracy_above_each_threshold(n_cells: int, seed: int) -> None:
    chances, truth = honest(n_cells, seed)
    chances = chances.round(2)  # so that some are equal
    curve = coverage_curve(chances, truth)
    for threshold, share, accuracy in zip(curve.min_probability, curve.coverage, curve.accuracy, strict=True):
        called = chances.max(axis=1) >= threshold
        assert share == pytest.approx(called.mean())
        assert accuracy == pytest.approx(accuracy_score(truth[called], chances[called].argmax(axis=1)))
    assert curve.coverage[0] == 1
    assert (np.diff(curve.min_probability) > 0).all()


def test_no_cells_is_said() -> None:
    with pytest.raises(TooFewCellsError, match="calibration can't be measured"):
        reliability(np.zeros((0, N_PHASES)), [])
    with pytest.raises(TooFewCellsError, match="temperature can't be fitted"):
        fit_temperature(np.zeros((0, N_PHASES)), [])
