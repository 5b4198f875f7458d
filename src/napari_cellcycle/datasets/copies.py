"""Find cells that count twice among those that are classified, without reading all of them once more."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cells import Cells
from napari_cellcycle.images.batches import read_batch

_MOST_READ = 1000


def copies_note(cells: Cells, probabilities: NDArray[np.float32]) -> str:
    """What a user should know of cells that are there more than once.

    Equal images have equal probabilities, so only cells that share theirs with another cell are read and compared.

    Parameters
    ----------
    cells : Cells
        N cells.
    probabilities : ndarray of float32, shape (N, P)
        What a model said of them; NaN where a cell could not be read.

    Returns
    -------
    str
        One sentence; empty if no two of the compared cells have the same pixels.
    """
    candidates = _with_equal_rows(probabilities)
    found = read_batch(cells, candidates[:_MOST_READ])
    first: dict[bytes, int] = {}
    copies: list[tuple[int, int]] = []
    for index, cell in zip(found.positions.tolist(), found.read, strict=True):
        if isinstance(cell, CellImage):
            digest = blake2b(cell.pixels.tobytes(), digest_size=16).digest() + bytes(str(cell.pixels.shape), "ascii")
            original = first.setdefault(digest, index)
            copies += [(original, index)] if original != index else []
    if not copies:
        return ""
    at_least = "at least " if len(candidates) > _MOST_READ else ""
    where, copy = (f"{cells.sources[i]} cell {cells.ids[i]}" for i in min(copies))
    have = "cell has" if len(copies) == 1 else "cells have"
    return (
        f"{at_least}{len(copies):,} {have} the same pixels as another one, such as {copy} and {where}; all of them "
        "count, so leave out copies of files"
    )


def _with_equal_rows(probabilities: NDArray[np.float32]) -> NDArray[np.intp]:
    """Indices of the rows that are there more than once; copies next to each other."""
    known = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
    # Rounded, as the last bits of a network depend on the other cells of a batch
    rounded = np.ascontiguousarray(np.round(probabilities[known], 5) + np.float32(0))
    rows = rounded.view(np.dtype((np.void, rounded.itemsize * rounded.shape[1]))).ravel()
    order = np.argsort(rows, kind="stable")
    same = rows[order][1:] == rows[order][:-1]
    return known[order][np.r_[same, False] | np.r_[False, same]] if len(known) else known
