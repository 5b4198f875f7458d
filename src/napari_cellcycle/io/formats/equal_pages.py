"""All pages of a TIFF as one series, where they differ only in their pixels; tifffile builds an object for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffPage, TiffPages, TiffPageSeries

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.formats.ifd_chain import Bytes, IfdFormat, equal_strips, runs_in_a_circle
from napari_cellcycle.io.formats.ome_xml import Ome, OmeImage

FEWEST_PAGES = 16
"""With fewer, tifffile is as fast. More than there are channels, as few pages may be these."""


@dataclass(frozen=True, eq=False)
class EqualPages:
    """All pages of a file as one series; the attributes are those of tifffile's series.

    Attributes
    ----------
    axes : str
        One letter per axis.
    shape : tuple of int
        Length of each axis.
    keyframe : TiffPage
        The first page, which all others are like.
    strips : ndarray of int64, shape (N,)
        Where in the file the pixels of each page begin.
    """

    axes: str
    shape: tuple[int, ...]
    keyframe: TiffPage
    strips: NDArray[np.int64]
    kind: str = "equal pages"
    dataoffset: None = None

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(self.keyframe.dtype)

    @property
    def pages(self) -> TiffPages:
        return self.keyframe.parent.pages


Series: TypeAlias = TiffPageSeries | EqualPages


def find_equal_pages(tiff: TiffFile, ome: Ome | None, path: Path) -> EqualPages | None:
    """Follow the headers of a file, and see whether all pages are one stack of uncompressed images.

    Parameters
    ----------
    tiff : TiffFile
        The open file.
    ome : Ome or None
        Its OME-XML.
    path : Path
        The file.

    Returns
    -------
    EqualPages or None
        None where tifffile has to look at each page.

    Raises
    ------
    ReadError
        The headers run in a circle; tifffile would follow them for ever.
    """
    try:
        content: Bytes = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError):
        return None
    written = IfdFormat.of(content)
    is_ndpi = tiff.is_ndpi  # in a large file, a classic TIFF with offsets of a BigTIFF
    if written is None or (is_ndpi and len(content) >= 2**32):
        return None
    first = written.first(content)
    strips = None if is_ndpi else equal_strips(content, written, first)
    if strips is None:
        if runs_in_a_circle(content, written, first):
            raise ReadError(
                f"{path.name} is truncated or damaged, so its planes can't be distinguished; copy or export it again"
            )
        return None
    page = tiff.pages.first
    inside = strips.min() >= 8 and int(strips.max()) + page.nbytes <= len(content)
    return _as_series(tiff, ome, strips) if inside and len(strips) >= FEWEST_PAGES and _is_plain(page) else None


def _is_plain(page: TiffPage) -> bool:
    """Whether a page is one grey image whose pixels lie in the file as they are."""
    is_grey_image = page.axes == "YX" and page.samplesperpixel == 1 and page.dtype is not None and page.nbytes > 0
    is_whole = len(page.dataoffsets) == 1 and tuple(page.databytecounts) == (page.nbytes,)
    return is_grey_image and is_whole and page.is_final and not page.subifds and not page.is_tiled


def _as_series(tiff: TiffFile, ome: Ome | None, strips: NDArray[np.int64]) -> EqualPages | None:
    """The series with its axes; None if the file has metadata of another kind, which may say more of its pages."""
    page = tiff.pages.first
    if tiff.is_mmstack or getattr(tiff, "is_ndtiff", False) or page.flags - {"ome"}:
        return None
    if not tiff.is_ome:
        return EqualPages("I" + page.axes, (len(strips), *page.shape), page, strips)
    if ome is None or len(ome.images) != 1 or ome.has_modulo:
        return None
    axes, shape = _axes_of(ome.images[0], len(strips))
    if shape[-2:] != page.shape:
        return None
    kept = [index for index, axis in enumerate(axes) if shape[index] > 1 or axis in "YX"]
    return EqualPages("".join(axes[i] for i in kept), tuple(shape[i] for i in kept), page, strips)


def _axes_of(image: OmeImage, n_pages: int) -> tuple[str, tuple[int, ...]]:
    """Axes of an image of OME-XML and their lengths, as tifffile takes them; empty if pages are not in their order."""
    nothing = ("", ())
    elements = [element for element in image.element if element.tag.endswith("Pixels")]
    if len(elements) != 1:
        return nothing
    pixels = elements[0]
    channels = [element for element in pixels if element.tag.endswith("Channel")]
    try:
        axes = pixels.attrib["DimensionOrder"][::-1]
        shape = tuple(int(pixels.attrib[f"Size{axis}"]) for axis in axes)
        if any(int(channel.get("SamplesPerPixel", 1)) != 1 for channel in channels) or min(shape) < 1:
            return nothing
        in_order = sorted(axes) == sorted("CTXYZ") and axes.endswith("YX") and np.prod(shape[:3]) == n_pages
        return (axes, shape) if in_order and _are_in_order(pixels, axes[:3], shape[:3], image.own_uuid) else nothing
    except (KeyError, ValueError):
        return nothing


def _are_in_order(pixels: ElementTree.Element, axes: str, counts: Sequence[int], own_uuid: str) -> bool:
    """Whether the OME-XML says that page 0 is plane 0, page 1 is plane 1, and so on until the last."""
    n_planes, done = int(np.prod(counts)), 0
    for block in (element for element in pixels if element.tag.endswith("TiffData")):
        uuids = [element for element in block if element.tag.endswith("UUID")]
        if uuids and not (own_uuid and uuids[0].text == own_uuid):
            return False
        n = int(block.get("PlaneCount", block.get("NumPlanes", "1" if "IFD" in block.attrib else "0")))
        first = [int(block.get(f"First{axis}", "0")) for axis in axes]
        if any(not 0 <= place < count for place, count in zip(first, counts, strict=True)):
            return False
        plane = (first[0] * counts[1] + first[1]) * counts[2] + first[2]
        if not plane == int(block.get("IFD", "0")) == done or n < 0:
            return False
        done += n or n_planes
    return done == n_planes
