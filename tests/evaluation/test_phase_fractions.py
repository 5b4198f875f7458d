"""Composition of a sample whose true composition is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.metrics import confusion_table
from napari_cellcycle.evaluation.phase_fractions import phase_fractions
from napari_cellcycle.phases import N_PHASES


def calling(phases: Any) -> Prediction:
    chances = np.eye(N_PHASES, dtype=np.float32)[np.asarray(phases, int)]
    return Prediction(np.full(len(phases), "a.tif"), np.arange(len(phases)), chances)


def test_plain_shares_have_wilson_intervals() -> None:
    found = phase_fractions(calling([0] * 60 + [1] * 30 + [2] * 10))
    np.testing.assert_allclose(found.fractions[:4], [0.6, 0.3, 0.1, 0])
    for phase, n_cells in enumerate((60, 30, 10, 0)):
        outside = binomtest(n_cells, 100).proportion_ci(method="wilson")
        assert (found.low[phase], found.high[phase]) == pytest.approx((outside.low, outside.high), abs=1e-6)
    assert not found.corrected
    assert found.to_dict()["S"] == pytest.approx(
        {"count": 30, "fraction": 0.3, "low": 0.2189, "high": 0.3958}, abs=1e-4
    )


def mistaken(truth: Any, random: np.random.Generator) -> Any:
    """Calls of a model that takes one in five for the next phase."""
    return np.where(random.random(len(truth)) < 0.2, (truth + 1) % N_PHASES, truth)


def test_known_mistakes_are_undone() -> None:
    random = np.random.default_rng(0)
    tested = np.repeat(np.arange(N_PHASES), 500)
    confusion = confusion_table(tested, mistaken(tested, random))
    shares = np.array([0.5, 0.25, 0.2, 0.05, 0, 0, 0])
    sample = calling(mistaken(random.choice(N_PHASES, 5000, p=shares), random))
    plain, found = phase_fractions(sample), phase_fractions(sample, confusion)
    assert found.corrected
    assert np.abs(plain.fractions - shares).max() > 0.05
    np.testing.assert_allclose(found.fractions, shares, atol=0.02)
    assert found.fractions.sum() == pytest.approx(1)
    assert ((found.low - 1e-9 <= shares) & (shares <= found.high)).all()
    assert found.fractions.min() >= 0


def test_correction_without_limits_reached_is_the_adjusted_count() -> None:
    confusion = np.diag([80, 90, 70, 60, 50, 40, 30])
    confusion[0, 1], confusion[1, 2] = 20, 10
    rates = confusion / confusion.sum(axis=1, keepdims=True)
    shares = np.full(N_PHASES, 1 / N_PHASES)
    calls = np.rint(rates.T @ shares * 7000).astype(int)
    found = phase_fractions(calling(np.repeat(np.arange(N_PHASES), calls)), confusion)
    np.testing.assert_allclose(found.fractions, np.linalg.solve(rates.T, calls / calls.sum()), atol=1e-4)


def test_unsure_and_unreadable_cells_are_counted_apart(predict: Any, truth: Any) -> None:
    prediction = predict(truth, min_probability=0.6)
    prediction.probabilities[:4] = np.nan
    found = phase_fractions(prediction)
    assert found.n_unreadable == 4
    assert found.n_unsure == (prediction.confidence < 0.6).sum()
    assert found.counts.sum() + found.n_unsure + found.n_unreadable == len(truth)


def test_too_few_cells_are_noted_or_refused() -> None:
    found = phase_fractions(calling([0, 0, 1]))
    assert found.notes[0] == "3 cells are too few for phase fractions; look at the intervals"
    assert found.notes[1].startswith("the fraction of G1, S, ")
    with pytest.raises(TooFewCellsError, match="no cell was called"):
        phase_fractions(calling([]))


def test_a_phase_that_was_never_tested_is_noted() -> None:
    confusion = np.diag([50, 50, 50, 50, 50, 0, 50])
    found = phase_fractions(calling([0] * 50 + [5] * 50), confusion)
    assert found.fractions[5] == pytest.approx(0.5)
    assert found.notes == ("the confusion matrix has no cells of Anaphase; these calls are not corrected",)
