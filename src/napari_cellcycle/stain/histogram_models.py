"""Models of a DNA histogram: a peak of G1, one of G2/M at nearly twice its place, and S between them.

DNA is in units of the G1 peak's place, so that the peak of G1 is near 1. All peaks have the same coefficient of
variation (CV), as the noise of staining and of the measurement grows with the stain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

RATIOS = (1.75, 2.1)
"""Where the peak of G2/M may be, relative to that of G1: stains are a little less than proportional to DNA."""
CVS = (0.01, 0.3)
_DEBRIS_LENGTH = 0.12
"""Within this piece of the axis debris fall to 1/e, in places of the G1 peak."""
_N_STEPS = 24
"""Gaussians that S phase is put together from."""


@dataclass(frozen=True)
class Curves:
    """Numbers of cells in each bin of a histogram, as a model has them.

    Attributes
    ----------
    g1, s, g2m : ndarray, shape (B,)
        Cells of each phase in each bin.
    debris : ndarray, shape (B,)
        Pieces of cells, which are in no fraction.
    """

    g1: Floats
    s: Floats
    g2m: Floats
    debris: Floats

    @property
    def total(self) -> Floats:
        """All cells and pieces in each bin, shape (B,)."""
        return self.g1 + self.s + self.g2m + self.debris

    @property
    def fractions(self) -> Floats:
        """Fractions of G1, S and G2/M, shape (3,); they sum to 1."""
        sums = np.array([self.g1.sum(), self.s.sum(), self.g2m.sum()])
        return np.asarray(sums / max(float(sums.sum()), 1e-300))


def peak(edges: Floats, mean: float, cv: float) -> Floats:
    """Share of a Gaussian peak in each bin.

    Parameters
    ----------
    edges : ndarray, shape (B + 1,)
        Edges of the bins.
    mean : float
        Place of the peak.
    cv : float
        Its standard deviation relative to its place.

    Returns
    -------
    ndarray, shape (B,)
    """
    return np.asarray(np.diff(ndtr((edges - mean) / (cv * mean))))


def s_phase_basis(edges: Floats, mean: float, cv: float, ratio: float) -> Floats:
    """Shapes of S phase whose sums are all curves of second degree that are nowhere negative, broadened by the CV.

    These are Bernstein's polynomials: Dean and Jett's polynomial, written so that no part of it can be below 0.

    Parameters
    ----------
    edges : ndarray, shape (B + 1,)
        Edges of the bins.
    mean, cv : float
        Place of the G1 peak, and its CV.
    ratio : float
        Place of the G2/M peak relative to it.

    Returns
    -------
    ndarray, shape (3, B)
        Each sums to 1 but for what lies outside of the edges.
    """
    step = (np.arange(_N_STEPS) + 0.5) / _N_STEPS
    weights = np.array([(1 - step) ** 2, 2 * step * (1 - step), step**2])
    return np.asarray(3 / _N_STEPS * weights @ _broadened(edges, mean * (1 + (ratio - 1) * step), cv))


def wave(edges: Floats, mean: float, cv: float, ratio: float, place: float, width: float) -> Floats:
    """Share of a wave of cells that go through S phase together (Fox 1980) in each bin, broadened by the CV.

    Parameters
    ----------
    edges : ndarray, shape (B + 1,)
        Edges of the bins.
    mean, cv, ratio : float
        As for `s_phase_basis`.
    place, width : float
        Middle and standard deviation of the wave, from 0 at the G1 peak to 1 at the G2/M peak.

    Returns
    -------
    ndarray, shape (B,)
    """
    middle = mean * (1 + (ratio - 1) * place)
    spread = np.hypot(mean * (ratio - 1) * width, cv * middle)
    return peak(edges, middle, float(spread / middle))


def debris(edges: Floats) -> Floats:
    """Share of pieces of cells in each bin: ever fewer the larger they are, (B,)."""
    fallen = np.exp(-(edges - edges[0]) / _DEBRIS_LENGTH)
    return np.asarray(fallen[:-1] - fallen[1:])


def _broadened(edges: Floats, means: Floats, cv: float) -> Floats:
    """Gaussians at each of K places, (K, B)."""
    return np.asarray(np.diff(ndtr((edges - means[:, None]) / (cv * means[:, None])), axis=1))
