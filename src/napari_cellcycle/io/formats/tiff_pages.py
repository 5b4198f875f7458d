"""Planes of TIFF files: decoded page by page, or copied out of the file as they are, when they are needed."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries
from tifffile.tifffile import shaped_description_metadata

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError, reason_of
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.equal_pages import Series
from napari_cellcycle.io.formats.pixel_checks import grey
from napari_cellcycle.io.formats.tiff_axes import PlaneOrder

_MOST_COMPRESSED = 10_000
"""Bytes of pixels per byte of file, at most: ten times what deflate reaches."""
_MOST_BYTES_OF_TINY_FILES = 16_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class PagedTiff(ImageFile):
    """A TIFF whose planes are decoded page by page when they are read.

    Attributes
    ----------
    page_of : ndarray of intp, shape (F * Z, C)
        Index of the page with a channel of a frame; negative if the file lacks it.
    index_in_page : ndarray of intp, shape (F * Z, C)
        Index of the plane in its page, as a page may have several planes.
    page_shapes : frozenset of tuple of int
        Valid shapes of pages; a page of another shape is damaged.
    n_samples : int
        Number of channels in each pixel; 1 where pixels are grey, or colours that are all equal.
    """

    page_of: NDArray[np.intp]
    index_in_page: NDArray[np.intp]
    page_shapes: frozenset[tuple[int, ...]]
    n_samples: int = 1

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The frames at the given indices, each (C, Y, X), in the focal plane `plane`."""
        try:
            with opened(self.path) as (tiff, _):
                return [self._frame(tiff, frame * self.n_planes + plane) for frame in frames]
        except ReadError as error:
            return [Unreadable(str(error))] * len(frames)

    def _frame(self, tiff: TiffFile, frame: int) -> NDArray[np.generic] | Unreadable:
        try:
            indices = zip(self.page_of[frame].tolist(), self.index_in_page[frame].tolist(), strict=True)
            planes = [self._plane(tiff, page, index) for page, index in indices]
        except CellCycleError as error:
            return Unreadable(f"frame {frame} of {error}")
        if len({plane.shape for plane in planes}) > 1:
            return Unreadable(f"frame {frame} of {self.path.name} has channels of different sizes; export it again")
        return np.concatenate(planes)

    def _plane(self, tiff: TiffFile, page: int, index: int) -> NDArray[np.generic]:
        if page < 0:
            raise ReadError(f"{self.path.name} is missing; copy or export the file again")
        with as_read_error(self.path):
            found = tiff.pages[page]
            if found.shape not in self.page_shapes:
                raise ReadError(f"{self.path.name} is damaged: its pages differ in size; copy or export it again")
            pixels = decoded(found, self.path)
        if self.index_in_page.max() > 0:
            pixels = pixels.reshape(-1, *pixels.shape[-2:])[index]
        return _channels_of(pixels, self.n_samples, self.path.name)


@dataclass(frozen=True, eq=False, kw_only=True)
class PlainTiff(ImageFile):
    """A TIFF whose pixels are uncompressed, so that they can be copied out of the file.

    Attributes
    ----------
    offset_of : ndarray of int64, shape (F * Z, C)
        Where in the file the plane with a channel of a frame begins.
    plane_shape : tuple of int
        (Y, X), or (Y, X, S) for samples.
    byte_order : str
        In which the pixels are written, ``<`` or ``>``.
    n_samples : int
        Number of channels in each pixel; 1 where pixels are grey, or colours that are all equal.
    """

    offset_of: NDArray[np.int64]
    plane_shape: tuple[int, ...]
    byte_order: Literal["<", ">"]
    n_samples: int = 1

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The frames at the given indices, each (C, Y, X); those missing from a truncated file can't be read."""
        rows = np.asarray(frames, np.intp) * self.n_planes + plane
        offsets, n_bytes = self.offset_of[rows], prod(self.plane_shape) * self.dtype.itemsize
        try:
            is_whole = np.all(offsets + n_bytes <= self.path.stat().st_size, axis=1)
            found = iter(self._stack(offsets[is_whole], n_bytes)) if is_whole.any() else iter(())
        except OSError as error:
            reason = f"{self.path.name} can't be read ({error.strerror}); check that it is still there"
            return [Unreadable(reason)] * len(frames)
        return [
            self._frame(next(found)) if whole else self._cut_off(row)
            for row, whole in zip(rows.tolist(), is_whole.tolist(), strict=True)
        ]

    def _stack(self, offsets: NDArray[np.int64], n_bytes: int) -> NDArray[np.generic]:
        """The planes at `offsets`, shape (B, C); the file is closed again.

        Not memory-mapped: a file that is cut off meanwhile, or a share that fails, would end the whole process.
        """
        copied = np.empty((offsets.size, n_bytes), np.uint8)
        with self.path.open("rb", buffering=0) as file:
            for plane, offset in zip(copied, offsets.ravel().tolist(), strict=True):
                file.seek(offset)
                if file.readinto(plane.data) != n_bytes:
                    raise OSError(errno.EIO, "it was cut off just now", str(self.path))
        pixels: NDArray[np.generic] = copied.view(self.dtype.newbyteorder(self.byte_order))
        return pixels.astype(self.dtype, copy=False).reshape(*offsets.shape, *self.plane_shape)

    def _cut_off(self, row: int) -> Unreadable:
        return Unreadable(f"{self.path.name} is truncated before frame {row}; copy or export it again")

    def _frame(self, planes: NDArray[np.generic]) -> NDArray[np.generic] | Unreadable:
        if planes.ndim == 3 and planes.size:  # grey already
            return planes
        try:
            return np.concatenate([_channels_of(plane, self.n_samples, self.path.name) for plane in planes])
        except ImageError as error:
            return Unreadable(str(error))


