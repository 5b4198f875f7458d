"""A setting is said once: the same line feeds the check, the form in napari and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, fields
from typing import Any

from napari_cellcycle.errors import SettingError


def setting(
    default: Any,
    help: str,
    low: float | None = None,
    high: float | None = None,
    *,
    choices: Sequence[str] | None = None,
    suggestions: Sequence[str] | None = None,
    more: bool = False,
) -> Any:
    """A dataclass field with what its users see of it.

    Parameters
    ----------
    default : object
        Value that works without a decision.
    help : str
        One line, in a tooltip in napari and behind ``--help``.
    low, high : float, optional
        Limits, both allowed.
    choices : sequence of str, optional
        The values that are allowed.
    suggestions : sequence of str, optional
        Usual values of a free text.
    more : bool
        Whether the form folds it away under "More".
    """
    return field(
        default=default,
        metadata={
            "help": help,
            "low": low,
            "high": high,
            "choices": choices,
            "suggestions": suggestions,
            "more": more,
        },
    )


class Checked:
    """Base of frozen settings dataclasses: every value is checked when one is made."""

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]  # every child is a dataclass
            if item.metadata:
                _check(item.name, getattr(self, item.name), item.metadata)


def _check(name: str, value: Any, limits: Any) -> None:
    low, high, choices = limits["low"], limits["high"], limits["choices"]
    flag = name.replace("_", "-")
    if choices is not None and value not in choices:
        raise SettingError(f"{flag} is {value!r}, but must be one of {', '.join(choices)}")
    if value is None or low is None:
        return
    if not low <= value <= high:  # said this way round, NaN fails too
        raise SettingError(f"{flag} is {value!r}, but must lie in {low:g} to {high:g}")
