"""Natural shares of the phases: scores of hand-balanced cells are also reported at these shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import SettingError
from napari_cellcycle.phases import N_PHASES, Phase, parse_phase

_NAMED_PREVALENCES: dict[str, tuple[float, ...]] = {
    "bbbc048": (14333, 8616, 8601, 606, 68, 15, 27),
}
"""Cells per phase in phase order; ``bbbc048`` are the 32,266 Jurkat cells of Eulenberg et al. 2017,
:doi:`10.1038/s41467-017-00623-3`."""


def parse_prevalence(text: str) -> NDArray[np.float64]:
    """Shares of the seven phases from a name or from a list such as ``G1=14333,S=8616,G2=8601``.

    Phases that a list does not name have the share 0.

    Returns
    -------
    ndarray of float64, shape (7,)
        Sums to 1.

    Raises
    ------
    SettingError
        The text is neither a known name nor such a list.

    Examples
    --------
    >>> parse_prevalence("G1=2, S=1, G2=1").round(2).tolist()
    [0.5, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0]
    """
    named = _NAMED_PREVALENCES.get(text.strip().lower())
    shares = np.array(named) if named else _parse_list(text)
    if shares.sum() <= 0:
        raise SettingError(f"prevalence {text!r} gives every phase the share 0; give at least one a number above 0")
    return shares / shares.sum()


def _parse_list(text: str) -> NDArray[np.float64]:
    shares = np.full(N_PHASES, np.nan)
    for item in text.split(","):
        name, equals, number = item.partition("=")
        phase = parse_phase(name)
        if not equals or phase is None:
            known = ", ".join(_NAMED_PREVALENCES)
            raise SettingError(
                f"prevalence has {item.strip()!r}, which is neither a phase with a number nor a known name ({known}); "
                "write it like G1=14333,S=8616,G2=8601"
            )
        label = Phase(phase).label
        if not np.isnan(shares[phase]):
            raise SettingError(f"prevalence names {label} twice; give each phase one number")
        try:
            shares[phase] = float(number)
        except ValueError:
            shares[phase] = np.nan
        if not 0 <= shares[phase] < np.inf:  # NaN fails too
            raise SettingError(f"prevalence of {label} is {number.strip()!r}, but must be a number from 0 up")
    return np.nan_to_num(shares)
