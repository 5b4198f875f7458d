"""How calls and labels agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_table import LabelTable


def differs(called: NDArray[np.int8], labels: LabelTable) -> NDArray[np.bool_]:
    """Which cells were called another phase than their label says.

    Parameters
    ----------
    called : ndarray of int8, shape (N,)
        Phases as a model called them.
    labels : LabelTable
        Of these cells.

    Returns
    -------
    ndarray of bool, shape (N,)
        False where a cell has no label, or was not called.
    """
    n_phases, rows = len(labels.phase_set), np.arange(len(labels))
    return (labels.labels >= 0) & (called >= 0) & (called < n_phases) & (labels.own_phases_of(rows) != called)


def in_words(called: NDArray[np.int8], labels: LabelTable) -> str:
    """How many cells are labelled, and how many of them were called otherwise.

    Parameters
    ----------
    called : ndarray of int8, shape (N,)
        Phases as a model called them.
    labels : LabelTable
        Of these cells.

    Returns
    -------
    str
        A sentence without a full stop; empty if nothing is labelled.
    """
    if not labels.decided.any():
        return ""
    parts = [
        f"labelled: {int((labels.labels >= 0).sum()):,}",
        f"called otherwise: {int(differs(called, labels).sum()):,}",
    ]
    parts += [f"unsure: {n:,}"] if (n := int(labels.unsure.sum())) else []
    parts += [f"disputed: {n:,}"] if (n := int(labels.disputed.sum())) else []
    return ", ".join(parts)
