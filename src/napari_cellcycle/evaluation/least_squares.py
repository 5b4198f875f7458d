"""Least squares without negative values, many small problems at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TOLERANCE = 1e-13
"""Of the largest number in a problem; a slope below that is rounding."""


def nonnegative_least_squares(matrix: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve problems by the method of Lawson and Hanson [1]_, all of them in each of its steps.

    SciPy solves them one by one, and its import takes longer than to classify a few hundred cells.

    Parameters
    ----------
    matrix : ndarray, shape (B, M, N)
        One matrix for each problem, with independent columns.
    target : ndarray, shape (B, M)
        What the products with the solutions are to be near to.

    Returns
    -------
    ndarray, shape (B, N)
        Solutions; none has a negative value.

    References
    ----------
    .. [1] Lawson and Hanson (1974), Solving Least Squares Problems, chapter 23, :doi:`10.1137/1.9781611971217`

    Examples
    --------
    >>> nonnegative_least_squares(np.eye(2)[None], np.array([[3.0, -1.0]]))
    array([[3., 0.]])
    """
    products = matrix.transpose(0, 2, 1) @ matrix
    wanted = np.einsum("bmn,bm->bn", matrix, target)
    limit = _TOLERANCE * np.abs(wanted).max(axis=1, initial=0)
    found, is_free = np.zeros_like(wanted), np.zeros(wanted.shape, bool)
    for _ in range(3 * wanted.shape[1]):
        slope = np.where(is_free, -np.inf, wanted - np.einsum("bnk,bk->bn", products, found))
        growing = np.flatnonzero(slope.max(axis=1) > limit)
        if not len(growing):
            break
        is_free[growing, slope[growing].argmax(axis=1)] = True
        found[growing], is_free[growing] = _within_bounds(
            products[growing], wanted[growing], found[growing], is_free[growing]
        )
    return found


def _within_bounds(
    products: NDArray[np.float64], wanted: NDArray[np.float64], found: NDArray[np.float64], is_free: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Solve for the free values; those that would become negative stop at 0 and are no longer free."""
    while True:
        solved = _solved(products, wanted, is_free)
        crosses = is_free & (solved <= 0)
        if not crosses.any():
            return solved, is_free
        step = np.where(crosses, found / np.where(crosses, found - solved, 1), 1.0)
        found = found + step.min(axis=1, keepdims=True) * (solved - found)
        is_free = is_free & ~(crosses & (step <= step.min(axis=1, keepdims=True)))
        found = np.where(is_free, found, 0.0)


def _solved(
    products: NDArray[np.float64], wanted: NDArray[np.float64], is_free: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Least squares with the values that are free; the others are 0."""
    both = is_free[:, :, None] & is_free[:, None, :]
    reduced = np.where(both, products, np.eye(wanted.shape[1]) * ~is_free[:, None, :])
    return np.linalg.solve(reduced, np.where(is_free, wanted, 0.0)[..., None])[..., 0]
