"""What a command says while it works: progress bars and notes, fewer or more of them as the user asked."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from contextvars import ContextVar
from enum import IntEnum
from typing import Any

from napari_cellcycle.cli.ends import silence
from napari_cellcycle.events import Job, Note, Progress, Result, run_job


class Talk(IntEnum):
    """How much is said on standard error."""

    QUIET = -1
    USUAL = 0
    VERBOSE = 1


talk: ContextVar[Talk] = ContextVar("talk", default=Talk.USUAL)


def show_job(job: Job[Any, Result]) -> Result:
    """Run a job, show its progress on a terminal, print its notes, and return its result."""
    from tqdm import tqdm

    how_much = talk.get()
    off = True if how_much is Talk.QUIET else None  # None: off where there is no terminal
    with ExitStack() as bars:
        bar, what, began = None, "", time.monotonic()

        def show(event: object) -> None:
            nonlocal bar, what
            if isinstance(event, Progress):
                if event.what != what or bar is None:
                    bars.close()
                    what = event.what
                    bar = bars.enter_context(tqdm(total=event.total, desc=what, disable=off, leave=False))
                    if how_much is Talk.VERBOSE:
                        _say(f"{time.monotonic() - began:7.1f} s  {what}")
                bar.update(event.done - bar.n)
            elif isinstance(event, Note):
                if how_much is not Talk.QUIET:
                    _say(f"note: {event.text}")
            elif bar is not None:
                bar.set_postfix_str(_brief(event))

        result = run_job(job, show)
    if how_much is Talk.VERBOSE:
        _say(f"{time.monotonic() - began:7.1f} s  done")
    return result


def _say(text: str) -> None:
    """Print a line next to the progress bar, if anybody listens."""
    from tqdm import tqdm

    try:
        tqdm.write(text, file=sys.stderr)
    except OSError:
        silence()


def _brief(event: object) -> str:
    from napari_cellcycle.training.classifier import EpochDone
    from napari_cellcycle.training.gan.loop import GanStep

    if isinstance(event, EpochDone):
        return f"epoch {event.epoch}, loss {event.validation_loss:.3f}, macro F1 {event.validation_macro_f1:.3f}"
    if isinstance(event, GanStep):
        return f"critic tells real from synthetic by {event.critic_gap:.2f}"
    return str(event)
