"""Gates on the amount of stain: which cells are G1, S, G2/M, and which are doublets or debris."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import SettingError
from napari_cellcycle.stain.histogram_fit import HistogramFit
from napari_cellcycle.stain.measure import Floats, Measures
from napari_cellcycle.stain.names import DEBRIS, DOUBLET, G1, G2M, LABELS, LIKELIEST, MIDDLE, MITOSIS, NOT_G1, S

G1_CONTENT = 2.0
"""DNA content of the G1 peak, in sets of chromosomes."""
_FARTHEST_DEBRIS = 0.6
_SPREADS = 4.0
"""How many standard deviations from a peak, or from a line, are out of it."""
_LEAST_EXCESS = 0.25
"""A doublet's stain covers at least this much more (log) than that of other cells with as much DNA."""
_DOUBLET_FROM = 1.5
"""Doublets have at least this much DNA, in places of the G1 peak: two cells in G1 have 2."""
_CHROMATIN_WIDTH_PX = 20.0
"""Nuclei of at least this width are resolved well enough to see condensed chromatin."""


@dataclass(frozen=True)
class Gated:
    """What gates say of N cells.

    Attributes
    ----------
    labels : ndarray of str, shape (N,)
        One of `LABELS`; empty where nothing is said.
    sure : ndarray of bool, shape (N,)
        False for cells near a gate, and for those whose stain is not measured well.
    distance : ndarray, shape (N,)
        To the nearest gate between phases, relative to it: 0.05 is 5 % more or less stain. NaN where nothing is said.
    """

    labels: NDArray[np.str_]
    sure: NDArray[np.bool_]
    distance: Floats


