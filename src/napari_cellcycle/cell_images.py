"""Where the pixels of cells come from: read when asked for, chosen, joined and filled up without being read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class CellImage:
    """One cell as its instrument recorded it.

    Attributes
    ----------
    pixels : ndarray, shape (C, Y, X)
        Raw values, integer or float; channels in the order of `Cells.channels`.
    mask : ndarray of bool, shape (Y, X), or None
        Which pixels belong to the cell, where that is known.
    """

    pixels: NDArray[np.generic]
    mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Unreadable:
    """Stands in the place of a cell whose image can't be read, and says why in one sentence."""

    reason: str


class CellImages(Protocol):
    """Where images come from: a sequence that opens files only when asked for cells."""

    def __len__(self) -> int: ...

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order. One bad cell spoils no other."""
        ...


@runtime_checkable
class Selective(Protocol):
    """Images that can be read with some channels only, which saves the reading of the others."""

    def take_planes(self, planes: Sequence[int]) -> CellImages:
        """The same cells with the channels at `planes`, in that order."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """Images that lie in one array (NumPy, memory map, dask or zarr), shape (N, C, Y, X)."""

    array: NDArray[np.generic]
    masks: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.array)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The planes at `indices`, each an array of its own."""
        return [CellImage(np.asarray(self.array[i]), None if self.masks is None else self.masks[i]) for i in indices]


@dataclass(frozen=True, eq=False)
class SubsetImages:
    images: CellImages
    chosen: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.chosen)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        return self.images.read(self.chosen[np.asarray(indices, np.intp)].tolist())

    def take_planes(self, planes: Sequence[int]) -> CellImages:
        return replace(self, images=take_planes(self.images, planes))


def take_planes(images: CellImages, planes: Sequence[int]) -> CellImages:
    return images.take_planes(planes) if isinstance(images, Selective) else _PlaneImages(images, list(planes))


@dataclass(frozen=True, eq=False)
class _PlaneImages:
    images: CellImages
    planes: list[int]

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        found = self.images.read(indices)
        return [replace(c, pixels=c.pixels[self.planes]) if isinstance(c, CellImage) else c for c in found]


@dataclass(frozen=True, eq=False)
class JoinedImages:
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
        for part in np.unique(part_of):  # each part is asked once, so that it can read in one go
            places = np.flatnonzero(part_of == part)
            cells = self.parts[part].read((wanted[places] - self._starts[part]).tolist())
            for place, cell in zip(places, cells, strict=True):
                found[place] = cell
        return [cell for cell in found if cell is not None]

    def take_planes(self, planes: Sequence[int]) -> CellImages:
        return JoinedImages(tuple(take_planes(part, planes) for part in self.parts))


@dataclass(frozen=True, eq=False)
class BlankedImages:
    """Images with further planes that are NaN: those whose place is -1."""

    images: CellImages
    places: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        return [self._filled(cell) if isinstance(cell, CellImage) else cell for cell in self.images.read(indices)]

    def take_planes(self, planes: Sequence[int]) -> CellImages:
        places = tuple(self.places[plane] for plane in planes)
        return replace(self, places=places) if -1 in places else take_planes(self.images, places)

    def _filled(self, cell: CellImage) -> CellImage:
        pixels = np.full((len(self.places), *cell.pixels.shape[1:]), np.nan, np.float32)
        for plane, place in enumerate(self.places):
            if place >= 0:
                pixels[plane] = cell.pixels[place]
        return replace(cell, pixels=pixels)
