"""The one place where threads are."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_cellcycle.events import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_SHORTEST_S = 0.05  # between two Progress events: the eye sees no more, and the GUI thread has other work


class Job(QObject):
    """A core generator running in a thread; its callbacks run in the GUI thread.

    Not one of superqt's workers: those swallow RuntimeError, torch's usual error, and leave a generator that
    is quit unclosed. Here every error arrives as a value, and stopping closes the generator in its thread.

    Parameters
    ----------
    events : generator
        The work; each event it yields is handed to `on_event`. It should not have been started.
    on_event, on_error, on_end : callable
        Take an event, an exception, nothing. `on_end` comes last, however the work ended.
    """

    _said = Signal(object)
    _ended = Signal()
    _running: ClassVar[set[Job]] = set()  # else the thread might hold the last reference, and delete us there

    def __init__(
        self,
        events: Generator[object, None, None],
        on_event: Callable[[Any], None],
        on_error: Callable[[Exception], None],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__()
        self._on_event, self._on_error, self._on_end = on_event, on_error, on_end
        self._stop, self._going = threading.Event(), threading.Event()
        self._going.set()
        self._abandoned = False
        self._said.connect(self._deliver)
        self._ended.connect(self._finish)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.abandon)
        self._running.add(self)
        self._thread = threading.Thread(target=self._drain, args=(events,), name="napari-cellcycle job")
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
        """Whether it waits to be told to go on."""
        return not self._going.is_set()

    def _drain(self, events: Generator[object, None, None]) -> None:
        last = 0.0
        try:
            with closing(events):  # the core's `finally` runs here, in the thread
                for event in events:
                    self._going.wait()
                    if self._stop.is_set():
                        break
                    if isinstance(event, Progress) and time.monotonic() - last < _SHORTEST_S:
                        continue
                    last = time.monotonic()
                    self._said.emit(event)
        except Exception as error:  # noqa: BLE001 - delivered, not hidden
            self._said.emit(error)
        self._ended.emit()

    def _deliver(self, item: object) -> None:
        if self._abandoned:
            return
        if isinstance(item, Exception):
            self._on_error(item)
        else:
            self._on_event(item)

    def _finish(self) -> None:
        self._thread.join()  # it has said its last word; now nothing of this object is left in it
        self._running.discard(self)
        if not self._abandoned:
            self._on_end()
