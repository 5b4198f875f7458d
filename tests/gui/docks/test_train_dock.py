"""The dock Train, from labelled cells to a model that Classify offers."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from app_model.types import KeyBinding
from made import field_of
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QMainWindow
from shown import layer_showing
from trained import held_by_torch

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.events import result_of
from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.gui.docks.train import SCRATCH, TrainWidget
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.gallery import open_gallery, show_gallery
from napari_cellcycle.gui.layers.source import source_of
from napari_cellcycle.gui.widgets.labelled_input import GUESSED, KNOWN, TABLE
from napari_cellcycle.gui.widgets.training_curves import TrainingCurves
from napari_cellcycle.jobs.config import FinderSettings, ReadSettings
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.store.checkpoints import CHECKPOINT, generator_of, unfinished_folder, unfinished_runs
from napari_cellcycle.store.finders import has_finder
from napari_cellcycle.store.models import load_card, models_folder
from napari_cellcycle.training.recipes import RECIPES


@pytest.fixture
def train(qtbot, viewer, gallery) -> TrainWidget:
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    set_up(dock, epochs=2)
    return dock


def set_up(dock: TrainWidget, *, epochs: int, start: str = SCRATCH) -> None:
    """A quick network, and few steps."""
    dock.start_from.setCurrentText(start)
    if start == SCRATCH:
        dock.network.setCurrentText("tiny")
    dock.form.show_values({"epochs": epochs, "batch_size": 32, "device": "cpu", "patience": 10_000})


def run(dock: TrainWidget, finished: Any) -> Path:
    """Train, and return the folder of the model."""
    output = dock.run_name.output()
    dock.run_button.click()
    finished(dock)
    return output


# --- what is learnt from ---


def test_an_empty_dock_offers_what_to_do_next(qtbot, viewer) -> None:
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.empty.isVisibleTo(dock)
    assert not dock.run_button.isVisibleTo(dock)


def test_cells_of_unknown_phase_lead_to_labels(qtbot, viewer, plate, tmp_path, monkeypatch) -> None:
    for path in (plate / "S").glob("*.tif"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    show_gallery(viewer, result_of(open_gallery([tmp_path], ReadSettings())))
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.unlabelled.isVisibleTo(dock)
    assert [*dock.unlabelled.buttons] == ["Label by stain", "Classify cells", "Open files"]
    opened: list[str] = []
    monkeypatch.setattr(dock, "open_dock", opened.append)
    dock.unlabelled.buttons["Label by stain"].click()
    assert opened == ["Label by stain"]
    assert not dock.run_button.isVisibleTo(dock)


def test_the_cells_of_each_phase_are_counted_before(train) -> None:
    assert train.labelled.phases.currentText() == KNOWN
    assert train.labelled.phase_counts.tolist() == [30, 30, 30, 0, 0, 0, 0]
    assert "G1&nbsp;30" in train.labelled.counts.text()
    assert (
        "No cells of Prophase, Metaphase, Anaphase, Telophase, so the model is not trained on these."
        in train.labelled.hint.text()
    )
    assert train.run_button.isEnabled()


def test_one_phase_is_too_few_and_the_dock_says_so(train, viewer, plate) -> None:
    show_gallery(viewer, result_of(open_gallery([plate / "S"], ReadSettings())))
    assert "All cells of known phase are S, but at least 2 phases are needed" in train.labelled.hint.text()
    assert not train.run_button.isEnabled()


def test_few_cells_go_on_from_a_model_and_settings_follow(qtbot, viewer, gallery) -> None:
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.start_from.currentText() == "from default"
    assert not dock.network.isVisibleTo(dock)
    gentle = dock.form.values()["learning_rate"]
    dock.start_from.setCurrentText(SCRATCH)
    assert dock.network.isVisibleTo(dock)
    assert dock.form.values()["learning_rate"] > gentle
    dock.network.setCurrentText("duque2024")
    assert dock.form.values()["learning_rate"] == 1e-4
    assert dock.run_name.output().name.endswith("-duque2024")


# --- a run ---


def test_the_settings_of_every_network_fill_the_form(train) -> None:
    train.start_from.setCurrentText(SCRATCH)
    offers = [train.network.itemText(row) for row in range(train.network.count())]
    assert offers == [name for name, recipe in RECIPES.items() if not recipe.reads_tracks]
    for network in offers:  # the last one, "tiny", is chosen already
        train.network.setCurrentText(network)
        settings = vars(RECIPES[network].config)
        assert train.form.values(*settings) == settings
        assert train.form.box("rotation_degrees").text() == f"{settings['rotation_degrees']:g}"


def test_a_text_that_is_no_augmentation_is_said_and_trains_nothing(train, monkeypatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("napari.utils.notifications.show_error", told.append)
    train.form.show_values({"augment": "mixup+cutmix"})
    train.run_button.click()
    assert train.job is None
    assert "'cutmix' is unknown" in train.status.text()
    assert told == [train.status.text()]


def test_a_run_ends_as_a_model_that_classify_has_chosen(qtbot, viewer, gallery, finished) -> None:
    window, dock, classify = QMainWindow(), TrainWidget(viewer), ClassifyWidget(viewer)
    qtbot.addWidget(window)
    for widget in (dock, classify):
        widget.setParent(window)
    set_up(dock, epochs=3)
    output = run(dock, finished)
    assert output.parent == models_folder()
    assert load_card(output).training["epochs_done"] == len(dock.log) == 3
    assert f"Epoch 3 of 3: loss {dock.log[-1].training_loss:.2f}" in dock.figures.text()
    best = max(done.epoch for done in dock.log if done.is_best)
    assert f"{output.name} is trained; its best is epoch {best}, of the lowest loss (" in dock.status.text()
    assert "no test result" in dock.status.text()
    assert classify.model.value() == output.name
    classify.run_button.click()
    finished(classify)
    assert f"with the model {output.name!r}" in classify.status.text()


def test_the_best_epoch_is_quoted_by_the_figure_that_it_was_chosen_by() -> None:
    from napari_cellcycle.gui.docks.train import _figures
    from napari_cellcycle.training.classifier import EpochDone

    losses, scores = (0.9, 0.5, 0.6), (0.8, 0.3, 0.9)
    log = [
        EpochDone(number + 1, 3, 1.0, loss, 0.5, score, loss <= min(losses[: number + 1]))
        for number, (loss, score) in enumerate(zip(losses, scores, strict=True))
    ]
    assert _figures(log).endswith("Best so far: epoch 2, of the lowest loss (0.50; macro F1 0.30).")


def test_a_name_is_never_taken_twice(train, finished, qtbot) -> None:
    first = run(train, finished)
    assert train.run_name.output().name == f"{first.name}-2"
    train.run_name.box.selectAll()
    qtbot.keyClicks(train.run_name.box, first.name)
    assert train.problem.text() == f"There is already a run called {first.name}; choose another name."
    assert not train.run_button.isEnabled()
    qtbot.keyClicks(train.run_name.box, "-mine")
    assert not train.problem.text()
    assert run(train, finished).name == f"{first.name}-mine"


@pytest.mark.parametrize("name", ["", "  ", "a/b", ".."])
def test_a_name_that_no_folder_can_have_is_refused(train, name) -> None:
    train.run_name.box.setText(name)
    assert train.problem.text() == "Give the run a name that a folder can have."
    assert not train.run_button.isEnabled()


def test_settings_stay_after_a_run(train, finished) -> None:
    run(train, finished)
    assert (train.start_from.currentText(), train.form.values()["epochs"]) == (SCRATCH, 2)


def test_stop_keeps_the_best_weights_so_far(train, finished, qtbot) -> None:
    set_up(train, epochs=10_000)
    output = train.run_name.output()
    train.run_button.click()
    qtbot.waitUntil(lambda: len(train.log) >= 2, timeout=60_000)
    train.stop.click()
    finished(train)
    assert load_card(output).training["epochs_done"] == len(train.log) < 10_000
    assert "is trained" in train.status.text()


def test_a_paused_run_waits_and_can_be_stopped(train, finished, qtbot) -> None:
    set_up(train, epochs=10_000)
    output = train.run_name.output()
    train.run_button.click()
    qtbot.waitUntil(lambda: len(train.log) >= 1, timeout=60_000)
    train.pause.click()
    qtbot.wait(300)
    n_done = len(train.log)
    qtbot.wait(300)
    assert (len(train.log), train.progress.text.text(), train.pause.text()) == (n_done, "paused", "Continue")
    train.pause.click()
    qtbot.waitUntil(lambda: len(train.log) > n_done, timeout=60_000)
    train.pause.click()
    train.stop.click()
    finished(train)
    assert output.is_dir()


def test_a_cancelled_run_leaves_no_model_but_can_be_resumed(train, finished, qtbot) -> None:
    set_up(train, epochs=12)
    output = train.run_name.output()
    train.run_button.click()
    qtbot.waitUntil(lambda: len(train.log) >= 3, timeout=60_000)
    train.progress.cancel.click()
    finished(train)
    assert not output.exists()
    assert train.status.text() == "Cancelled; no model was written."
    assert train.unfinished.isVisibleTo(train)
    assert output.name in train.unfinished.label.text()
    assert train.run_name.output() != output
    set_up(train, epochs=5)  # what was begun keeps its own settings
    train.unfinished.buttons["Resume"].click()
    finished(train)
    assert load_card(output).training["epochs_done"] == 12
    assert [done.epoch for done in train.log] == list(range(1, 13))
    assert not train.unfinished.isVisibleTo(train)


@pytest.mark.usefixtures("narrow_generators")
def test_a_run_that_was_cancelled_in_its_generator_goes_on_with_that(train, finished, qtbot) -> None:
    set_up(train, epochs=2)
    train.form.show_values({"augment": "cellgan", "gan_steps": 24, "fill_to": 40})
    output = train.run_name.output()
    train.run_button.click()
    qtbot.waitUntil(lambda: (unfinished_folder(generator_of(output)) / CHECKPOINT).exists(), timeout=60_000)
    train.progress.cancel.click()
    finished(train)
    assert output.name in train.unfinished.label.text()
    train.unfinished.buttons["Resume"].click()
    finished(train)
    settings = load_card(output).training["settings"]
    assert (settings["augment"], settings["gan_steps"], settings["fill_to"]) == ("cellgan", 24, 40)
    assert load_card(output).training["n_synthetic"] > 0
    assert not train.unfinished.isVisibleTo(train)


def test_other_cells_do_not_resume_a_run_and_it_can_be_discarded(train, viewer, plate, finished, qtbot) -> None:
    set_up(train, epochs=10_000)
    output = train.run_name.output()
    train.run_button.click()
    qtbot.waitUntil(lambda: unfinished_folder(output).exists(), timeout=60_000)
    train.progress.cancel.click()
    finished(train)
    two = result_of(open_gallery([plate / "S", plate / "G1"], ReadSettings()))
    show_gallery(viewer, two)
    assert not train.unfinished.isVisibleTo(train)  # it has nothing to do with these
    train.labelled.inputs.cells.setCurrentIndex(1)
    assert train.unfinished.isVisibleTo(train)
    train.labelled.inputs.cells.setCurrentIndex(0)
    (unfinished_folder(output) / "cells.json").unlink()  # as after a crash, or from the command line
    train.show_what_fits()
    train.unfinished.buttons["Resume"].click()
    finished(train)
    assert "was begun with other cells" in train.status.text()
    train.unfinished.buttons["Discard"].click()
    assert unfinished_runs(models_folder()) == []
    assert not train.unfinished.isVisibleTo(train)


def test_what_the_user_can_mend_is_one_sentence(train, plate, tmp_path, viewer, finished) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(plate, folder)
    show_gallery(viewer, result_of(open_gallery([folder], ReadSettings())))
    shutil.rmtree(folder)
    output = run(train, finished)
    assert str(folder) in train.status.text()
    assert not output.exists()
    assert train.run_button.isEnabled()


def test_closing_ends_the_run(qtbot, viewer, gallery) -> None:
    window, dock = QMainWindow(), TrainWidget(viewer)
    qtbot.addWidget(window)
    window.setCentralWidget(dock)
    set_up(dock, epochs=10_000)
    dock.run_button.click()
    qtbot.waitUntil(lambda: len(dock.log) >= 1, timeout=60_000)
    job, output = dock.job, dock.run_name.output()
    dock.pause.click()  # the harder case
    dock.setParent(None)
    qtbot.waitUntil(lambda: job not in type(job)._running, timeout=10_000)
    assert not output.exists()


def test_memory_is_given_back(train, finished) -> None:
    before = held_by_torch()
    run(train, finished)
    assert held_by_torch().keys() <= before.keys()


# --- fine-tuning and labels ---


def test_going_on_from_a_model_keeps_its_network(train, finished) -> None:
    set_up(train, epochs=1, start="from duque2024")
    output = run(train, finished)
    card = load_card(output)
    assert (card.architecture, card.training["start_from"]["name"]) == ("duque2024", "duque2024")


def click_with_bucket(layer, cell: int, grid, number: int) -> None:
    """What napari does when the fill bucket is clicked into a cell."""
    top, left, bottom, right = grid.box([cell])
    layer.selected_label = number
    with layer.block_history():
        layer.fill(((top + bottom) / 2, (left + right) / 2), number)


@pytest.fixture
def called(train, viewer, gallery, model_folder, finished, qtbot) -> TrainWidget:
    """The gallery classified, and Train open beside it."""
    classify = ClassifyWidget(viewer)
    qtbot.addWidget(classify)
    classify.model.add_folder(model_folder)
    classify.run_button.click()
    finished(classify)
    return train


def labels_of(viewer, gallery) -> LabelTable:
    data_set = data_set_of(viewer.layers, gallery.source)
    assert data_set is not None
    return data_set.labels


def test_a_click_with_the_bucket_labels_a_cell(called, viewer, gallery, qtbot) -> None:
    layer, grid = layer_showing(viewer, "phase"), gallery.source.grid
    assert called.labelled.phases.currentText() == KNOWN
    before = called.labelled.labelled().phases
    click_with_bucket(layer, 5, grid, 6)
    click_with_bucket(layer, 7, grid, 8)
    after = called.labelled.labelled().phases
    assert (after[5], after[7]) == (5, UNKNOWN)
    assert np.flatnonzero(before != after).tolist() == [5, 7]
    qtbot.waitUntil(lambda: "Labelled: 1, called otherwise: 1, unsure: 1" in called.labelled.hint.text())
    assert layer.features["truth"][5] == "Anaphase"
    assert labels_of(viewer, gallery).phases.tolist() == after.tolist()
    expected = grid.draw_outlines(grid.read_phases(layer.data))
    np.testing.assert_array_equal(layer.data, expected)  # only frames are left, so that cells stay visible


def test_a_label_can_be_undone_where_it_was_made(called, viewer, gallery) -> None:
    layer, grid = layer_showing(viewer, "phase"), gallery.source.grid
    before = layer.data.copy()
    click_with_bucket(layer, 5, grid, 6)
    assert grid.read_phases(layer.data)[5] == 6
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    assert not labels_of(viewer, gallery).decided.any()
    layer.redo()
    assert grid.read_phases(layer.data)[5] == 6


def test_a_digit_labels_the_cell_under_the_cursor(called, viewer, gallery) -> None:
    layer, grid = layer_showing(viewer, "phase"), gallery.source.grid
    top, left, bottom, right = grid.box([8])
    viewer.cursor.position = layer.data_to_world(((top + bottom) / 2, (left + right) / 2))
    mode = layer.mode
    for key, phase in (("6", 5), ("U", UNKNOWN), ("0", gallery.data_set.cells.phases[8])):
        label_cell = layer.keymap[KeyBinding.from_str(key)]
        assert label_cell.__name__  # napari asks for it at each key
        label_cell(layer)
        assert labels_of(viewer, gallery).phases[8] == phase
    assert layer.mode == mode


def test_labels_stay_when_cells_are_classified_again_and_when_they_are_opened_again(
    called, viewer, gallery, plate, finished, qtbot
) -> None:
    layer, grid = layer_showing(viewer, "phase"), gallery.source.grid
    click_with_bucket(layer, 5, grid, 6)
    again = ClassifyWidget(viewer)
    qtbot.addWidget(again)
    again.run_button.click()
    finished(again)
    assert grid.read_phases(layer.data)[5] == 6
    assert "; 1 have a label, and are shown in its phase." in again.status.text()
    assert called.labelled.labelled().phases[5] == 5
    other = result_of(open_gallery([plate], ReadSettings()))
    assert other.data_set.labels.phases[5] == 5
    assert any("labelled by" in note for note in other.notes)


def test_only_labels_are_learnt_unless_told(called, viewer, gallery, finished) -> None:
    called.labelled.phases.setCurrentText(GUESSED)
    layer, grid = layer_showing(viewer, "phase"), gallery.source.grid
    for cell in range(10):
        click_with_bucket(layer, cell, grid, 7)
    known = gallery.data_set.labels.phases
    assert called.labelled.phase_counts.sum() == len(known)
    called.labelled.phases.setCurrentText(KNOWN)
    counts = called.labelled.phase_counts
    assert counts.sum() == (known != UNKNOWN).sum()
    set_up(called, epochs=2)  # other phases chose other settings
    output = run(called, finished)
    learnt = load_card(output).training["cells_per_phase"]
    assert [*learnt.values()] == counts.tolist()
    assert learnt["Telophase"] == 10


def test_labels_with_a_table_of_phases_are_learnt_from(qtbot, viewer, made_cells, finished) -> None:
    planes, labels = field_of(made_cells)
    viewer.add_image(planes[0], name="field bf")
    viewer.add_image(planes[1], name="field darkfield")
    table = {"index": np.arange(1, 31), "phase": ["G1", "S_phase", "G2"] * 9 + ["", "?", "G1"]}
    viewer.add_labels(labels, name="mine", features=table)
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.labelled.phases.currentText() == TABLE
    assert dock.labelled.phase_counts.tolist() == [10, 9, 9, 0, 0, 0, 0]
    set_up(dock, epochs=1)
    assert load_card(run(dock, finished)).training["cells_per_phase"]["G1"] == 10


def test_a_field_whose_cells_were_labelled_is_learnt_from(qtbot, viewer, made_cells, model_folder, finished) -> None:
    planes, labels = field_of(made_cells)
    viewer.add_image(planes[0], name="field bf")
    viewer.add_image(planes[1], name="field darkfield")
    viewer.add_labels(labels, name="mine")
    classify, dock = ClassifyWidget(viewer), TrainWidget(viewer)
    for widget in (classify, dock):
        qtbot.addWidget(widget)
    assert dock.unlabelled.isVisibleTo(dock)
    classify.model.add_folder(model_folder)
    classify.run_button.click()
    finished(classify)
    assert dock.labelled.labelled() is None  # calls are no labels
    layer = layer_showing(viewer, "phase")
    with layer.block_history():
        layer.fill(tuple(np.argwhere(labels == 17).mean(axis=0)), 5)
    assert dock.labelled.labelled().phases["field bf", 17] == 4
    data_set = data_set_of(viewer.layers, source_of(layer))
    data_set.labels.decide([17, 18], "Metaphase")  # the cells 18 and 19
    data_set.labels.decide([2, 3], "G1")
    qtbot.waitUntil(lambda: dock.labelled.phase_counts is not None and dock.labelled.phase_counts.sum() == 5)
    assert dock.labelled.phase_counts.tolist() == [2, 0, 0, 0, 3, 0, 0]
    set_up(dock, epochs=1)
    assert load_card(run(dock, finished)).training["cells_per_phase"]["Metaphase"] == 3


# --- curves ---


def drawn(curves: TrainingCurves) -> np.ndarray:
    """The pixels of a widget, (Y, X, 3)."""
    image = curves.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    if hasattr(bits, "setsize"):  # PyQt gives a bare address
        bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()  # the image goes away


def epoch(number: int, loss: float, *, best: bool = False) -> SimpleNamespace:
    return SimpleNamespace(
        epoch=number, training_loss=loss, validation_loss=loss, validation_macro_f1=0.5, is_best=best
    )


def test_curves_fall_with_the_loss_and_go_on_without_a_number(qtbot) -> None:
    curves = TrainingCurves()
    qtbot.addWidget(curves)
    curves.resize(310, 260)
    curves.setStyleSheet("background: black; color: black")  # only lines are seen
    assert not drawn(curves).any()
    curves.show_log([epoch(1, 2.0, best=True), epoch(2, float("nan")), epoch(10, 0.5)])
    upper = drawn(curves)[20:120].any(axis=2)
    columns = np.flatnonzero(upper.any(axis=0))
    heights = [np.flatnonzero(upper[:, column]).mean() for column in columns]
    assert heights[0] < heights[-1]
    assert len(columns) > 200


def test_a_model_of_a_field_learns_to_find_its_cells_if_asked(qtbot, viewer, made_cells, finished, monkeypatch) -> None:
    planes, labels = field_of(made_cells)
    viewer.add_image(planes[0], name="brightfield")
    viewer.add_image(planes[1], name="darkfield")
    viewer.add_labels(labels, name="nuclei").features = {
        "index": range(1, 31),
        "phase": np.repeat(["G1", "S", "G2"], 10),
    }
    monkeypatch.setattr(
        "napari_cellcycle.gui.docks.train_job.FinderSettings",
        lambda **given: FinderSettings(**given, overrides={"steps": 2, "batch_size": 2, "held_out": 0.3}),
    )
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    set_up(dock, epochs=2)
    assert dock.finds_cells.isVisibleTo(dock)
    assert not dock.finds_cells.isChecked()
    dock.finds_cells.setChecked(True)
    output = run(dock, finished)
    assert has_finder(output), dock.status.text()
    assert "It finds cells by itself, with F1 " in dock.status.text()


def test_crops_have_nothing_to_be_found(train) -> None:
    assert not train.finds_cells.isVisibleTo(train)


def test_classify_with_it_chooses_the_model_in_a_dock_that_is_opened_only_now(
    qtbot, viewer, gallery, train, finished, monkeypatch
) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.setCentralWidget(train)
    output = run(train, finished)
    opened: list[ClassifyWidget] = []

    def open_dock(_name: str) -> ClassifyWidget:
        opened.append(ClassifyWidget(viewer))
        opened[0].setParent(window)
        return opened[0]

    monkeypatch.setattr(train, "open_dock", open_dock)
    train.next_button.click()
    assert Path(opened[0].model.value()).name == output.name
