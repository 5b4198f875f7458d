"""Wait for a job behind a progress dialog: for napari's readers and samples, which must return their layers."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEventLoop, Qt
from qtpy.QtWidgets import QApplication, QProgressDialog

from napari_cellcycle.errors import StoppedError
from napari_cellcycle.events import Job, Progress, Result, result_of
from napari_cellcycle.gui.job_thread import JobThread

_DIALOG_AFTER_MS = 500  # shorter work shows no dialog


def wait_for(job: Job[Any, Result], title: str) -> Result:
    """Run a job in a thread behind a progress dialog, and return its result.

    Raises
    ------
    StoppedError
        The user cancelled.
    Exception
        Whatever the job raised.
    """
    if QApplication.instance() is None:
        return result_of(job)
    waiting = _Waiting(title)
    thread = JobThread(job, waiting.on_event, waiting.on_result, waiting.on_error, waiting.loop.quit)
    waiting.dialog.canceled.connect(thread.cancel)
    waiting.loop.exec()
    stopped = thread.cancelled  # closing the dialog cancels too
    waiting.dialog.close()
    waiting.dialog.deleteLater()
    if waiting.error is not None:
        raise waiting.error
    if stopped:
        raise StoppedError(f"{title} was stopped; nothing was opened")
    result: Result = waiting.result
    return result


class _Waiting:
    """The dialog, and what the job returned or raised."""

    def __init__(self, title: str) -> None:
        self.loop = QEventLoop()
        self.result: Any = None
        self.error: Exception | None = None
        self.dialog = QProgressDialog(title, "Cancel", 0, 0)
        self.dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
        self.dialog.setMinimumDuration(_DIALOG_AFTER_MS)
        self.dialog.setAutoReset(False)

    def on_event(self, event: object) -> None:
        if isinstance(event, Progress):
            self.dialog.setLabelText(event.what)
            self.dialog.setMaximum(100)  # a download can have more bytes than an int of Qt can hold
            self.dialog.setValue(100 * event.done // max(event.total, 1))

    def on_result(self, result: object) -> None:
        self.result = result

    def on_error(self, error: Exception) -> None:
        self.error = error
