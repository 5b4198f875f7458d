"""How alike synthetic and real cells are in the features of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.metrics import Floats
from napari_cellcycle.evaluation.synthetic.cell_distances import BLOCK, feature_distances, nearest

MIN_COMPARED = 10
"""Fewest cells on each side: 10 synthetic ones, and 20 real ones in two halves."""
_MAX_COMPARED = 300
"""Most cells of a phase on each side."""
_N_SPLITS = 5
"""Random halves; each score is the mean over them."""


@dataclass(frozen=True)
class FidelityScores:
    """Of two sets of cells: the `frechet_distance`, and both scores of `precision_recall`."""

    frechet_distance: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Fidelity:
    """How alike synthetic and real cells are.

    All three scores depend on the number of cells, so each has its yardstick: the score of as many other real cells.

    Attributes
    ----------
    synthetic : FidelityScores
        Of synthetic cells and half of the real ones.
    real : FidelityScores
        Of the other half of the real cells, in place of the synthetic ones.
    n_cells : int
        Number on each side.
    """

    synthetic: FidelityScores
    real: FidelityScores
    n_cells: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers; files of earlier versions call the synthetic cells ``made`` too."""
        return {"made": asdict(self.synthetic), "real": asdict(self.real), "n_cells": self.n_cells}


def compare_distributions(real: Sequence[Floats], synthetic: Sequence[Floats], seed: int = 0) -> Fidelity | None:
    """Compare synthetic with real cells, with equal numbers of each phase.

    The cells are drawn at random: half of the real cells of a phase or all synthetic ones, whichever are fewer, and at
    most 300. The scores are means over 5 such draws.

    Parameters
    ----------
    real, synthetic : sequence of ndarray of float64, shapes (N, D) and (M, D)
        Features of the cells of each phase, with the phases in the same order.
    seed : int
        Seed of the draws.

    Returns
    -------
    Fidelity or None
        None if fewer than 10 cells are left on each side.
    """
    numbers = [min(len(ours) // 2, len(theirs), _MAX_COMPARED) for ours, theirs in zip(real, synthetic, strict=True)]
    if sum(numbers) < MIN_COMPARED:
        return None
    random, scores = np.random.default_rng(seed), []
    for _ in range(_N_SPLITS):
        drawn = [random.permutation(ours)[: 2 * n] for ours, n in zip(real, numbers, strict=True)]
        half, other = (np.concatenate([ours[start::2] for ours in drawn]) for start in (0, 1))
        fake = np.concatenate([random.permutation(theirs)[:n] for theirs, n in zip(synthetic, numbers, strict=True)])
        scores.append([(frechet_distance(half, some), *precision_recall(half, some)) for some in (fake, other)])
    of_synthetic, of_real = np.mean(scores, axis=0).tolist()
    return Fidelity(FidelityScores(*of_synthetic), FidelityScores(*of_real), sum(numbers))


def frechet_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Fréchet distance of two normal distributions fitted to features [1]_, as in the FID [2]_.

    It is ``|m - n|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2)`` for means m, n and covariances A, B. The last trace is
    the sum of the singular values of ``A^1/2 B^1/2``. Both roots are of symmetric matrices, so nothing becomes complex
    where there are fewer cells than features. The distance falls with more cells: compare equal numbers only.

    Parameters
    ----------
    first, second : array_like, shapes (N, D) and (M, D)
        Features of two sets of cells.

    Returns
    -------
    float
        At least 0, in the squared unit of the features.

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
            f"{len(sets[0])} and {len(sets[1])} cells are too few to measure their spread; give at least 2 of each"
        )
    covariances = [np.atleast_2d(np.cov(features, rowvar=False)) for features in sets]
    shared = np.linalg.svd(_root(covariances[0]) @ _root(covariances[1]), compute_uv=False).sum()
    moved = np.square(sets[0].mean(axis=0) - sets[1].mean(axis=0)).sum()
    return max(0.0, float(moved + sum(map(np.trace, covariances)) - 2 * shared))


def precision_recall(real: ArrayLike, synthetic: ArrayLike, k: int = 3) -> tuple[float, float]:
    """Share of synthetic cells that lie among real ones, and of real cells that lie among synthetic ones [1]_.

    A cell lies among others if it is inside a ball around one of them that reaches to its `k`-th nearest neighbour.

    Parameters
    ----------
    real, synthetic : array_like, shapes (N, D) and (M, D)
        Features in a common unit.
    k : int
        Neighbours in a ball.

    Returns
    -------
    tuple of float
        Precision, low if synthetic cells look like no real ones; recall, low if they lack the variety of real ones.

    Raises
    ------
    TooFewCellsError
        A set holds no more than `k` cells.

    References
    ----------
    .. [1] Kynkäänniemi et al. (2019), NeurIPS, :arxiv:`1904.06991`

    Examples
    --------
    >>> precision_recall([[0.0], [1.0], [2.0], [3.0]], [[1.2], [1.3], [1.4], [1.5]], k=1)  # realistic, but all alike
    (1.0, 0.0)
    """
    sets = [np.asarray(features, np.float64) for features in (real, synthetic)]
    if min(map(len, sets)) <= k:
        raise TooFewCellsError(
            f"{len(sets[0])} real and {len(sets[1])} synthetic cells are too few to find {k} neighbours of each; "
            f"give at least {k + 1} of both"
        )
    return _share_within(sets[1], sets[0], k), _share_within(sets[0], sets[1], k)


def _root(covariance: Floats) -> Floats:
    """Square root of a symmetric matrix (D, D) with no eigenvalue below 0 except by rounding."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def _share_within(cells: Floats, others: Floats, k: int) -> float:
    """Share of cells that lie in the ball of another one, which reaches to that one's k-th nearest neighbour."""
    radius = nearest(feature_distances, others, others, k, own=np.arange(len(others)))[:, -1]
    blocks = (cells[start : start + BLOCK] for start in range(0, len(cells), BLOCK))
    return float(np.concatenate([(feature_distances(block, others) <= radius).any(axis=1) for block in blocks]).mean())
