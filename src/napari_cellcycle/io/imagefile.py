"""One image file: what its header says, and its planes when they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ReadError

LARGEST_CELL_PX = 150
"""Images with longer edges are fields or montages, unless the caller says otherwise."""

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PICTURE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff")


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageFile(ABC):
    """An image file that was opened once to see what is in it.

    Attributes
    ----------
    path : Path
        The file.
    axes : str
        Its axes as the file names them, ``NCYX`` for instance.
    frame_axes : str
        Those among them that count frames: cells, or points in time.
    n_frames : int
        How many frames these are.
    channels : tuple of str
        Names of the channels, empty where the file gives none.
    shape : tuple of int
        Height and width of the first frame, in pixels.
    dtype : dtype
        Type of the pixels.
    pixel_size_um : float or None
        Edge of a pixel in micrometres, where the file tells it.
    synthetic : bool
        Whether the file says that a generator made it.
    damage : str
        What is wrong with the file although some of it can be read; empty if nothing is.
    labels : Path or None
        A label image that it holds itself.
    """

    path: Path
    axes: str
    frame_axes: str
    n_frames: int
    channels: tuple[str, ...]
    shape: tuple[int, int]
    dtype: np.dtype[np.generic]
    pixel_size_um: float | None = None
    synthetic: bool = False
    damage: str = ""
    labels: Path | None = None

    @abstractmethod
    def read(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        """The frames asked for, each (C, Y, X)."""


def open_image(path: Path) -> ImageFile:
    """Open an image file of any kind that is known by its first bytes, or a folder that is an OME-Zarr image.

    Raises
    ------
    ReadError
        The file is missing, empty, may not be read, or is no image.
    ImageError
        An OME-Zarr has an axis that can't be read as cells or points in time.
    """
    if path.is_dir():
        from napari_cellcycle.io.zarr import open_zarr

        return open_zarr(path)
    start = _first_bytes(path)
    if start.startswith(_TIFF_MAGIC):
        from napari_cellcycle.io.tiff import open_tiff

        return open_tiff(path)
    if start.startswith(_PICTURE_MAGIC):
        from napari_cellcycle.io.picture import open_picture

        return open_picture(path)
    raise ReadError(f"{path.name} is no TIFF, PNG or JPEG image, whatever its name says; export it again")


def read_only_frame(path: Path) -> NDArray[np.generic] | Unreadable:
    """The (C, Y, X) pixels of a file that holds one frame, or the reason why it doesn't."""
    try:
        if _first_bytes(path).startswith(_TIFF_MAGIC):
            from napari_cellcycle.io.tiff import read_single_page

            pixels = read_single_page(path)
            if pixels is not None:
                return pixels
        file = open_image(path)
    except CellCycleError as error:
        return Unreadable(str(error))
    if file.n_frames > 1:
        return Unreadable(f"{path.name} holds {file.n_frames} images among files of one cell each; open it on its own")
    return file.read([0])[0]


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError as error:
        raise ReadError(f"{path} does not exist; check the name") from error
    except OSError as error:
        raise ReadError(f"{path} can't be read ({error.strerror}); check its permissions") from error
    if not start:
        raise ReadError(f"{path.name} is empty; export or copy it again")
    return start
