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

from napari_cellcycle.cells import Unreadable
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError
from napari_cellcycle.io.checks import grey
from napari_cellcycle.io.imagefile import LARGEST_CELL_PX, ImageFile
from napari_cellcycle.io.tiffmetadata import channel_names, pixel_size_um, says_synthetic

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_MOST_CHANNELS = 12
"""An axis without a name that is longer than this is no channel axis; ImageStream has twelve."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PagedTiff(ImageFile):
    """A TIFF whose planes are pages, compressed or not: pages are decoded when asked for."""

    page_of: NDArray[np.intp]
    """Page that holds a frame's channel, (F, C); negative where it is missing."""

    def read(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        """The frames asked for, each (C, Y, X)."""
        try:
            with opened_tiff(self.path) as tiff:
                return [self._frame(tiff, frame) for frame in frames]
        except ReadError as error:
            return [Unreadable(str(error))] * len(frames)

    def _frame(self, tiff: TiffFile, frame: int) -> NDArray[np.generic] | Unreadable:
        try:
            return np.stack([self._plane(tiff, int(page), frame) for page in self.page_of[frame]])
        except CellCycleError as error:
            return Unreadable(str(error))

    def _plane(self, tiff: TiffFile, page: int, frame: int) -> NDArray[np.generic]:
        with _as_read_error(self.path, f"frame {frame} of "):
            if page < 0:
                raise ReadError(f"{self.path.name} has no page for frame {frame}; copy or export it again")
            pixels = tiff.pages[page].asarray()
        if pixels.ndim == 3 and pixels.shape[-2:] == self.shape:
            pixels = np.moveaxis(pixels, 0, -1)  # colours saved plane by plane
        return grey(pixels, self.path.name)


@dataclass(frozen=True, eq=False, kw_only=True)
class MappedTiff(ImageFile):
    """A TIFF whose pixels lie uncompressed in one piece: memory-mapped."""

    page_of: NDArray[np.intp]
    offset: int
    plane_shape: tuple[int, ...]

    def read(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        """The frames asked for, each (C, Y, X); those behind a cut-off end can't be read."""
        n_bytes = prod(self.plane_shape) * self.dtype.itemsize
        try:
            n_planes = min((self.path.stat().st_size - self.offset) // n_bytes, self.page_of.size)
            shape = (max(n_planes, 0), *self.plane_shape)
            mapped = np.memmap(self.path, self.dtype, "r", self.offset, shape) if n_planes > 0 else np.empty(shape)
        except OSError as error:
            reason = f"{self.path.name} can't be read any more ({error.strerror}); was it moved?"
            return [Unreadable(reason)] * len(frames)
        return [self._frame(mapped, frame) for frame in frames]

    def _frame(self, mapped: NDArray[np.generic], frame: int) -> NDArray[np.generic] | Unreadable:
        pages = self.page_of[frame]
        if pages.max() >= len(mapped):
            return Unreadable(f"{self.path.name} is cut off before frame {frame}; copy or export it again")
        try:
            planes = np.stack([grey(mapped[page], self.path.name) for page in pages])
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
    with opened_tiff(path) as tiff:
        with _as_read_error(path):
            series = _wanted_series(tiff)
            pixel_size, synthetic = pixel_size_um(tiff), says_synthetic(tiff)
            pages = [[-1 if page is None else int(page.index) for page in part.pages] for part in series]
        layouts = [_layout(part, path) for part in series]
        first, layout = series[0], layouts[0]
        contents: Any = {
            "path": path,
            "axes": first.axes,
            "frame_axes": layout.frame_axes or ("N" if len(series) > 1 else ""),
            "channels": channel_names(tiff, layout.page_of.shape[1]),
            "shape": layout.shape,
            "pixel_size_um": pixel_size,
            "synthetic": synthetic,
        }
        if first.dataoffset is not None and len(series) == 1:
            return MappedTiff(
                **contents,
                n_frames=len(layout.page_of),
                dtype=first.dtype.newbyteorder(tiff.byteorder),
                page_of=layout.page_of,
                offset=first.dataoffset,
                plane_shape=layout.plane_shape,
            )
        page_of = np.concatenate([_file_pages(*pair) for pair in zip(pages, layouts, strict=True)])
        return PagedTiff(**contents, n_frames=len(page_of), dtype=first.dtype, page_of=page_of)


@contextmanager
def opened_tiff(path: Path) -> Iterator[TiffFile]:
    """An open TIFF file; ReadError if it can't be opened."""
    from tifffile import TiffFile

    with _hushed(), ExitStack() as stack:
        with _as_read_error(path):
            tiff = stack.enter_context(TiffFile(path, _multifile=False))
        yield tiff


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
def _hushed() -> Iterator[None]:
    """Drop what tifffile logs in this thread: IDEAS writes tags that it warns of, twice a file."""
    logger, thread = logging.getLogger("tifffile"), threading.get_ident()

    def by_other_threads(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger.addFilter(by_other_threads)
    try:
        yield
    finally:
        logger.removeFilter(by_other_threads)


@dataclass(frozen=True)
class _Layout:
    frame_axes: str
    shape: tuple[int, int]
    plane_shape: tuple[int, ...]
    page_of: NDArray[np.intp]  # (F, C), counted from the start of the series


def _wanted_series(tiff: TiffFile) -> list[TiffPageSeries]:
    series = list(tiff.series)
    first = series[0]
    alike = all(part.axes == first.axes and part.dtype == first.dtype for part in series)
    return series if alike and max(first.shape[-2:]) <= LARGEST_CELL_PX else series[:1]


def _layout(series: TiffPageSeries, path: Path) -> _Layout:
    axes, shape = series.axes.removesuffix("S"), series.shape
    if not axes.endswith("YX"):
        raise ImageError(f"{path.name} has the axes {series.axes}, not Y and X last; save it as a plain stack")
    y = len(axes) - 2
    leading = "".join(axes[:y].split("S")) if axes[:y].endswith("S") else axes[:y]
    counts = shape[: len(leading)]
    channel = _channel_axis(leading, counts)
    page_of = np.arange(prod(counts)).reshape(counts)
    page_of = page_of[..., np.newaxis] if channel is None else np.moveaxis(page_of, channel, -1)
    frame_axes = [axis for place, axis in enumerate(leading) if place != channel and counts[place] > 1]
    return _Layout(
        frame_axes="".join(frame_axes),
        shape=(shape[y], shape[y + 1]),
        plane_shape=shape[len(leading) :],
        page_of=page_of.reshape(-1, page_of.shape[-1]),
    )


def _channel_axis(axes: str, counts: Sequence[int]) -> int | None:
    """Place of the channels among leading axes: C, else the shorter of two axes without a name."""
    if "C" in axes:
        return axes.index("C")
    nameless = [place for place, axis in enumerate(axes) if axis in "QI" and counts[place] > 1]
    if len(nameless) < 2:
        return None
    shortest = min(reversed(nameless), key=lambda place: counts[place])
    return shortest if counts[shortest] <= _MOST_CHANNELS else None


def _file_pages(pages: list[int], layout: _Layout) -> NDArray[np.intp]:
    """Pages of a series, (F, C), counted from the start of the file; negative where the file lacks them."""
    missing = max(layout.page_of.size - len(pages), 0)
    return np.array(pages + [-1] * missing, np.intp)[layout.page_of]
