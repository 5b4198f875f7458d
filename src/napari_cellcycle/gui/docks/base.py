"""What all docks share: one column, a job in hand with its progress line, and one status sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QFrame,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.job import JobThread
from napari_cellcycle.gui.layers.camera import Refitting, shows_everything
from napari_cellcycle.gui.widgets.empty_notice import _sentence
from napari_cellcycle.gui.widgets.progress_line import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from qtpy.QtGui import QShowEvent

PLUGIN = "napari-cellcycle"

_NARROWEST_PX = 300
_LAYOUT_MS = (50, 200, 500, 1000)  # by then the canvas has its new size; on a busy machine, late


class Dock(QWidget):
    """One column that fits 350 px, scrolling when the window is low.

    Children fill `column` from above and end with `add_results`. Widgets in `locked_while_busy` can't be
    used while a job runs.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self.locked_while_busy: list[QWidget] = []
        self.status = _sentence()
        self.progress = ProgressLine()
        self.progress.cancel.clicked.connect(self._on_cancel)
        self.job: JobThread | None = None
        self._refit = shows_everything(viewer)
        self.cancelled_message = "Stopped; nothing was changed."
        content = _Content()
        self.column = QVBoxLayout(content)
        self.column.setContentsMargins(6, 6, 6, 6)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(_Scroller(content))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def add_results(self, *results: QWidget) -> None:
        """The progress line, the `results` under it, and the status sentence."""
        self.column.addWidget(self.progress)
        for result in results:
            self.column.addWidget(result)
        self.column.addWidget(self.status)
        self.column.addStretch()

    def start(self, job: Job[Any, Any], on_result: Callable[[Any], None]) -> None:
        """Run `job` in a thread and hand the result to `on_result`, in the GUI thread."""
        if self.job is not None:
            return
        self._set_busy(True)
        self.say("")
        self.job = JobThread(job, self._on_event, on_result, self.fail, self._on_end)
        self.destroyed.connect(self.job.abandon)

    def say(self, text: str) -> None:
        """Show one sentence."""
        self.status.setText(text)

    def fail(self, error: Exception) -> None:
        """Say what the user can mend; anything else is a bug and goes to napari with its traceback."""
        if not isinstance(error, CellCycleError):
            self.say("This is a bug in napari-cellcycle; its details are in napari's notification.")
            raise error
        from napari.utils.notifications import show_error

        self.say(f"{error}")
        show_error(str(error))

    def open_dock(self, widget: str) -> None:
        """Show another of the plugin's docks, as a tab beside this one."""
        window = getattr(self.viewer, "window", None)
        if window is not None:
            dock, _ = window.add_plugin_dock_widget(PLUGIN, widget, tabify=True)
            dock.show()
            dock.raise_()

    def showEvent(self, event: QShowEvent) -> None:
        """Fit the layers to the smaller canvas, unless the user had zoomed or moved."""
        super().showEvent(event)
        if self._refit:
            self._refit = False
            self._refitting = Refitting(self.viewer)  # kept, as Qt keeps no slot alive
            for delay in _LAYOUT_MS:
                timer = QTimer(self)
                timer.setSingleShot(True)
                timer.timeout.connect(self._refitting.again)
                timer.start(delay)

    def event(self, event: QEvent) -> bool:
        """End with the work in hand when napari takes the widget out of its dock.

        Left to Python's garbage collector, it might be taken apart in a job's thread, which Qt does not survive.
        """
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            if self.job is not None:
                self.job.abandon()
            self.deleteLater()
        return bool(super().event(event))

    def _on_event(self, event: object) -> None:
        if isinstance(event, Progress):
            self.progress.show_progress(event)
        elif isinstance(event, Note):
            self.say(event.text)

    def _on_cancel(self) -> None:
        if self.job is not None:
            self.job.cancel()
            self.progress.say("Stopping ...")

    def _on_end(self) -> None:
        if self.job is not None and self.job.cancelled:
            self.say(self.cancelled_message)
        self.job = None
        self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        self.progress.restart()
        self.progress.setVisible(busy)
        for widget in self.locked_while_busy:
            widget.setDisabled(busy)


class _Scroller(QScrollArea):
    """Scrolls up and down only: it is never narrower than what it holds."""

    def __init__(self, content: _Content) -> None:
        super().__init__()
        content.asks_for_room.connect(self.updateGeometry)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    def minimumSizeHint(self) -> QSize:
        """As wide as the widest thing inside."""
        inside = self.widget()
        width = 0 if inside is None else inside.minimumSizeHint().width()
        return QSize(max(_NARROWEST_PX, width + self.verticalScrollBar().sizeHint().width()), 100)


class _Content(QWidget):
    """What scrolls; says when it may need more room, since Qt asks only once."""

    asks_for_room = Signal()

    def event(self, event: QEvent) -> bool:
        """Pass on that the layout changed."""
        done = bool(super().event(event))
        if event.type() == QEvent.Type.LayoutRequest:
            self.asks_for_room.emit()
        return done
