"""Gates on FUCCI cells: two stains, one high in G1 (Cdt1), one in S, G2 and M (Geminin)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.stain.gates import Gated
from napari_cellcycle.stain.histogram_fit import FEWEST_CELLS
from napari_cellcycle.stain.measure import Floats
from napari_cellcycle.stain.names import G1, NOT_G1, S

_APART = 2.0
"""Distance of the two groups in standard deviations from which on they can be distinguished."""
_FLOOR = 0.05
"""Signals below this percentile of the positive ones count as it, as the logarithm of 0 is none."""


@dataclass(frozen=True, kw_only=True)
class FucciGates:
    """Thresholds of two stains.

    Attributes
    ----------
    g1, s_g2m : float
        A cell is positive if its integrated stain is higher, in camera counts.
    margin : float
        Cells this near to a threshold, relative to it, are unsure.
    """

    g1: float
    s_g2m: float
    margin: float = 0.05

    def apply(self, g1: Floats, s_g2m: Floats) -> Gated:
        """Label cells: G1, S/G2/M, S where both stains are high; unsure where none is, as in early G1.

        Parameters
        ----------
        g1, s_g2m : ndarray, shape (N,)
            Integrated stains.

        Returns
        -------
        Gated
        """
        with np.errstate(invalid="ignore"):
            in_g1, later = g1 > self.g1, s_g2m > self.s_g2m
            distance = np.minimum(np.abs(g1 / self.g1 - 1), np.abs(s_g2m / self.s_g2m - 1))
        labels = np.select([in_g1 & later, later], [S, NOT_G1], G1).astype(f"<U{len(NOT_G1)}")
        known = np.isfinite(g1) & np.isfinite(s_g2m)
        labels[~known] = ""
        sure = known & (in_g1 | later) & (np.nan_to_num(distance) >= self.margin)
        return Gated(labels, sure, np.where(known, distance, np.nan))

    def moved(self, **places: Any) -> Self:
        """The same gates with some at other places, as when they are dragged."""
        return replace(self, **places)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``gates.json``."""
        return asdict(self)


@dataclass(frozen=True)
class TwoGroups:
    """Two log-normal groups of cells, dim and bright in one stain.

    Attributes
    ----------
    threshold : float
        Where a cell is as likely of one group as of the other, in camera counts.
    apart : float
        Distance of the groups, in standard deviations.
    share : float
        Share of the bright group, from 0 to 1.
    """

    threshold: float
    apart: float
    share: float

    def words(self, channel: str) -> list[str]:
        """What to know about it: a sentence, if the groups can't be distinguished."""
        if self.apart >= _APART:
            return []
        return [
            f"{channel} does not divide the cells into dim and bright ones, so its threshold says little: they are "
            f"{self.apart:.1f} standard deviations apart, and under {_APART:.0f} there is no gap"
        ]


def find_groups(signal: NDArray[np.floating]) -> TwoGroups:
    """Fit two normal distributions to the logarithm of a stain, by expectation maximisation.

    Parameters
    ----------
    signal : ndarray, shape (N,)
        Integrated stain; NaN is left out.

    Returns
    -------
    TwoGroups

    Raises
    ------
    TooFewCellsError
        There are fewer than 20 cells with some stain.
    """
    values = np.asarray(signal, np.float64)
    values = values[np.isfinite(values)]
    positive = values[values > 0]
    if len(positive) < FEWEST_CELLS:
        raise TooFewCellsError(
            f"only {len(positive)} cells have this stain; give at least {FEWEST_CELLS}, or name another channel"
        )
    logs = np.log(np.maximum(values, np.quantile(positive, _FLOOR)))
    low, high = np.percentile(logs, [20, 80])
    means, spreads, shares = np.array([low, high]), np.full(2, max(logs.std() / 2, 1e-3)), np.array([0.5, 0.5])
    for _ in range(300):
        density = shares * norm.pdf(logs[:, None], means, spreads)
        belongs = density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
        weight = np.maximum(belongs.sum(axis=0), 1e-9)
        before = means
        means = (belongs * logs[:, None]).sum(axis=0) / weight
        spreads = np.sqrt((belongs * (logs[:, None] - means) ** 2).sum(axis=0) / weight).clip(1e-3)
        shares = weight / len(logs)
        if np.abs(means - before).max() < 1e-7:
            break
    grid = np.linspace(float(means[0]), float(means[1]), 1001)
    dim, bright = (shares * norm.pdf(grid[:, None], means, spreads)).T
    threshold = grid[np.argmax(bright > dim)] if (bright > dim).any() else grid[-1]
    apart = (means[1] - means[0]) / np.sqrt((spreads**2).mean())
    return TwoGroups(float(np.exp(threshold)), float(apart), float(shares[1]))
