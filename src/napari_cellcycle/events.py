"""What a job reports while it runs. Every job is a generator of these events, and returns its result.

The caller owns the loop: it shows the events as it likes, and stops the job by not reading on. A job that is part of
another one is run by ``result = yield from part(...)``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from napari_cellcycle.errors import CellCycleWarning

Event = TypeVar("Event")
Result = TypeVar("Result")
Job = Generator[Event, None, Result]
"""A piece of work: it yields events of the first kind, and returns a result of the second."""


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps of one piece of work, called `what`."""

    done: int
    total: int
    what: str


@dataclass(frozen=True)
class Note:
    """Something the user should know that stops nothing: a guess made, a file skipped."""

    text: str


Stop = Callable[[], bool]
"""Asked again and again while a job runs: whether to end early, with what there is so far."""


def never() -> bool:
    """Let a job run to its own end."""
    return False


def run_job(job: Job[Event, Result], on_event: Callable[[Event], object]) -> Result:
    """Run a job to its end and return its result.

    Parameters
    ----------
    job : generator
        What is to be run; it must not have been started.
    on_event : callable
        Gets each event.

    Returns
    -------
    object
        What the job returns.
    """
    while True:
        try:
            event = next(job)
        except StopIteration as end:
            result: Result = end.value
            return result
        on_event(event)


def map_events(job: Job[Any, Result], change: Callable[[Any], Iterable[object]]) -> Job[Any, Result]:
    """The same job with other events.

    Parameters
    ----------
    job : generator
        The work.
    change : callable
        Gets each event of `job`; what it gives instead, be it nothing, is yielded.

    Returns
    -------
    generator
        A job with the result of `job`.
    """
    while True:
        try:
            event = next(job)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield from change(event)


def result_of(job: Job[Event, Result]) -> Result:
    """Run a job to its end and return its result; its events are dropped."""
    return run_job(job, lambda _event: None)


_MOST_WARNINGS = 10


def warn_user(notes: Iterable[str], *, stacklevel: int = 2) -> None:
    """Show notes as warnings, which is how they reach those who call a function from Python.

    Parameters
    ----------
    notes : iterable of str
        Sentences for the user; options are named as in Python. Of very many, only the first ones are shown.
    stacklevel : int
        As for `warnings.warn`: 1 is the function that calls this one.
    """
    texts = list(dict.fromkeys(notes))
    shown = [*texts[:_MOST_WARNINGS], f"{len(texts) - _MOST_WARNINGS} more notes"][: len(texts)]
    for text in shown:
        in_python = re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda flag: flag[1].replace("-", "_"), text)
        warnings.warn(in_python, CellCycleWarning, stacklevel=stacklevel + 1)


def run_with_warnings(job: Job[Any, Result], *, stacklevel: int = 2) -> Result:
    """Run a job to its end and return its result; its notes become warnings.

    Parameters
    ----------
    job : generator
        What is to be run; it must not have been started.
    stacklevel : int
        As for `warn_user`.

    Returns
    -------
    object
        What the job returns.
    """
    notes: list[str] = []
    result = run_job(job, lambda event: notes.append(event.text) if isinstance(event, Note) else None)
    warn_user(notes, stacklevel=stacklevel + 1)
    return result
