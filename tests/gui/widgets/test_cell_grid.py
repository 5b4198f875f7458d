"""The grid of cells, driven by real keys and a real mouse."""

from __future__ import annotations

import numpy as np
import pytest
from calls import made_cells, made_prediction
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QKeyEvent, QKeySequence, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.browse.table import CellTable, View
from napari_cellcycle.browse.tiles import Tiles
from napari_cellcycle.gui.widgets.cell_grid import CellGrid
from napari_cellcycle.gui.widgets.labelling import Labelling
from napari_cellcycle.gui.widgets.tile_painter import colour_of
from napari_cellcycle.phases import COLOURS, PHASE_LABELS, UNSURE_COLOUR, Phase

TILE_PX, GAP_PX = 60, 6
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def table(truth) -> CellTable:
    cells = made_cells(truth, size=8)
    return CellTable(cells, LabelTable(cells.sources, cells.ids), made_prediction(truth).to_table())


@pytest.fixture
def grid(qtbot, table) -> CellGrid:
    """205 cells, five in a row, about four rows in view."""
    grid = CellGrid()
    qtbot.addWidget(grid)
    grid.set_tile_px(TILE_PX)
    grid.resize(5 * (TILE_PX + GAP_PX) + 40, 4 * (TILE_PX + GAP_PX))
    grid.show()
    grid.show_table(table, Tiles(table.cells))
    grid.show_order(table.order(View()))
    table.on_change = grid.redraw
    qtbot.waitUntil(lambda: not grid.is_reading)
    return grid


@pytest.fixture
def labelling(grid) -> Labelling:
    grid.said = []
    return Labelling(grid, lambda: "random", grid.said.append, pytest.fail)


def middle(grid: CellGrid, place: int) -> QPoint:
    left, top = grid._grid.position(place)
    half = (TILE_PX + GAP_PX) // 2
    return QPoint(left + half, top + half - grid.verticalScrollBar().value())


def press(grid: CellGrid, *keys: Qt.Key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    for key in keys:
        QTest.keyClick(grid, key, modifier)


def click(grid: CellGrid, place: int, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, modifier, middle(grid, place))


def frame_colour(grid: CellGrid, place: int) -> str:
    """The most frequent saturated colour along the left frame of a tile."""
    picture = grid.viewport().grab().toImage()
    at = middle(grid, place)
    left = at.x() - TILE_PX // 2 + 1
    names = [picture.pixelColor(left, at.y() + dy).name() for dy in range(-20, 20)]
    wanted = {*COLOURS.values(), UNSURE_COLOUR}
    found = [name for name in names if name in wanted]
    return max(found, key=found.count) if found else ""


def test_only_what_is_seen_and_the_next_screen_are_read(grid) -> None:
    read = [row for row in range(205) if row in grid.tiles]
    assert 20 <= len(read) <= 60
    assert read == [*range(len(read))]
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())


def test_scrolling_reads_what_comes_into_view(grid, qtbot) -> None:
    assert 200 not in grid.tiles
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: 204 in grid.tiles)


def test_images_are_not_read_in_the_thread_of_the_gui(qtbot, table, monkeypatch) -> None:
    import threading

    threads = []
    plain = type(table.cells.images).read
    monkeypatch.setattr(
        type(table.cells.images),
        "read",
        lambda images, rows: threads.append(threading.current_thread()) or plain(images, rows),
    )
    grid = CellGrid()
    qtbot.addWidget(grid)
    grid.show()
    grid.show_table(table, Tiles(table.cells))
    with qtbot.waitSignal(grid.first_drawn):
        grid.show_order(table.order(View()))
    assert threads
    assert threading.main_thread() not in threads


