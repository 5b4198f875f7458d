"""Many small pieces of a file in few reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

LARGEST_GAP = 1 << 16
"""Bytes that are read and dropped rather than looked for again."""
LARGEST_READ = 1 << 23


def read_pieces(file: BinaryIO, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
    """Bytes of each piece, in the order asked for; shorter where the file ends early.

    Parameters
    ----------
    file : binary file
        Read from its beginning to its end, skipping gaps.
    starts, sizes : ndarray of int64, shape (N,)
        Where each piece lies, and its number of bytes.
    """
    pieces: list[NDArray[np.uint8]] = [np.empty(0, np.uint8)] * len(starts)
    order = np.argsort(starts, kind="stable")
    begins, ends = starts[order].tolist(), (starts + sizes)[order].tolist()
    for first, last, stop in _runs(begins, ends):
        file.seek(begins[first])
        run = np.frombuffer(file.read(stop - begins[first]), np.uint8)
        for place in range(first, last):
            pieces[order[place]] = run[begins[place] - begins[first] : ends[place] - begins[first]]
    return pieces


def _runs(begins: list[int], ends: list[int]) -> Iterator[tuple[int, int, int]]:
    """First and last (exclusive) piece of each stretch that is read at once, and where it stops."""
    first, stop = 0, ends[0] if ends else 0
    for place in range(1, len(begins)):
        if begins[place] > stop + LARGEST_GAP or max(stop, ends[place]) > begins[first] + LARGEST_READ:
            yield first, place, stop
            first, stop = place, ends[place]
        stop = max(stop, ends[place])
    if begins:
        yield first, len(begins), stop
