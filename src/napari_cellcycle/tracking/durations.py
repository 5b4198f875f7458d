"""How long a phase lasts: log-normal durations, their tables in time steps, and how they are learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import ndtr

Floats = NDArray[np.float64]

_STRAYS = 1e-3
"""Share of durations that follow a far broader law, so that no duration is impossible."""
_STRAY_SPREAD = 1.5
_USUAL_SPREAD, _SPREAD_CERTAINTY = 0.3, 0.1
"""Between cells of a population, logarithms of durations differ by about this much; with few segments, it counts."""
_LEAST_SPREAD, _MOST_SPREAD = 0.08, 1.2


@dataclass(frozen=True)
class PhaseDuration:
    """A log-normal law of durations.

    Attributes
    ----------
    median : float
        In steps of the time grid, in frames or in minutes: whoever holds it says which.
    spread : float
        Standard deviation of the logarithm; 0.3 means that two thirds of the cells lie within about 30 % of the median.
    """

    median: float
    spread: float = _USUAL_SPREAD

    @property
    def mean(self) -> float:
        """Mean duration, in the unit of the median."""
        return float(self.median * np.exp(self.spread**2 / 2))

    def scaled(self, factor: float) -> PhaseDuration:
        """The same in another unit."""
        return PhaseDuration(self.median * factor, self.spread)


@dataclass(frozen=True, eq=False)
class DurationTables:
    """Logarithms of what a law says of whole steps k = 0 ... K.

    Attributes
    ----------
    whole : ndarray, shape (K + 1,)
        Probability that the phase lasts k steps. At 0 the phase passes between two steps.
    beyond : ndarray, shape (K + 1,)
        Probability that it lasts k steps or more: its end was not seen.
    rest : ndarray, shape (K + 1,)
        Probability that k steps are left of a phase that is met at any moment: its beginning was not seen.
    rest_beyond : ndarray, shape (K + 1,)
        Probability that k steps or more are left: neither beginning nor end was seen.
    """

    whole: Floats
    beyond: Floats
    rest: Floats
    rest_beyond: Floats

    @classmethod
    def of(cls, law: PhaseDuration, n_steps: int) -> DurationTables:
        """Tables for up to `n_steps` steps."""
        reach = int(max(n_steps, law.median * np.exp(4 * law.spread))) + 2
        edges = np.concatenate([[-np.inf], np.log(np.arange(reach) + 0.5), [np.inf]]) - np.log(law.median)
        below = (1 - _STRAYS) * ndtr(edges / law.spread) + _STRAYS * ndtr(edges / _STRAY_SPREAD)
        whole = np.diff(below)
        beyond = np.cumsum(whole[::-1])[::-1]
        rest = np.concatenate([[0], beyond[1:]]) / beyond[1:].sum()
        rest_beyond = np.cumsum(rest[::-1])[::-1]
        kept = slice(n_steps + 1)
        with np.errstate(divide="ignore"):
            return cls(*(np.log(table[kept]) for table in (whole, beyond, rest, rest_beyond)))


@dataclass(frozen=True, eq=False)
class DurationCounts:
    """Expected numbers of segments of one phase by length, of the four kinds of `DurationTables`; each (K + 1,)."""

    whole: Floats
    beyond: Floats
    rest: Floats
    rest_beyond: Floats

    @classmethod
    def none(cls, n_steps: int) -> DurationCounts:
        """Counts of no segment."""
        return cls(*(np.zeros(n_steps + 1) for _ in range(4)))


def fit_duration(counts: DurationCounts, start: PhaseDuration) -> PhaseDuration:
    """The law of greatest likelihood, where segments cut off at either end count as such.

    Parameters
    ----------
    counts : DurationCounts
        Segments that were seen.
    start : PhaseDuration
        Where the search begins; kept as far as the segments say nothing.

    Returns
    -------
    PhaseDuration
        In the same steps.
    """
    n_steps = len(counts.whole) - 1
    kinds = ("whole", "beyond", "rest", "rest_beyond")
    seen = {kind: np.flatnonzero(getattr(counts, kind) > 1e-9) for kind in kinds}
    if not any(rows.size for rows in seen.values()):
        return start

    def law_of(point: Floats) -> PhaseDuration:
        spread = float(np.clip(np.exp(point[1]), _LEAST_SPREAD, _MOST_SPREAD))
        return PhaseDuration(float(np.exp(np.clip(point[0], -3, 14))), spread)

    def loss(point: Floats) -> float:
        tables = DurationTables.of(law_of(point), n_steps)
        likelihood = sum(
            float(getattr(counts, kind)[rows] @ getattr(tables, kind)[rows]) for kind, rows in seen.items()
        )
        usual = ((point[1] - np.log(_USUAL_SPREAD)) / _SPREAD_CERTAINTY) ** 2 / 2
        as_before = ((point[0] - np.log(start.median)) / 3) ** 2 / 2
        return -likelihood + usual + as_before

    first = np.log([start.median, start.spread])
    found = minimize(loss, first, method="Nelder-Mead", options={"xatol": 0.005, "fatol": 0.005, "maxiter": 120})
    return law_of(found.x)
