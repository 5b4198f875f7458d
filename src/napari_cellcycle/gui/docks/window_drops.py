"""Cells that are dropped on napari's window while a dock of the plugin is open come to *Open cells*.

napari itself asks which plugin opens a folder, and proposes its own, which can't. So the docks take what is
unmistakably cells: folders named after phases, Amnis files, images named after channels. All else is left to napari,
and so is everything while Alt (choose a plugin) or Shift (open as a stack) is held. Where napari asks all the same, as
after *File > Open Folder*, our reader is marked for such a folder, and the user decides.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from qtpy.QtCore import QChildEvent, QEvent, QObject, Qt
from qtpy.QtGui import QDragLeaveEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QDialog, QRadioButton, QWidget

from napari_cellcycle.gui.readers import get_file_reader, get_folder_reader

_ASIDE = Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier
# the parts of napari's window that take drops: the first also is the parent of its dialog, the second covers an empty
# canvas
_TAKE_DROPS = ("QtViewer", "QtWelcomeWidget")
_DIALOG = "QtReaderDialog"


class WindowDrops(QObject):
    """Watches the canvas of the window that `dock` is in, as long as the dock lives.

    Parameters
    ----------
    dock : QWidget
        A dock of ours that is in a window.
    plugin : str
        The name of the plugin in napari's dialog, which is that of its menus.
    take : callable
        Gets the paths that were dropped.
    """

    def __init__(self, dock: QWidget, plugin: str, take: Callable[[list[str]], None]) -> None:
        super().__init__(dock)
        self._plugin, self._take = plugin, take
        for widget in dock.window().findChildren(QWidget):
            if type(widget).__name__ in _TAKE_DROPS:
                widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take a drop of cells, and mark our reader in napari's dialog; all other events pass."""
        if event is None:
            return False
        if event.type() == QEvent.Type.Drop:
            took = self._took(cast("QDropEvent", event))
            if took and watched is not None:
                QApplication.sendEvent(watched, QDragLeaveEvent())  # it is highlighted while something is above it
            return took
        if event.type() == QEvent.Type.ChildPolished:
            self._mark(cast("QChildEvent", event).child())
        return False

    def _took(self, event: QDropEvent) -> bool:
        mime = event.mimeData()
        urls = [] if mime is None else mime.urls()
        paths = [str(Path(url.toLocalFile())) for url in urls if url.isLocalFile()]
        is_aside = bool(QApplication.keyboardModifiers() & _ASIDE)
        if is_aside or len(paths) < len(urls) or not are_cells(paths):
            return False
        event.acceptProposedAction()
        self._take(paths)
        return True

    def _mark(self, child: Any) -> None:
        if not isinstance(child, QDialog) or type(child).__name__ != _DIALOG:
            return
        path = getattr(child, "_current_file", "")
        for choice in child.findChildren(QRadioButton):
            if choice.text() == self._plugin and path and are_cells([str(path)]):
                choice.setChecked(True)


def are_cells(paths: list[str]) -> bool:
    """Whether all of `paths` are unmistakably cells, by the rules of our readers."""
    if not paths:
        return False
    reader = get_folder_reader if all(Path(path).is_dir() for path in paths) else get_file_reader
    try:
        return reader(paths) is not None
    except OSError:  # a folder that can't be listed is napari's to complain about
        return False