def test_arrows_pages_home_and_end_move(grid) -> None:
    press(grid, Qt.Key.Key_Home)
    assert grid.selection.current == 0
    press(grid, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down)
    assert grid.selection.current == 7
    press(grid, Qt.Key.Key_Up, Qt.Key.Key_Left)
    assert grid.selection.current == 1
    press(grid, Qt.Key.Key_PageDown)
    assert grid.selection.current == 1 + 5 * (grid.viewport().height() // (TILE_PX + GAP_PX))
    press(grid, Qt.Key.Key_PageUp)
    assert grid.selection.current == 1
    press(grid, Qt.Key.Key_End)
    assert grid.selection.current == 204
    assert grid.verticalScrollBar().value() == grid.verticalScrollBar().maximum()
    assert grid.selection.count == 1


def test_shift_selects_a_range_by_key_and_by_mouse(grid) -> None:
    click(grid, 2)
    press(grid, Qt.Key.Key_Right, Qt.Key.Key_Down, modifier=SHIFT)
    assert grid.selected_rows().tolist() == [*range(2, 9)]
    press(grid, Qt.Key.Key_Up, modifier=SHIFT)
    assert grid.selected_rows().tolist() == [2, 3]
    click(grid, 12, SHIFT)
    assert grid.selected_rows().tolist() == [*range(2, 13)]


def test_ctrl_adds_and_takes_out(grid) -> None:
    click(grid, 1)
    click(grid, 7, CONTROL)
    click(grid, 3, CONTROL)
    click(grid, 1, CONTROL)
    assert grid.selected_rows().tolist() == [3, 7]
    press(grid, Qt.Key.Key_A, modifier=CONTROL)
    assert grid.selection.count == 205
    press(grid, Qt.Key.Key_Escape)
    assert grid.selection.count == 0


def test_dragging_selects_what_the_rectangle_touches(grid) -> None:
    view, start, end = grid.viewport(), middle(grid, 1), middle(grid, 13)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(view, (start + end) / 2)
    QTest.mouseMove(view, end)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    assert grid.selected_rows().tolist() == [1, 2, 3, 6, 7, 8, 11, 12, 13]


def test_a_click_on_a_header_selects_its_group(grid, table) -> None:
    grid.show_order(table.order(View(group="call")))
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(30, 8))
    assert grid.selected_rows().tolist() == np.flatnonzero(table.called == Phase.G1).tolist()


