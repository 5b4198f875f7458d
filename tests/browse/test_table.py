"""The table of cells: what is filtered, sorted and grouped is what pandas says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from calls import made_cells, made_prediction

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.browse.columns import categories_of
from napari_cellcycle.browse.table import DIFFERS, CellTable, View
from napari_cellcycle.cells import Cells
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN, UNSURE

N = 205


@pytest.fixture
def cells(truth) -> Cells:
    given = truth.copy()
    given[::3] = UNKNOWN
    return made_cells(given, size=4, columns={"well": [f"B{i % 12 + 1}" for i in range(N)]})


@pytest.fixture
def calls(truth) -> pd.DataFrame:
    prediction = made_prediction(truth, min_probability=0.4, dna_content=np.linspace(4, 2, N).astype(np.float32))
    return prediction.to_table()


@pytest.fixture
def table(cells, calls) -> CellTable:
    return CellTable(cells, LabelTable(cells.sources, cells.ids, cells.phases), calls)


@pytest.mark.parametrize("descending", [False, True])
def test_sorting_is_stable_and_as_pandas_sorts(table, calls, descending) -> None:
    found = table.order(View(sort="p_S", descending=descending)).rows
    assert found.tolist() == calls.sort_values("p_S", ascending=not descending, kind="stable").index.tolist()
    found = table.order(View(sort="call", descending=descending)).rows
    numbers = np.where(table.called == UNSURE, 7, table.called)
    assert found.tolist() == np.argsort(-numbers if descending else numbers, kind="stable").tolist()


def test_cells_without_a_number_come_last_both_ways(cells, calls) -> None:
    calls.loc[5, "dna_content"] = np.nan
    table = CellTable(cells, LabelTable(cells.sources, cells.ids), calls)
    for descending in (False, True):
        assert table.order(View(sort="dna_content", descending=descending)).rows[-1] == 5


def test_filters_are_joined(table, calls) -> None:
    view = View(only={"call": frozenset(["S", "G2"]), "well": frozenset(["B1", "B10"])}, between={"p_S": (0.1, 0.6)})
    wanted = calls[
        calls["phase"].isin(["S", "G2"]) & (calls.index % 12).isin([0, 9]) & calls["p_S"].between(0.1, 0.6)
    ].index
    assert 0 < len(wanted) < N
    assert table.order(view).rows.tolist() == wanted.tolist()


def test_groups_have_names_in_the_order_of_phases_and_wells_by_number(table, calls) -> None:
    order = table.order(View(group="call", sort="probability"))
    assert [group.name for group in order.groups] == [*PHASE_LABELS, "unsure"]
    assert sum(group.count for group in order.groups) == N
    for group in order.groups:
        rows = order.rows[group.start : group.start + group.count]
        assert (calls["phase"][rows] == group.name).all()
        assert (np.diff(calls["probability"][rows]) >= 0).all()
    assert [group.name for group in table.order(View(group="well")).groups] == [f"B{i}" for i in range(1, 13)]


def test_gathered_cells_stay_in_the_chosen_order_and_a_queue_in_its_own(table, calls) -> None:
    gathered = table.order(View(rows=np.array([9, 3, 5]), sort="probability")).rows
    assert gathered.tolist() == calls.loc[[3, 5, 9]].sort_values("probability").index.tolist()
    queue = np.array([40, 9, 100, 3])
    assert table.order(View(queue=queue, sort="probability")).rows.tolist() == queue.tolist()
    assert table.order(View(queue=queue, rows=np.array([3, 9]))).rows.tolist() == [9, 3]


def test_a_label_counts_more_than_a_call_and_changes_only_what_it_must(table) -> None:
    before = table.column("probability")
    row = int(np.flatnonzero(table.called == 0)[0])
    assert (table.column("phase").text(row), table.column("labelled").text(row)) == ("G1", "not labelled")
    table.labels.decide([row], "Metaphase")
    assert (table.column("phase").text(row), table.column("labelled").text(row)) == ("Metaphase", "labelled")
    assert table.column("agreement").text(row) == DIFFERS
    assert table.column("probability") is before
    table.labels.decide([row], "dead")
    assert table.column("phase").text(row) == table.column("label").text(row) == "dead"
    table.labels.decide([row], "", sure=False)
    assert table.column("labelled").text(row) == "unsure"
    table.labels.undo(), table.labels.undo(), table.labels.undo()
    assert table.shown[row] == 0
    assert not table.decided[row]


def test_disputed_cells_can_be_found(table) -> None:
    labels = table.labels
    for annotator, label in (("ann", "S"), ("bob", "G2")):
        labels.annotator = annotator
        labels.decide([7], label)
    assert table.order(View(only={"labelled": frozenset(["disputed"])})).rows.tolist() == [7]
    assert table.column("label").text(7) == "disputed"


def test_what_folders_say_is_truth_until_a_label_says_otherwise(table, cells) -> None:
    wrong = (cells.phases != UNKNOWN) & (table.called != cells.phases)
    assert table.order(View(only={"agreement": frozenset([DIFFERS])})).rows.tolist() == np.flatnonzero(wrong).tolist()


def test_cells_that_were_never_classified_have_the_colour_of_their_folder(cells) -> None:
    table = CellTable(cells, LabelTable(cells.sources, cells.ids, cells.phases))
    np.testing.assert_array_equal(table.shown, cells.phases)
    assert "probability" not in table.names
    assert [group.name for group in table.order(View(group="phase")).groups] == [*PHASE_LABELS, "not known"]


def test_uncertainty_is_one_where_all_phases_are_alike(cells, calls) -> None:
    for name in PHASE_LABELS:
        calls.loc[0, f"p_{name}"] = 1 / 7
        calls.loc[1, f"p_{name}"] = float(name == "S")
    table = CellTable(cells, LabelTable(cells.sources, cells.ids), calls)
    values = table.column("uncertainty").values
    assert values[:2] == pytest.approx([1, 0], abs=1e-4)
    assert values.argmax() == 0


def test_categories_of_mixed_texts() -> None:
    found = categories_of(np.array(["b10", "G2", "b2", "b10", "unsure", "G1", "b2"]))
    assert found.names == ("G1", "G2", "unsure", "b2", "b10")
    assert [found.text(row) for row in range(7)] == ["b10", "G2", "b2", "b10", "unsure", "G1", "b2"]


def test_tables_of_other_cells_are_refused(cells, calls) -> None:
    with pytest.raises(ValueError, match="another number of cells"):
        CellTable(cells, LabelTable(cells.sources, cells.ids), calls[:-1])


def test_it_tells_of_labels_when_it_has_followed(table) -> None:
    heard = []
    table.on_change = lambda rows: heard.append((rows.tolist(), table.shown[rows].tolist()))
    table.labels.decide([2, 3], "Telophase")
    assert heard == [([2, 3], [6, 6])]


def test_labels_are_counted_as_they_are_given(table) -> None:
    labels = table.labels
    labels.decide([1, 2, 3], "S")
    labels.decide([3], "dead")
    labels.decide([4, 5], "", sure=False)
    labels.decide([2, 4], "")
    labels.undo()
    assert table.n_labelled.tolist() == [0, 2, 0, 0, 0, 0, 0, 2]
    again = CellTable(table.cells, labels)
    assert again.n_labelled.tolist() == table.n_labelled.tolist()
    rows = np.arange(N)
    for mine, theirs in zip(labels.labels_of(rows), (labels.labels, labels.decided), strict=True):
        np.testing.assert_array_equal(mine, theirs)
