"""Which cells decisions, lists or calls are about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEAR_PX = 10.0
"""A cell whose middle moved less is the same cell after its outline was mended."""


def match_cells(
    sources: NDArray[np.str_], ids: NDArray[np.int64], of_sources: Sequence[str], of_ids: Sequence[int]
) -> NDArray[np.intp]:
    """Find cells by where they come from.

    Parameters
    ----------
    sources, ids : ndarray, shape (N,)
        All cells.
    of_sources, of_ids : sequence, length K
        The cells to find.

    Returns
    -------
    ndarray of intp, shape (K,)
        Their positions among the N; -1 where there is no such cell.
    """
    if not len(of_ids) or not len(ids):
        return np.full(len(of_ids), -1, np.intp)
    wanted = dict.fromkeys(of_sources)
    candidates = np.flatnonzero(np.isin(sources, np.array(list(wanted))))
    keys = zip(sources[candidates].tolist(), ids[candidates].tolist(), strict=True)
    known = dict(zip(keys, candidates.tolist(), strict=True))
    return np.array([known.get(key, -1) for key in zip(of_sources, of_ids, strict=True)], np.intp)


def match_positions(
    sources: NDArray[np.str_],
    positions: NDArray[np.float64],
    of_sources: Sequence[str],
    of_positions: Sequence[Sequence[float]],
) -> NDArray[np.intp]:
    """Find cells of full-field images by where they are.

    Parameters
    ----------
    sources : ndarray of str, shape (N,)
        The image or frame of each cell.
    positions : ndarray, shape (N, 2)
        Row and column of each cell's middle in pixels, NaN where it is not known.
    of_sources, of_positions : sequence, length K
        The cells to find.

    Returns
    -------
    ndarray of intp, shape (K,)
        The nearest cell, at most `NEAR_PX` away; -1 where there is none.
    """
    from scipy.spatial import cKDTree

    found = np.full(len(of_sources), -1, np.intp)
    wanted_sources, wanted = np.array(of_sources, dtype=str), np.array(of_positions, np.float64).reshape(-1, 2)
    for source in dict.fromkeys(of_sources):
        here = np.flatnonzero((sources == source) & np.isfinite(positions).all(axis=1))
        asked = np.flatnonzero(wanted_sources == source)
        if len(here):
            _, nearest = cKDTree(positions[here]).query(wanted[asked], distance_upper_bound=NEAR_PX)
            is_near = nearest < len(here)
            found[asked[is_near]] = here[nearest[is_near]]
    return found
