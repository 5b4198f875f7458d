"""Stacks of cell images of equal size: their specification, and writing them block by block as OME-TIFF."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_cellcycle.io.formats.base import SYNTHETIC

_BLOCK_BYTES = 1 << 22
_CLASSIC_TIFF_BYTES = 3_900_000_000


@dataclass(frozen=True)
class StackSpec:
    """What a stack of cells contains.

    Attributes
    ----------
    shape : tuple of int
        Number of cells and channels, height and width in pixels.
    dtype : dtype
        Data type of the pixels.
    channels : tuple of str
        Names of the channels.
    pixel_size_um : float or None
        Edge of a pixel in micrometres, if it is known and the same for all cells.
    synthetic : bool
        Whether any of the cells is synthetic.
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
        """Size of the pixels of one cell in bytes."""
        return prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def block_cells(self) -> int:
        """Cells to write at once; other block sizes are slower."""
        return min(self.shape[0], max(1, _BLOCK_BYTES // self.cell_bytes))


PutBlock = Callable[[int, NDArray[np.generic], NDArray[np.uint8]], None]
"""Writes images (N, C, Y, X) and masks (N, Y, X) of consecutive cells, given the position of the first one."""


@contextmanager
def tiff_stack(path: Path, spec: StackSpec) -> Iterator[PutBlock]:
    """Create an uncompressed OME-TIFF without masks. Its cells lie along T, as OME has no axis for cells.

    Parameters
    ----------
    path : Path
        The new file.
    spec : StackSpec
        What it contains.

    Yields
    ------
    PutBlock
        Fills the stack, block by block.
    """
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
