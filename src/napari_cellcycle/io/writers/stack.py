"""Stacks of equal cell images, written block by block: OME-TIFF here, OME-Zarr in its own module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.io.formats.base import SYNTHETIC

_BLOCK_BYTES = 1 << 22
_CLASSIC_TIFF_BYTES = 3_900_000_000


@dataclass(frozen=True)
class StackSpec:
    """What a stack of cells will hold.

    Attributes
    ----------
    shape : tuple of int
        Cells, channels, height, width.
    dtype : dtype
        Of the pixels.
    channels : tuple of str
        Their names.
    pixel_size_um : float or None
        Edge of a pixel in micrometres, where it is known and the same for all.
    synthetic : bool
        Whether a generator made any of the cells.
    masks : bool
        Whether the cells have masks.
    """

    shape: tuple[int, int, int, int]
    dtype: np.dtype[np.generic]
    channels: tuple[str, ...]
    pixel_size_um: float | None
    synthetic: bool
    masks: bool

    @property
    def cell_bytes(self) -> int:
        """Bytes of one cell's pixels."""
        return prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def block_cells(self) -> int:
        """Cells that are written at once; blocks of another size are slower."""
        return min(self.shape[0], max(1, _BLOCK_BYTES // self.cell_bytes))


PutBlock = Callable[[int, NDArray[np.generic], NDArray[np.uint8]], None]
"""Writes images (N, C, Y, X) and masks (N, Y, X) of some cells in a row, given the position of the first."""


@contextmanager
def tiff_stack(path: Path, spec: StackSpec) -> Iterator[PutBlock]:
    """An uncompressed OME-TIFF to be filled, without masks; its cells lie along T, as OME has no axis for them."""
    import tifffile

    with tifffile.TiffWriter(path, ome=True, bigtiff=spec.shape[0] * spec.cell_bytes > _CLASSIC_TIFF_BYTES) as tiff:
        tiff.write(shape=spec.shape, dtype=spec.dtype, photometric="minisblack", metadata=_ome(spec))
    with tifffile.TiffFile(path) as written:
        offset = written.pages.first.dataoffsets[0]
    with path.open("r+b") as file:

        def put(first: int, images: NDArray[np.generic], _: NDArray[np.uint8]) -> None:
            file.seek(offset + first * spec.cell_bytes)
            file.write(np.ascontiguousarray(images, spec.dtype).data)

        yield put


def _ome(spec: StackSpec) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "TCYX", "Channel": {"Name": list(spec.channels)}}
    if spec.pixel_size_um is not None:
        metadata |= {f"PhysicalSize{axis}": spec.pixel_size_um for axis in "XY"}
        metadata |= {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    if spec.synthetic:
        metadata["Description"] = SYNTHETIC
    return metadata
