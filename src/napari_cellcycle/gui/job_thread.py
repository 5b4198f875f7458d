"""Run a job in a thread. No other file starts one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, ClassVar

from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_cellcycle.events import Job, Progress, run_job
from napari_cellcycle.gui.torch_libraries import load_libraries

_SHORTEST_S = (
    0.05  # between two Progress events: more would be invisible, and would keep the GUI thread from other work
)


class _StoppedByUser(Exception):
    """Ends the job at the event where somebody asked it to stop."""


class JobThread(QObject):
    """A job running in a thread; its callbacks run in the GUI thread.

    Not one of superqt's workers: those swallow RuntimeError, torch's usual error, and leave a generator that
    is quit unclosed. Here every error arrives as a value, and stopping closes the generator in its thread.

    Parameters
    ----------
    job : generator
        The work; each event it yields is handed to `on_event`. It must not have been started.
    on_event, on_result, on_error, on_end : callable
        Take an event, what the job returned, an exception, nothing. `on_end` comes last, however the work ended.
    """

    _delivery = Signal(object, object)  # which callback, and what it gets
    _ended = Signal()
    _running: ClassVar[set[JobThread]] = (
        set()
    )  # else the thread might hold the last reference, and delete the object there

    def __init__(
        self,
        job: Job[Any, Any],
        on_event: Callable[[Any], None],
        on_result: Callable[[Any], None],
        on_error: Callable[[Exception], None],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__()
        self._on_event, self._on_result, self._on_error, self._on_end = on_event, on_result, on_error, on_end
        self._stop, self._may_run = threading.Event(), threading.Event()
        self._may_run.set()
        self._abandoned, self._last_sent = False, 0.0
        self._delivery.connect(self._deliver)
        self._ended.connect(self._finish)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.abandon)
        self._running.add(self)
        self._thread = threading.Thread(target=self._run, args=(job,), name="napari-cellcycle job")
        self._thread.start()

    def cancel(self) -> None:
        """Stop after the next event; `on_end` is still called."""
        self._stop.set()
        self.resume()

    def pause(self) -> None:
        """Wait after the next event, and deliver it only after `resume`."""
        self._may_run.clear()

    def resume(self) -> None:
        """Continue after `pause`."""
        self._may_run.set()

    def abandon(self) -> None:
        """Stop, and call nothing back: the widget that asked is being closed."""
        self._abandoned = True
        self.cancel()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._stop.is_set()

    @property
    def paused(self) -> bool:
        """Whether it waits until it is resumed."""
        return not self._may_run.is_set()

    def _run(self, job: Job[Any, Any]) -> None:
        load_libraries()  # most jobs import torch, which would hold the viewer up
        try:
            with closing(job):  # the core's `finally` runs here, in the thread
                result = run_job(job, self._send)
                self._raise_if_cancelled()
            self._delivery.emit(self._on_result, result)
        except _StoppedByUser:
            pass
        except Exception as error:  # noqa: BLE001 - delivered, not hidden
            self._delivery.emit(self._on_error, error)
        self._ended.emit()

    def _send(self, event: object) -> None:
        self._raise_if_cancelled()
        if isinstance(event, Progress) and time.monotonic() - self._last_sent < _SHORTEST_S:
            return
        self._last_sent = time.monotonic()
        self._delivery.emit(self._on_event, event)

    def _raise_if_cancelled(self) -> None:
        self._may_run.wait()
        if self._stop.is_set():
            raise _StoppedByUser

    def _deliver(self, callback: Callable[[Any], None], item: object) -> None:
        if not self._abandoned:
            callback(item)

    def _finish(self) -> None:
        self._thread.join()  # now the thread holds no reference to this object
        self._running.discard(self)
        if not self._abandoned:
            self._on_end()