@dataclass(frozen=True, kw_only=True)
class Gates:
    """Gates on a DNA stain, as plain numbers. DNA contents are in sets of chromosomes: the G1 peak is at 2.

    Attributes
    ----------
    g1_place : float
        Integrated stain of the G1 peak, in camera counts.
    g1_s, s_g2m : float
        DNA contents that divide G1 from S, and S from G2/M.
    debris, clumps : float
        Lowest DNA content of a cell, and highest of a single one.
    area_slope, area_offset, area_excess : float
        A cell is a doublet if the logarithm of its area is more than `area_excess` above
        ``area_slope * log(content) + area_offset``.
    mitosis : float
        A cell of G2/M is mitotic if its stain is this many times as dense as that of the G1 peak; 0 to not ask.
    separates_s : bool
        Whether S and G2/M are distinguished. If not, all that is more than G1 is ``S/G2/M``.
    margin : float
        Cells this near to a gate, relative to it, are unsure.
    """

    g1_place: float
    g1_s: float
    s_g2m: float
    debris: float
    clumps: float
    area_slope: float = 0.0
    area_offset: float = 0.0
    area_excess: float = 1e3
    mitosis: float = 0.0
    g1_density: float = 1.0
    separates_s: bool = True
    margin: float = 0.05

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, vars(self).values())):
            raise SettingError("gates must be finite numbers")
        in_order = 0 <= self.debris < self.g1_s <= self.s_g2m < self.clumps
        if not (self.g1_place > 0 and in_order):
            raise SettingError(
                "gates must lie in the order debris, g1_s, s_g2m, clumps, and g1_place must be greater than 0"
            )

    def content(self, measures: Measures) -> Floats:
        """DNA content of cells, shape (N,): 2 at the G1 peak."""
        return G1_CONTENT * measures.dna / self.g1_place

    def apply(self, measures: Measures) -> Gated:
        """Label cells."""
        content = self.content(measures)
        labels = np.full(len(measures), G2M if self.separates_s else NOT_G1, f"<U{max(map(len, LABELS))}")
        with np.errstate(invalid="ignore"):
            if self.separates_s:
                labels[content < self.s_g2m] = S
                if self.mitosis:
                    dense = measures.density > self.mitosis * self.g1_density
                    labels[dense & (content >= self.s_g2m)] = MITOSIS
            labels[content < self.g1_s] = G1
            labels[self._is_doublet(measures, content)] = DOUBLET
            labels[content < self.debris] = DEBRIS
        labels[~np.isfinite(content)] = ""
        inner = np.array([self.g1_s, self.s_g2m] if self.separates_s else [self.g1_s])
        distance = np.abs(content[:, None] / inner - 1).min(axis=1)
        is_whole = np.isin(labels, [DOUBLET, DEBRIS])
        sure = (labels != "") & (is_whole | (distance >= self.margin)) & ~measures.saturated
        return Gated(labels, sure, np.where(is_whole | (labels == ""), np.nan, distance))

    def _is_doublet(self, measures: Measures, content: Floats) -> NDArray[np.bool_]:
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.log(measures.area) - self.area_slope * np.log(content) - self.area_offset
        is_wide = (excess > self.area_excess) & (content > G1_CONTENT * _DOUBLET_FROM)
        return np.asarray(is_wide | (content > self.clumps))

    def moved(self, **places: Any) -> Self:
        """The same gates with some at other places, as when they are dragged."""
        return replace(self, **places)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``gates.json``."""
        return asdict(self)


def find_gates(fit: HistogramFit, measures: Measures, *, separates_s: bool = True, s_g2m: str = LIKELIEST) -> Gates:
    """Set gates where, by the fit, a cell is as likely of one phase as of the other.

    Parameters
    ----------
    fit : HistogramFit
        Of `measures.dna`.
    measures : Measures
        The cells.
    separates_s : bool
        Whether S and G2/M are distinguished.
    s_g2m : {"likeliest", "middle"}
        Put the gate between S and G2/M by the fit too, or halfway between the peaks of G1 and G2/M.

    Returns
    -------
    Gates
        With a line for doublets through the areas of most cells, and a gate for mitosis where nuclei are large enough.
    """
    curves, middles = fit.curves, fit.middles
    g1_s = _crossing(middles, curves.g1, curves.s + curves.g2m, fit.g1_place, fit.g2_place)
    likeliest = _crossing(middles, curves.g1 + curves.s, curves.g2m, g1_s, fit.g2_place)
    middle = max((fit.g1_place + fit.g2_place) / 2, g1_s)
    lowest = max(1 - _SPREADS * fit.cv, _FARTHEST_DEBRIS) * fit.g1_place
    unit = G1_CONTENT / fit.g1_place
    gates = Gates(
        g1_place=fit.g1_place,
        g1_s=g1_s * unit,
        s_g2m=(middle if s_g2m == MIDDLE else likeliest) * unit,
        debris=lowest * unit,
        clumps=fit.g2_place * (1 + _SPREADS * fit.cv) * unit,
        separates_s=separates_s,
    )
    gates = gates.moved(**_area_line(gates.content(measures), measures.area, gates))
    return gates.moved(**_mitosis(gates, measures))


def _crossing(middles: Floats, left: Floats, right: Floats, low: float, high: float) -> float:
    """Where, from `low` to `high`, the second curve first exceeds the first one; `high` if it never does."""
    between = np.flatnonzero((middles > low) & (middles < high))
    beyond = between[right[between] > left[between]]
    if not len(beyond):
        return high
    at = int(beyond[0])
    if at == 0 or middles[at - 1] <= low:
        return float(middles[at])
    before, after = (float(left[k] - right[k]) for k in (at - 1, at))
    share = before / max(before - after, 1e-12) if before > 0 else 0.5
    return float(middles[at - 1] + share * (middles[at] - middles[at - 1]))


def _area_line(content: Floats, area: Floats, gates: Gates) -> dict[str, float]:
    """A line through the logarithms of DNA content and area, without outliers, and how far is out of it."""
    good = (content > gates.debris) & (content < gates.clumps) & (area > 0)
    if good.sum() < 20:
        return {}
    x, y = np.log(content[good]), np.log(area[good])
    near = np.ones(len(x), bool)
    slope, offset, spread = 0.0, float(np.median(y)), 0.0
    for _ in range(5):
        slope, offset = np.polyfit(x[near], y[near], 1)
        misses = y - slope * x - offset
        spread = 1.4826 * float(np.median(np.abs(misses)))
        near = np.abs(misses) <= 3 * max(spread, 1e-6)
    excess = max(_SPREADS * spread, _LEAST_EXCESS)
    return {"area_slope": float(slope), "area_offset": float(offset), "area_excess": float(excess)}


def _mitosis(gates: Gates, measures: Measures) -> dict[str, float]:
    """From which density on stain is that of condensed chromatin, if the images resolve it."""
    labels = gates.moved(separates_s=True, mitosis=0.0).apply(measures).labels
    inter, late = labels == G1, labels == G2M
    if late.sum() < 20 or inter.sum() < 20 or np.median(measures.width[late]) < _CHROMATIN_WIDTH_PX:
        return {}
    density = np.log(measures.density[late])
    middle = float(np.median(density))
    spread = 1.4826 * float(np.median(np.abs(density - middle)))
    unit = float(np.median(measures.density[inter]))
    return {"mitosis": float(np.exp(middle + _SPREADS * max(spread, 0.1)) / unit), "g1_density": unit}