def test_ctrl_and_the_wheel_change_the_size_and_keep_the_place(grid, qtbot) -> None:
    grid.go_to(100)
    before = grid.painter.tile_px
    here = QPointF(middle(grid, 100))
    wheel = QWheelEvent(
        here,
        QPointF(grid.viewport().mapToGlobal(here.toPoint())),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        CONTROL,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    with qtbot.waitSignal(grid.tile_px_changed):
        QApplication.sendEvent(grid.viewport(), wheel)
    assert grid.painter.tile_px > before
    top = grid._grid.position(100)[1]
    assert 0 <= top - grid.verticalScrollBar().value() < grid.viewport().height()


def test_digits_label_in_colour_at_once_and_move_on(grid, labelling, table) -> None:
    press(grid, Qt.Key.Key_Home, Qt.Key.Key_5, Qt.Key.Key_2)
    assert table.labels.to_table()["label"].tolist() == ["Metaphase", "S"]
    assert table.labels.to_table()["drawn"].tolist() == ["random", "random"]
    assert grid.selection.current == 2
    assert frame_colour(grid, 0) == COLOURS[Phase.METAPHASE]
    assert frame_colour(grid, 1) == COLOURS[Phase.S]
    assert frame_colour(grid, 3) == colour_of(int(table.called[3]), table.phase_set)


def test_enter_confirms_u_is_unsure_and_0_clears(grid, labelling, table) -> None:
    press(grid, Qt.Key.Key_Home, Qt.Key.Key_Return, Qt.Key.Key_U)
    assert table.labels.texts()["label"][:2].tolist() == [PHASE_LABELS[table.called[0]], "unsure"]
    assert frame_colour(grid, 1) == UNSURE_COLOUR
    press(grid, Qt.Key.Key_Home, Qt.Key.Key_0)
    assert not table.labels.decided[0]
    assert grid.selection.current == 0  # to look at it again


def test_many_are_labelled_by_one_key_and_taken_back_by_one(grid, labelling, table) -> None:
    click(grid, 0)
    click(grid, 9, SHIFT)
    press(grid, Qt.Key.Key_7)
    assert table.labels.counts[Phase.TELOPHASE] == 10
    assert grid.selection.count == 10
    press(grid, Qt.Key.Key_Z, modifier=CONTROL)
    assert table.labels.counts.sum() == 0
    press(grid, Qt.Key.Key_Z, modifier=CONTROL | SHIFT)
    assert table.labels.counts.sum() == 10
    press(grid, Qt.Key.Key_Z, modifier=CONTROL)
    press(grid, Qt.Key.Key_Y, modifier=CONTROL)
    assert table.labels.counts.sum() == 10


def test_undo_leads_back_to_the_cell(grid, labelling, table) -> None:
    press(grid, Qt.Key.Key_Home, Qt.Key.Key_1)
    press(grid, Qt.Key.Key_End)
    press(grid, Qt.Key.Key_Z, modifier=CONTROL)
    assert grid.selection.current == 0
    assert grid.verticalScrollBar().value() == 0


def test_n_goes_to_the_next_cell_without_a_label(grid, labelling, table) -> None:
    table.labels.decide([1, 2, 3], "S")
    press(grid, Qt.Key.Key_Home, Qt.Key.Key_N)
    assert grid.selection.current == 4
    table.labels.decide(np.arange(4, 205), "S")
    press(grid, Qt.Key.Key_N)
    assert grid.selection.current == 0  # from the end to the start
    table.labels.decide([0], "S")
    press(grid, Qt.Key.Key_N)
    assert grid.said[-1] == "All cells that are shown have a label."


def test_a_key_without_a_selected_cell_says_what_to_do(grid, labelling, table) -> None:
    press(grid, Qt.Key.Key_3)
    assert not table.labels.decided.any()
    assert grid.said[-1].startswith("Select a cell first")


def test_shortcuts_of_the_window_do_not_get_our_keys(qtbot, grid, labelling, table) -> None:
    from qtpy.QtGui import QShortcut

    window, heard = QMainWindow(), []
    qtbot.addWidget(window)
    window.setCentralWidget(grid)
    for keys in ("1", "Ctrl+Z", "N", "Q"):
        QShortcut(QKeySequence(keys), window).activated.connect(lambda keys=keys: heard.append(keys))
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    grid.setFocus()
    press(grid, Qt.Key.Key_Home, Qt.Key.Key_1)
    press(grid, Qt.Key.Key_Z, modifier=CONTROL)
    press(grid, Qt.Key.Key_Q)
    window.takeCentralWidget()
    assert heard == ["Q"]
    assert table.labels.can_redo


def test_a_french_keyboard_and_the_keypad_have_digits_too(grid, labelling, table) -> None:
    press(grid, Qt.Key.Key_Home)
    for modifier in (SHIFT, Qt.KeyboardModifier.KeypadModifier):
        QApplication.sendEvent(grid, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_3, modifier, "3"))
    assert table.labels.labels[:2].tolist() == [Phase.G2, Phase.G2]


def test_an_order_keeps_the_selected_cell_and_shows_it(grid, table) -> None:
    grid.go_to(150)
    order = table.order(View(sort="probability"))
    grid.show_order(order)
    assert grid.selection.current == 150
    assert grid.selected_rows().tolist() == [150]
    grid.show_order(table.order(View(rows=np.array([3, 4]))))
    assert grid.selection.current is None
    assert not grid.go_to(150)


def test_a_disputed_and_a_synthetic_cell_are_marked(grid, table) -> None:
    labels = table.labels
    for annotator, label in (("ann", "S"), ("bob", "G2")):
        labels.annotator = annotator
        labels.decide([0], label)
    assert grid._look(0).disputed
    table.cells.synthetic[1] = True
    grid.viewport().repaint()
    at = middle(grid, 1)
    corner = QPoint(at.x() + TILE_PX // 2 - 3, at.y() - TILE_PX // 2 + 3)
    assert QColor(grid.viewport().grab().toImage().pixelColor(corner)).name() == "#aa00ff"


def test_other_cells_replace_the_first_ones(grid, truth, qtbot) -> None:
    cells = made_cells(truth[:10], size=8)
    table = CellTable(cells, LabelTable(cells.sources, cells.ids))
    grid.go_to(200)
    grid.show_table(table, Tiles(cells))
    grid.show_order(table.order(View()))
    assert grid.selection.current is None
    qtbot.waitUntil(lambda: 9 in grid.tiles)
    grid.show_table(None, None)
    grid.viewport().repaint()
    press(grid, Qt.Key.Key_End)
