"""Whether made cells are copies of those that their generator was trained on.

A made cell can be near to training cells without being a copy: the mean of a phase is nearer to each of its cells than
these are to each other, and so is a good cell with less noise. But it is about as near to many. A copy is near to one,
so what tells it is how far its nearest training cell stands out from the next ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.synthetic.distances import Floats, Measure, feature_distances, nearest, pixel_distances

FEWEST_TRAINING = 3
"""Training cells that it takes: each needs a nearest other one, and one for this to stand out from."""
FLAGGED = 0.05
"""Share of new real cells that are taken for copies all the same: where the limit is set."""
MANY_COPIES = 0.2
"""From more than this share of copies on the user is told."""
ONLY_COPIES = 0.5
"""A generator of whose cells more than this share are copies only copies."""
CHANCE = 0.001
"""How often a generator as good as nature may be taken for one that copies."""
N_OTHERS = 5
"""Neighbours that the nearest is compared with; several, so that few pairs of like cells don't hide copies of them."""
SHIFT_PX = 2
MOST_MEASURED = 500
"""Training cells whose distances to all others are measured; each made cell is compared with all."""


@dataclass(frozen=True)
class NearestNeighbourRatio:
    """How near made cells lie to training cells in one space, against training cells among themselves.

    Attributes
    ----------
    ratio : float
        Median distance of a made cell to its nearest training cell, over that of a training cell to its nearest other
        one: about 1 for new real cells, near 0 for copies. NaN if most training cells are there twice.
    closer : float
        Share of made cells that are closer to a training cell than all but 5 % of the training cells are to their
        nearest other one. Of new real cells it is 0.05, or 2 / (N + 1) of N < 39 training cells, the two nearest of
        which share the lowest distance. Of smooth cells it may be 1, so it proves no copy.
    """

    ratio: float
    closer: float

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers; None where undefined."""
        return {"ratio": None if np.isnan(self.ratio) else self.ratio, "closer": self.closer}


@dataclass(frozen=True, eq=False)
class Memorization:
    """How many of M made cells are copies of a training cell.

    Attributes
    ----------
    features, pixels : Nearness
        In both spaces.
    is_copy : ndarray of bool, shape (M,)
        Made cells whose nearest training cell is no farther than usual and stands out from the next ones as it does
        for hardly any training cell, in features or in pixels.
    expected : float
        Share of new real cells that would be taken for copies: 0.05, but 1 / (N + 1) of N < 19 training cells, as no
        limit under the lowest of N values can be told from them.
    limit : float
        Share of copies that chance exceeds once in a thousand generators whose cells are as new as real ones. With few
        training cells it is far above `expected`: 0.9 of 3 cells, 0.5 of 12, 0.1 of 500. A generator that makes one
        cell over and over again has one chance only, and is taken for one that copies as often as `expected` says.
    """

    features: NearestNeighbourRatio
    pixels: NearestNeighbourRatio
    is_copy: NDArray[np.bool_]
    expected: float
    limit: float

    @property
    def copied(self) -> float:
        """Share of the made cells that are copies."""
        return float(self.is_copy.mean())

    @property
    def many_copies(self) -> bool:
        """Whether so many are copies that the user should know, and chance doesn't explain it."""
        return self.copied > max(MANY_COPIES, self.limit)

    @property
    def only_copies(self) -> bool:
        """Whether more than half are copies, and chance doesn't explain it."""
        return self.copied > max(ONLY_COPIES, self.limit)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers; None where undefined."""
        return {
            "features": self.features.to_dict(),
            "pixels": self.pixels.to_dict(),
            "copied": self.copied,
            "expected": self.expected,
            "limit": self.limit,
            "only_copies": self.only_copies,
        }


def copying(
    real_features: ArrayLike,
    made_features: ArrayLike,
    real_images: ArrayLike,
    made_images: ArrayLike,
    *,
    shift_px: int = SHIFT_PX,
    seed: int = 0,
) -> Memorization:
    """Find made cells that are copies of training cells.

    How far its nearest training cell stands out for a cell is its distance over the mean distance of the next 5, as
    Carlini et al. [1]_ measure it too; in units of the median of the training cells, the lower of both spaces. In
    pixels, copies stand out even if they are noisy or blurred, but only if they were moved as `pixel_distances` undoes
    it; a classifier's features hardly change when a cell is turned. The limit is where 5 % of the training cells lie,
    each of them against the others: to these it is as new as a real cell that nobody trained on.

    Parameters
    ----------
    real_features : array_like, shape (N, D)
        Features of all cells that the generator was trained on, of one phase; in units in which each matters alike,
        such as standard deviations. Cells that are there twice must be gone before: see `duplicates.drop_duplicates`.
    made_features : array_like, shape (M, D)
        Of the made cells of that phase.
    real_images, made_images : array_like, shapes (N, C, S, S) and (M, C, S, S)
        The same cells, prepared for a model, so that each channel has a spread near 1.
    shift_px : int
        By how many pixels a copy may be moved up, down, left and right.
    seed : int
        Which training cells are measured against the others, where there are more than 500.

    Raises
    ------
    TooFewCellsError
        There are fewer than 3 training cells, or no made ones.

    References
    ----------
    .. [1] Carlini et al. (2023), USENIX Security, :arxiv:`2301.13188`
    """
    spaces: tuple[tuple[Measure, NDArray[Any], NDArray[Any]], ...] = (
        (feature_distances, np.asarray(real_features, np.float64), np.asarray(made_features, np.float64)),
        (
            partial(pixel_distances, shift_px=shift_px),
            np.asarray(real_images, np.float32),
            np.asarray(made_images, np.float32),
        ),
    )
    n_real, n_made = len(spaces[0][1]), len(spaces[0][2])
    if n_real < FEWEST_TRAINING or n_made < 1:
        raise TooFewCellsError(
            f"{n_made} made cells can't be compared with {n_real} training cells of their phase; "
            f"give at least 1 made and {FEWEST_TRAINING} training cells"
        )
    own = np.random.default_rng(seed).permutation(n_real)[:MOST_MEASURED]
    rank = max(1, int(FLAGGED * (len(own) + 1)))
    n_near = min(1 + N_OTHERS, n_real - 1)
    nearness, usual, found = [], np.full(len(own), np.inf), np.full(n_made, np.inf)
    for measure, real, made in spaces:
        among = nearest(measure, real[own], real, n_near, own=own)
        to_real = nearest(measure, made, real, n_near)
        nearness.append(_nearness(among[:, 0], to_real[:, 0], rank))
        usual = np.minimum(usual, _standing_out(among, among))
        found = np.minimum(found, _standing_out(to_real, among))
    return Memorization(
        features=nearness[0],
        pixels=nearness[1],
        is_copy=found < np.sort(usual)[rank - 1],
        expected=rank / (len(own) + 1),
        limit=_limit(n_made, rank, len(own)),
    )


def _nearness(among: Floats, to_real: Floats, rank: int) -> NearestNeighbourRatio:
    usual = float(np.median(among))
    ratio = float(np.median(to_real)) / usual if usual > 0 else float("nan")
    return NearestNeighbourRatio(ratio, closer=float((to_real < np.sort(among)[rank - 1]).mean()))


def _standing_out(distances: Floats, among: Floats) -> Floats:
    """Distance to the nearest training cell, in units of that to the next ones and of what is usual; shape (M,).

    Infinite where the nearest is farther than usual: such a cell is no copy, whatever it is.
    """
    own, usual = (_divide(rows[:, 0], rows[:, 1:].mean(axis=1)) for rows in (distances, among))
    scaled = _divide(own, np.full(len(own), np.median(usual)))
    return np.where(distances[:, 0] <= np.median(among[:, 0]), scaled, np.inf)


def _limit(n_made: int, rank: int, n_real: int) -> float:
    """Share of `n_made` new cells that chance alone puts under the `rank`-th lowest of `n_real` values.

    If all cells are drawn alike, the number of these cells is beta-binomial (Vovk 2012, :arxiv:`1209.2673`).
    """
    from scipy.stats import betabinom

    return float(betabinom(n_made, rank, n_real + 1 - rank).ppf(1 - CHANCE)) / n_made


def _divide(above: Floats, below: Floats) -> Floats:
    """Quotient; 1 where `below` is 0, as then all these cells are one and none stands out."""
    quotient: Floats = np.divide(above, below, out=np.ones_like(above), where=below > 0)
    return quotient
