"""For napari's readers and samples, which must return their layers: wait for a job while the window stays alive."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEventLoop, Qt
from qtpy.QtWidgets import QApplication, QProgressDialog

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.events import Finished, Progress, result_of
from napari_cellcycle.gui.job import Job

_PATIENCE_MS = 500  # work that is shorter shows no dialog


class StoppedError(CellCycleError):
    """The user cancelled."""


def wait_for(events: Any, title: str) -> Any:
    """Run a job in a thread behind a progress dialog, and return its result.

    Raises
    ------
    StoppedError
        The user cancelled.
    Exception
        Whatever the job raised.
    """
    if QApplication.instance() is None:
        return result_of(events)
    waiting = _Waiting(title)
    job = Job(events, waiting.on_event, waiting.on_error, waiting.loop.quit)
    waiting.dialog.canceled.connect(job.cancel)
    waiting.loop.exec()
    stopped = job.cancelled  # closing the dialog cancels too
    waiting.dialog.close()
    waiting.dialog.deleteLater()
    if waiting.error is not None:
        raise waiting.error
    if stopped:
        raise StoppedError(f"{title} was stopped; nothing was opened")
    return waiting.result


class _Waiting:
    """The dialog, and what the job said last."""

    def __init__(self, title: str) -> None:
        self.loop = QEventLoop()
        self.result: Any = None
        self.error: Exception | None = None
        self.dialog = QProgressDialog(title, "Cancel", 0, 0)
        self.dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
        self.dialog.setMinimumDuration(_PATIENCE_MS)
        self.dialog.setAutoReset(False)

    def on_event(self, event: object) -> None:
        if isinstance(event, Progress):
            self.dialog.setLabelText(event.what)
            self.dialog.setMaximum(100)  # a download counts more bytes than an int of Qt holds
            self.dialog.setValue(100 * event.done // max(event.total, 1))
        elif isinstance(event, Finished):
            self.result = event.result

    def on_error(self, error: Exception) -> None:
        self.error = error
