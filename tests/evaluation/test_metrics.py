"""Figures against scikit-learn, against a hand count, and intervals against a bootstrap done cell by cell."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.metrics import (
    confusion_table,
    overall_scores,
    phase_scores,
    resample_tables,
    reweight_tables,
    score_table,
)
from napari_cellcycle.phases import N_PHASES, UNKNOWN, UNSURE

pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=80)


def from_sklearn(truth: Any, called: Any, weights: Any = None) -> dict[str, float]:
    present = np.unique(truth)
    common = {"labels": present, "zero_division": 0, "sample_weight": weights}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of calls to phases that are not in the truth
        return {
            "accuracy": sklearn_metrics.accuracy_score(truth, called, sample_weight=weights),
            "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(truth, called, sample_weight=weights),
            "macro_f1": sklearn_metrics.f1_score(truth, called, average="macro", **common),
            "weighted_f1": sklearn_metrics.f1_score(truth, called, average="weighted", **common),
            "mcc": sklearn_metrics.matthews_corrcoef(truth, called, sample_weight=weights),
        }


@given(pairs)
def test_overall_scores_agree_with_sklearn(cells: list[tuple[int, int]]) -> None:
    truth, called = np.array(cells).T
    ours = overall_scores(confusion_table(truth, called))
    for key, value in from_sklearn(truth, called).items():
        assert ours[key] == pytest.approx(value, abs=1e-12), key


@given(pairs)
def test_phase_scores_agree_with_sklearn(cells: list[tuple[int, int]]) -> None:
    truth, called = np.array(cells).T
    table = confusion_table(truth, called)
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        truth, called, labels=range(N_PHASES), zero_division=np.nan
    )
    ours, present = phase_scores(table), support > 0
    np.testing.assert_allclose(ours["precision"][present], precision[present])
    np.testing.assert_allclose(ours["recall"], recall)
    np.testing.assert_allclose(ours["f1"][present], f1[present])
    np.testing.assert_array_equal(table.sum(axis=1), support)
    assert all(np.isnan(values[~present]).all() for values in ours.values())


@given(pairs, st.lists(st.floats(0.01, 100), min_size=N_PHASES, max_size=N_PHASES))
def test_figures_at_natural_prevalence_are_sklearns_with_sample_weights(
    cells: list[tuple[int, int]], prevalence: list[float]
) -> None:
    truth, called = np.array(cells).T
    weights = np.array(prevalence)[truth] / np.bincount(truth, minlength=N_PHASES)[truth]
    ours = overall_scores(reweight_tables(confusion_table(truth, called), prevalence))
    for key, value in from_sklearn(truth, called, weights).items():
        assert ours[key] == pytest.approx(value, abs=1e-9), key


def test_a_confusion_table_counted_by_hand() -> None:
    truth = [0, 0, 0, 1, 1, 2, 6, UNKNOWN, 0, 1]
    called = [0, 0, 1, 1, 0, 2, 5, 3, UNSURE, UNKNOWN]
    expected = np.zeros((7, 7), int)
    expected[0, :2], expected[1, :2], expected[2, 2], expected[6, 5] = (2, 1), (1, 1), 1, 1
    table = confusion_table(truth, called)
    np.testing.assert_array_equal(table, expected)
    assert overall_scores(table)["accuracy"] == pytest.approx(4 / 7)
    assert overall_scores(table)["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 1 + 0) / 4)
    assert phase_scores(table)["precision"][:3] == pytest.approx([2 / 3, 1 / 2, 1])


def test_nothing_to_count_is_said() -> None:
    with pytest.raises(TooFewCellsError, match="no cell has both a true phase and a call"):
        confusion_table([0, UNKNOWN], [UNSURE, 0])


def test_intervals_are_those_of_a_bootstrap_cell_by_cell(truth: Any, predict: Any) -> None:
    called = predict(truth).best
    random = np.random.default_rng(7)
    members = [np.flatnonzero(truth == phase) for phase in range(N_PHASES)]
    slow: dict[str, list[float]] = {"accuracy": [], "macro_f1": []}
    for _ in range(400):
        drawn = np.concatenate([random.choice(cells, len(cells)) for cells in members])
        slow["accuracy"].append(sklearn_metrics.accuracy_score(truth[drawn], called[drawn]))
        slow["macro_f1"].append(sklearn_metrics.f1_score(truth[drawn], called[drawn], average="macro"))
    fast = score_table(confusion_table(truth, called)).overall
    for key, values in slow.items():
        low, high = np.percentile(values, [2.5, 97.5])
        width = high - low
        assert fast[key].low == pytest.approx(low, abs=0.15 * width)
        assert fast[key].high == pytest.approx(high, abs=0.15 * width)


def test_resamples_keep_the_cells_of_each_phase(truth: Any, predict: Any) -> None:
    table = confusion_table(truth, predict(truth).best)
    drawn = resample_tables(table, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.sum(axis=2), np.broadcast_to(table.sum(axis=1), (50, N_PHASES)))
    assert (drawn[:, table == 0] == 0).all()
    assert drawn.std(axis=0)[0, 0] > 1


@settings(max_examples=25)
@given(pairs, st.integers(0, 2**31 - 1))
def test_every_figure_lies_in_its_interval_or_near_it(cells: list[tuple[int, int]], seed: int) -> None:
    truth, called = np.array(cells).T
    scores = score_table(confusion_table(truth, called), n_resamples=200, seed=seed)
    for key, estimate in scores.overall.items():
        assert np.isfinite(estimate.value)
        assert estimate.low <= estimate.high or (key != "accuracy" and np.isnan([estimate.low, estimate.high]).all())


def test_all_right_still_leaves_room() -> None:
    scores = score_table(np.diag([40, 0, 0, 0, 0, 0, 22]))
    telophase = scores.per_phase["Telophase"].recall
    # Clopper and Pearson for 22 of 22, from scipy.stats.binomtest(22, 22).proportion_ci()
    assert (telophase.value, telophase.high) == (1, 1)
    assert telophase.low == pytest.approx(0.8456, abs=1e-4)
    assert np.isnan(scores.per_phase["S"].recall.value)


def test_what_is_no_share_of_cells_has_no_binomial_interval() -> None:
    scores = score_table(np.diag([40, 0, 0, 0, 0, 0, 22]))
    assert scores.overall["accuracy"].low == pytest.approx(0.9422, abs=1e-4)  # 62 of 62
    for estimate in (scores.overall["mcc"], scores.overall["macro_f1"], scores.per_phase["Telophase"].f1):
        assert str(estimate) == "1.000 (no interval)"
    weighted = score_table(np.diag([40, 0, 0, 0, 0, 0, 22]), prevalence=[1, 1, 1, 1, 1, 1, 1])
    assert np.isnan(weighted.overall["accuracy"].low)
    assert weighted.per_phase["Telophase"].recall.low == pytest.approx(0.8456, abs=1e-4)


def test_none_right_still_leaves_room() -> None:
    table = np.zeros((7, 7), int)
    table[0, 0], table[5, 2] = 50, 12
    anaphase = score_table(table).per_phase["Anaphase"].recall
    assert (anaphase.value, anaphase.low) == (0, 0)
    assert anaphase.high == pytest.approx(0.2646, abs=1e-4)


def test_the_same_seed_gives_the_same_intervals(truth: Any, predict: Any) -> None:
    table = confusion_table(truth, predict(truth).best)
    first = score_table(table, seed=3)
    np.random.default_rng(3).random(5)
    assert score_table(table, seed=3) == first
    assert score_table(table, seed=4).overall["accuracy"] != first.overall["accuracy"]
