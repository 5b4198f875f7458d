"""Show a dock of the plugin, however it was opened before.

napari's menus name a dock by the plugin's display name, but its method `add_plugin_dock_widget` by the name of the
package, and so would open a second one. Here both names are looked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

if TYPE_CHECKING:
    from napari.components import ViewerModel

PLUGIN = "napari-cellcycle"
DISPLAY_NAME = "napari cell cycle"
"""As in the manifest, and so in napari's menus."""


def show_dock(viewer: ViewerModel, name: str) -> Any:
    """Show a dock on top, as a tab beside the others.

    Parameters
    ----------
    viewer : ViewerModel
        In whose window it is, or will be.
    name : str
        As in the menus, such as ``"Classify"``.

    Returns
    -------
    QWidget or None
        What is in the dock; None if the viewer has no window.
    """
    window = getattr(viewer, "window", None)
    if window is None:
        return None
    titles = [f"{name} ({plugin})" for plugin in (DISPLAY_NAME, PLUGIN)]
    inside = next((window.dock_widgets[title] for title in titles if title in window.dock_widgets), None)
    if inside is None:
        inside = _kind_of(name)(viewer)
        window.add_dock_widget(inside, name=titles[0], tabify=True)
    frame = _frame_of(inside)
    if frame is not None:
        frame.show()
        frame.raise_()
    return inside


def _kind_of(name: str) -> Any:
    """The class of a dock, by the manifest."""
    from npe2 import PluginManager

    widgets = PluginManager.instance().iter_widgets()
    contribution = next(one for one in widgets if one.plugin_name == PLUGIN and one.display_name == name)
    return contribution.get_callable()


def _frame_of(inside: QWidget) -> QDockWidget | None:
    widget: QWidget | None = inside
    while widget is not None and not isinstance(widget, QDockWidget):
        widget = widget.parentWidget()
    return widget


def join_tabs(inside: QWidget) -> None:
    """Make a dock that napari's menus have just opened a tab of another one of ours, not half as high below it."""
    frame = _frame_of(inside)
    window = None if frame is None or frame.isFloating() else frame.parentWidget()
    if frame is None or not isinstance(window, QMainWindow):
        return
    others = [other for other in window.findChildren(QDockWidget) if other is not frame and _is_ours(other)]
    area = window.dockWidgetArea(frame)
    other = next((one for one in others if window.dockWidgetArea(one) == area and not one.isFloating()), None)
    if other is not None and frame not in window.tabifiedDockWidgets(other):
        window.tabifyDockWidget(other, frame)
        QTimer.singleShot(0, frame.raise_)  # before the tab is there, Qt raises nothing


def _is_ours(frame: QDockWidget) -> bool:
    return not frame.isHidden() and frame.objectName().endswith((f"({DISPLAY_NAME})", f"({PLUGIN})"))
