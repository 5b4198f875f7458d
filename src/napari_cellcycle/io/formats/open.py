"""Opening an image file of any format, known by its first bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError
from napari_cellcycle.io.formats.base import SMALLEST_CELL_PX, ImageFile
from napari_cellcycle.io.formats.ome_xml import COMPANION
from napari_cellcycle.io.formats.png_jpeg import open_picture, read_grey_png
from napari_cellcycle.io.formats.tiff import open_tiff, read_single_page
from napari_cellcycle.io.formats.zarr import open_zarr
from napari_cellcycle.io.plain_files import check_plain

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NUMPY_MAGIC = b"\x93NUMPY"
_ALWAYS_FITS = 64 * 2**20
_MOST_PACKED = 900
"""A camera's image is packed to a tenth; an empty one to a thousandth."""
_PICTURE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff")


def open_images(
    path: Path, layout: str = "auto", plane: int | None = None, *, as_channels: bool = False
) -> list[ImageFile]:
    """Open a TIFF, PNG or JPEG file, or an OME-Zarr folder.

    Parameters
    ----------
    path : Path
        The file or folder.
    layout : {"auto", "cells", "field", "montage"}
        What the user says that an image shows.
    plane : int, optional
        The focal plane that the user wants.
    as_channels : bool
        The user numbers channels, so pages without a meaning are channels.

    Returns
    -------
    list of ImageFile
        One, or each field of a file with several.

    Raises
    ------
    ReadError
        It is missing, empty, not readable, or not an image.
    ImageError
        The axes of the image are not supported, or it is too small for a cell.
    """
    images = _open(path, layout, plane, as_channels)
    for image in images:
        if min(image.shape) < SMALLEST_CELL_PX:
            raise ImageError(
                f"{path.name} shows {image.shape[0]} x {image.shape[1]} pixels, too few for a cell; "
                f"check the order of its axes ({image.axes})"
            )
        _check_plausible(image)
    return images


def _check_plausible(image: ImageFile) -> None:
    """Refuse an image that unpacks to far more than its file can mean: it would fill the memory with nothing."""
    n_bytes = image.shape[0] * image.shape[1] * image.dtype.itemsize
    if n_bytes <= _ALWAYS_FITS or image.path.is_dir():
        return
    size = sum(part.stat().st_size for part in image.parts or (image.path,) if part.is_file())
    if size and n_bytes > _MOST_PACKED * size:
        raise ImageError(
            f"{image.path.name} says that it shows {image.shape[0]:,} x {image.shape[1]:,} pixels, but has only "
            f"{size:,} bytes, which is no image of a camera; export it again"
        )


def open_image(path: Path) -> ImageFile:
    """Open a file with one image; see `open_images`."""
    images = open_images(path)
    if len(images) > 1:
        raise ReadError(f"{path.name} has {len(images)} images; save the one that is needed as a file of its own")
    return images[0]


def _open(path: Path, layout: str, plane: int | None, as_channels: bool) -> list[ImageFile]:
    if path.is_dir():
        return [open_zarr(path)]
    start = _first_bytes(path)
    if start.startswith(_TIFF_MAGIC):
        return open_tiff(path, layout, plane, as_channels=as_channels)
    if start.startswith(_PICTURE_MAGIC):
        return [open_picture(path)]
    if path.name.lower().endswith(COMPANION):
        raise ReadError(f"{path.name} only describes TIFF files; give these files, or their folder")
    if start.startswith(_NUMPY_MAGIC):
        raise ReadError(
            f"{path.name} is an array of NumPy; in Python give the array itself, or save it as OME-TIFF with its axes"
        )
    raise ReadError(f"{path.name} is not a TIFF, PNG or JPEG image; export it again")


def read_only_frame(
    path: Path, layout: str = "auto", plane: int | None = None, *, as_channels: bool = False
) -> NDArray[np.generic] | Unreadable | ImageFile:
    """The pixels (C, Y, X) of a file with one frame.

    Parameters
    ----------
    path : Path
        The file.
    layout, plane, as_channels
        As for `open_images`.

    Returns
    -------
    ndarray, Unreadable or ImageFile
        The pixels, or the reason why they can't be read; or the file, if it has several focal planes or a mask.
    """
    if path.suffix.lower() == ".png" and (picture := read_grey_png(path)) is not None:
        return picture
    try:
        if _first_bytes(path).startswith(_TIFF_MAGIC):
            pixels = read_single_page(path)
            if pixels is not None:
                return pixels
        files = open_images(path, layout, plane, as_channels=as_channels)
    except CellCycleError as error:
        return Unreadable(str(error))
    n_images = sum(file.n_frames for file in files)
    if n_images > 1:
        return Unreadable(
            f"{path.name} has {n_images} images, but the other files have one cell each; open it separately"
        )
    is_whole = files[0].n_planes > 1 or files[0].mask_file is not None
    return files[0] if is_whole else files[0].read([0])[0]


def _first_bytes(path: Path) -> bytes:
    try:
        check_plain(path)
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError as error:
        raise ReadError(f"{path} does not exist; check the name") from error
    except OSError as error:
        raise ReadError(f"{path} can't be read ({error.strerror}); check its permissions") from error
    if not start:
        raise ReadError(f"{path.name} is empty; export or copy it again")
    return start
