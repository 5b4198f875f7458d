"""Sequences of cell images that are read only when needed: from an array, a selection, or several joined.

Files are read by the classes in `io`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class CellImage:
    """The raw image of one cell.

    Attributes
    ----------
    pixels : ndarray, shape (C, Y, X)
        Raw values, integer or float; channels in the order of `Cells.channels`.
    mask : ndarray of bool, shape (Y, X), or None
        Which pixels belong to the cell, if that is known.
    """

    pixels: NDArray[np.generic]
    mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Unreadable:
    """Stands for an image that can't be read, and says why in one sentence."""

    reason: str


class CellImages(Protocol):
    """A sequence of cell images that opens files only when cells are read."""

    def __len__(self) -> int: ...

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order. A cell that can't be read does not affect the others."""
        ...


@runtime_checkable
class Selective(Protocol):
    """Images of which some channels can be read without reading the others."""

    def take_planes(self, planes: Sequence[int]) -> CellImages:
        """The same cells with only the channels at `planes`, in that order."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """Images in one array (NumPy, memory map, dask, zarr) of shape (N, C, Y, X), or (N, Y, X) of one channel."""

    array: Any
    masks: Any = None
    """(N, Y, X), or None."""

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order, taken from the array all at once."""
        pixels = _rows(self.array, indices)
        if pixels.ndim == 3:
            pixels = pixels[:, None]
        if self.masks is None:
            return [CellImage(one) for one in pixels]
        return [CellImage(one, mask) for one, mask in zip(pixels, _rows(self.masks, indices) != 0, strict=True)]


def _rows(array: Any, indices: Sequence[int]) -> NDArray[Any]:
    """Rows of an array in memory, read by one slice where they lie together, as one by one is slow in lazy arrays."""
    wanted = np.asarray(indices, np.intp)
    if not len(wanted):
        return np.asarray(array[0:0])
    first, last = int(wanted.min()), int(wanted.max())
    if last - first + 1 == len(wanted) and (np.diff(wanted) == 1).all():
        return np.asarray(array[first : last + 1])
    if isinstance(array, np.ndarray):
        return np.asarray(array[wanted])
    rows, back = np.unique(wanted, return_inverse=True)  # HDF5 takes indices in ascending order only
    return np.asarray(array[rows])[back]


@dataclass(frozen=True, eq=False)
class SubsetImages:
    """The images at the indices `chosen`, shape (N,), in that order."""

    images: CellImages
    chosen: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.chosen)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        return self.images.read(self.chosen[np.asarray(indices, np.intp)].tolist())

    def take_planes(self, planes: Sequence[int]) -> CellImages:
        return replace(self, images=take_planes(self.images, planes))


def take_planes(images: CellImages, planes: Sequence[int]) -> CellImages:
    """The same cells with only some channels; the others are not read where the file format allows it.

    Parameters
    ----------
    images : CellImages
        Images with C channels.
    planes : sequence of int
        Indices of the channels to keep, in the wanted order.

    Returns
    -------
    CellImages
        Images with ``len(planes)`` channels.

    Examples
    --------
    >>> images = ArrayImages(np.arange(8).reshape(1, 2, 2, 2))
    >>> take_planes(images, [1]).read([0])[0].pixels
    array([[[4, 5],
            [6, 7]]])
    """
    return images.take_planes(planes) if isinstance(images, Selective) else PlaneImages(images, tuple(planes))


@dataclass(frozen=True, eq=False)
class PlaneImages:
    """Images with only the planes at `planes`, in that order; -1 stands for a plane filled with NaN."""

    images: CellImages
    planes: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        return [
            replace(cell, pixels=self._choose(cell.pixels)) if isinstance(cell, CellImage) else cell
            for cell in self.images.read(indices)
        ]

    def take_planes(self, planes: Sequence[int]) -> CellImages:
        chosen = tuple(self.planes[plane] for plane in planes)
        return PlaneImages(self.images, chosen) if -1 in chosen else take_planes(self.images, chosen)

    def _choose(self, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
        planes = np.array(self.planes)
        chosen = pixels[planes]
        if -1 not in planes:
            return chosen
        return np.where(planes[:, None, None] < 0, np.float32(np.nan), chosen.astype(np.float32))


@dataclass(frozen=True, eq=False)
class JoinedImages:
    """The images of several parts, one after the other."""

    parts: tuple[CellImages, ...]

    @cached_property
    def _starts(self) -> NDArray[np.intp]:
        return np.cumsum([0, *(len(part) for part in self.parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        wanted = np.asarray(indices, np.intp)
        part_of = np.searchsorted(self._starts, wanted, side="right") - 1
        found: list[CellImage | Unreadable | None] = [None] * len(wanted)
        for part in np.unique(part_of):  # one call per part, so that each part can read many cells at once
            positions = np.flatnonzero(part_of == part)
            cells = self.parts[part].read((wanted[positions] - self._starts[part]).tolist())
            for position, cell in zip(positions, cells, strict=True):
                found[position] = cell
        return [cell for cell in found if cell is not None]

    def take_planes(self, planes: Sequence[int]) -> CellImages:
        return JoinedImages(tuple(take_planes(part, planes) for part in self.parts))


_REMEMBERED_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class RememberedImages:
    """Images that are read once: the first ones that were read are kept, up to `_REMEMBERED_BYTES` of them."""

    images: CellImages
    known: dict[int, CellImage | Unreadable] = field(default_factory=dict)
    free_bytes: list[int] = field(default_factory=lambda: [_REMEMBERED_BYTES])

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        missing = [index for index in dict.fromkeys(indices) if index not in self.known]
        found = dict(zip(missing, self.images.read(missing), strict=True)) if missing else {}
        cells = [found[index] if index in found else self.known[index] for index in indices]
        size = sum(cell.pixels.nbytes for cell in found.values() if isinstance(cell, CellImage))
        if found and size <= self.free_bytes[0]:
            self.free_bytes[0] -= size
            self.known.update(found)
        return cells

    def take_planes(self, planes: Sequence[int]) -> CellImages:
        return PlaneImages(self, tuple(planes))
