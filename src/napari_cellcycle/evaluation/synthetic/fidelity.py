"""How alike two sets of cells are in what a classifier sees of them, such as made and real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.synthetic.distances import BLOCK, Floats, feature_distances, nearest

FEWEST_COMPARED = 10
"""Cells on each side that it takes: 10 made ones, and 20 real ones in two halves."""
MOST_COMPARED = 300
"""Cells of a phase on each side."""
N_SPLITS = 5
"""Random halves that each figure is the mean of."""


@dataclass(frozen=True)
class Figures:
    """Of two sets of cells: `frechet_distance`, and both of `precision_recall`."""

    frechet_distance: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Fidelity:
    """How alike made and real cells are.

    All three figures depend on how many cells there are, so each has its yardstick: what real cells reach.

    Attributes
    ----------
    made : Figures
        Of made cells and half of the real ones.
    real : Figures
        Of the other half, in place of the made ones.
    n_cells : int
        On each side.
    """

    made: Figures
    real: Figures
    n_cells: int


def compare_distributions(real: Sequence[Floats], made: Sequence[Floats], seed: int = 0) -> Fidelity | None:
    """Compare made with real cells, of each phase as many.

    The cells are drawn at random: half of the real ones of a phase or all made ones, whichever are fewer, and at most
    300. Figures are means of 5 such draws.

    Parameters
    ----------
    real, made : sequence of ndarray, shapes (N, D) and (M, D)
        Features of the cells of each phase, in the same order.
    seed : int
        Of the draws.

    Returns
    -------
    Likeness or None
        None if fewer than 10 cells are left on each side.
    """
    numbers = [min(len(ours) // 2, len(theirs), MOST_COMPARED) for ours, theirs in zip(real, made, strict=True)]
    if sum(numbers) < FEWEST_COMPARED:
        return None
    random, found = np.random.default_rng(seed), []
    for _ in range(N_SPLITS):
        drawn = [random.permutation(ours)[: 2 * n] for ours, n in zip(real, numbers, strict=True)]
        half, other = (np.concatenate([ours[start::2] for ours in drawn]) for start in (0, 1))
        fake = np.concatenate([random.permutation(theirs)[:n] for theirs, n in zip(made, numbers, strict=True)])
        found.append([(frechet_distance(half, some), *precision_recall(half, some)) for some in (fake, other)])
    of_made, of_real = np.mean(found, axis=0).tolist()
    return Fidelity(Figures(*of_made), Figures(*of_real), sum(numbers))


def frechet_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Fréchet distance of two normal distributions fitted to features [1]_, as in the FID [2]_.

    It is ``|m - n|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2)`` for means m, n and covariances A, B. The last trace is
    the sum of the singular values of ``A^1/2 B^1/2``, and both roots are of symmetric matrices, so that nothing turns
    complex where there are fewer cells than features. It falls with more cells: compare equal numbers only.

    Parameters
    ----------
    first, second : array_like, shapes (N, D) and (M, D)
        Features of two sets of cells.

    Returns
    -------
    float
        From 0, in the squared unit of the features.

    Raises
    ------
    TooFewCellsError
        A set holds fewer than 2 cells.

    References
    ----------
    .. [1] Dowson and Landau (1982), J. Multivar. Anal. 12, 450, :doi:`10.1016/0047-259X(82)90077-X`
    .. [2] Heusel et al. (2017), NeurIPS, :arxiv:`1706.08500`

    Examples
    --------
    >>> round(frechet_distance([[0.0, 0.0], [1.0, 2.0]], [[3.0, 4.0], [4.0, 6.0]]), 6)  # moved by (3, 4)
    25.0
    """
    sets = [np.asarray(features, np.float64) for features in (first, second)]
    if min(map(len, sets)) < 2:
        raise TooFewCellsError(
            f"{len(sets[0])} and {len(sets[1])} cells can't be compared by their spread; give at least 2 of each"
        )
    covariances = [np.atleast_2d(np.cov(features, rowvar=False)) for features in sets]
    shared = np.linalg.svd(_root(covariances[0]) @ _root(covariances[1]), compute_uv=False).sum()
    moved = np.square(sets[0].mean(axis=0) - sets[1].mean(axis=0)).sum()
    return max(0.0, float(moved + sum(map(np.trace, covariances)) - 2 * shared))


def precision_recall(real: ArrayLike, made: ArrayLike, k: int = 3) -> tuple[float, float]:
    """Share of made cells that lie where real ones do, and of real cells that lie where made ones do [1]_.

    Where cells lie is the union of balls round each of them, which reach to its `k`-th nearest neighbour.

    Parameters
    ----------
    real, made : array_like, shapes (N, D) and (M, D)
        Features.
    k : int
        Neighbours in a ball.

    Returns
    -------
    tuple of float
        Precision, low if made cells look like no real ones; recall, low if they lack the variety of real ones.

    Raises
    ------
    TooFewCellsError
        A set holds no more than `k` cells.

    References
    ----------
    .. [1] Kynkäänniemi et al. (2019), NeurIPS, :arxiv:`1904.06991`

    Examples
    --------
    >>> precision_recall([[0.0], [1.0], [2.0], [3.0]], [[1.2], [1.3], [1.4], [1.5]], k=1)  # good, and all alike
    (1.0, 0.0)
    """
    sets = [np.asarray(features, np.float64) for features in (real, made)]
    if min(map(len, sets)) <= k:
        raise TooFewCellsError(
            f"{len(sets[0])} real and {len(sets[1])} made cells are too few to find {k} neighbours of each; "
            f"give at least {k + 1} of both"
        )
    return _share_within(sets[1], sets[0], k), _share_within(sets[0], sets[1], k)


def _root(covariance: Floats) -> Floats:
    """Square root of a symmetric matrix (D, D) with no eigenvalue below 0 but for rounding."""
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    return root


def _share_within(cells: Floats, others: Floats, k: int) -> float:
    """Share of cells that lie in the ball of one of the others, which reaches to the k-th nearest other one."""
    radius = nearest(feature_distances, others, others, k, own=np.arange(len(others)))[:, -1]
    starts = range(0, len(cells), BLOCK)
    return float(
        np.concatenate(
            [(feature_distances(cells[start : start + BLOCK], others) <= radius).any(axis=1) for start in starts]
        ).mean()
    )
