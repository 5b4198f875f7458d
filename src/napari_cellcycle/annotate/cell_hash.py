"""Numbers that belong to cells for good, whichever other cells are opened with them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_table import LabelTable

Hashes = NDArray[np.uint64]
HELD_OUT_PARTS = 3
"""One in so many of the cells that are drawn at random is held out."""


def cell_hashes(sources: Sequence[str] | NDArray[np.str_], ids: NDArray[np.int64], salt: str) -> Hashes:
    """Draw a number for each cell that looks random, and is always the same for this cell.

    Parameters
    ----------
    sources, ids : array_like, shape (N,)
        The cells, as in `Cells`.
    salt : str
        What the numbers are for; another salt gives numbers that have nothing to do with the first ones.

    Returns
    -------
    ndarray of uint64, shape (N,)
        Uniform over all numbers.
    """
    different, index = np.unique(np.asarray(sources, dtype=str), return_inverse=True)
    of_source = [blake2b(f"{salt}\0{source}".encode(errors="replace"), digest_size=8) for source in different.tolist()]
    starts = np.array([int.from_bytes(found.digest(), "little") for found in of_source], np.uint64)
    return _mixed(starts[index] + _mixed(ids.astype(np.uint64)))


def in_held_out_part(labels: LabelTable) -> NDArray[np.bool_]:
    """Cells that may only be labelled for testing, shape (N,): one in `HELD_OUT_PARTS`, chosen by chance.

    Whether a cell is among them depends on the name of its file and its number, and on nothing else, so that it stays
    the same in every round, and wherever the data are copied to. Queues that choose cells leave them alone: if the
    cells that a model is sure of were taken away first, those that are left would make it look too bad.
    """
    names = np.array([source.rpartition("/")[2] for source in labels.sources.tolist()], dtype=str)
    return cell_hashes(names, labels.ids, "held out") % np.uint64(HELD_OUT_PARTS) == 0


def held_out_rows(labels: LabelTable) -> NDArray[np.bool_]:
    """Labelled cells that no model is trained on, so that it can be tested on them, shape (N,).

    They are the cells of the held-out part that were drawn at random.
    """
    return labels.drawn_at_random & in_held_out_part(labels)


def _mixed(numbers: Hashes) -> Hashes:
    """The last steps of SplitMix64, after which each bit depends on all others (:doi:`10.1145/2660193.2660195`)."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
