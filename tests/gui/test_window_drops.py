"""A real window: what is dropped on it, and what fits into it."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QDialog, QRadioButton, QWidget

from napari_cellcycle.gui.dock_tabs import DISPLAY_NAME, PLUGIN, show_dock
from napari_cellcycle.gui.layers.view_fit import camera_of, shows_everything


def part_of(window, kind: str) -> QWidget:
    found = window.window._qt_window.findChildren(QWidget)
    return next(widget for widget in found if type(widget).__name__ == kind)


def drop(target: QWidget, path) -> None:
    mime, copy, left = QMimeData(), Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    plain = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(target, QDragEnterEvent(QPoint(9, 9), copy, mime, left, plain))
    QApplication.sendEvent(target, QDropEvent(QPointF(9, 9), copy, mime, left, plain))


@pytest.fixture
def asked(qtbot):
    """Which reader napari's dialogs had marked; they are closed at once."""
    marked: list[str] = []

    def close() -> None:
        for widget in QApplication.topLevelWidgets():
            if type(widget).__name__ == "QtReaderDialog" and widget.isVisible():
                marked.extend(choice.text() for choice in widget.findChildren(QRadioButton) if choice.isChecked())
                QDialog.reject(widget)

    timer = QTimer()
    timer.timeout.connect(close)
    timer.start(20)
    yield marked
    timer.stop()


@pytest.mark.parametrize("kind", ["QtWelcomeWidget", "QtViewer"])
def test_a_folder_of_cells_that_is_dropped_comes_to_open_cells(window, plate, finished, asked, kind) -> None:
    dock = show_dock(window, "Classify")
    QApplication.processEvents()
    drop(part_of(window, kind), plate)
    opened = show_dock(window, "Open cells")
    finished(opened)
    assert opened.chosen.text().startswith(f"{plate.name}: 90 cells")
    assert asked == []
    window.window.remove_dock_widget(dock)


def test_other_folders_are_left_to_napari_and_ours_is_marked_where_it_asks(
    window, plate, tmp_path, qtbot, asked
) -> None:
    show_dock(window, "Classify")
    QApplication.processEvents()
    (tmp_path / "x.txt").touch()
    canvas = part_of(window, "QtViewer")
    drop(canvas, tmp_path)
    qtbot.waitUntil(lambda: asked == ["napari builtins"])
    canvas._qt_open([str(plate)], stack=False)  # as File > Open Folder does
    assert asked == ["napari builtins", DISPLAY_NAME]


def test_the_view_that_napari_gave_the_sample_is_fitted_again_when_a_dock_takes_room(window, qtbot) -> None:
    window.open_sample(PLUGIN, "synthetic_jurkat")
    before = camera_of(window).zoom
    assert shows_everything(window)  # about: napari fitted it before the last layer came
    show_dock(window, "Classify")
    qtbot.waitUntil(lambda: camera_of(window).zoom < 0.8 * before)
    qtbot.wait(1200)
    after = camera_of(window).zoom
    window.reset_view()
    assert camera_of(window).zoom == pytest.approx(after)
