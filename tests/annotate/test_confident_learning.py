"""Confident learning, compared with the formulas of Northcutt et al. (2021) worked out by hand."""

from __future__ import annotations

import numpy as np

from napari_cellcycle.annotate.confident_learning import (
    confident_joint,
    confident_phases,
    held_out_probabilities,
    likely_wrong,
)
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.annotate.queue_names import LIKELY_WRONG
from napari_cellcycle.annotate.queues import queue_order
from napari_cellcycle.cells import Prediction

LABELS = np.array([0, 0, 0, 0, 1, 1, 1], np.int8)
P_OF_1 = np.array([0.1, 0.2, 0.3, 0.9, 0.8, 0.6, 0.1])
"""Probabilities of the second of two phases."""


def two_phases(p_of_second: np.ndarray) -> np.ndarray:
    table = np.zeros((len(p_of_second), 7))
    table[:, 0], table[:, 1] = 1 - p_of_second, p_of_second
    return table


def test_a_worked_example() -> None:
    # thresholds: mean of 1 - p over label 0 = (.9 + .8 + .7 + .1) / 4 = .625; mean of p over label 1 = .5
    guess = confident_phases(LABELS, two_phases(P_OF_1))
    assert guess.tolist() == [0, 0, 0, 1, 1, 1, 0]
    joint = confident_joint(LABELS, two_phases(P_OF_1))
    assert joint[:2, :2].tolist() == [[3, 1], [1, 2]]
    assert joint.sum() == 7


def test_a_cell_that_reaches_no_threshold_is_not_counted() -> None:
    guess = confident_phases(np.array([0, 0, 1, 1], np.int8), two_phases(np.array([0.0, 0.45, 1.0, 0.9])))
    assert guess.tolist() == [0, -1, 1, -1]  # thresholds .775 and .95


def test_two_thresholds_are_reached_the_more_probable_phase_counts() -> None:
    probabilities = two_phases(np.array([0.55, 0.9, 0.45, 0.1]))
    assert confident_phases(np.array([0, 0, 1, 1], np.int8), probabilities).tolist() == [1, 1, 0, 0]


def test_the_least_probable_label_comes_first() -> None:
    assert likely_wrong(LABELS, two_phases(P_OF_1)).tolist() == [3, 6]
    more = two_phases(np.r_[P_OF_1[:-1], 0.05])
    assert likely_wrong(LABELS, more).tolist() == [6, 3]


def test_cells_without_label_or_probabilities_are_left_out() -> None:
    probabilities = two_phases(P_OF_1)
    probabilities[3] = np.nan
    labels = LABELS.copy()
    labels[6] = -1
    assert likely_wrong(labels, probabilities).tolist() == []
    assert likely_wrong(np.full(7, -1, np.int8), probabilities).tolist() == []


def separable(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = np.repeat([0, 1, 4], 60).astype(np.int8)
    return random.normal(size=(180, 6)) + 3 * np.eye(6)[truth], truth


def test_wrong_labels_are_found_though_a_model_could_learn_them() -> None:
    features, truth = separable()
    given = truth.copy()
    wrong = np.array([5, 30, 70, 100, 130, 170])
    given[wrong] = np.where(truth[wrong] == 0, 4, 0)
    labels = LabelTable(["a.tif"] * 180, np.arange(180), given)
    learned = np.zeros((180, 7), np.float32)
    learned[np.arange(180), given] = 1  # a model that remembers all labels
    prediction = Prediction(labels.sources, labels.ids, learned)
    assert len(queue_order(LIKELY_WRONG, labels, prediction)) == 0
    found = queue_order(LIKELY_WRONG, labels, prediction, features)
    from napari_cellcycle.annotate.cell_hash import in_held_out_part

    expected = wrong[~in_held_out_part(labels)[wrong]]
    assert set(expected) <= set(found[: len(expected) + 2])


def test_no_cell_takes_part_in_its_own_probabilities() -> None:
    features, truth = separable()
    before = held_out_probabilities(features, truth)
    changed = truth.copy()
    changed[7] = 4
    assert before[7].argmax() == held_out_probabilities(features, changed)[7].argmax() == 0
    assert np.isfinite(before).all()


def test_too_few_labels_give_no_probabilities() -> None:
    features, truth = separable()
    few = np.full(180, -1, np.int8)
    few[:3] = truth[:3]
    assert np.isnan(held_out_probabilities(features, few)).all()
    few[:30] = 0
    assert np.isnan(held_out_probabilities(features, few)).all()
