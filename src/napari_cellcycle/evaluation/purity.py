"""How many cells of a phase can be had at which purity, by what a model said of cells that it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import SettingError
from napari_cellcycle.phase_sets import VOCABULARY, PhaseSet
from napari_cellcycle.phases import UNKNOWN

SHOWN_PURITIES = (0.8, 0.9, 0.95)
"""In reports."""


@dataclass(frozen=True)
class Purity:
    """Cells of one phase whose probability reaches a threshold.

    Attributes
    ----------
    wanted : float
        The purity that was asked for.
    min_probability : float
        Least probability of the phase; infinite where no threshold gives this purity.
    n_cells : int
        Tested cells that are called the phase and reach it.
    n_called : int
        Tested cells that are called the phase, whatever their probability.
    value, low, high : float
        Share of `n_cells` that are of the phase, and its 95 % interval; NaN without cells.
    """

    wanted: float
    min_probability: float
    n_cells: int
    n_called: int
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if not self.n_cells:
            return f"no threshold gives {self.wanted:.0%} purity on {self.n_called:,} tested cells of this call"
        interval = f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"
        return f"{self.n_cells:,} of {self.n_called:,} tested cells at {self.wanted:.0%} purity: {interval}"


def purity_of(probabilities: ArrayLike, truth: ArrayLike, phase: int, wanted: float) -> Purity:
    """Find the lowest threshold at which the calls of a phase are as pure as wanted.

    Of all thresholds that give this purity on the tested cells, the one that keeps most cells is taken. The interval of
    the purity is exact for a binomial share [1]_; it does not count that the threshold was chosen on the same cells.

    Parameters
    ----------
    probabilities : array_like, shape (N, P)
        By a model that was not trained on these cells; NaN where a cell could not be read.
    truth : array_like of int, shape (N,)
        True phase numbers; -1 where it is not known.
    phase : int
        Phase number.
    wanted : float
        Purity, from 0 to 1: the share of the kept cells that are of the phase (its precision).

    Returns
    -------
    Purity

    References
    ----------
    .. [1] Clopper and Pearson (1934), Biometrika 26, 404, :doi:`10.1093/biomet/26.4.404`

    Examples
    --------
    >>> rows = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.1, 0.9]]
    >>> found = purity_of(rows, [0, 0, 1, 0, 1], 0, 0.7)
    >>> found.n_cells, found.min_probability, found.value
    (4, 0.6, 0.75)
    """
    rows, true = np.asarray(probabilities, float), np.asarray(truth)
    called = (true != UNKNOWN) & ~np.isnan(rows).any(axis=1)
    called[called] = rows[called].argmax(axis=1) == phase
    chance, right = rows[called, phase], true[called] == phase
    order = np.argsort(-chance, kind="stable")
    chance, n_right = chance[order], np.cumsum(right[order])
    ends = np.flatnonzero(np.r_[chance[1:] != chance[:-1], True]) if len(chance) else np.zeros(0, int)
    reached = ends[n_right[ends] >= wanted * (ends + 1) - 1e-9]
    if not len(reached):
        return Purity(wanted, float("inf"), 0, len(chance), *[float("nan")] * 3)
    last = int(reached[-1])
    low, high = exact_interval(int(n_right[last]), last + 1)
    return Purity(wanted, float(chance[last]), last + 1, len(chance), float(n_right[last] / (last + 1)), low, high)


def exact_interval(n_right: int, n_cells: int) -> tuple[float, float]:
    """Find the exact 95 % interval of a binomial share (Clopper and Pearson 1934).

    Parameters
    ----------
    n_right, n_cells : int
        Cells that count, of how many.

    Returns
    -------
    low, high : float
    """
    from scipy.stats import beta

    low = 0.0 if n_right == 0 else float(beta.ppf(0.025, n_right, n_cells - n_right + 1))
    high = 1.0 if n_right == n_cells else float(beta.ppf(0.975, n_right + 1, n_cells - n_right))
    return low, high


def purities(prediction: Prediction, truth: NDArray[np.int8], wanted: Sequence[float]) -> dict[str, list[Purity]]:
    """Purities of each phase that was tested.

    Parameters
    ----------
    prediction : Prediction
        Of N cells, by models that were not trained on them.
    truth : ndarray of int8, shape (N,)
        Their true phases; unknown where a cell is not tested.
    wanted : sequence of float
        Purities.

    Returns
    -------
    dict of str to list of Purity
        By the name of the phase.
    """
    return {
        name: [purity_of(prediction.probabilities, truth, phase, share) for share in wanted]
        for phase, name in enumerate(prediction.phase_set.names)
        if (truth == phase).any()
    }


def thresholds(
    prediction: Prediction, truth: NDArray[np.int8], wanted: Mapping[str, float], phases: PhaseSet
) -> dict[int, Purity]:
    """Thresholds for the phases whose purity is asked for, in the phase set of other calls.

    Parameters
    ----------
    prediction : Prediction
        Of N tested cells.
    truth : ndarray of int8, shape (N,)
        Their true phases.
    wanted : mapping of str to float
        Purity by the name of a phase.
    phases : PhaseSet
        Of the calls that the thresholds are for.

    Returns
    -------
    dict of int to Purity
        By phase number.

    Raises
    ------
    SettingError
        A name is none of the phases.
    ModelError
        The tested calls can't be added up to these phases.
    """
    numbers = {}
    for name, share in wanted.items():
        number, word = phases.number_of(name), VOCABULARY.number_of(name)
        is_other = word != UNKNOWN and phases.parts[number] != VOCABULARY.parts[word]  # a part of the phase only
        if number == UNKNOWN or is_other or number in numbers:
            raise SettingError(f"min-purity names {name}, but the phases are {phases}; name each of them once at most")
        numbers[number] = share
    own, true = prediction.in_phases(phases), prediction.phase_set.numbers_in(phases)[truth]
    return {number: purity_of(own.probabilities, true, number, share) for number, share in numbers.items()}


def parse_purities(text: str) -> dict[str, float]:
    """Read ``Metaphase=0.9,G1=0.95``.

    Raises
    ------
    SettingError
        A part is no name with a number above 0 and up to 1.

    Examples
    --------
    >>> parse_purities("metaphase=0.9")
    {'Metaphase': 0.9}
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, sign, number = (side.strip() for side in part.partition("="))
        try:
            share = float(number)
        except ValueError:
            share = 0.0
        if not name or not sign or not 0 < share <= 1:
            raise SettingError(f"min-purity has {part.strip()!r}, but must read like Metaphase=0.9")
        known = VOCABULARY.number_of(name)
        found[name if known == UNKNOWN else VOCABULARY.label(known)] = share
    return found


def write_purities(wanted: Mapping[str, float]) -> str:
    """Write what `parse_purities` reads."""
    return ",".join(f"{name}={share:g}" for name, share in wanted.items())
