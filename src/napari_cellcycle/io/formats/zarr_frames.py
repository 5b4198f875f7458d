"""The frames of a zarr array, whatever the order of its axes; each piece that is stored is unpacked once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import zarr

_KEPT_PIECES = 4
"""So many that threads which read next to one another find theirs."""
_LARGEST_KEPT = 2**25
"""Bytes; the pieces of larger images hold few frames, so there is little to gain."""


@dataclass(frozen=True, eq=False)
class ZarrFrames:
    """Planes of an image as an array (F * Z, C, Y, X), or those of masks as (F, Y, X), of which rows can be read.

    Attributes
    ----------
    array : zarr.Array
        As it is stored.
    axes : str
        One letter for each of its axes. Those but z, c, y and x count frames, and one of them may be longer than 1.
    has_channels : bool
        Whether rows are (C, Y, X), also of an array without the axis c, and not (Y, X).
    """

    array: zarr.Array[Any]
    axes: str
    has_channels: bool = True
    _pieces: _Pieces = field(default_factory=lambda: _Pieces())

    @property
    def frame_axis(self) -> int | None:
        """The axis that counts frames; None if there is one frame."""
        counting = [index for index, axis in enumerate(self.axes) if axis not in "zcyx"]
        return max(counting, key=lambda index: int(self.array.shape[index]), default=None)

    def _length(self, axis: str) -> int:
        return int(self.array.shape[self.axes.index(axis)]) if axis in self.axes else 1

    @property
    def shape(self) -> tuple[int, ...]:
        n_frames = 1 if self.frame_axis is None else int(self.array.shape[self.frame_axis])
        channels = (self._length("c"),) if self.has_channels else ()
        return (n_frames * self._length("z"), *channels, self._length("y"), self._length("x"))

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(self.array.dtype)

    def read(self, rows: Sequence[int]) -> NDArray[np.generic]:
        """Rows of the array."""
        n_planes = self._length("z")
        if n_planes > 1:
            places = [divmod(row, n_planes) for row in rows]
            return np.concatenate([self._slab(_one(frame), _one(plane)) for frame, plane in places])
        wanted = np.asarray(rows, np.intp)
        length = self._piece_length()
        if length is None:
            first, last = int(wanted.min()), int(wanted.max())
            if last - first + 1 == len(wanted) and (np.diff(wanted) == 1).all():
                return self._slab(slice(first, last + 1))
            return np.concatenate([self._slab(_one(row)) for row in wanted.tolist()])
        out = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        for number in np.unique(wanted // length).tolist():
            inside = wanted // length == number
            piece = self._pieces.get(number, partial(self._slab, slice(number * length, (number + 1) * length)))
            out[inside] = piece[wanted[inside] - number * length]
        return out

    def _piece_length(self) -> int | None:
        """Frames that are stored together; None where they are not worth keeping."""
        if self.frame_axis is None:
            return None
        length = int((getattr(self.array, "shards", None) or self.array.chunks)[self.frame_axis])
        n_bytes = length * prod(self.shape[1:]) * self.dtype.itemsize
        return length if length > 1 and n_bytes <= _LARGEST_KEPT else None

    def _slab(self, frames: slice, planes: slice = slice(None)) -> NDArray[np.generic]:
        """Some frames, with their axes in the order of `shape`."""
        chosen = [
            frames if index == self.frame_axis else planes if axis == "z" else slice(None)
            for index, axis in enumerate(self.axes)
        ]
        found = np.asarray(self.array[tuple(chosen)])
        last = [self.axes.index(axis) for axis in "zcyx" if axis in self.axes]
        first = [index for index in range(found.ndim) if index not in last]
        return found.transpose([*first, *last]).reshape(-1, *self.shape[1:])


def _one(index: int) -> slice:
    return slice(index, index + 1)


class _Piece:
    """A piece that is read when it is first asked for, by one thread; others wait for that one alone."""

    def __init__(self) -> None:
        self._content: NDArray[np.generic] | None = None
        self._lock = Lock()

    def get(self, read: Callable[[], NDArray[np.generic]]) -> NDArray[np.generic]:
        with self._lock:
            if self._content is None:
                self._content = read()
            return self._content


class _Pieces:
    """The pieces that were read last; several threads may ask for them."""

    def __init__(self) -> None:
        self._known = OrderedDict[int, _Piece]()
        self._lock = Lock()

    def get(self, number: int, read: Callable[[], NDArray[np.generic]]) -> NDArray[np.generic]:
        with self._lock:
            piece = self._known.setdefault(number, _Piece())
            self._known.move_to_end(number)
            if len(self._known) > _KEPT_PIECES:
                self._known.popitem(last=False)
        return piece.get(read)

    def __reduce__(self) -> tuple[type[_Pieces], tuple[()]]:
        return _Pieces, ()  # another process reads its own
