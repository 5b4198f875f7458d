"""The dock *Gallery* as users meet it, on a viewer without a window."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from calls import made_prediction
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog, QMainWindow

from napari_cellcycle.annotate.label_file import read_decisions
from napari_cellcycle.events import Note, result_of
from napari_cellcycle.gui.docks.gallery import GalleryWidget
from napari_cellcycle.gui.layers.cell_link import MARK
from napari_cellcycle.gui.layers.gallery import open_gallery, show_gallery
from napari_cellcycle.gui.layers.phase_layer import phase_layer, phase_numbers
from napari_cellcycle.gui.layers.phase_table import result_table
from napari_cellcycle.gui.layers.source import KEY
from napari_cellcycle.gui.layers.view_fit import camera_of
from napari_cellcycle.io.own_outputs import LABELS_FILE
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.store.models import load_card


@pytest.fixture
def folder(plate, tmp_path):
    """Cells of one's own, beside which labels can be written."""
    return shutil.copytree(plate, tmp_path / "mine")


@pytest.fixture
def opened(viewer, folder):
    found = result_of(open_gallery([folder], ReadSettings()))
    show_gallery(viewer, found)
    return found


@pytest.fixture
def called(viewer, opened):
    """A phase layer with calls of which some are wrong."""
    return add_calls(viewer, opened)


@pytest.fixture
def dock(qtbot, viewer, opened, called, finished) -> GalleryWidget:
    dock = GalleryWidget(viewer)
    qtbot.addWidget(dock)
    dock.resize(350, 800)
    dock.show()
    finished(dock)
    return dock


def add_calls(viewer, opened, seed: int = 0):
    truth = np.array([PHASE_LABELS.index(label) for label in opened.table["truth"]], np.int8)
    prediction = made_prediction(truth, seed, dna_content=np.linspace(2, 4, 90).astype(np.float32))
    table = result_table(prediction, truth, np.zeros(90, bool))
    table["source"], table["cell"] = opened.table["source"], opened.table["cell"]
    picture = opened.source.grid.draw_outlines(phase_numbers(prediction.phases))
    layer = Layer.create(*phase_layer(picture, table, opened.source, model="quick", min_probability=0.0))
    viewer.add_layer(layer)
    return layer


