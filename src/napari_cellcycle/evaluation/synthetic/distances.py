"""How far cells lie from each other: by features, and by pixels however one of them was moved."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Images = NDArray[np.float32]
Measure = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
"""Gives the distances (M, N) of M cells to N others."""

BLOCK = 512
"""Cells compared at a time: memory does not grow with the product of both numbers."""


def feature_distances(first: Floats, second: Floats) -> Floats:
    """Euclidean distances (M, N) of features (M, D) and (N, D), exact also of equal ones."""
    from scipy.spatial.distance import cdist

    distances: Floats = cdist(first, second)
    return distances


def pixel_distances(cells: Images, others: Images, shift_px: int) -> Images:
    """Distance of each cell to each other one, the least over the ways in which a copy may have been moved.

    The window of a cell that leaves `shift_px` pixels on each side is compared with every window of that size of the
    other cell, as it is and upside down: so nothing need be known of what lies outside of an image. Left and right
    stay, as light comes from one side.

    Parameters
    ----------
    cells, others : ndarray of float32, shapes (M, C, S, S) and (N, C, S, S)
        In one unit, near 1; S is more than twice `shift_px`.
    shift_px : int
        By how many pixels a copy may be moved up, down, left and right.

    Returns
    -------
    ndarray of float32, shape (M, N)
        Euclidean, in the unit of the images. Rounding leaves equal cells apart by about a thousandth of their norm.
    """
    length = cells.shape[-1] - 2 * shift_px
    middle = slice(shift_px, shift_px + length)
    looked_for = cells[:, :, middle, middle].reshape(len(cells), -1)
    squares = np.full((len(cells), len(others)), np.inf, np.float32)
    corners = range(2 * shift_px + 1)
    for start in range(0, len(others), BLOCK):
        upright = others[start : start + BLOCK]
        least = squares[:, start : start + BLOCK]
        for block, top, left in product((upright, upright[:, :, ::-1]), corners, corners):
            window = block[:, :, top : top + length, left : left + length].reshape(len(block), -1)
            np.minimum(least, _squares(looked_for, window), out=least)
    return np.sqrt(squares.clip(0))


def nearest(
    measure: Measure, cells: NDArray[Any], others: NDArray[Any], n: int, *, own: NDArray[np.intp] | None = None
) -> Floats:
    """Distances (M, n) of each of M cells to the nearest `n` others, rising.

    `own`, shape (M,), says which of the others each cell is itself, where they are the same cells: that one is left
    out.
    """
    found = np.empty((len(cells), n))
    for start in range(0, len(cells), BLOCK):
        distances = measure(cells[start : start + BLOCK], others)
        if own is not None:
            distances[np.arange(len(distances)), own[start : start + BLOCK]] = np.inf
        found[start : start + BLOCK] = np.sort(np.partition(distances, n - 1, axis=1)[:, :n], axis=1)
    return found


def _squares(first: Images, second: Images) -> Images:
    """Squared distances (M, N) of the rows of (M, D) and (N, D), by one product of matrices."""
    lengths = [np.einsum("nd,nd->n", rows, rows) for rows in (first, second)]
    squares: Images = lengths[0][:, None] + lengths[1] - 2 * (first @ second.T)
    return squares
