"""What all docks share: one column, a job with its progress line, and one status sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.dock_tabs import DISPLAY_NAME, join_tabs, show_dock
from napari_cellcycle.gui.docks.window_drops import WindowDrops
from napari_cellcycle.gui.job_thread import JobThread
from napari_cellcycle.gui.layers.data_set import labels_changed
from napari_cellcycle.gui.layers.dock_words import in_dock_words
from napari_cellcycle.gui.layers.reopened import describe_reopened
from napari_cellcycle.gui.layers.view_fit import Refitting, shows_everything
from napari_cellcycle.gui.supported import check_supported
from napari_cellcycle.gui.warm_up import WarmUp
from napari_cellcycle.gui.widgets.layout import fill_column, text_label
from napari_cellcycle.gui.widgets.progress_line import ProgressLine

if TYPE_CHECKING:
    from napari.components import ViewerModel

_NARROWEST_PX = 300
LABELS_MS = 150
"""After this time docks show labels that were given elsewhere."""
_LAYOUT_MS = (50, 200, 500, 1000)  # by then the canvas has its new size; on a busy machine, late


class Dock(QWidget):
    """One column that fits 350 px, scrolling when the window is low.

    Children call `add_inputs` and then `add_results`, and may extend `on_event` and `set_busy`. Widgets in
    `locked_while_busy` can't be used while a job runs.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        check_supported()
        super().__init__()
        self.viewer = viewer
        self.locked_while_busy: list[QWidget] = []
        self.status, self.progress = text_label(), ProgressLine(self._on_cancel)
        self.job: JobThread | None = None
        self._refit = shows_everything(viewer)
        self._drops: WindowDrops | None = None
        self.cancelled_message = "Stopped; nothing was changed."
        content = _Content()
        self.column = QVBoxLayout(content)
        self.column.setContentsMargins(6, 6, 6, 6)
        fill_column(self, _Scroller(content))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._labelled_groups: set[str] = set()
        self._telling = QTimer(self)
        self._telling.setSingleShot(True)
        self._telling.setInterval(LABELS_MS)
        self._telling.timeout.connect(self._tell_of_labels)
        labels_changed.connect(self._on_labels)
        viewer.layers.events.inserted.connect(self._describe_soon)
        self._describe_soon()

    def _on_labels(self, group: str) -> None:
        """Tell the dock a little later, so that keys that label are not kept waiting."""
        if isalive(self):  # type: ignore[no-untyped-call]  # Qt may have deleted the widget while Python still knows it
            self._labelled_groups.add(group)
            if not self._telling.isActive():
                self._telling.start()

    def _tell_of_labels(self) -> None:
        groups, self._labelled_groups = self._labelled_groups, set()
        for group in groups:
            self.on_labels(group)

    def _describe_soon(self, _event: Any = None) -> None:
        """Describe layers that napari opened from a file, when all of them are there."""
        QTimer.singleShot(0, self._describe)

    def _describe(self) -> None:
        if isalive(self):  # type: ignore[no-untyped-call]
            describe_reopened(self.viewer)

    def on_labels(self, group: str) -> None:
        """Cells of a data set were labelled."""

    def project_state(self) -> dict[str, Any]:
        """What a project keeps of this dock, as texts, numbers, lists and dicts; nothing unless a child says so."""
        return {}

    def restore_state(self, state: dict[str, Any]) -> None:
        """Show what `project_state` gave, as far as it still fits; anybody may have edited the file that it is in."""

    def add_inputs(self, *inputs: QWidget) -> None:
        """Add widgets to the column that can't be used while a job runs."""
        for widget in inputs:
            self.column.addWidget(widget)
        self.locked_while_busy += inputs

    def add_results(self, *results: QWidget) -> None:
        """Add the progress line, the `results` under it, and the status sentence."""
        for widget in (self.progress, *results, self.status):
            self.column.addWidget(widget)
        self.column.addStretch()

    def start(self, job: Job[Any, Any], on_result: Callable[[Any], None]) -> None:
        """Run `job` in a thread and hand the result to `on_result`, in the GUI thread."""
        if self.job is not None:
            return
        self.set_busy(True)
        self.show_status("")
        self.job = JobThread(job, self.on_event, on_result, self.show_error, self.on_end)
        self.destroyed.connect(self.job.abandon)

    def show_status(self, text: str) -> None:
        """Show one sentence, in which no option of a command is named."""
        self.status.setText(in_dock_words(text))

    def show_error(self, error: Exception) -> None:
        """Show what the user can put right; anything else is a bug and goes to napari with its traceback."""
        if not isinstance(error, CellCycleError):
            self.show_status("This is a bug in napari-cellcycle; napari's notification has the details.")
            raise error
        from napari.utils import notifications

        self.show_status(str(error))
        notifications.show_error(self.status.text())

    def open_dock(self, widget: str) -> Any:
        """Show another of the plugin's docks, as a tab next to this one, and return it."""
        return show_dock(self.viewer, widget)

    def _open_dropped(self, paths: list[str]) -> None:
        opened = self.open_dock("Open cells")
        if opened is not None:
            opened.look_into(paths)

    def _join_tabs(self) -> None:
        if isalive(self):  # type: ignore[no-untyped-call]
            join_tabs(self)

    def showEvent(self, event: QShowEvent) -> None:
        """Fit the layers to the smaller canvas, unless the user had zoomed or moved."""
        super().showEvent(event)
        if self._drops is None:
            self._drops = WindowDrops(self, DISPLAY_NAME, self._open_dropped)
            QTimer.singleShot(0, self._join_tabs)
        WarmUp.begin(self.viewer)
        if self._refit:
            self._refit = False
            self._refitting = Refitting(self.viewer)  # Qt itself holds no reference to a slot
            for delay in _LAYOUT_MS:
                timer = QTimer(self)
                timer.setSingleShot(True)
                timer.timeout.connect(self._refitting.again)
                timer.start(delay)

    def event(self, event: QEvent) -> bool:
        """Stop the job when napari takes the widget out of its dock.

        Python's garbage collector might delete the widget in the job's thread, which crashes Qt.
        """
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            if self.job is not None:
                self.job.abandon()
            self.deleteLater()
        return bool(super().event(event))

    def on_event(self, event: object) -> None:
        """Show what the job reports."""
        if isinstance(event, Progress):
            self.progress.show_progress(event)
        elif isinstance(event, Note):
            self.show_status(event.text)

    def _on_cancel(self) -> None:
        if self.job is not None:
            self.job.cancel()
            self.progress.show_text("Stopping ...")

    def on_end(self) -> None:
        """Get ready for the next job, however this one ended."""
        if self.job is not None and self.job.cancelled:
            self.show_status(self.cancelled_message)
        self.job = None
        self.set_busy(False)

    def set_busy(self, busy: bool) -> None:
        """Show the progress line and lock the inputs while a job runs."""
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
    """What scrolls; it tells when it may need more room, since Qt asks only once."""

    asks_for_room = Signal()

    def event(self, event: QEvent) -> bool:
        """Pass on that the layout changed."""
        done = bool(super().event(event))
        if event.type() == QEvent.Type.LayoutRequest:
            self.asks_for_room.emit()
        return done
