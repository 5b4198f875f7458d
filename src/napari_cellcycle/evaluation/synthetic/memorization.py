"""Whether synthetic cells are copies of the cells that their generator was trained on.

A synthetic cell can be near to training cells without being a copy. The mean of a phase is nearer to each of its cells
than these are to each other, and so is a realistic cell with less noise. But such a cell is about equally near to many
training cells. A copy is near to only one, so it shows in how much nearer its nearest training cell is than the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import betabinom

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.metrics import Floats, divide
from napari_cellcycle.evaluation.synthetic.cell_distances import Measure, feature_distances, nearest, pixel_distances

MIN_TRAINING_CELLS = 3
"""Each training cell needs a nearest other one, and one more to compare that with."""
_FALSE_COPY_RATE = 0.05
"""Share of new real cells that are taken for copies: this sets the limit."""
_MANY_COPIES = 0.2
"""The user is warned above this share of copies."""
_ONLY_COPIES = 0.5
"""A generator does nothing but copy above this share of copies."""
_CHANCE = 0.001
"""How often a generator that does not copy may be taken for one that does."""
_N_OTHERS = 5
"""Neighbours to compare the nearest with; several, as otherwise a pair of similar cells would hide their copies."""
_SHIFT_PX = 2
_MAX_MEASURED = 500
"""Training cells that are measured against all others; each synthetic cell is compared with all training cells."""


@dataclass(frozen=True)
class NearestNeighbourRatio:
    """How near synthetic cells lie to training cells, relative to training cells among themselves.

    Attributes
    ----------
    ratio : float
        Median distance of a synthetic cell to its nearest training cell, divided by that of a training cell to its
        nearest other one: about 1 for new real cells, near 0 for copies. NaN if most training cells are duplicates.
    closer_rate : float
        Share of synthetic cells that are closer to a training cell than all but 5 % of the training cells are to their
        nearest other one. For new real cells it is 0.05, or 2 / (N + 1) of N < 39 training cells, as the two nearest of
        these share the smallest distance. For smooth cells it may be 1, so it does not prove copies.
    """

    ratio: float
    closer_rate: float

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers; None where undefined."""
        return {"ratio": None if np.isnan(self.ratio) else self.ratio, "closer": self.closer_rate}


