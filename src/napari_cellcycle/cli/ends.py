"""How a command ends that is interrupted, that nobody listens to, or whose streams were closed."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def prepare_streams() -> None:
    """Names of files need not be valid text; and streams that the caller closed are replaced.

    Else the next file that is opened would get their number, and what libraries print would be written into it.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until this program ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def complain(text: str) -> None:
    """Say it, if anybody listens."""
    try:
        print(f"napari-cellcycle: {text}", file=sys.stderr, flush=True)
    except OSError:
        silence()


def silence() -> None:
    """Let what is still to be printed go nowhere, or Python complains of the closed pipe when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
        except ValueError:  # it is closed
            continue


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """A polite request to end (SIGTERM, as of a batch system) is Ctrl-C: temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield
        return

    def interrupt(*_: object) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells have it for what a script starts with &
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def resumable(output: Path) -> Iterator[None]:
    """Say how an abandoned training can be continued, if it left what that needs."""
    from napari_cellcycle.store.checkpoints import unfinished_folder

    try:
        yield
    except KeyboardInterrupt:
        if unfinished_folder(output).exists():
            raise KeyboardInterrupt("abandoned; the same command with --resume continues it") from None
        raise


class StopAtInterrupt:
    """The first Ctrl-C after `came` was asked for makes it true; any other one interrupts as usual."""

    def __init__(self) -> None:
        self._is_asked_for = self._came = False

    def came(self) -> bool:
        self._is_asked_for = True
        return self._came

    def __enter__(self) -> StopAtInterrupt:
        self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _on_interrupt(self, *_: object) -> None:
        if self._came or not self._is_asked_for:
            raise KeyboardInterrupt
        self._came = True
        print("\nnapari-cellcycle: stopping; press Ctrl-C again to abandon", file=sys.stderr)
