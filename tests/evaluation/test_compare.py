"""Two models on the same cells, against a bootstrap cell by cell and a test done by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import CellCycleError, TooFewCellsError
from napari_cellcycle.evaluation.compare import compare
from napari_cellcycle.phases import N_PHASES, UNKNOWN


def calling(phases: list[int]) -> Prediction:
    chances = np.eye(N_PHASES, dtype=np.float32)[phases]
    return Prediction(np.full(len(phases), "a.tif"), np.arange(len(phases)), chances)


def test_mcnemar_counted_by_hand() -> None:
    truth = [0] * 10 + [1] * 10
    first = calling([0] * 10 + [1] * 8 + [0] * 2)
    second = calling([0] * 4 + [1] * 6 + [1] * 7 + [0, 1, 0])
    found = compare(first, second, truth, names=("ours", "theirs"))
    assert (found.only_first, found.only_second) == (7, 1)
    assert found.p_value == pytest.approx(2 * (1 + 8) / 2**8)  # 8 disagreements: none or one the other way, both sides
    assert found.difference["accuracy"].value == pytest.approx(0.3)
    assert "only ours right 7, only theirs right 1" in str(found)


def test_intervals_are_those_of_a_paired_bootstrap_cell_by_cell(truth: Any, predict: Any) -> None:
    first = predict(truth, seed=1)
    noise = np.random.default_rng(2).normal(0, 0.2, first.probabilities.shape)
    second = replace(first, probabilities=np.abs(first.probabilities + noise).astype(np.float32))
    members = [np.flatnonzero(truth == phase) for phase in range(N_PHASES)]
    random, slow = np.random.default_rng(3), []
    for _ in range(300):
        drawn = np.concatenate([random.choice(cells, len(cells)) for cells in members])
        sides = [(truth[drawn], model.best[drawn]) for model in (first, second)]
        figures = [(accuracy_score(*side), f1_score(*side, average="macro", zero_division=0)) for side in sides]
        slow.append(np.subtract(*figures))
    found = compare(first, second, truth).difference
    for key, values in zip(("accuracy", "macro_f1"), np.transpose(slow), strict=True):
        low, high = np.percentile(values, [2.5, 97.5])
        assert found[key].low == pytest.approx(low, abs=0.2 * (high - low))
        assert found[key].high == pytest.approx(high, abs=0.2 * (high - low))


def test_a_pair_is_known_better_than_two_models_apart(truth: Any, predict: Any) -> None:
    first = predict(truth)
    nudged = first.probabilities.copy()
    nudged[:3] = np.roll(nudged[:3], 1, axis=1)
    paired = compare(first, replace(first, probabilities=nudged), truth).difference["accuracy"]
    apart = compare(first, predict(truth, seed=9), truth).difference["accuracy"]
    assert paired.high - paired.low < (apart.high - apart.low) / 3


def test_a_model_against_itself(truth: Any, predict: Any) -> None:
    found = compare(predict(truth), predict(truth), truth)
    assert (found.p_value, found.only_first, found.only_second) == (1, 0, 0)
    assert (found.difference["macro_f1"].low, found.difference["macro_f1"].high) == (0, 0)


def test_only_the_same_cells_can_be_compared(truth: Any, predict: Any) -> None:
    first = predict(truth)
    with pytest.raises(CellCycleError, match="ours and theirs called different cells"):
        compare(first, replace(first, ids=first.ids + 1), truth, names=("ours", "theirs"))
    with pytest.raises(TooFewCellsError, match="no cell has both"):
        compare(first, first, np.full(len(truth), UNKNOWN))
