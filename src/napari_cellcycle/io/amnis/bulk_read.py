"""Reading many small pieces of a file with few calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_LARGEST_GAP = 1 << 16
"""Bytes between two pieces, at most, that are read and ignored to save a call."""
LARGEST_READ = 1 << 23


def read_pieces(file: BinaryIO, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
    """Read the bytes of many pieces.

    Parameters
    ----------
    file : binary file
        Read from its beginning to its end, skipping gaps.
    starts, sizes : ndarray of int64, shape (N,)
        Offset and length of each piece in bytes.

    Returns
    -------
    list of ndarray of uint8
        In the order of `starts`; a piece is shorter if the file ends early.

    Examples
    --------
    >>> import io
    >>> [piece.tolist() for piece in read_pieces(io.BytesIO(bytes(range(9))), np.array([6, 1]), np.array([2, 3]))]
    [[6, 7], [1, 2, 3]]
    """
    pieces: list[NDArray[np.uint8]] = [np.empty(0, np.uint8)] * len(starts)
    order = np.argsort(starts, kind="stable")
    begins, ends = starts[order].tolist(), (starts + sizes)[order].tolist()
    for first, last, stop in _runs(begins, ends):
        file.seek(begins[first])
        run = np.frombuffer(file.read(stop - begins[first]), np.uint8)
        for index in range(first, last):
            pieces[order[index]] = run[begins[index] - begins[first] : ends[index] - begins[first]]
    return pieces


def _runs(begins: list[int], ends: list[int]) -> Iterator[tuple[int, int, int]]:
    """First and last (exclusive) piece of each run that is read at once, and where it stops."""
    first, stop = 0, ends[0] if ends else 0
    for index in range(1, len(begins)):
        if begins[index] > stop + _LARGEST_GAP or max(stop, ends[index]) > begins[first] + LARGEST_READ:
            yield first, index, stop
            first, stop = index, ends[index]
        stop = max(stop, ends[index])
    if begins:
        yield first, len(begins), stop
