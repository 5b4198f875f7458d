"""Buttons that steer a long training: pause it, or stop it and keep what it has come to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

if TYPE_CHECKING:
    from napari_cellcycle.gui.job import JobThread
    from napari_cellcycle.gui.widgets.progress_line import ProgressLine


class HasJob(Protocol):
    """What is steered: a dock, with its job and its progress line."""

    job: JobThread | None
    progress: ProgressLine

    def say(self, text: str) -> None: ...


class TrainingControls(QWidget):
    """Pause and Stop for the job that a dock has in hand; hidden while there is none.

    Parameters
    ----------
    dock : HasJob
        Whose job is steered.
    stop_tip : str
        What Stop keeps, for its tooltip.
    stopping : str
        Said after a click on it.
    """

    def __init__(self, dock: HasJob, stop_tip: str, stopping: str) -> None:
        super().__init__()
        self._dock, self._stopping, self._stop_asked = dock, stopping, threading.Event()
        self.pause, self.stop = QPushButton("Pause"), QPushButton("Stop")
        self.pause.setToolTip("let the computer do other work for a while")
        self.stop.setToolTip(stop_tip)
        self.pause.clicked.connect(self._on_pause)
        self.stop.clicked.connect(self._on_stop)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.pause)
        row.addWidget(self.stop)
        self.hide()

    def begin(self) -> None:
        """A job begins that asks `is_stopped`."""
        self._stop_asked.clear()
        self.pause.setText("Pause")
        self.stop.setEnabled(True)
        self.show()

    def is_stopped(self) -> bool:
        """Whether Stop was clicked since; may be asked in any thread."""
        return self._stop_asked.is_set()

    def _on_pause(self) -> None:
        job, progress = self._dock.job, self._dock.progress
        if job is None:
            return
        if job.paused:
            job.resume()
            progress.resume()
        else:
            job.pause()
            progress.pause()
        self.pause.setText("Go on" if job.paused else "Pause")

    def _on_stop(self) -> None:
        self._stop_asked.set()
        if self._dock.job is not None and self._dock.job.paused:
            self._on_pause()
        self.stop.setEnabled(False)
        self._dock.say(self._stopping)
