"""A dock is there once, however it is opened; docks are tabs; samples open the dock that they are for."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QDockWidget

from napari_cellcycle.gui.dock_tabs import DISPLAY_NAME, PLUGIN, show_dock


def by_menu(command: str) -> None:
    """What a click in the menu does, or the command palette."""
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command(f"{PLUGIN}.{command}").result()


def frame_of(window, name):
    frames = window.window._qt_window.findChildren(QDockWidget)
    [frame] = [one for one in frames if one.objectName().startswith(f"{name} (")]
    return frame


def test_menu_and_buttons_show_the_same_dock(window, qtbot) -> None:
    by_menu("classify")
    classify = window.window.dock_widgets[f"Classify ({DISPLAY_NAME})"]
    assert show_dock(window, "Classify") is classify
    evaluate = classify.open_dock("Evaluate")
    by_menu("evaluate")  # a second click hides it
    assert frame_of(window, "Evaluate").isHidden()
    assert show_dock(window, "Evaluate") is evaluate
    assert not frame_of(window, "Evaluate").isHidden()


def test_a_dock_that_a_script_opened_is_found(window) -> None:
    opened = window.window.add_plugin_dock_widget(PLUGIN, "Classify")[1]
    assert show_dock(window, "Classify") is opened


def test_docks_from_the_menu_are_tabs_of_each_other(window, qtbot) -> None:
    by_menu("classify")
    qtbot.wait(200)  # nobody clicks twice at once
    by_menu("evaluate")
    main, first = window.window._qt_window, frame_of(window, "Classify")
    qtbot.waitUntil(lambda: frame_of(window, "Evaluate") in main.tabifiedDockWidgets(first))
    evaluate = window.window.dock_widgets[f"Evaluate ({DISPLAY_NAME})"]
    qtbot.waitUntil(lambda: not evaluate.visibleRegion().isEmpty())  # on top


@pytest.mark.parametrize(("sample", "dock"), [("synthetic_jurkat", "Classify"), ("stained_control", "Label by stain")])
def test_a_sample_opens_the_dock_that_it_is_for(window, qtbot, sample, dock) -> None:
    by_menu(sample)
    title = f"{dock} ({DISPLAY_NAME})"
    qtbot.waitUntil(lambda: title in window.window.dock_widgets)
    qtbot.waitUntil(lambda: window.window.dock_widgets[title].empty.isHidden())


def test_the_command_palette_has_every_dock(window) -> None:
    import npe2
    from napari._app_model import get_app_model

    widgets = npe2.PluginManager.instance().get_manifest(PLUGIN).contributions.widgets
    titles = {item.command.title for item in get_app_model().menus.get_menu(get_app_model().menus.COMMAND_PALETTE_ID)}
    assert {f"{widget.display_name} ({DISPLAY_NAME})" for widget in widgets} <= titles
