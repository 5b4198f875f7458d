"""Queues: which cells come first, that the random one is honest, and that held-out cells stay out of the others."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_cellcycle.annotate.cell_hash import cell_hashes, held_out_rows, in_held_out_part
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.annotate.queue_names import LEAST_SURE, LIKELY_WRONG, QUEUES, RANDOM, RARE_FIRST, UNLIKE
from napari_cellcycle.annotate.queues import farthest_first, least_sure, queue_order, rare_first
from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import SettingError

N = 300


@pytest.fixture
def labels() -> LabelTable:
    return LabelTable([f"plate/well{k % 7}.tif" for k in range(N)], np.arange(N))


def predicted(labels: LabelTable, seed: int = 0, **known: object) -> Prediction:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(7, 0.5), len(labels)).astype(np.float32)
    return Prediction(labels.sources, labels.ids, probabilities, **known)  # type: ignore[arg-type]


def test_the_random_queue_is_one_order_of_all_cells_whatever_was_labelled_since(labels: LabelTable) -> None:
    before = queue_order(RANDOM, labels)
    assert sorted(before) == list(range(N))
    labels.decide(before[[0, 1, 7]], "S", drawn=RANDOM)
    labels.decide(before[[3]], "S", sure=False, drawn=RANDOM)
    after = queue_order(RANDOM, labels, predicted(labels))
    np.testing.assert_array_equal(after, np.delete(before, [0, 1, 3, 7]))
    assert not np.array_equal(queue_order(RANDOM, labels, seed=1), after)


def test_the_random_queue_is_the_same_if_the_cells_are_opened_in_another_order(labels: LabelTable) -> None:
    turned = LabelTable(labels.sources[::-1], labels.ids[::-1])
    np.testing.assert_array_equal(turned.ids[queue_order(RANDOM, turned)], labels.ids[queue_order(RANDOM, labels)])


def test_the_first_of_the_random_queue_are_a_fair_sample() -> None:
    many = LabelTable([f"{k % 4}.tif" for k in range(20_000)], np.arange(20_000) // 4)
    first = queue_order(RANDOM, many)[:4000]
    assert np.bincount(first % 4).min() > 900  # all files alike
    assert abs(first.mean() - 10_000) < 400


def test_synthetic_and_unreadable_cells_are_in_no_queue(labels: LabelTable) -> None:
    synthetic = np.arange(N) < 50
    prediction = predicted(labels, synthetic=synthetic)
    prediction.probabilities[60:70] = np.nan
    features = np.random.default_rng(0).normal(size=(N, 5))
    labels.decide(np.arange(100, 200), "G1")
    labels.decide(np.arange(200, 220), "G2")
    for name in QUEUES:
        order = queue_order(name, labels, prediction, features)
        assert not np.isin(order, [*range(50), *range(60, 70)]).any(), name
        assert len(order) == len(set(order.tolist())), name


def test_queues_that_choose_leave_the_held_out_part_and_known_phases_alone(labels: LabelTable) -> None:
    given = np.full(N, -1, np.int8)
    given[:40] = 2
    table = LabelTable(labels.sources, labels.ids, given)
    features = np.random.default_rng(0).normal(size=(N, 5))
    free = np.flatnonzero(~in_held_out_part(table) & (given < 0))
    assert 0.55 < (~in_held_out_part(table)).mean() < 0.78
    for name in (LEAST_SURE, RARE_FIRST, UNLIKE):
        assert sorted(queue_order(name, table, predicted(table), features)) == free.tolist(), name
    assert len(queue_order(RANDOM, table)) == N  # a sample of all cells


def test_a_cell_is_held_out_in_every_round_and_only_if_it_was_drawn_at_random(labels: LabelTable) -> None:
    part = in_held_out_part(labels)
    labels.decide(np.arange(N // 2), "S", drawn=RANDOM)
    labels.decide(np.arange(N // 2, N), "S")
    np.testing.assert_array_equal(held_out_rows(labels), part & (np.arange(N) < N // 2))
    elsewhere = LabelTable([f"copy/of/{source}" for source in labels.sources], labels.ids)
    np.testing.assert_array_equal(in_held_out_part(elsewhere), part)


def test_a_cell_that_was_drawn_at_random_stays_so_when_its_label_is_corrected(labels: LabelTable) -> None:
    labels.decide([4], "S", drawn=RANDOM)
    labels.decide([4, 5], "G2", drawn=LIKELY_WRONG)
    assert labels.drawn_at_random[[4, 5]].tolist() == [True, False]
    labels.undo()
    assert labels.texts()["drawn"][[4, 5]].tolist() == [RANDOM, ""]


def test_least_sure_orders_by_the_lead_of_the_best_phase() -> None:
    probabilities = np.zeros((3, 7))
    probabilities[0, :2], probabilities[1, :2], probabilities[2, :3] = (0.9, 0.1), (0.52, 0.48), (0.5, 0.3, 0.2)
    assert least_sure(probabilities).tolist() == [1, 2, 0]


def test_rare_phases_come_first_but_not_only_one_of_them() -> None:
    random = np.random.default_rng(1)
    truth = np.repeat(np.arange(7), (400, 400, 400, 40, 20, 20, 20))
    probabilities = np.full((len(truth), 7), 0.02)
    probabilities[np.arange(len(truth)), truth] = 0.7 + 0.2 * random.random(len(truth))
    probabilities /= probabilities.sum(1, keepdims=True)
    first = rare_first(probabilities, np.array([100, 100, 100, 2, 2, 2, 0]))[:40]
    found = np.bincount(truth[first], minlength=7)
    assert (found[3:] >= 3).all()
    assert found[3:].sum() >= 20
    assert found[:3].sum() <= 20


def test_unlike_takes_the_farthest_first_then_the_farthest_from_that() -> None:
    points = np.zeros((6, 2))
    points[:, 0] = [0, 1, 50, 51, 100, 30]
    assert farthest_first(points, np.array([0]), np.array([1, 2, 3, 4, 5])).tolist()[:2] == [4, 2]
    blank = farthest_first(points, np.array([], np.intp), np.arange(6), seed=3)
    assert sorted(blank) == list(range(6))


def test_queues_say_what_they_need(labels: LabelTable) -> None:
    with pytest.raises(SettingError, match="needs the calls of a model; classify these cells first"):
        queue_order(LEAST_SURE, labels)
    with pytest.raises(SettingError, match="compares features of cells"):
        queue_order(UNLIKE, labels, predicted(labels))
    with pytest.raises(SettingError, match="no queue is called 'best'; choose one of random, least sure"):
        queue_order("best", labels)


def test_no_cells_and_few_cells_are_no_problem() -> None:
    for n_cells in (0, 1, 3):
        few = LabelTable(["a.tif"] * n_cells, np.arange(n_cells))
        for name in QUEUES:
            order = queue_order(name, few, predicted(few), np.random.default_rng(0).normal(size=(n_cells, 4)))
            assert len(order) <= n_cells


def test_100_000_cells_take_less_than_a_second_of_work() -> None:
    n_cells = 100_000
    many = LabelTable(np.char.add("well", (np.arange(n_cells) % 96).astype(str)), np.arange(n_cells))
    prediction = predicted(many)
    for name in (RANDOM, LEAST_SURE, RARE_FIRST):
        start = time.process_time()
        queue_order(name, many, prediction)
        assert time.process_time() - start < 1, name


def test_hashes_depend_on_source_cell_and_purpose() -> None:
    sources, ids = np.array(["a", "a", "b"]), np.array([0, 1, 0])
    one, other = cell_hashes(sources, ids, "x"), cell_hashes(sources, ids, "y")
    assert len({*one.tolist(), *other.tolist()}) == 6
    np.testing.assert_array_equal(one, cell_hashes(sources, ids, "x"))