def key(dock, *keys, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    for one in keys:
        QTest.keyClick(dock.grid, one, modifier)


def shown(dock) -> list[int]:
    return dock.grid.order.rows.tolist()


def test_without_cells_it_offers_to_open_some(qtbot, viewer) -> None:
    dock = GalleryWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.empty.isVisibleTo(dock)
    assert not dock.body.isVisibleTo(dock)


def test_it_shows_all_cells_with_their_calls_and_counts_them(dock, called) -> None:
    assert shown(dock) == [*range(90)]
    assert dock.shown.text() == "90 of 90 cells shown"
    counts = called.features["phase"].value_counts()
    for number, label in enumerate(PHASE_LABELS):
        assert dock.buttons.buttons[number].text().endswith(f"\n0 / {counts.get(label, 0)}")
    assert dock.grid.hasFocus() or dock.grid.focusPolicy() == Qt.FocusPolicy.StrongFocus


def test_a_key_writes_a_label_beside_the_data_and_counts_it(dock, folder) -> None:
    key(dock, Qt.Key.Key_Home, Qt.Key.Key_5)
    assert dock.buttons.buttons[4].text().startswith("5 Meta\n1 /")
    (decision,), notes = read_decisions(folder / LABELS_FILE)
    assert (decision.label, decision.drawn, notes) == ("Metaphase", "by hand", [])
    assert dock.bar.undo.isEnabled()
    dock.bar.undo.click()
    assert dock.buttons.buttons[4].text().startswith("5 Meta\n0 /")
    dock.bar.redo.click()
    assert dock.opened.labels.counts[4] == 1


def test_labels_are_there_again_in_a_new_dock(qtbot, dock, viewer, finished) -> None:
    key(dock, Qt.Key.Key_Home, Qt.Key.Key_5)
    again = GalleryWidget(viewer)
    qtbot.addWidget(again)
    finished(again)
    assert again.table.column("label").text(0) == "Metaphase"


def test_it_is_written_under_the_name_in_the_box(dock, folder) -> None:
    dock.more.annotator.selectAll()
    QTest.keyClicks(dock.more.annotator, "ann")
    key(dock, Qt.Key.Key_Home, Qt.Key.Key_1)
    assert read_decisions(folder / LABELS_FILE)[0][0].annotator == "ann"


def test_digits_reach_the_cells_from_other_boxes_but_not_from_a_text(dock) -> None:
    key(dock, Qt.Key.Key_Home)
    QTest.keyClick(dock.bar.save, Qt.Key.Key_3)
    assert dock.opened.labels.labels[0] == 2
    dock.more.expand(animate=False)
    QTest.keyClick(dock.more.annotator, Qt.Key.Key_7)
    assert dock.opened.labels.counts.sum() == 1


def test_sorting_grouping_and_filtering(dock, called) -> None:
    dock.choices.sort.choose("probability")
    values = called.features["probability"].to_numpy()
    assert shown(dock) == np.argsort(values, kind="stable").tolist()
    dock.choices.descending.click()
    assert shown(dock) == np.argsort(-values, kind="stable").tolist()
    dock.choices.group.choose("call")
    names = [group.name for group in dock.grid.order.groups]
    assert names == [name for name in PHASE_LABELS if (called.features["phase"] == name).any()]
    dock.more.expand(animate=False)
    dock.filters.boxes["agreement"].choose("call is wrong")
    wrong = np.flatnonzero(called.features["phase"] != called.features["truth"])
    assert sorted(shown(dock)) == wrong.tolist()
    assert dock.shown.text() == f"{len(wrong)} of 90 cells shown"
    dock.show_all.click()
    assert len(shown(dock)) == 90
    dock.filters.lowest.setValue(0.5)
    assert sorted(shown(dock)) == np.flatnonzero(values >= 0.5).tolist()


def test_labelling_moves_no_cell_until_asked(dock, called) -> None:
    dock.choices.group.choose("labelled")
    before = shown(dock)
    key(dock, Qt.Key.Key_Home, Qt.Key.Key_5, Qt.Key.Key_5)
    assert shown(dock) == before
    assert dock.again.isVisibleTo(dock)
    dock.again.click()
    assert [group.name for group in dock.grid.order.groups] == ["labelled", "not labelled"]
    assert not dock.again.isVisibleTo(dock)


def test_gathered_cells_are_shown_alone_with_a_way_back(dock) -> None:
    dock.gather(np.array([7, 3, 50]), "3 S cells called G2")
    assert shown(dock) == [3, 7, 50]
    assert dock.gathered.text() == "3 S cells called G2"
    assert dock.gathered.isVisibleTo(dock)
    dock.show_all.click()
    assert len(shown(dock)) == 90
    assert not dock.gathered.isVisibleTo(dock)


def test_cells_of_another_gallery_are_gathered_once_they_are_read(dock, viewer, folder, finished) -> None:
    other = result_of(open_gallery([folder / "S"], ReadSettings()))
    show_gallery(viewer, other)  # which is chosen at once
    finished(dock)
    assert len(dock.table) == 30
    first = next(source for source in dock.inputs.cells._values if source.n_cells == 90)
    dock.gather_of(first.group, np.array([80, 81]), "two cells")
    finished(dock)
    assert shown(dock) == [80, 81]


def test_gathered_cells_are_shown_whatever_was_chosen_before(dock, finished) -> None:
    dock.filters.lowest.setValue(0.99)
    dock.choices.queue.choose("least sure")
    finished(dock)
    dock.gather(np.array([4, 5]), "two cells")
    assert shown(dock) == [4, 5]
    assert dock.choices.queue.value() == ""


def test_a_queue_without_cells_says_so(dock, finished) -> None:
    dock.choices.queue.choose("least sure")  # all cells have a phase by their folder
    finished(dock)
    assert shown(dock) == []
    assert dock.status.text().startswith("This queue proposes no cell")


def test_cells_can_be_gathered_while_they_are_still_being_read(qtbot, viewer, opened, finished, monkeypatch) -> None:
    monkeypatch.setattr("napari_cellcycle.gui.docks.gallery.data_set_of", lambda *_args: None)
    dock = GalleryWidget(viewer)
    qtbot.addWidget(dock)
    dock.gather(np.array([4, 5]), "two cells")
    finished(dock)
    assert shown(dock) == [4, 5]
    assert dock.gathered.text() == "two cells"


def test_a_queue_orders_the_cells_and_its_name_is_written(dock, folder, finished, monkeypatch) -> None:
    def queue(*_args):
        yield Note("")
        return np.array([60, 5, 20]), None

    monkeypatch.setattr("napari_cellcycle.gui.docks.gallery.make_queue", queue)
    dock.choices.queue.fill([("all cells", ""), ("random", "random")])
    dock.choices.queue.choose("random")
    finished(dock)
    assert shown(dock) == [60, 5, 20]
    assert dock.grid.selection.current == 60
    key(dock, Qt.Key.Key_2)
    dock.filters.lowest.setValue(0.01)  # now somebody chose among them
    dock.grid.go_to(20)
    key(dock, Qt.Key.Key_2)
    assert [decision.drawn for decision in read_decisions(folder / LABELS_FILE)[0]] == ["random", "by hand"]


def test_the_current_cell_is_large_with_its_probabilities_and_facts(dock, called, qtbot) -> None:
    dock.grid.go_to(40)
    qtbot.waitUntil(lambda: bool(dock.view.channels._pictures))
    row = called.features.iloc[40]
    np.testing.assert_allclose(dock.view.bars.values, [row[f"p_{name}"] for name in PHASE_LABELS])
    assert [name for name, _ in dock.view.channels._pictures] == ["brightfield", "dna", "darkfield"]
    text = dock.view.facts.text()
    assert f"called {row['phase']} ({row['probability']:.0%})" in text
    assert "G2 by folder or table" in text
    key(dock, Qt.Key.Key_6)
    dock.grid.go_to(40)
    assert "label Anaphase by" in dock.view.facts.text()


def test_what_the_model_looked_at_is_shown_of_one_cell(dock, finished) -> None:
    asked = []

    def explain(model, cells, row):
        asked.append((model, len(cells), row))
        yield Note("")
        return [("brightfield", np.zeros((20, 20, 3), np.uint8))]

    dock.explain = explain
    dock.grid.go_to(4)
    dock.explain_button.click()
    finished(dock)
    assert asked == [("quick", 90, 4)]
    assert dock.view.attribution.isVisibleTo(dock)
    assert not dock.view.channels.isVisibleTo(dock)
    dock.grid.go_to(5)
    assert not dock.view.attribution.isVisibleTo(dock)
    assert dock.view.channels.isVisibleTo(dock)


def test_the_network_itself_is_asked(dock, called, model_folder, finished, viewer) -> None:
    called.metadata[KEY]["model"] = str(model_folder)
    dock.grid.go_to(4)
    dock.explain_button.click()
    finished(dock)
    assert dock.view.attribution.isVisibleTo(dock), dock.status.text()
    viewer.layers.remove(called)  # no call, nothing to explain
    dock._on_choice()
    dock.grid.go_to(5)
    assert not dock.explain_button.isVisibleTo(dock)


def test_a_round_trains_on_the_labels_and_colours_the_cells_again(dock, called, opened, model_folder, finished) -> None:
    called.metadata[KEY]["model"] = str(model_folder)
    before = called.features["p_G1"].copy()
    opened.data_set.labels.decide(range(0, 60, 2), "Anaphase", drawn="random")
    dock.bar.retrain.click()
    finished(dock)
    assert dock.rounds.text.text().startswith("Round 1: "), dock.status.text()
    assert (called.features["p_G1"].to_numpy() != before.to_numpy()).any()
    name = called.metadata[KEY]["model"]
    assert load_card(Path(name)).training["start_from"]["name"] == "quick"
    dock.bar.retrain.click()  # starts from the same model, not from the last round
    finished(dock)
    assert dock.rounds.text.text().startswith("Round 2: ")
    assert load_card(Path(called.metadata[KEY]["model"])).training["start_from"]["name"] == "quick"


def test_without_labels_of_two_phases_a_round_says_what_is_missing(qtbot, viewer, tmp_path, plate, finished) -> None:
    shutil.copytree(plate / "S", tmp_path / "cells")
    show_gallery(viewer, result_of(open_gallery([tmp_path / "cells"], ReadSettings())))
    dock = GalleryWidget(viewer)
    qtbot.addWidget(dock)
    finished(dock)
    dock.bar.retrain.click()
    finished(dock)
    assert dock.status.text().startswith("no cell has a known phase; ")


def test_cells_that_are_classified_again_get_new_colours_and_stay_selected(dock, called, viewer, opened) -> None:
    dock.grid.go_to(12)
    before = dock.table.called.copy()
    table = called.features.copy()
    table["phase"] = np.roll(table["phase"].to_numpy(), 30)
    called.features = table
    assert (dock.table.called == np.roll(before, 30)).all()
    assert len(shown(dock)) == 90


def test_viewer_and_gallery_are_linked_both_ways(dock, viewer, opened, qtbot) -> None:
    grid = opened.source.grid
    dock.grid.go_to(77)
    qtbot.waitUntil(lambda: MARK in viewer.layers)
    top, left, bottom, right = grid.box([77])
    mark = viewer.layers[MARK]
    middle = ((top + bottom - 1) / 2, (left + right - 1) / 2)
    np.testing.assert_allclose(mark.data_to_world((0, 0)), viewer.layers[0].data_to_world(middle))
    dock.grid.go_to(5)
    top, left, *_ = grid.box([5])
    qtbot.waitUntil(lambda: np.allclose(mark.translate[0], viewer.layers[0].data_to_world((top + 12.5, 0))[0], atol=9))
    click_in_viewer(viewer, viewer.layers[0].data_to_world((top + 3, left + 3 + 2 * grid.pitch_px)))
    assert dock.grid.selection.current == 7
    viewer_before = camera_of(viewer).center
    dock.gather(np.array([1, 2]), "two")
    click_in_viewer(viewer, viewer.layers[0].data_to_world((top + 3, left + 3)))
    assert "not among those" in dock.status.text()
    assert camera_of(viewer).center == viewer_before


def click_in_viewer(viewer, position, drag: bool = False) -> None:
    event = SimpleNamespace(type="mouse_press", button=1, position=position, pos=np.array([5, 5]), modifiers=())
    for callback in list(viewer.mouse_drag_callbacks):
        generator = callback(viewer, event)
        if next(generator, "done") == "done":
            continue
        if drag:
            event.type, event.pos = "mouse_move", np.array([50, 5])
            next(generator)
        event.type = "mouse_release"
        next(generator, None)
        event.type = "mouse_press"


def test_a_drag_in_the_viewer_selects_nothing(dock, viewer, opened) -> None:
    click_in_viewer(viewer, viewer.layers[0].data_to_world((3, 3)), drag=True)
    assert dock.grid.selection.current is None
    click_in_viewer(viewer, viewer.layers[0].data_to_world((3, 3)))
    assert dock.grid.selection.current == 0


def test_cells_of_a_field_are_shown_and_linked(qtbot, viewer, finished) -> None:
    labels = np.zeros((3, 120, 160), np.uint16)
    labels[0, 10:30, 20:40], labels[2, 60:90, 100:130], labels[2, 10:20, 10:20] = 4, 9, 2
    field = np.random.default_rng(0).integers(0, 999, labels.shape).astype(np.uint16)
    viewer.add_image(field, name="film", scale=(1, 0.5, 0.5))
    viewer.add_labels(labels, name="cells", scale=(1, 0.5, 0.5))
    dock = GalleryWidget(viewer)
    qtbot.addWidget(dock)
    finished(dock)
    assert dock.opened.labels.ids.tolist() == [4, 2, 9]
    dock.grid.go_to(2)
    qtbot.waitUntil(lambda: MARK in viewer.layers)
    assert viewer.dims.current_step[0] == 2
    np.testing.assert_allclose(camera_of(viewer).center[1:], (74.5 / 2, 114.5 / 2))
    click_in_viewer(viewer, (0, 10, 15))
    assert dock.grid.selection.current == 0
    click_in_viewer(viewer, (1, 10, 15))
    assert dock.grid.selection.current == 0


@pytest.mark.parametrize(("kind", "names"), [("table", ["out.csv"]), ("lists", ["cells_Ch3_G1.txt"])])
def test_labels_are_saved_for_other_programs(dock, finished, monkeypatch, tmp_path, kind, names) -> None:
    key(dock, Qt.Key.Key_Home, Qt.Key.Key_1, Qt.Key.Key_1)
    target = tmp_path / "saved"
    target.mkdir()
    filters = {"table": "Table of labels (*.csv)", "lists": "Object lists for IDEAS (*.txt)"}
    answer = (str(target / "out.csv"), filters[kind])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: answer)
    dock.bar.save.click()
    finished(dock)
    assert "Saved" in dock.status.text()
    if kind == "table":
        assert pd.read_csv(target / "out.csv")["label"].tolist() == ["G1", "G1"]
    else:
        (path,) = target.iterdir()
        assert path.name.endswith("_G1.txt")
        assert path.read_bytes().split() == [*path.read_bytes().split()[:-2], b"0", b"1"]


