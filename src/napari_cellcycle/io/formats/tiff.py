"""TIFF and OME-TIFF files: the header is read once, the planes when they are needed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError
from napari_cellcycle.io.formats.base import LARGEST_CELL_PX, ImageFile
from napari_cellcycle.io.formats.pixel_checks import grey
from napari_cellcycle.io.formats.tiff_axes import PlaneOrder, order_planes
from napari_cellcycle.io.formats.tiff_metadata import channel_names, pixel_size_um, says_synthetic

_MOST_COMPRESSED = 10_000
"""Bytes of pixels per byte of file, at most: ten times what deflate reaches."""
_MOST_BYTES_OF_TINY_FILES = 16_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class _PagedTiff(ImageFile):
    """A TIFF whose planes are decoded page by page when they are read.

    Attributes
    ----------
    page_of : ndarray of intp, shape (F, C)
        Index of the page with a channel of a frame; negative if the file lacks it.
    index_in_page : ndarray of intp, shape (F, C)
        Index of the plane in its page, as a page may have several planes.
    page_shapes : frozenset of tuple of int
        Valid shapes of pages; a page of another shape is damaged.
    """

    page_of: NDArray[np.intp]
    index_in_page: NDArray[np.intp]
    page_shapes: frozenset[tuple[int, ...]]

    def read(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        """The frames at the given indices, each (C, Y, X)."""
        try:
            with _opened(self.path) as (tiff, _):
                return [self._frame(tiff, frame) for frame in frames]
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
        return np.stack(planes)

    def _plane(self, tiff: TiffFile, page: int, index: int) -> NDArray[np.generic]:
        if page < 0:
            raise ReadError(f"{self.path.name} is missing; copy or export the file again")
        with _as_read_error(self.path):
            found = tiff.pages[page]
            if found.shape not in self.page_shapes:
                raise ReadError(f"{self.path.name} is damaged: its pages differ in size; copy or export it again")
            pixels = _decoded(found, self.path)
        if self.index_in_page.max() > 0:
            pixels = pixels.reshape(-1, *pixels.shape[-2:])[index]
        return grey(pixels, self.path.name)


@dataclass(frozen=True, eq=False, kw_only=True)
class _MappedTiff(ImageFile):
    """A TIFF whose pixels are uncompressed and contiguous, so that they can be memory-mapped."""

    plane_of: NDArray[np.intp]
    offset: int
    plane_shape: tuple[int, ...]

    def read(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        """The frames at the given indices, each (C, Y, X); those missing from a truncated file can't be read."""
        n_bytes = prod(self.plane_shape) * self.dtype.itemsize
        try:
            n_planes = min((self.path.stat().st_size - self.offset) // n_bytes, self.plane_of.size)
            shape = (max(n_planes, 0), *self.plane_shape)
            mapped = np.memmap(self.path, self.dtype, "r", self.offset, shape) if n_planes > 0 else np.empty(shape)
        except OSError as error:
            reason = f"{self.path.name} can't be read ({error.strerror}); check that it is still there"
            return [Unreadable(reason)] * len(frames)
        return [self._frame(mapped, frame) for frame in frames]

    def _frame(self, mapped: NDArray[np.generic], frame: int) -> NDArray[np.generic] | Unreadable:
        indices = self.plane_of[frame]
        if indices.max() >= len(mapped):
            return Unreadable(f"{self.path.name} is truncated before frame {frame}; copy or export it again")
        try:
            planes = np.stack([grey(mapped[index], self.path.name) for index in indices])
        except ImageError as error:
            return Unreadable(str(error))
        return planes.astype(self.dtype.newbyteorder("="), copy=False)


def open_tiff(path: Path) -> ImageFile:
    """Read the header of a TIFF file.

    The first series of images counts. If there are several series of small images, each image is a single cell, and
    their sizes may differ.

    Raises
    ------
    ReadError
        The file is damaged.
    ImageError
        Its images have no Y and X axes, or no pixels.
    """
    with _opened(path) as (tiff, logged):
        with _as_read_error(path):
            series = _wanted_series(tiff)
            contents: Any = {"pixel_size_um": pixel_size_um(tiff), "synthetic": says_synthetic(tiff)}
        first, orders = series[0], [order_planes(part.axes, part.shape, path.name) for part in series]
        contents |= {
            "path": path,
            "axes": first.axes,
            "frame_axes": orders[0].frame_axes or ("N" if len(series) > 1 else ""),
            "n_frames": sum(len(order.plane_of) for order in orders),
            "channels": channel_names(tiff, orders[0].plane_of.shape[1]),
            "shape": orders[0].shape,
            "dtype": first.dtype,
            "damage": _damage(first, path, logged),
        }
        if first.dataoffset is not None and len(series) == 1:
            contents["dtype"] = first.dtype.newbyteorder(tiff.byteorder)
            order = orders[0]
            return _MappedTiff(
                **contents, plane_of=order.plane_of, offset=int(first.dataoffset), plane_shape=order.plane_shape
            )
        with _as_read_error(path):
            tables = [_pages_of(*pair) for pair in zip(series, orders, strict=True)]
            shapes = frozenset(page.shape for part in series for page in part.pages[:1] if page is not None)
        page_of, index_in_page = map(np.concatenate, zip(*tables, strict=True))
        return _PagedTiff(**contents, page_of=page_of, index_in_page=index_in_page, page_shapes=shapes)


def read_single_page(path: Path) -> NDArray[np.generic] | None:
    """Pixels (1, Y, X) of a TIFF with one grey page; None if the file has more than that.

    This is twice as fast as `open_tiff`, which matters for folders of 10^5 cells.

    Raises
    ------
    ReadError
        The file is damaged.
    """
    with _opened(path) as (tiff, logged), _as_read_error(path):
        page = tiff.pages.first
        if len(tiff.pages) > 1 or logged or page.ndim != 2:
            return None
        return _decoded(page, path)[np.newaxis]


def _decoded(page: TiffPage | TiffFrame, path: Path) -> NDArray[np.generic]:
    """Pixels of a page, unless it claims more of them than any compression can store in the file."""
    if page.nbytes > _MOST_COMPRESSED * path.stat().st_size + _MOST_BYTES_OF_TINY_FILES:
        raise ReadError(f"{path.name} is damaged: {page.shape} pixels can't fit into so small a file; export it again")
    pixels: NDArray[np.generic] = page.asarray()
    return pixels


def _damage(series: TiffPageSeries, path: Path, logged: Sequence[str]) -> str:
    """What is wrong with a truncated file; empty if it is complete. ReadError if it can't be read even in part."""
    if not logged:
        return ""
    only_short = all("invalid page offset" in message for message in logged)
    if not only_short or (series.dataoffset is None and series.kind not in ("uniform", "generic")):
        raise ReadError(
            f"{path.name} is truncated or damaged, so its planes can't be distinguished; copy or export it again"
        )
    return f"{path.name} is truncated, so only its remaining images are read; copy or export it again"


@contextmanager
def _opened(path: Path) -> Iterator[tuple[TiffFile, list[str]]]:
    """An open TIFF file, and the errors that tifffile logs while it is open; ReadError if it can't be opened."""
    with ExitStack() as stack:
        logged = stack.enter_context(_logged_errors())
        with _as_read_error(path):
            tiff = stack.enter_context(TiffFile(path, _multifile=False))
        yield tiff, logged


@contextmanager
def _as_read_error(path: Path) -> Iterator[None]:
    try:
        yield
    except CellCycleError:
        raise
    except Exception as error:  # a damaged file can make a decoder raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ReadError(f"{path.name} is damaged ({reason}); copy or export it again") from error


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


def _wanted_series(tiff: TiffFile) -> list[TiffPageSeries]:
    series = list(tiff.series)
    first = series[0]
    alike = all(part.axes == first.axes and part.dtype == first.dtype for part in series)
    small = max(order_planes(first.axes, first.shape, tiff.filename).shape) <= LARGEST_CELL_PX
    return series if alike and small else series[:1]


def _pages_of(series: TiffPageSeries, order: PlaneOrder) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Index in the file of the page of each plane, (F, C), and index of the plane in that page."""
    pages = [-1 if page is None else int(page.index) for page in series.pages]
    planes_per_page = max(order.plane_of.size // max(len(pages), 1), 1)
    missing = -(-order.plane_of.size // planes_per_page) - len(pages)
    page_of = np.array(pages + [-1] * missing, np.intp)[order.plane_of // planes_per_page]
    return page_of, order.plane_of % planes_per_page
