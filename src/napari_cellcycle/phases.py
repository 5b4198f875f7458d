"""The seven phases: their order, names and colours. No other module writes "G1"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from numbers import Real
from typing import Any

from napari_cellcycle.errors import SettingError

UNKNOWN = -1
"""Phase number of a cell whose phase is not known, in every array of phases."""

UNSURE = 7
"""Phase number of a cell whose most probable phase is less probable than the chosen minimum."""


class Phase(IntEnum):
    """A cell-cycle phase; its value is the class index of every model and every metric."""

    G1 = 0
    S = 1
    G2 = 2
    PROPHASE = 3
    METAPHASE = 4
    ANAPHASE = 5
    TELOPHASE = 6

    @property
    def label(self) -> str:
        """The name as tables, figures and folders show it."""
        return self.name if self <= Phase.G2 else self.name.capitalize()


N_PHASES = len(Phase)
PHASE_LABELS = tuple(phase.label for phase in Phase)

# Okabe and Ito 2008: distinct for colour-blind readers
COLOURS = dict(zip(Phase, "#0072b2 #e69f00 #009e73 #56b4e9 #f0e442 #d55e00 #cc79a7".split(), strict=True))
UNSURE_COLOUR = "#999999"
UNSURE_LABEL = "unsure"
SYNTHETIC_COLOUR = "#aa00ff"
"""Of the mark of synthetic cells. For colour-blind readers too, it differs more from the colours above than some of
these differ from each other, and it is visible on the grey of brightfield and on the black of darkfield."""
SYNTHETIC_LABEL = "synthetic"
_GREY = 0x77
_GREYED = 0.8


def greyed(colour: str) -> str:
    """`colour` as it is shown where phases mean nothing: hardly more than grey.

    Examples
    --------
    >>> greyed("#0072b2"), greyed("#d55e00")
    ('#5f7683', '#8a725f')
    """
    return f"#{bytes(round(_GREYED * _GREY + (1 - _GREYED) * value) for value in bytes.fromhex(colour[1:])).hex()}"


_SPELLINGS = {
    **{phase.name.lower(): phase for phase in Phase},
    **{f"{short}phase": Phase[short.upper()] for short in ("g1", "s", "g2")},
    "profase": Phase.PROPHASE,
    "metafase": Phase.METAPHASE,
    "anafase": Phase.ANAPHASE,
    "telofase": Phase.TELOPHASE,
}


def phase_label(number: int) -> str:
    """Name of a phase number: the label of a phase, ``unsure``, or an empty text for an unknown phase.

    Examples
    --------
    >>> phase_label(4), phase_label(UNSURE), phase_label(UNKNOWN)
    ('Metaphase', 'unsure', '')
    """
    if number == UNKNOWN:
        return ""
    return UNSURE_LABEL if number == UNSURE else Phase(number).label


def parse_phase(text: str) -> Phase | None:
    """The phase that `text` names, in any usual spelling, or None.

    Case, spaces, hyphens and underscores don't matter. Spanish and Portuguese spellings of the mitotic phases are
    understood too.

    Examples
    --------
    >>> parse_phase("S_phase"), parse_phase("Telofase"), parse_phase("plate 3")
    (<Phase.S: 1>, <Phase.TELOPHASE: 6>, None)
    """
    return _SPELLINGS.get(re.sub(r"[\s_-]+", "", text).lower())


def phase_numbers(phases: Iterable[object]) -> list[int]:
    """Numbers of phases that are given as numbers or names.

    Parameters
    ----------
    phases : iterable of int or str
        Names in any usual spelling; an empty text, None, NaN or -1 where the phase is not known.

    Returns
    -------
    list of int
        From 0 to 6, and `UNKNOWN`.

    Raises
    ------
    SettingError
        One of them is no phase.

    Examples
    --------
    >>> phase_numbers(["G1", "s phase", "", Phase.G2, 6, -1])
    [0, 1, -1, 2, 6, -1]
    """
    known: dict[object, int] = {}  # there are few different ones
    numbers = []
    for given in phases:
        if given != given:  # NaN, which would never be found again
            numbers.append(UNKNOWN)
            continue
        if given not in known:
            known[given] = _phase_number(given)
        numbers.append(known[given])
    return numbers


def _phase_number(given: Any) -> int:
    if given is None or (isinstance(given, str) and not given.strip()):
        return UNKNOWN
    if isinstance(given, str):
        phase = parse_phase(given)
        if phase is not None:
            return int(phase)
    elif isinstance(given, Real) and given in range(UNKNOWN, N_PHASES):
        return int(float(given))
    raise SettingError(
        f"{given!r} is no phase; give {', '.join(PHASE_LABELS)}, a number from 0 to {N_PHASES - 1}, or -1 where it is "
        "not known"
    )
