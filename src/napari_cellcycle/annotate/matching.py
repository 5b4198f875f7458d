"""Which cells decisions, lists or calls are about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