@dataclass(frozen=True, eq=False, kw_only=True)
class ChannelsLast(ImageFile):
    """An array (N, Y, X, C) that was saved as it is, so that the file takes each row (X, C) for a plane.

    Attributes
    ----------
    rows : ImageFile
        The same file, with a frame for each row.
    """

    rows: ImageFile

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The frames at the given indices, each (C, Y, X)."""
        return [self._frame(frame * self.shape[0]) for frame in frames]

    def _frame(self, first: int) -> NDArray[np.generic] | Unreadable:
        rows: list[NDArray[np.generic]] = []
        for row in self.rows.read(range(first, first + self.shape[0])):
            if isinstance(row, Unreadable):
                return row
            rows.append(row)
        return np.ascontiguousarray(np.moveaxis(np.concatenate(rows), -1, 0))


def _channels_of(pixels: NDArray[np.generic], n_samples: int, name: str) -> NDArray[np.generic]:
    """The channels (C, Y, X) of a plane (Y, X) or (Y, X, S)."""
    return grey(pixels, name)[np.newaxis] if n_samples == 1 else np.moveaxis(pixels[..., :n_samples], -1, 0)


def pages_of(series: Series, order: PlaneOrder) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the page of each plane.

    Parameters
    ----------
    series : Series
        Images of a TIFF that belong together.
    order : PlaneOrder
        Which plane shows which frame, focal plane and channel.

    Returns
    -------
    page_of, index_in_page : ndarray of intp, shape (F * Z, C)
        Index in the file of the page of each plane, -1 for one that is missing, and index of the plane in that page.
    """
    pages = [-1 if page is None else int(page.index) for page in series.pages]
    planes_per_page = max(order.plane_of.size // max(len(pages), 1), 1)
    missing = -(-order.plane_of.size // planes_per_page) - len(pages)
    page_of = np.array(pages + [-1] * missing, np.intp)[order.plane_of // planes_per_page]
    return page_of, order.plane_of % planes_per_page


def decoded(page: TiffPage | TiffFrame, path: Path) -> NDArray[np.generic]:
    """Decode a page.

    Parameters
    ----------
    page : TiffPage or TiffFrame
        A page of an open file.
    path : Path
        The file, for its size and for messages.

    Returns
    -------
    ndarray
        Pixels of the page, with its shape and dtype.

    Raises
    ------
    ReadError
        The page claims more pixels than any compression can store in the file.
    """
    check_size(page, path)
    pixels: NDArray[np.generic] = page.asarray()
    return pixels


def check_size(image: TiffPage | TiffFrame | TiffPageSeries, path: Path) -> None:
    """Refuse more pixels than any compression can store in the file.

    Parameters
    ----------
    image : TiffPage, TiffFrame or TiffPageSeries
        Of an open file.
    path : Path
        The file.

    Raises
    ------
    ReadError
        There are more.
    """
    if image.nbytes > _MOST_COMPRESSED * path.stat().st_size + _MOST_BYTES_OF_TINY_FILES:
        raise ReadError(f"{path.name} is damaged: {image.shape} pixels can't fit into so small a file; export it again")


def check_shapes(tiff: TiffFile, path: Path) -> None:
    """Refuse images without pixels, over which tifffile would go for ever.

    Parameters
    ----------
    tiff : TiffFile
        The open file.
    path : Path
        Its path, for the message.

    Raises
    ------
    ReadError
        The first page, or the first one of a series that tifffile wrote, has no pixels.
    """
    at = 0
    while at < len(tiff.pages):
        page = tiff.pages.get(at, aspage=True)
        if min(page.shape, default=1) < 1:
            raise ReadError(f"{path.name} is damaged: a page of {page.shape} pixels is in it; export it again")
        if not isinstance(page, TiffPage) or page.shaped_description is None:
            return
        n_pixels = prod(shaped_description_metadata(page.shaped_description)["shape"])
        at += max(1, n_pixels // prod(page.shape))


@contextmanager
def opened(path: Path) -> Iterator[tuple[TiffFile, list[str]]]:
    """An open TIFF file, and the errors that tifffile logs while it is open; ReadError if it can't be opened."""
    with ExitStack() as stack:
        logged = stack.enter_context(_logged_errors())
        with as_read_error(path):
            tiff = stack.enter_context(TiffFile(path, _multifile=False))
        yield tiff, logged


@contextmanager
def as_read_error(path: Path) -> Iterator[None]:
    try:
        yield
    except CellCycleError:
        raise
    except Exception as error:  # a damaged file can make a decoder raise anything
        raise ReadError(f"{path.name} is damaged ({reason_of(error)}); copy or export it again") from error


@contextmanager
def _logged_errors() -> Iterator[list[str]]:
    """Collect the errors that tifffile logs in this thread, and hide its log: it warns twice per file from IDEAS."""
    logger, thread = logging.getLogger("tifffile"), threading.get_ident()
    errors: list[str] = []

    def passes(record: logging.LogRecord) -> bool:
        if record.thread == thread and record.levelno >= logging.ERROR:
            errors.append(record.getMessage())
        return record.thread != thread

    logger.addFilter(passes)
    try:
        yield errors
    finally:
        logger.removeFilter(passes)
