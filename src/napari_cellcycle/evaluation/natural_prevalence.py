"""Natural shares of the phases: scores of hand-balanced cells are also reported at these shares."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import SettingError
from napari_cellcycle.phase_sets import SEVEN, VOCABULARY, PhaseSet
from napari_cellcycle.phases import UNKNOWN

NAMED_PREVALENCES: dict[str, tuple[float, ...]] = {
    "bbbc048": (14333, 8616, 8601, 606, 68, 15, 27),
}
"""Cells per phase in phase order; ``bbbc048`` are the 32,266 Jurkat cells of Eulenberg et al. 2017,
:doi:`10.1038/s41467-017-00623-3`."""


def parse_prevalence(text: str, phases: PhaseSet = SEVEN) -> NDArray[np.float64]:
    """Return the shares of the phases from a name or from a list such as ``G1=14333,S=8616,G2=8601``.

    Phases that a list does not name have the share 0.

    Parameters
    ----------
    text : str
        The name or list.
    phases : PhaseSet
        The P phases.

    Returns
    -------
    ndarray of float64, shape (P,)
        Sums to 1.

    Raises
    ------
    SettingError
        The text is neither a known name nor such a list, or names a phase that is none of these.

    Examples
    --------
    >>> parse_prevalence("G1=2, S=1, G2=1").round(2).tolist()
    [0.5, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0]
    """
    return normalised_shares(parse_shares(text), phases)


def parse_shares(text: str) -> str | dict[str, float]:
    """Return the name, or the numbers by phase, that a text gives.

    Raises
    ------
    SettingError
        The text is neither a known name nor such a list.

    Examples
    --------
    >>> parse_shares("G1=2, s=1")
    {'G1': 2.0, 'S': 1.0}
    """
    name = text.strip().lower()
    if name in NAMED_PREVALENCES:
        return name
    shares: dict[str, float] = {}
    for item in text.split(","):
        label, number = _parse_item(item)
        if label in shares:
            raise SettingError(f"prevalence names {label} twice; give each phase one number")
        shares[label] = _parse_share(number, label)
    if sum(shares.values()) <= 0:
        raise SettingError(f"prevalence {text!r} gives every phase the share 0; give at least one a number above 0")
    return shares


def write_shares(prevalence: str | Mapping[str, float]) -> str:
    """Write what `parse_shares` reads."""
    if isinstance(prevalence, str):
        return prevalence
    return ",".join(f"{label}={int(n) if float(n).is_integer() else n}" for label, n in prevalence.items())


def normalised_shares(prevalence: str | Mapping[str, float], phases: PhaseSet = SEVEN) -> NDArray[np.float64]:
    """Return the shares of phases that sum to 1.

    Parameters
    ----------
    prevalence : str or mapping of str to float
        What `parse_shares` gives.
    phases : PhaseSet
        The P phases.

    Returns
    -------
    ndarray of float64, shape (P,)

    Raises
    ------
    SettingError
        A phase with a share is none of these.
    """
    if isinstance(prevalence, str):
        prevalence = dict(zip(SEVEN.names, NAMED_PREVALENCES[prevalence], strict=True))
    shares = np.zeros(len(phases))
    for name, share in prevalence.items():
        number = phases.number_of(name)
        if number == UNKNOWN and share:
            raise SettingError(f"prevalence gives {name} a share, but the phases are {phases}; name these")
        shares[number] += share
    normalised: NDArray[np.float64] = shares / shares.sum()
    return normalised


def _parse_item(item: str) -> tuple[str, str]:
    name, equals, share = item.partition("=")
    number = VOCABULARY.number_of(name)
    if not equals or number == UNKNOWN:
        known = ", ".join(NAMED_PREVALENCES)
        raise SettingError(
            f"prevalence has {item.strip()!r}, which is neither a phase with a number nor a known name ({known}); "
            "write it like G1=14333,S=8616,G2=8601"
        )
    return VOCABULARY.label(number), share


def _parse_share(number: str, label: str) -> float:
    try:
        share = float(number)
    except ValueError:
        share = float("nan")
    if not 0 <= share < float("inf"):
        raise SettingError(f"prevalence of {label} is {number.strip()!r}, but must be a number from 0 up")
    return share
