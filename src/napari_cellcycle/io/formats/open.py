"""One image file: what its header says, and its planes when they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ReadError
from napari_cellcycle.io.formats.base import ImageFile

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PICTURE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff")


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
        from napari_cellcycle.io.formats.zarr import open_zarr

        return open_zarr(path)
    start = _first_bytes(path)
    if start.startswith(_TIFF_MAGIC):
        from napari_cellcycle.io.formats.tiff import open_tiff

        return open_tiff(path)
    if start.startswith(_PICTURE_MAGIC):
        from napari_cellcycle.io.formats.png_jpeg import open_picture

        return open_picture(path)
    raise ReadError(f"{path.name} is no TIFF, PNG or JPEG image, whatever its name says; export it again")


def read_only_frame(path: Path) -> NDArray[np.generic] | Unreadable:
    """The (C, Y, X) pixels of a file that holds one frame, or the reason why it doesn't."""
    try:
        if _first_bytes(path).startswith(_TIFF_MAGIC):
            from napari_cellcycle.io.formats.tiff import read_single_page

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
