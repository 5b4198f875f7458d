"""What a stain can tell, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_cellcycle.stain.histogram_fit import HistogramFit
from napari_cellcycle.stain.histogram_models import RATIOS

Tells = Literal["all phases", "G1 only", "nothing"]
ALL_PHASES: Tells = "all phases"
G1_ONLY: Tells = "G1 only"
NOTHING: Tells = "nothing"

WIDEST_CV = 0.08
"""With a wider G1 peak, S can't be separated from G1."""
NO_PEAK_CV = 0.15
"""A G1 peak that is wider than this is none."""
ENOUGH_CELLS = 200
_SEEN = 0.02
"""Lowest fraction of G2/M (lower end of its interval) that is a peak of its own."""
_BAD_MISFIT = 2.0
_MOST_OUTSIDE = 0.5
_MANY_SATURATED = 0.02


@dataclass(frozen=True)
class Quality:
    """What a stain can tell of the phase.

    Attributes
    ----------
    tells : {"all phases", "G1 only", "nothing"}
        Which labels are given.
    words : tuple of str
        Why, and what else to know, in sentences without a full stop.
    """

    tells: Tells
    words: tuple[str, ...]


def judge(fit: HistogramFit, saturated_share: float = 0.0, outside_share: float = 0.0) -> Quality:
    """Say what a stain can tell.

    Parameters
    ----------
    fit : HistogramFit
        Of its histogram.
    saturated_share : float
        Share of the cells that are brighter than the camera can measure, from 0 to 1.
    outside_share : float
        Share of the cells with far less or more stain than the peaks, from 0 to 1.

    Returns
    -------
    Quality
    """
    words, tells = [], ALL_PHASES
    if fit.cv > NO_PEAK_CV:
        tells = NOTHING
        words.append(
            "no phase can be determined from this stain, as it is not proportional to DNA or was not measured well: "
            f"its histogram has no two peaks (the best one has a CV of {fit.cv:.1%}, and over {NO_PEAK_CV:.0%} is none)"
        )
    elif fit.cv > WIDEST_CV:
        tells = G1_ONLY
        words.append(
            f"S can't be separated from G1: the peak of G1 has a CV of {fit.cv:.1%}, and over {WIDEST_CV:.0%} it "
            "covers a part of S, so only G1 and not G1 (S/G2/M) are distinguished"
        )
    if outside_share > _MOST_OUTSIDE:
        tells = NOTHING
        words.append(
            f"no phase can be determined from this stain, as {outside_share:.0%} of the cells have far less or more of "
            "it than the cells of the peaks; maybe most cells are not stained, or another channel is meant"
        )
    if tells != NOTHING and not _has_g2m_peak(fit):
        tells = G1_ONLY
        words.append(
            f"no peak of G2/M stands out at {RATIOS[0]} to {RATIOS[1]} times the stain of G1, so G2/M can't be "
            "separated from S; either few cells are in G2/M, or the stain is not proportional to DNA"
        )
    if fit.n_cells < ENOUGH_CELLS:
        words.append(
            f"{fit.n_cells} cells are few for a histogram: the fractions are uncertain, as their intervals show; "
            f"measure {ENOUGH_CELLS} or more"
        )
    if fit.misfit > _BAD_MISFIT:
        words.append(f"the model describes the histogram badly (deviance {fit.misfit:.1f} for each bin); look at it")
    if saturated_share > _MANY_SATURATED:
        words.append(
            f"{saturated_share:.0%} of the cells are brighter than the camera can measure, so they have more stain "
            "than it says; take them with less light or a shorter exposure"
        )
    return Quality(tells, tuple(words))


def _has_g2m_peak(fit: HistogramFit) -> bool:
    is_inside = RATIOS[0] + 0.01 < fit.ratio < RATIOS[1] - 0.01
    return bool(is_inside and fit.low[2] >= _SEEN and np.isfinite(fit.ratio))
