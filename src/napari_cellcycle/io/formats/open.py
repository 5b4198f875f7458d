"""Opening an image file of any format, known by its first bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ReadError
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.png_jpeg import open_picture
from napari_cellcycle.io.formats.tiff import open_tiff, read_single_page
from napari_cellcycle.io.formats.zarr import open_zarr

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PICTURE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff")


def open_image(path: Path) -> ImageFile:
    """Open a TIFF, PNG or JPEG file, or an OME-Zarr folder.

    Raises
    ------
    ReadError
        It is missing, empty, not readable, or not an image.
    ImageError
        The axes of the image are not supported.
    """
    if path.is_dir():
        return open_zarr(path)
    start = _first_bytes(path)
    if start.startswith(_TIFF_MAGIC):
        return open_tiff(path)
    if start.startswith(_PICTURE_MAGIC):
        return open_picture(path)
    raise ReadError(f"{path.name} is not a TIFF, PNG or JPEG image; export it again")


def read_only_frame(path: Path) -> NDArray[np.generic] | Unreadable:
    """The pixels (C, Y, X) of a file with one frame, or the reason why they can't be read."""
    try:
        if _first_bytes(path).startswith(_TIFF_MAGIC):
            pixels = read_single_page(path)
            if pixels is not None:
                return pixels
        file = open_image(path)
    except CellCycleError as error:
        return Unreadable(str(error))
    if file.n_frames > 1:
        return Unreadable(
            f"{path.name} has {file.n_frames} images, but the other files have one cell each; open it separately"
        )
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