@dataclass(frozen=True, eq=False)
class Memorization:
    """How many of M synthetic cells are copies of a training cell.

    Attributes
    ----------
    features, pixels : NearestNeighbourRatio
        In both spaces.
    is_copy : ndarray of bool, shape (M,)
        Synthetic cells whose nearest training cell is no farther than usual, and is so much nearer than the next ones
        as for hardly any training cell, in features or in pixels.
    expected : float
        Share of new real cells that would be taken for copies: 0.05, but 1 / (N + 1) of N < 19 training cells, as a
        limit below the lowest of N values can't be found.
    limit : float
        Share of copies that chance exceeds once in a thousand generators whose cells are as new as real ones. With few
        training cells it is far above `expected`: 0.9 with 3 cells, 0.5 with 12, 0.1 with 500. A generator that makes
        the same cell again and again has only one chance, and is taken for one that copies as often as `expected` says.
    """

    features: NearestNeighbourRatio
    pixels: NearestNeighbourRatio
    is_copy: NDArray[np.bool_]
    expected: float
    limit: float

    @property
    def copy_rate(self) -> float:
        """Share of the synthetic cells that are copies."""
        return float(self.is_copy.mean())

    @property
    def many_copies(self) -> bool:
        """Whether so many are copies that the user should know, and chance does not explain it."""
        return self.copy_rate > max(_MANY_COPIES, self.limit)

    @property
    def only_copies(self) -> bool:
        """Whether more than half are copies, and chance does not explain it."""
        return self.copy_rate > max(_ONLY_COPIES, self.limit)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers; None where undefined."""
        return {
            "features": self.features.to_dict(),
            "pixels": self.pixels.to_dict(),
            "copied": self.copy_rate,
            "expected": self.expected,
            "limit": self.limit,
            "only_copies": self.only_copies,
        }


def memorization(
    real_features: ArrayLike,
    synthetic_features: ArrayLike,
    real_images: ArrayLike,
    synthetic_images: ArrayLike,
    *,
    shift_px: int = _SHIFT_PX,
    seed: int = 0,
) -> Memorization:
    """Find synthetic cells that are copies of training cells.

    What counts is the distance of a cell to its nearest training cell, divided by the mean distance to the next 5, as
    in Carlini et al. [1]_; in units of the median of the training cells, and the lower value of both spaces. In pixels,
    copies are found even if they are noisy or blurred, but only if they were moved in a way that `pixel_distances`
    undoes. A classifier's features hardly change when a cell is turned. The limit is the value that 5 % of the training
    cells fall below, each measured against the others: for the others, it is as new as any real cell.

    Parameters
    ----------
    real_features : array_like, shape (N, D)
        Features of all cells of one phase that the generator was trained on, in units that give each feature the same
        weight, such as standard deviations. Remove duplicates before: see `duplicates.drop_duplicates`.
    synthetic_features : array_like, shape (M, D)
        Features of the synthetic cells of that phase.
    real_images, synthetic_images : array_like, shapes (N, C, S, S) and (M, C, S, S)
        The same cells, prepared for a model, so that each channel has a spread near 1.
    shift_px : int
        Largest shift of a copy in pixels: up, down, left and right.
    seed : int
        Decides which training cells are measured against the others, where there are more than 500.

    Returns
    -------
    Memorization
        Which cells are copies, and how many would be expected by chance.

    Raises
    ------
    TooFewCellsError
        There are fewer than 3 training cells, or no synthetic ones.

    References
    ----------
    .. [1] Carlini et al. (2023), USENIX Security, :arxiv:`2301.13188`
    """
    by_pixels = partial(pixel_distances, shift_px=shift_px)
    spaces: tuple[tuple[Measure, NDArray[Any], NDArray[Any]], ...] = (
        (feature_distances, np.asarray(real_features, np.float64), np.asarray(synthetic_features, np.float64)),
        (by_pixels, np.asarray(real_images, np.float32), np.asarray(synthetic_images, np.float32)),
    )
    n_real, n_synthetic = len(spaces[0][1]), len(spaces[0][2])
    if n_real < MIN_TRAINING_CELLS or n_synthetic < 1:
        raise TooFewCellsError(
            f"{n_synthetic} synthetic cells can't be compared with {n_real} training cells of their phase; "
            f"give at least 1 synthetic and {MIN_TRAINING_CELLS} training cells"
        )
    own = np.random.default_rng(seed).permutation(n_real)[:_MAX_MEASURED]
    rank = max(1, int(_FALSE_COPY_RATE * (len(own) + 1)))
    n_near = min(1 + _N_OTHERS, n_real - 1)
    ratios, usual, found = [], np.full(len(own), np.inf), np.full(n_synthetic, np.inf)
    for measure, real, synthetic in spaces:
        among = nearest(measure, real[own], real, n_near, own=own)
        to_real = nearest(measure, synthetic, real, n_near)
        ratios.append(_nearest_neighbour_ratio(among[:, 0], to_real[:, 0], rank))
        usual = np.minimum(usual, _relative_distance(among, among))
        found = np.minimum(found, _relative_distance(to_real, among))
    return Memorization(
        features=ratios[0],
        pixels=ratios[1],
        is_copy=found < np.sort(usual)[rank - 1],
        expected=rank / (len(own) + 1),
        limit=_chance_limit(n_synthetic, rank, len(own)),
    )


def _nearest_neighbour_ratio(among: Floats, to_real: Floats, rank: int) -> NearestNeighbourRatio:
    usual = float(np.median(among))
    ratio = float(np.median(to_real)) / usual if usual > 0 else float("nan")
    return NearestNeighbourRatio(ratio, closer_rate=float((to_real < np.sort(among)[rank - 1]).mean()))


def _relative_distance(distances: Floats, among: Floats) -> Floats:
    """Distance to the nearest training cell, in units of that to the next ones and of its usual value; shape (M,).

    Infinite where the nearest is farther than usual: such a cell is no copy. Where a distance to divide by is 0, all
    these cells are one, none is nearer than another, and the quotient is 1.
    """
    own, usual = (divide(rows[:, 0], rows[:, 1:].mean(axis=1), fill=1) for rows in (distances, among))
    return np.where(distances[:, 0] <= np.median(among[:, 0]), divide(own, np.array(np.median(usual)), fill=1), np.inf)


def _chance_limit(n_synthetic: int, rank: int, n_real: int) -> float:
    """Share of new cells that chance alone puts below the `rank`-th lowest of `n_real` values.

    If all cells are drawn alike, the number of these cells is beta-binomial (Vovk 2012, :arxiv:`1209.2673`).
    """
    return float(betabinom(n_synthetic, rank, n_real + 1 - rank).ppf(1 - _CHANCE)) / n_synthetic
