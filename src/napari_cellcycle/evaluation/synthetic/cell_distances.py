"""Distances between cells: of their features, and of their pixels at the best of several shifts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from napari_cellcycle.evaluation.metrics import Floats

Images = NDArray[np.float32]
Measure = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
"""Gives the distances (M, N) of M cells to N others."""

BLOCK = 512
"""Cells compared at a time, so that memory does not grow with the product of both numbers."""


def feature_distances(first: Floats, second: Floats) -> Floats:
    """Euclidean distances of features.

    Parameters
    ----------
    first, second : ndarray of float64, shapes (M, D) and (N, D)
        Features in any common unit.

    Returns
    -------
    ndarray of float64, shape (M, N)
        In the unit of the features; exactly 0 for equal rows.
    """
    return cdist(first, second)


def pixel_distances(cells: Images, others: Images, shift_px: int) -> Images:
    """Distance of each cell to each other one: the smallest over all shifts and a vertical flip of a possible copy.

    The window of a cell that leaves `shift_px` pixels on each side is compared with every window of that size of the
    other cell, upright and upside down. So nothing outside of an image has to be known. Left and right are not flipped,
    as the light comes from one side.

    Parameters
    ----------
    cells, others : ndarray of float32, shapes (M, C, S, S) and (N, C, S, S)
        In a common unit, with a spread near 1; S is more than twice `shift_px`.
    shift_px : int
        Largest shift of a copy in pixels: up, down, left and right.

    Returns
    -------
    ndarray of float32, shape (M, N)
        Euclidean, in the unit of the images. By rounding, equal cells differ by about a thousandth of their norm.
    """
    length = cells.shape[-1] - 2 * shift_px
    middle = slice(shift_px, shift_px + length)
    centres = cells[:, :, middle, middle].reshape(len(cells), -1)
    squares = np.full((len(cells), len(others)), np.inf, np.float32)
    corners = range(2 * shift_px + 1)
    for start in range(0, len(others), BLOCK):
        upright = others[start : start + BLOCK]
        least = squares[:, start : start + BLOCK]
        for block, top, left in product((upright, upright[:, :, ::-1]), corners, corners):
            window = block[:, :, top : top + length, left : left + length].reshape(len(block), -1)
            np.minimum(least, _squares(centres, window), out=least)
    return np.sqrt(squares.clip(0))


def nearest(
    measure: Measure, cells: NDArray[Any], others: NDArray[Any], n: int, *, own: NDArray[np.intp] | None = None
) -> Floats:
    """Distances of each cell to its nearest neighbours.

    Parameters
    ----------
    measure : callable
        Gives the distances (M, N) of M cells to N others, such as `feature_distances`.
    cells, others : ndarray, shapes (M, ...) and (N, ...)
        What `measure` takes.
    n : int
        Number of neighbours, at most N, or N - 1 with `own`.
    own : ndarray of int, shape (M,), optional
        Index of each cell among the others, if they are the same cells: a cell is no neighbour of itself.

    Returns
    -------
    ndarray of float64, shape (M, n)
        The nearest first.

    Examples
    --------
    >>> nearest(feature_distances, np.array([[0.0]]), np.array([[3.0], [1.0], [7.0]]), 2).tolist()
    [[1.0, 3.0]]
    """
    found = np.empty((len(cells), n))
    for start in range(0, len(cells), BLOCK):
        distances = measure(cells[start : start + BLOCK], others)
        if own is not None:
            distances[np.arange(len(distances)), own[start : start + BLOCK]] = np.inf
        found[start : start + BLOCK] = np.sort(np.partition(distances, n - 1, axis=1)[:, :n], axis=1)
    return found


def _squares(first: Images, second: Images) -> Images:
    """Squared distances (M, N) of the rows of (M, D) and (N, D), by one matrix product."""
    lengths = [np.einsum("nd,nd->n", rows, rows) for rows in (first, second)]
    return lengths[0][:, None] + lengths[1] - 2 * (first @ second.T)
