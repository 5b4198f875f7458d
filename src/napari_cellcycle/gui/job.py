"""The one place where threads are."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_cellcycle.events import Job, Progress, run_job

if TYPE_CHECKING:
    from collections.abc import Callable

_SHORTEST_S = 0.05  # between two Progress events: the eye sees no more, and the GUI thread has other work


class _StoppedByUser(Exception):
    """Leaves the job at the event where somebody asked it to stop."""


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
    _running: ClassVar[set[JobThread]] = set()  # else the thread might hold the last reference, and delete us there

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
        self._stop, self._going = threading.Event(), threading.Event()
        self._going.set()
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
        """Stop after the event that is being made; `on_end` still comes."""
        self._stop.set()
        self.resume()

    def pause(self) -> None:
        """Do not read on after the event that is being made; it is held back until `resume`."""
        self._going.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._going.set()

    def abandon(self) -> None:
        """Stop, and call nobody back: the widget that asked is going away."""
        self._abandoned = True
        self.cancel()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._stop.is_set()

    @property
    def paused(self) -> bool:
        """Whether it waits until it is resumed."""
        return not self._going.is_set()

    def _run(self, job: Job[Any, Any]) -> None:
        try:
            with closing(job):  # the core's `finally` runs here, in the thread
                result = run_job(job, self._send)
                self._stop_here_if_asked()
            self._delivery.emit(self._on_result, result)
        except _StoppedByUser:
            pass
        except Exception as error:  # noqa: BLE001 - delivered, not hidden
            self._delivery.emit(self._on_error, error)
        self._ended.emit()

    def _send(self, event: object) -> None:
        self._stop_here_if_asked()
        if isinstance(event, Progress) and time.monotonic() - self._last_sent < _SHORTEST_S:
            return
        self._last_sent = time.monotonic()
        self._delivery.emit(self._on_event, event)

    def _stop_here_if_asked(self) -> None:
        self._going.wait()
        if self._stop.is_set():
            raise _StoppedByUser

    def _deliver(self, callback: Callable[[Any], None], item: object) -> None:
        if not self._abandoned:
            callback(item)

    def _finish(self) -> None:
        self._thread.join()  # its last callback is on its way; now nothing of this object is left in it
        self._running.discard(self)
        if not self._abandoned:
            self._on_end()
