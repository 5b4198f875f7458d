"""TIFF and OME-TIFF: what the tags say, and planes that are read when asked for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError
from napari_cellcycle.io.formats.base import LARGEST_CELL_PX, ImageFile
from napari_cellcycle.io.formats.pixel_checks import grey
from napari_cellcycle.io.formats.tiff_axes import PlaneOrder, order_planes
from napari_cellcycle.io.formats.tiff_metadata import channel_names, pixel_size_um, says_synthetic

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

_MOST_PACKED = 10_000
"""Bytes of pixels per byte of file, at most: ten times what deflate can do."""
_MOST_BYTES_OF_TINY_FILES = 16_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class PagedTiff(ImageFile):
    """A TIFF whose planes are decoded page by page when asked for.

    Attributes
    ----------
    page_of : ndarray of intp, shape (F, C)
        Page that holds a channel of a frame; negative where the file lacks it.
    place_of : ndarray of intp, shape (F, C)
        Place of that plane in its page, for a page may hold several.
    page_shapes : frozenset of tuple of int
        Shapes that pages have; one of another shape is damaged.
    """

    page_of: NDArray[np.intp]
    place_of: NDArray[np.intp]
    page_shapes: frozenset[tuple[int, ...]]

    def read(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        """The frames asked for, each (C, Y, X)."""
        try:
            with _opened(self.path) as (tiff, _):
                return [self._frame(tiff, frame) for frame in frames]
        except ReadError as error:
            return [Unreadable(str(error))] * len(frames)

    def _frame(self, tiff: TiffFile, frame: int) -> NDArray[np.generic] | Unreadable:
        try:
            places = zip(self.page_of[frame].tolist(), self.place_of[frame].tolist(), strict=True)
            planes = [self._plane(tiff, page, place) for page, place in places]
        except CellCycleError as error:
            return Unreadable(f"frame {frame} of {error}")
        if len({plane.shape for plane in planes}) > 1:
            return Unreadable(f"frame {frame} of {self.path.name} has channels of different sizes; export it again")
        return np.stack(planes)

    def _plane(self, tiff: TiffFile, page: int, place: int) -> NDArray[np.generic]:
        if page < 0:
            raise ReadError(f"{self.path.name} is missing; copy or export the file again")
        with _as_read_error(self.path):
            found = tiff.pages[page]
            if found.shape not in self.page_shapes:
                raise ReadError(f"{self.path.name} is damaged, for its pages differ in size; copy or export it again")
            pixels = _decoded(found, self.path)
        if self.place_of.max() > 0:
            pixels = pixels.reshape(-1, *pixels.shape[-2:])[place]
        return grey(pixels, self.path.name)


@dataclass(frozen=True, eq=False, kw_only=True)
class MappedTiff(ImageFile):
    """A TIFF whose pixels lie uncompressed in one piece: memory-mapped."""

    plane_of: NDArray[np.intp]
    offset: int
    plane_shape: tuple[int, ...]

    def read(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        """The frames asked for, each (C, Y, X); those behind a cut-off end can't be read."""
        n_bytes = prod(self.plane_shape) * self.dtype.itemsize
        try:
            n_planes = min((self.path.stat().st_size - self.offset) // n_bytes, self.plane_of.size)
            shape = (max(n_planes, 0), *self.plane_shape)
            mapped = np.memmap(self.path, self.dtype, "r", self.offset, shape) if n_planes > 0 else np.empty(shape)
        except OSError as error:
            reason = f"{self.path.name} can't be read any more ({error.strerror}); was it moved?"
            return [Unreadable(reason)] * len(frames)
        return [self._frame(mapped, frame) for frame in frames]

    def _frame(self, mapped: NDArray[np.generic], frame: int) -> NDArray[np.generic] | Unreadable:
        numbers = self.plane_of[frame]
        if numbers.max() >= len(mapped):
            return Unreadable(f"{self.path.name} is cut off before frame {frame}; copy or export it again")
        try:
            planes = np.stack([grey(mapped[number], self.path.name) for number in numbers])
        except ImageError as error:
            return Unreadable(str(error))
        return planes.astype(self.dtype.newbyteorder("="), copy=False)


def open_tiff(path: Path) -> ImageFile:
    """Read the tags of a TIFF file.

    The first series of images is what the file holds. Several series of small images are taken as
    single cells, each of its own size.

    Raises
    ------
    ReadError
        The file is damaged.
    ImageError
        Its images have no Y and X axes.
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
            return MappedTiff(
                **contents, plane_of=order.plane_of, offset=int(first.dataoffset), plane_shape=order.plane_shape
            )
        with _as_read_error(path):
            places = [_pages_of(*pair) for pair in zip(series, orders, strict=True)]
            shapes = frozenset(page.shape for part in series for page in part.pages[:1] if page is not None)
        page_of, place_of = (np.concatenate(tables) for tables in zip(*places, strict=True))
        return PagedTiff(**contents, page_of=page_of, place_of=place_of, page_shapes=shapes)


def read_single_page(path: Path) -> NDArray[np.generic] | None:
    """Pixels (1, Y, X) of a TIFF that is one grey page, or None if it is more than that.

    Twice as fast as opening the file to see what is in it, which counts for folders of 10^5 cells.

    Raises
    ------
    ReadError, ImageError
        The file is damaged, or holds colours.
    """
    with _opened(path) as (tiff, logged), _as_read_error(path):
        page = tiff.pages.first
        if len(tiff.pages) > 1 or logged or page.ndim != 2:
            return None
        return _decoded(page, path)[np.newaxis]


def _decoded(page: TiffPage | TiffFrame, path: Path) -> NDArray[np.generic]:
    """Pixels of a page, unless it claims more of them than any compression can pack into its file."""
    if page.nbytes > _MOST_PACKED * path.stat().st_size + _MOST_BYTES_OF_TINY_FILES:
        raise ReadError(f"{path.name} is damaged: it claims {page.shape} pixels in too small a file; export it again")
    pixels: NDArray[np.generic] = page.asarray()
    return pixels


def _damage(series: TiffPageSeries, path: Path, logged: Sequence[str]) -> str:
    """What to say of a file that ends early; empty if it is whole.

    Raises
    ------
    ReadError
        What is left does not tell any more which plane is which.
    """
    if not logged:
        return ""
    only_short = all("invalid page offset" in message for message in logged)
    if not only_short or (series.dataoffset is None and series.kind not in ("uniform", "generic")):
        raise ReadError(
            f"{path.name} is cut off or damaged, so its planes can't be told apart; copy or export it again"
        )
    return f"{path.name} is cut off, so only the images that are left in it are read; copy or export it again"


@contextmanager
def _opened(path: Path) -> Iterator[tuple[TiffFile, list[str]]]:
    """An open TIFF file, and what tifffile logs as errors while it is; ReadError if it can't be opened."""
    from tifffile import TiffFile

    with ExitStack() as stack:
        logged = stack.enter_context(_logged_errors())
        with _as_read_error(path):
            tiff = stack.enter_context(TiffFile(path, _multifile=False))
        yield tiff, logged


@contextmanager
def _as_read_error(path: Path, part: str = "") -> Iterator[None]:
    try:
        yield
    except CellCycleError:
        raise
    except Exception as error:  # the bytes of a damaged file can make a decoder raise anything
        raise ReadError(f"{part}{path.name} is damaged ({_one_line(error)}); copy or export it again") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _logged_errors() -> Iterator[list[str]]:
    """Keep what tifffile logs in this thread from the screen: IDEAS writes tags that it warns of, twice a file."""
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
    """Page of each plane, (F, C), counted from the start of the file, and the plane's place in it."""
    pages = [-1 if page is None else int(page.index) for page in series.pages]
    planes_per_page = max(order.plane_of.size // max(len(pages), 1), 1)
    missing = -(-order.plane_of.size // planes_per_page) - len(pages)
    page_of = np.array(pages + [-1] * missing, np.intp)[order.plane_of // planes_per_page]
    return page_of, order.plane_of % planes_per_page
