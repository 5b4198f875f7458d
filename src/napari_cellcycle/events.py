"""What long work says while it runs: every job is a generator of these events.

The caller owns the loop: it shows them as it likes, and stops the work by not reading on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps of one piece of work, called `what`."""

    done: int
    total: int
    what: str


@dataclass(frozen=True)
class Note:
    """Something the user should know, and that stops nothing: a guess made, a file skipped."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The last event of a job, with its result."""

    result: Any


Stop = Callable[[], bool]
"""Asked again and again while a job runs: whether it shall end early, with what it has so far."""


def never() -> bool:
    """Let a job run to its own end."""
    return False


def result_of(events: Iterable[object]) -> Any:
    """Run a job to its end and return its result; what it says on the way is dropped."""
    for event in events:
        if isinstance(event, Finished):
            return event.result
    raise RuntimeError("a job ended without a Finished event")


def passed_on(events: Iterable[Any]) -> Generator[Any, None, Any]:
    """Pass on all events of a part of a job but the last, and return what that carries."""
    for event in events:
        if isinstance(event, Finished):
            return event.result
        yield event
    raise RuntimeError("a job ended without a Finished event")
