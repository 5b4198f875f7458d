"""A real window: pixels, the whole path from the sample to a confusion matrix, and closing in the middle of work."""

from __future__ import annotations

import re
import shutil
import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from shown import layer_showing

from napari_cellcycle.events import Progress, result_of
from napari_cellcycle.gui.dock_tabs import DISPLAY_NAME, PLUGIN, show_dock
from napari_cellcycle.gui.layers.gallery import open_gallery, show_gallery
from napari_cellcycle.gui.layers.view_fit import camera_of
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.phases import COLOURS, PHASE_LABELS

_COMMANDS = {
    "open": "Open cells",
    "classify": "Classify",
    "gallery": "Gallery",
    "evaluate": "Evaluate",
    "train": "Train",
    "augment": "Augment",
}


def test_three_clicks_from_the_sample_to_coloured_cells_and_a_confusion_matrix(window, qtbot, finished) -> None:
    if not sample_path().is_file():
        pytest.skip("the sample is not made yet")
    classify = show_dock(window, "Classify")
    classify.empty.buttons["Open the sample"].click()
    finished(classify)
    classify.run_button.click()
    finished(classify)
    classify.next_button.click()
    evaluate = show_dock(window, "Evaluate")
    finished(evaluate)
    assert evaluate.table.item(0, 0) is not None
    assert "synthetic" in evaluate.banner.text()
    assert re.search(
        r"\d\d% of the calls \(\d\d% to \d\d%\) are the phase that the cell was made", evaluate.summary.text()
    )
    layer = layer_showing(window, "phase")
    picture = window.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    for phase in sorted(set(layer.features["phase"]) - {"unsure"}):
        colour = COLOURS[list(COLOURS)[PHASE_LABELS.index(phase)]]
        wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
        assert (np.abs(picture - wanted).max(axis=-1) <= 3).any(), f"no {phase} to be seen"


def test_keys_label_cells_in_the_gallery_and_are_no_tools_of_napari(window, plate, qtbot, finished, tmp_path) -> None:
    folder = shutil.copytree(plate, tmp_path / "mine")
    show_gallery(window, result_of(open_gallery([folder], ReadSettings())))
    labels = window.add_labels(np.zeros((50, 50), np.uint8))
    gallery = show_dock(window, "Gallery")
    gallery.inputs.cells.choose(gallery.inputs.cells._values[0])
    finished(gallery)
    qtbot.waitUntil(lambda: gallery.grid.isVisible())
    window.layers.selection.active = labels
    labels.data_setitem((np.array([3]), np.array([3])), np.array([5], np.uint8))
    gallery.grid.setFocus()
    for key in (Qt.Key.Key_Home, Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_5):
        QTest.keyClick(gallery.grid, key)
    assert gallery.opened.labels.labels[:3].tolist() == [0, 1, 4]
    assert labels.mode == "pan_zoom"
    QTest.keyClick(gallery.grid, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert gallery.opened.labels.labels[:3].tolist() == [0, 1, -1]
    assert labels.data[3, 3] == 5
    for key in (Qt.Key.Key_4, Qt.Key.Key_6):  # from a button of the dock too
        QTest.keyClick(gallery.bar.save, key)
    assert labels.mode == "pan_zoom"
    assert gallery.opened.labels.counts.sum() == 4
    QTest.keyClick(window.window._qt_window, Qt.Key.Key_2)
    assert labels.mode != "pan_zoom"  # else this test would show nothing


def test_a_phase_of_the_legend_is_shown_in_the_gallery(window, qtbot, finished, plate, model_folder) -> None:
    show_gallery(window, result_of(open_gallery([plate], ReadSettings())))
    classify = show_dock(window, "Classify")
    classify.model.add_folder(model_folder)
    classify.run_button.click()
    finished(classify)
    called = layer_showing(window, "phase").features["phase"]
    phase = PHASE_LABELS.index(called[0])
    classify.legend.customContextMenuRequested.emit(
        classify.legend.visualItemRect(classify.legend.item(phase, 0)).center()
    )
    gallery = show_dock(window, "Gallery")
    finished(gallery)
    assert gallery.grid.order.rows.tolist() == np.flatnonzero(called == called[0]).tolist()
    assert gallery.gathered.text() == f"{(called == called[0]).sum()} cells called {called[0]}"
    evaluate = show_dock(window, "Evaluate")
    finished(evaluate)
    truth = layer_showing(window, "phase").features["truth"]
    evaluate.table.entry_clicked.emit(0, phase)
    both = np.flatnonzero((called == called[0]) & (truth == "G1"))
    assert set(gallery.grid.order.rows.tolist()) <= set(both.tolist())
    assert f"called {called[0]}" in gallery.gathered.text()


def test_the_menus_open_our_docks(window) -> None:
    from napari._app_model import get_app_model

    for command, name in _COMMANDS.items():
        get_app_model().commands.execute_command(f"{PLUGIN}.{command}").result()
        assert f"{name} ({DISPLAY_NAME})" in window.window.dock_widgets


def test_no_dock_is_wider_than_350_pixels(window, plate, finished, qtbot) -> None:
    dock = show_dock(window, "Open cells")
    dock.look_into([str(plate)])
    finished(dock)
    for name in _COMMANDS.values():
        assert show_dock(window, name).minimumSizeHint().width() <= 350


def zoom_that_fits(viewer) -> float:
    camera = camera_of(viewer)
    before = camera.zoom, camera.center
    viewer.reset_view()
    fitting = camera.zoom
    camera.zoom, camera.center = before
    return fitting


def test_a_dock_that_takes_room_leaves_the_whole_gallery_in_view(window, plate, qtbot) -> None:
    show_gallery(window, result_of(open_gallery([plate], ReadSettings())))
    qtbot.wait(1000)
    window.reset_view()  # as on a busy machine the window itself may have been laid out after the gallery came
    before = camera_of(window).zoom
    show_dock(window, "Train")
    qtbot.waitUntil(lambda: zoom_that_fits(window) < before)  # else there is nothing to test
    # on a busy machine the canvas gets its new size late
    qtbot.waitUntil(lambda: camera_of(window).zoom == pytest.approx(zoom_that_fits(window)))


def test_a_dock_leaves_the_camera_where_the_user_put_it(window, plate, qtbot) -> None:
    show_gallery(window, result_of(open_gallery([plate], ReadSettings())))
    qtbot.wait(200)
    camera_of(window).zoom *= 2
    before = camera_of(window).zoom, camera_of(window).center
    show_dock(window, "Train")
    qtbot.wait(300)
    assert (camera_of(window).zoom, camera_of(window).center) == before


@pytest.mark.parametrize("leave", ["dock", "viewer"])
def test_closing_ends_the_work(window, qtbot, leave) -> None:
    closed = threading.Event()

    def work():
        try:
            while True:
                yield Progress(1, 3, "going on")
        finally:
            closed.set()

    dock = show_dock(window, "Classify")
    dock.start(work(), lambda _result: None)
    if leave == "dock":
        window.window.remove_dock_widget(dock)
    else:
        window.close()
    qtbot.waitUntil(closed.is_set)
