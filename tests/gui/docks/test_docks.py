"""Docks as users meet them, on a viewer without a window."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QMainWindow
from shown import layer_showing, layers_showing
from sklearn.metrics import confusion_matrix

from napari_cellcycle.annotate.label_file import RANDOM
from napari_cellcycle.errors import ReadError
from napari_cellcycle.evaluation.compare import compare
from napari_cellcycle.events import Note, Progress, result_of
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.gui.docks.evaluate import CROSS_VALIDATION, EvaluateWidget
from napari_cellcycle.gui.docks.evaluate_job import FIGURES, compare_with
from napari_cellcycle.gui.docks.open import NOT_USED, OpenWidget
from napari_cellcycle.gui.layers.dock_words import OF_LAYERS, in_dock_words
from napari_cellcycle.gui.layers.gallery import open_gallery, show_gallery
from napari_cellcycle.gui.layers.phase_layer import hidden_phases
from napari_cellcycle.gui.layers.phase_table import truth_of
from napari_cellcycle.gui.layers.source import source_of
from napari_cellcycle.gui.widgets.cells_input import FIELD
from napari_cellcycle.images.tile_grid import GAP_PX
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN


@pytest.fixture
def classify(qtbot, viewer, gallery, model_folder) -> ClassifyWidget:
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.model.add_folder(model_folder)
    return dock


@pytest.fixture
def classified(classify, finished) -> ClassifyWidget:
    classify.run_button.click()
    finished(classify)
    return classify


# --- all docks ---


class Endless:
    """Work that keeps its generator, so that only an explicit close can close it."""

    def __init__(self) -> None:
        self.closed, self.generator = threading.Event(), self._run()

    def _run(self):
        try:
            while True:
                yield Progress(1, 3, "going on")
        finally:
            self.closed.set()


def test_cancel_stops_the_work_says_so_and_frees_the_buttons(qtbot, viewer, finished) -> None:
    dock, endless = Dock(viewer), Endless()
    qtbot.addWidget(dock)
    dock.add_results()
    dock.locked_while_busy.append(dock.status)
    dock.start(endless.generator, lambda _result: None)
    qtbot.waitUntil(lambda: dock.progress.text.text() == "going on")
    assert not dock.status.isEnabled()
    dock.progress.cancel.click()
    finished(dock)
    assert endless.closed.is_set()
    assert dock.status.isEnabled()
    assert dock.status.text() == "Stopped; nothing was changed."


@pytest.mark.parametrize("leave", [lambda dock: dock.setParent(None), lambda dock: dock.deleteLater()])
def test_a_dock_that_goes_away_takes_its_work_along(qtbot, viewer, leave) -> None:
    window, dock, endless = QMainWindow(), Dock(viewer), Endless()
    qtbot.addWidget(window)
    window.setCentralWidget(dock)
    dock.start(endless.generator, lambda _result: None)
    leave(dock)
    qtbot.waitUntil(endless.closed.is_set)


@pytest.mark.parametrize("kind", [OpenWidget, ClassifyWidget, EvaluateWidget])
def test_a_closed_dock_is_deaf(qtbot, viewer, kind) -> None:
    from qtpy.compat import isalive

    window, dock = QMainWindow(), kind(viewer)
    qtbot.addWidget(window)
    window.setCentralWidget(dock)
    dock.setParent(None)
    qtbot.waitUntil(lambda: not isalive(dock))
    viewer.add_image(np.zeros((8, 8)))  # an event that reaches what Qt has deleted raises
    viewer.theme = "light"


def test_what_the_user_can_mend_is_one_sentence_and_a_bug_keeps_its_traceback(qtbot, viewer, finished) -> None:
    dock = Dock(viewer)
    qtbot.addWidget(dock)

    def fails(error):
        yield Note("begun")
        raise error

    dock.start(fails(ReadError("a.tif is empty; save it again")), lambda _result: None)
    finished(dock)
    assert dock.status.text() == "a.tif is empty; save it again"
    with qtbot.captureExceptions() as raised:
        dock.start(fails(RuntimeError("shapes differ")), lambda _result: None)
        finished(dock)
    assert [str(error) for _, error, _ in raised] == ["shapes differ"]
    assert "bug" in dock.status.text()


def test_the_time_left_is_guessed_from_the_pace(qtbot, viewer, monkeypatch) -> None:
    dock, now = Dock(viewer), [100.0]
    qtbot.addWidget(dock)
    monkeypatch.setattr("napari_cellcycle.gui.widgets.progress_line.time.monotonic", lambda: now[0])
    dock.progress.show_progress(Progress(0, 100, "classifying"))
    now[0] += 30
    dock.progress.show_progress(Progress(25, 100, "classifying"))
    assert dock.progress.text.text() == "classifying, 90 s left"


@pytest.mark.parametrize(
    ("seconds", "left"), [(1, "99 s"), (3, "5 min"), (90, "2 h"), (3600, "4 days")], ids=["s", "min", "h", "days"]
)
def test_the_time_left_of_what_was_resumed_does_not_count_what_was_done_before(
    qtbot, viewer, monkeypatch, seconds, left
) -> None:
    dock, now = Dock(viewer), [100.0]
    qtbot.addWidget(dock)
    monkeypatch.setattr("napari_cellcycle.gui.widgets.progress_line.time.monotonic", lambda: now[0])
    dock.progress.show_progress(Progress(900, 1000, "training"))
    now[0] += seconds
    dock.progress.show_progress(Progress(901, 1000, "training"))
    assert dock.progress.text.text() == f"training, {left} left"


# --- Open cells ---


def test_open_shows_channels_first_and_then_the_gallery(qtbot, viewer, plate, finished) -> None:
    dock = OpenWidget(viewer)
    qtbot.addWidget(dock)
    dock.look_into([str(plate)])
    finished(dock)
    first, *contents = dock.chosen.text().splitlines()
    assert first.endswith("90 cells, 90 of known phase")
    assert contents[0].startswith("G1/cells_Ch3.tif: stack of cells, axes TYX")
    assert contents[0].endswith("30 phases from the name of the folder")
    assert len(viewer.layers) == 0
    dock.channels.boxes["Ch4"].setCurrentText(NOT_USED)
    assert dock.channels.value() == {"brightfield": "Ch3", "darkfield": "Ch6"}
    dock.open_button.click()
    finished(dock)
    assert layers_showing(viewer, "brightfield")
    assert dock.next_button.isVisibleTo(dock)


def test_open_says_no_cells_only_where_there_are_none(qtbot, viewer, gallery) -> None:
    dock = OpenWidget(viewer)
    qtbot.addWidget(dock)
    assert not dock.empty.isVisibleTo(dock)
    viewer.layers.clear()
    assert dock.empty.isVisibleTo(dock)


def test_open_takes_the_users_word_for_what_a_channel_is(qtbot, viewer, plate, finished) -> None:
    dock = OpenWidget(viewer)
    qtbot.addWidget(dock)
    dock.look_into([str(plate)])
    finished(dock)
    for name, role in {"Ch3": "darkfield", "Ch6": "brightfield"}.items():
        dock.channels.boxes[name].setCurrentText(role)
    dock.open_button.click()
    finished(dock)
    assert layer_showing(viewer, "brightfield").data.mean() < layer_showing(viewer, "darkfield").data.mean()


def test_one_role_for_two_channels_is_refused_before_anything_is_read(qtbot, viewer, plate, finished) -> None:
    dock = OpenWidget(viewer)
    qtbot.addWidget(dock)
    dock.look_into([str(plate)])
    finished(dock)
    dock.channels.boxes["Ch6"].setCurrentText("brightfield")
    dock.open_button.click()
    assert dock.status.text().startswith("brightfield is chosen for two channels")
    assert dock.job is None


def test_a_folder_without_cells_is_one_sentence(qtbot, viewer, tmp_path, finished) -> None:
    dock = OpenWidget(viewer)
    qtbot.addWidget(dock)
    dock.look_into([str(tmp_path)])
    finished(dock)
    assert str(tmp_path) in dock.status.text()
    assert not dock.settings.isVisibleTo(dock)


# --- Classify ---


def test_an_empty_dock_offers_what_to_do_next(qtbot, viewer) -> None:
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.empty.isVisibleTo(dock)
    assert set(dock.empty.buttons) == {"Open files", "Open the sample"}
    assert not dock.run_button.isVisibleTo(dock)


def test_classify_colours_every_cell_as_the_core_calls_it(classified, viewer, plate, model_folder) -> None:
    from napari_cellcycle import classify, load_model, read_cells

    wanted = classify(read_cells(plate), load_model(model_folder))
    layer = layer_showing(viewer, "phase")
    assert list(layer.features["phase"]) == [PHASE_LABELS[phase] for phase in wanted.phases]
    grid = classified.inputs.cells.value().grid
    for cell in (0, 45, 89):
        top, left, *_ = grid.box([cell])
        assert layer.data[top + GAP_PX, left + GAP_PX] == wanted.phases[cell] + 1
    assert viewer.layers.selection.active is layer
    assert classified.status.text().startswith("90 cells classified with the model 'quick' on cpu")


def test_the_legend_counts_and_hides(classified, viewer, qtbot) -> None:
    layer, legend = layer_showing(viewer, "phase"), classified.legend
    counts = [int(legend.item(row, 1).text()) for row in range(8)]
    assert counts[:7] == [int((layer.features["phase"] == label).sum()) for label in PHASE_LABELS]
    assert sum(counts) == 90
    legend.cellClicked.emit(0, 1)
    assert hidden_phases(layer) == {0}
    legend.setCurrentCell(2, 0)
    qtbot.keyClick(legend, Qt.Key.Key_Space)
    assert hidden_phases(layer) == {0, 2}
    legend.cellClicked.emit(0, 2)
    assert hidden_phases(layer) == {2}


def test_classifying_again_renews_the_layer_and_calls_unsure_cells_so(classified, viewer, finished) -> None:
    classified.form.findChild(QDoubleSpinBox, "min_probability").setValue(1.0)
    classified.run_button.click()
    finished(classified)
    assert len(layers_showing(viewer, "phase")) == 1
    layer = layer_showing(viewer, "phase")
    assert (layer.features["phase"] == "unsure").sum() == (layer.features["probability"] < 1).sum() > 0
    assert 8 in layer.data


def test_the_saved_table_is_the_one_of_the_screen(classified, viewer, tmp_path, monkeypatch, finished) -> None:
    path = tmp_path / "phases.csv"
    monkeypatch.setattr(
        "napari_cellcycle.gui.docks.classify.QFileDialog.getSaveFileName", lambda *_args: (str(path), "")
    )
    classified.save_button.click()
    finished(classified)
    saved, shown = pd.read_csv(path), layer_showing(viewer, "phase").features
    assert list(saved["phase"]) == list(shown["phase"])
    assert list(saved.columns)[:4] == ["source", "cell", "phase", "probability"]
    assert str(path) in classified.status.text()
    (tmp_path / "summary.json").write_text("{}")  # of other calls, for whose summary it would pass
    classified.save_button.click()
    finished(classified)
    assert classified.status.text() == (f"{tmp_path} has summary.json of an earlier run; choose another name")


def test_a_model_that_does_not_fit_greys_the_phases_and_withholds_their_shares(
    qtbot, viewer, tmp_path, finished
) -> None:
    from napari_cellcycle.io.sample_data import sample_path
    from napari_cellcycle.phases import Phase, greyed

    cells = read_some(sample_path(), 40)
    pixels = np.stack([image.pixels for image in cells.read(range(40))])
    tifffile.imwrite(tmp_path / "swapped.tif", pixels[:, ::-1], metadata={"axes": "TCYX"})
    given = ReadSettings(channels={"brightfield": "0", "darkfield": "1"}, layout="cells")
    show_gallery(viewer, result_of(open_gallery([tmp_path / "swapped.tif"], given)))
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    said: list[str] = []
    dock.on_event = lambda event: said.append(str(event) if not layers_showing(viewer, "phase") else "")
    dock.run_button.click()
    finished(dock)
    layer = layer_showing(viewer, "phase")
    notes = [event for event in said if event.startswith("Note") and "Loading" not in event]
    assert "does not fit, because brightfield" in notes[0]  # before there is any phase
    assert dock.verdict.text().startswith(
        "The model 'default' does not fit, because brightfield and darkfield are exch"
    )
    assert "exchange them with the boxes of the channels in Open cells" in dock.verdict.text()
    assert dock.results.layout().indexOf(dock.verdict) < dock.results.layout().indexOf(dock.legend)
    assert [dock.legend.item(row, 1).text() for row in range(8)] == [""] * 8
    shown = layer.colormap.color_dict[int(Phase.G1) + 1][:3]
    assert np.allclose(shown * 255, list(bytes.fromhex(greyed("#0072b2")[1:])), atol=0.5)
    assert not layer.features["reliable"].any()
    dock.legend.cellClicked.emit(0, 1)
    assert hidden_phases(layer) == {0}
    assert np.allclose(layer.colormap.color_dict[2][:3] * 255, list(bytes.fromhex(greyed("#e69f00")[1:])), atol=0.5)
    dock.form.findChild(QCheckBox, "force").setChecked(True)
    dock.run_button.click()
    finished(dock)
    assert sum(int(dock.legend.item(row, 1).text()) for row in range(8)) == 40


def test_a_dock_names_boxes_and_no_options_of_a_command(qtbot, viewer) -> None:
    said = {
        "correct it with --pixel-size-um 0.33 if it is wrong": "with a pixel size of 0.33 um in Open cells if it is",
        "give it with --pixel-size-um, and check how": "give it with the pixel size in Open cells, and check how",
        "say --layout cells or, for one, --plane 0": "say layout cells in Open cells or, for one, plane 0 in Open",
        "read as darkfield; change it with --channels": "read as darkfield",
        "choose one, as in --labels nuclei": "choose one, as in nuclei as the labels in Open cells",
        "alone, and --labels where you have them": "alone, and the labels in Open cells where you have them",
        "as in --cv 5: a finished": "as in the setting cv 5: a finished",
        "fine-tune the model with train --start-from": "fine-tune the model with the dock Train",
    }
    dock = Dock(viewer)
    qtbot.addWidget(dock)
    for text, shown in said.items():
        dock.show_status(text)
        assert shown in dock.status.text()
    assert in_dock_words("give it with --pixel-size-um", OF_LAYERS) == "give it with the scale of the layer"


def read_some(path, n_cells):
    from napari_cellcycle import read_cells

    return read_cells(path).subset(np.arange(n_cells)).select_channels(["brightfield", "darkfield"])


def test_a_dock_opened_later_knows_what_was_classified(classified, viewer, qtbot) -> None:
    later = ClassifyWidget(viewer)
    qtbot.addWidget(later)
    assert later.results.isVisibleTo(later)
    assert later.legend.item(0, 1).text() == classified.legend.item(0, 1).text()


def test_files_that_are_gone_are_one_sentence_and_change_nothing(qtbot, viewer, plate, tmp_path, finished) -> None:
    import shutil

    folder = tmp_path / "plate"
    shutil.copytree(plate, folder)
    show_gallery(viewer, result_of(open_gallery([folder], ReadSettings())))
    shutil.rmtree(folder)
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.run_button.click()
    finished(dock)
    assert str(folder) in dock.status.text()
    assert not layers_showing(viewer, "phase")


def test_the_newest_cells_are_chosen(classify, viewer, plate) -> None:
    show_gallery(viewer, result_of(open_gallery([plate / "S"], ReadSettings())))
    assert classify.inputs.cells.value().title == "S"
    assert not classify.results.isVisibleTo(classify)
    for layer in [layer for layer in viewer.layers if layer.name.endswith(" - S")]:
        viewer.layers.remove(layer)
    assert classify.inputs.cells.value().n_cells == 90


def test_cells_removed_while_they_are_classified_are_no_bug(classify, viewer, finished) -> None:
    classify.run_button.click()
    viewer.layers.clear()
    finished(classify)
    assert "removed or renamed meanwhile" in classify.status.text()
    assert len(viewer.layers) == 0


# --- Classify, full field ---


@pytest.fixture
def field(viewer, made_cells) -> np.ndarray:
    """12 cells in a field, as brightfield and darkfield layers; the label image."""
    planes = np.stack([np.full((200, 260), 680, np.uint16), np.full((200, 260), 27, np.uint16)])
    labels = np.zeros((200, 260), np.int32)
    y, x = np.mgrid[:40, :40]
    disc = np.hypot(y - 19.5, x - 19.5) < 13
    for number, cell in enumerate(made_cells.read(range(0, 84, 7))):
        top, left = 10 + 60 * (number // 4), 10 + 60 * (number % 4)
        planes[:, top : top + 40, left : left + 40] = cell.pixels[:2]
        labels[top : top + 40, left : left + 40][disc] = 3 * number + 5
    viewer.add_image(planes[0], name="field bf")
    viewer.add_image(planes[1], name="field darkfield")
    return labels


@pytest.fixture
def on_field(qtbot, viewer, field, model_folder) -> ClassifyWidget:
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.model.add_folder(model_folder)
    return dock


def test_a_field_is_coloured_by_the_outlines_of_its_labels(on_field, viewer, field, finished) -> None:
    viewer.add_labels(field, name="mine", features={"index": [5, 8], "area": [1.0, 2.0]}, scale=(1, 1))
    assert on_field.inputs.cells.value() == FIELD
    assert [on_field.inputs.brightfield.currentText(), on_field.inputs.darkfield.currentText()] == [
        "field bf",
        "field darkfield",
    ]
    assert on_field.inputs.labels.currentText() == "mine"
    on_field.run_button.click()
    finished(on_field)
    phases, mine = layer_showing(viewer, "phase"), viewer.layers["mine"].features
    assert phases.data.shape == field.shape
    for label, phase in zip(mine["index"], mine["phase"], strict=True):
        inside = phases.data[field == label]
        assert set(inside) == {0, PHASE_LABELS.index(phase) + 1}
    assert mine["area"].tolist()[:2] == [1.0, 2.0]  # columns of others stay
    assert len(mine) == 12


def test_cells_of_a_field_without_labels_are_found(on_field, viewer, field, finished) -> None:
    on_field.run_button.click()
    finished(on_field)
    found = viewer.layers["found cells - field bf"].data
    assert len(np.unique(found)) - 1 == 12
    assert set(np.unique(layer_showing(viewer, "phase").data[found == 0])) == {0}


def test_the_diameter_of_cells_that_are_to_be_found_is_a_setting(on_field, viewer, field, finished) -> None:
    box = on_field.form.box("cell_diameter_px")
    assert box.isVisibleTo(on_field)
    on_field.form.show_values({"cell_diameter_px": 200.0})
    on_field.run_button.click()
    finished(on_field)
    assert "no cells were found in field bf; set another diameter" in on_field.status.text()
    viewer.add_labels(field, name="mine")
    assert not box.isVisibleTo(on_field)


def test_the_finder_of_the_model_finds_the_cells(on_field, viewer, field, model_folder, finished, monkeypatch) -> None:
    asked = []
    finder = SimpleNamespace(name="mine", channel="brightfield", find=lambda image, _size: field)
    monkeypatch.setattr("napari_cellcycle.store.finders.choose_finder", lambda *what: asked.append(what) or finder)
    on_field.run_button.click()
    finished(on_field)
    assert np.array_equal(viewer.layers["found cells - field bf"].data, field)
    assert asked == [(None, model_folder)]


def test_a_time_lapse_is_coloured_frame_by_frame(on_field, viewer, field, finished) -> None:
    frames = [viewer.layers[name].data for name in ("field bf", "field darkfield")]
    viewer.layers.clear()
    viewer.add_image(np.stack([frames[0], np.fliplr(frames[0])]), name="bf")
    viewer.add_image(np.stack([frames[1], np.fliplr(frames[1])]), name="darkfield")
    viewer.add_labels(np.stack([field, np.fliplr(field)]), name="mine")
    on_field.run_button.click()
    finished(on_field)
    layer = layer_showing(viewer, "phase")
    assert len(layer.features) == 24
    for frame in range(2):
        assert (layer.data[frame] > 0).any()
        assert (layer.data[frame][viewer.layers["mine"].data[frame] == 0] == 0).all()
    status = layer.get_status(
        (1, 30, 229), view_direction=None, dims_displayed=[1, 2], world=True
    )  # the first cell lies at the other side in the second frame
    assert status["value"].startswith("bf[t=1] cell 5,")


def test_labels_of_another_shape_are_one_sentence(on_field, viewer, field, finished) -> None:
    viewer.add_labels(field[:100], name="cut")
    on_field.run_button.click()
    finished(on_field)
    assert "choose layers of one field" in on_field.status.text()
    assert not layers_showing(viewer, "phase")


# --- Evaluate ---


@pytest.fixture
def evaluate(qtbot, classified, viewer, finished, monkeypatch) -> EvaluateWidget:
    """Without its figures, which take most of its time."""
    monkeypatch.setattr("napari_cellcycle.gui.docks.evaluate_job.FIGURES", {})
    dock = EvaluateWidget(viewer)
    qtbot.addWidget(dock)
    finished(dock)
    return dock


def shown_counts(dock: EvaluateWidget) -> np.ndarray:
    texts = [[dock.table.item(row, column).text() for column in range(7)] for row in range(7)]
    return np.array([[int(text or 0) for text in row] for row in texts])


def test_evaluate_begins_by_itself_and_agrees_with_scikit_learn(evaluate, viewer) -> None:
    layer = layer_showing(viewer, "phase")
    called = [PHASE_LABELS.index(label) for label in layer.features["phase"]]
    np.testing.assert_array_equal(shown_counts(evaluate), confusion_matrix(truth_of(layer), called, labels=range(7)))
    assert evaluate.summary.text().splitlines()[1].startswith("Accuracy ")


def test_cells_classified_again_are_evaluated_again(evaluate, classified, finished) -> None:
    before = shown_counts(evaluate).sum()
    classified.form.findChild(QDoubleSpinBox, "min_probability").setValue(1)
    classified.run_button.click()
    finished(classified)
    finished(evaluate)
    assert shown_counts(evaluate).sum() < before  # unsure cells are not in the matrix


def test_percent_is_of_the_true_phase(evaluate) -> None:
    counts = shown_counts(evaluate)
    evaluate.percent.setChecked(True)
    assert evaluate.table.item(0, 0).text() == f"{counts[0, 0] / counts[0].sum():.0%}"


def test_a_click_on_a_field_dims_all_other_cells(evaluate, viewer) -> None:
    layer = layer_showing(viewer, "phase")
    evaluate.table.cellClicked.emit(1, 1)
    veil = layer_showing(viewer, "selected")
    wanted = (truth_of(layer) == 1) & (layer.features["phase"] == "S").to_numpy()
    grid = source_of(veil).grid
    for cell in range(90):
        top, left, *_ = grid.box([cell])
        assert veil.data[top + 5, left + 5] == (0 if wanted[cell] else 1)
    assert evaluate.status.text() == f"{wanted.sum()} S cells called S."
    evaluate.show_all.click()
    assert not layers_showing(viewer, "selected")


def test_cells_the_model_was_trained_on_are_called_so(evaluate) -> None:
    assert evaluate.banner.isVisibleTo(evaluate)
    assert "trained on" in evaluate.banner.text()


def test_synthetic_cells_are_a_demonstration(qtbot, viewer, plate, tmp_path, model_folder, finished) -> None:
    import shutil

    folder = tmp_path / "made"
    shutil.copytree(plate / "S", folder)
    rows = ["cell,phase,synthetic", *[f"{cell},S,1" for cell in range(30)]]
    (folder / "cells.csv").write_text("\n".join(rows))
    show_gallery(viewer, result_of(open_gallery([folder], ReadSettings())))
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.model.add_folder(model_folder)
    dock.run_button.click()
    finished(dock)
    assert dock.status.text().startswith("30 synthetic cells classified")
    evaluate = EvaluateWidget(viewer)
    qtbot.addWidget(evaluate)
    finished(evaluate)
    assert evaluate.banner.isVisibleTo(evaluate)
    assert "synthetic cells: no estimate" in evaluate.banner.text()


@pytest.mark.usefixtures("without_figures")
def test_a_saved_report_is_the_commands_report(evaluate, tmp_path, monkeypatch, finished) -> None:
    monkeypatch.setattr(
        "napari_cellcycle.gui.docks.evaluate.QFileDialog.getExistingDirectory", lambda *_args: str(tmp_path)
    )
    evaluate.save_button.click()
    finished(evaluate)
    assert {"report.html", "metrics.json", "confusion.csv", "per_phase.csv"} <= {
        path.name for path in tmp_path.iterdir()
    }
    before = (tmp_path / "report.html").stat().st_mtime_ns
    evaluate.save_button.click()
    finished(evaluate)
    assert "of an earlier run; choose another name" in evaluate.status.text()
    assert (tmp_path / "report.html").stat().st_mtime_ns == before


def test_labels_are_the_truth_and_new_ones_ask_for_new_figures(evaluate, gallery, finished, qtbot) -> None:
    counts, labels = shown_counts(evaluate), gallery.data_set.labels
    g1 = np.flatnonzero(labels.phases == 0)
    labels.decide(g1[:4], "Telophase", drawn=RANDOM)
    qtbot.waitUntil(lambda: evaluate.status.text() == "Labels were changed; click Evaluate for new figures.")
    assert (shown_counts(evaluate) == counts).all()
    evaluate.run_button.click()
    finished(evaluate)
    assert shown_counts(evaluate)[6].sum() == 4
    assert shown_counts(evaluate)[0].sum() == counts[0].sum() - 4


def test_cells_without_a_call_are_cross_validated(qtbot, viewer, gallery, finished) -> None:
    dock = EvaluateWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.method.currentText() == CROSS_VALIDATION
    assert dock.run_button.text() == "Cross-validate"
    dock.folds.network.setCurrentText("tiny")
    dock.folds.form.show_values({"cv": 2, "epochs": 1, "device": "cpu"})
    dock.run_button.click()
    finished(dock)
    assert dock.summary.text().startswith("90 cells, tiny, 2 folds"), dock.status.text()
    assert shown_counts(dock).sum() == 90
    assert not dock.banner.isVisibleTo(dock)


def test_cells_that_no_network_can_be_trained_with_are_one_sentence(qtbot, viewer, gallery) -> None:
    dock = EvaluateWidget(viewer)
    qtbot.addWidget(dock)
    dock.folds.show_networks(())
    dock.run_button.click()
    assert (dock.job, dock.status.text()[:30]) == (None, "no network can be trained with"[:30])


def test_a_cross_validation_can_be_cancelled(qtbot, viewer, gallery, finished) -> None:
    dock = EvaluateWidget(viewer)
    qtbot.addWidget(dock)
    dock.folds.network.setCurrentText("tiny")
    dock.folds.form.show_values({"cv": 2, "epochs": 10_000, "device": "cpu"})
    dock.run_button.click()
    qtbot.waitUntil(lambda: dock.progress.isVisibleTo(dock))
    dock.progress.cancel.click()
    finished(dock)
    assert dock.evaluated is None
    assert dock.status.text() == "Stopped; nothing was changed."


def test_without_known_phases_it_says_where_truth_comes_from(qtbot, viewer) -> None:
    dock = EvaluateWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.empty.isVisibleTo(dock)
    assert not dock.run_button.isVisibleTo(dock)


def test_figures_follow_the_theme(qtbot, classified, viewer, finished) -> None:
    evaluate = EvaluateWidget(viewer)
    qtbot.addWidget(evaluate)
    finished(evaluate)
    before = dict(evaluate.evaluated.pictures)
    drawn = []
    evaluate._show_pictures = drawn.append
    said = evaluate.status.text()
    viewer.theme = "light"
    finished(evaluate)
    assert evaluate.status.text() == said != ""
    assert drawn[0].keys() == before.keys() == FIGURES.keys()
    assert all(drawn[0][name] != before[name] for name in before)


# --- Evaluate, models side by side ---


@pytest.fixture
def two_models(evaluate, classified, finished, brightfield_model_folder) -> EvaluateWidget:
    """`quick`, trained on these cells, and then `bright`."""
    classified.model.add_folder(brightfield_model_folder)
    classified.run_button.click()
    finished(classified)
    finished(evaluate)
    return evaluate


def models_shown(dock: EvaluateWidget) -> list[list[str]]:
    """Name and figures of each model."""
    table = dock.models_table
    places = range(0, table.rowCount(), 2)
    return [[table.item(row, 0).text(), *(table.item(row + 1, n).text() for n in range(3))] for row in places]


def models_tab_is_there(dock: EvaluateWidget) -> bool:
    return dock.tabs.isTabVisible(dock.tabs.indexOf(dock.models_page))


def test_one_model_is_compared_with_none(evaluate) -> None:
    assert not models_tab_is_there(evaluate)


def test_two_models_lie_side_by_side_and_are_compared_as_the_core_compares_them(two_models) -> None:
    assert models_tab_is_there(two_models)
    newest, earlier = models_shown(two_models)
    assert [newest[0], newest[3]] == ["bright, 90 cells", "newest"]
    assert earlier[0] == "quick, 90 cells, trained-on"
    assert "Figures marked trained-on estimate nothing" in two_models.models_hint.text()
    reports = {model.report.model.split("/")[-1]: model.report for model in two_models.models.values()}
    wanted = compare(reports["quick"].prediction, reports["bright"].prediction, reports["bright"].truth)
    difference = wanted.difference["accuracy"]
    assert earlier[3].splitlines() == [
        f"{100 * difference.value:+.1f}",
        f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}",
        f"p = {wanted.p_value:.2g}",
    ]
    assert earlier[1].startswith(f"{100 * reports['quick'].scores.overall['accuracy'].value:.1f}\n")


def test_a_click_on_a_model_shows_its_matrix_with_its_banner_again(two_models, finished) -> None:
    before = shown_counts(two_models)
    quick = next(iter(two_models.models.values())).report
    two_models.models_table.cellClicked.emit(3, 1)
    finished(two_models)
    np.testing.assert_array_equal(shown_counts(two_models), quick.confusion)
    assert (shown_counts(two_models) != before).any()
    assert two_models.banner.isVisibleTo(two_models)
    assert two_models.tabs.currentIndex() == 0
    assert two_models.status.text().endswith("the gallery still has the colours of bright")
    assert [two_models.models_table.item(row, 0).font().bold() for row in (0, 2)] == [False, True]


def test_the_same_model_again_replaces_its_row(two_models, classified, model_folder, finished) -> None:
    classified.model.add_folder(model_folder)
    classified.run_button.click()
    finished(classified)
    finished(two_models)
    assert [row[0].split(",")[0] for row in models_shown(two_models)] == ["quick", "bright"]


def test_another_gallery_clears_the_models(two_models, classified, viewer, plate, finished) -> None:
    show_gallery(viewer, result_of(open_gallery([plate / "S"], ReadSettings())))
    classified.run_button.click()
    finished(classified)
    finished(two_models)
    assert not models_tab_is_there(two_models)
    assert [name.split("/")[-1] for name in two_models.models] == ["bright"]


def test_models_are_compared_only_on_cells_that_both_were_tested_on(evaluate) -> None:
    report = evaluate.evaluated.report
    first, second = (np.full_like(report.truth, UNKNOWN) for _ in range(2))
    first[:60], second[40:] = report.truth[:60], report.truth[40:]
    mine, other = replace(report, truth=first), replace(report, truth=second, model="other")
    assert compare_with(mine, [other])["other"].n_cells == 20
    nothing_shared = replace(other, truth=np.where(first == UNKNOWN, report.truth, UNKNOWN))
    assert compare_with(mine, [nothing_shared]) == {"other": None}
    assert compare_with(mine, [replace(other, data_sha256="of other cells")]) == {}