def test_a_closed_dock_lets_go_of_everything(qtbot, viewer, opened, called, finished) -> None:
    from qtpy.compat import isalive

    window, dock = QMainWindow(), GalleryWidget(viewer)
    qtbot.addWidget(window)
    window.setCentralWidget(dock)
    finished(dock)
    labels, callbacks = dock.opened.labels, list(viewer.mouse_drag_callbacks)
    assert dock._link._on_mouse in callbacks
    dock.grid.go_to(3)
    qtbot.waitUntil(lambda: MARK in viewer.layers)
    dock.setParent(None)
    qtbot.waitUntil(lambda: not isalive(dock))
    assert MARK not in viewer.layers
    assert len(viewer.mouse_drag_callbacks) == len(callbacks) - 1
    labels.decide([1], "S")  # what reaches a widget that Qt has deleted raises
    called.features = called.features.copy()
    viewer.add_image(np.zeros((8, 8)))


@pytest.mark.parametrize("width", [350, 1000])
def test_it_fits_narrow_and_wide_and_becomes_narrow_again(dock, width) -> None:
    dock.resize(width, 700)
    dock.grid.go_to(1)
    assert dock.minimumSizeHint().width() <= 350
    assert (dock.pages.orientation() == Qt.Orientation.Horizontal) == (width == 1000)
    assert dock.grid.width() >= 200
