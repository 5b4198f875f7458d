"""What all docks share: one column, a job in hand with its progress line, and one status sentence."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.events import Finished, Note, Progress
from napari_cellcycle.gui.camera import Refitting, shows_everything
from napari_cellcycle.gui.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.components import ViewerModel
    from qtpy.QtGui import QShowEvent

PLUGIN = "napari-cellcycle"

_NARROWEST_PX = 300
_LAYOUT_MS = (50, 200, 500, 1000)  # by then the canvas has its new size; on a busy machine, late


class Dock(QWidget):
    """One column that fits 350 px, scrolling when the window is low.

    Children fill `column` from above and end with `add_foot`. Widgets in `locked_while_busy` can't be
    used while a job runs.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self.locked_while_busy: list[QWidget] = []
        self.status = _sentence()
        self.progress = ProgressLine()
        self.progress.cancel.clicked.connect(self._on_cancel)
        self.job: Job | None = None
        self._refit = shows_everything(viewer)
        self.said_if_cancelled = "Stopped; nothing was changed."
        self._on_result: Callable[[Any], None] = lambda _result: None
        content = _Content()
        self.column = QVBoxLayout(content)
        self.column.setContentsMargins(6, 6, 6, 6)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(_Scroller(content))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def add_foot(self, *results: QWidget) -> None:
        """The progress line, the `results` under it, and the status sentence."""
        self.column.addWidget(self.progress)
        for result in results:
            self.column.addWidget(result)
        self.column.addWidget(self.status)
        self.column.addStretch()

    def start(self, events: Generator[object, None, None], on_result: Callable[[Any], None]) -> None:
        """Run `events` in a thread and hand the result to `on_result`, in the GUI thread."""
        if self.job is not None:
            return
        self._on_result = on_result
        self._set_busy(True)
        self.say("")
        self.job = Job(events, self._on_event, self.fail, self._on_end)
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

    def open_next(self, widget: str) -> None:
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
        elif isinstance(event, Finished):
            self._on_result(event.result)

    def _on_cancel(self) -> None:
        if self.job is not None:
            self.job.cancel()
            self.progress.say("Stopping ...")

    def _on_end(self) -> None:
        if self.job is not None and self.job.cancelled:
            self.say(self.said_if_cancelled)
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


class ProgressLine(QWidget):
    """A bar, what is being done with the time left, and a cancel button; hidden while idle."""

    def __init__(self) -> None:
        super().__init__()
        self.bar, self.text = QProgressBar(), QLabel()
        self.bar.setTextVisible(False)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("stop this work; nothing half-done is kept")
        row = QHBoxLayout()
        row.addWidget(self.bar)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.text)
        self._what, self._since, self._begun_at = "", 0.0, 0
        self._paused: float | None = None
        self.hide()

    def restart(self) -> None:
        """Forget the work before: nothing is known yet of the new one."""
        self._what, self._paused = "", None
        self.bar.setRange(0, 0)
        self.text.setText("")

    def say(self, text: str) -> None:
        """Show `text` instead of what is being done."""
        self.text.setText(text)

    def pause(self) -> None:
        """Say so, and count the time from now on as none."""
        self._paused = time.monotonic()
        self.say("paused")

    def resume(self) -> None:
        """Count time again."""
        if self._paused is not None:
            self._since += time.monotonic() - self._paused
        self._paused = None
        self.say(self._what)

    def show_progress(self, progress: Progress) -> None:
        """Move the bar, and guess the time left from the pace so far."""
        if self._paused is not None:  # said before the pause
            return
        if progress.what != self._what:
            self._what, self._since, self._begun_at = progress.what, time.monotonic(), progress.done
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        self.text.setText(f"{progress.what}{self._time_left(progress)}")

    def _time_left(self, progress: Progress) -> str:
        elapsed = time.monotonic() - self._since
        done = progress.done - self._begun_at  # what is resumed began with some done
        if done <= 0 or elapsed < 1:
            return ""
        return f", {_spoken(elapsed * (progress.total - progress.done) / done)} left"


class EmptyNotice(QWidget):
    """What an empty dock says: what is missing, with a button that mends it."""

    def __init__(self, text: str, actions: dict[str, Callable[[], None]]) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.label = _sentence()
        self.label.setText(text)
        column.addWidget(self.label)
        self.buttons: dict[str, QPushButton] = {}
        for title, action in actions.items():
            button = QPushButton(title)
            button.clicked.connect(lambda _checked=False, action=action: action())
            column.addWidget(button)
            self.buttons[title] = button


def _spoken(seconds: float) -> str:
    """A time in the unit that fits it."""
    units = ((86400, "days"), (3600, "h"), (60, "min"))
    return next((f"{seconds / size:.0f} {unit}" for size, unit in units if seconds >= 2 * size), f"{seconds:.0f} s")


def _sentence() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
