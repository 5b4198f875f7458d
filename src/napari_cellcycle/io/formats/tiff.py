"""TIFF and OME-TIFF files: the header is read once, the planes when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile

from napari_cellcycle.errors import ImageError, ReadError
from napari_cellcycle.io.formats.base import LARGEST_CELL_PX, MOST_CHANNELS, ImageFile
from napari_cellcycle.io.formats.equal_pages import EqualPages, Series, find_equal_pages
from napari_cellcycle.io.formats.focus import show_one_object
from napari_cellcycle.io.formats.ome_set import is_ome_set, open_ome_set
from napari_cellcycle.io.formats.ome_xml import Ome, OmeImage, companion_of, parse_ome
from napari_cellcycle.io.formats.tiff_axes import PlaneOrder, channels_last_order, has_channels_last, order_planes
from napari_cellcycle.io.formats.tiff_metadata import pixel_size_um
from napari_cellcycle.io.formats.tiff_pages import (
    ChannelsLast,
    PagedTiff,
    PlainTiff,
    as_read_error,
    check_shapes,
    decoded,
    opened,
    pages_of,
)
from napari_cellcycle.io.formats.tiff_series import choose_series

_ALPHA = (1, 2)
"""Extra samples that are transparency."""
_RGB = 2
_OTHER_LEVEL = 3.0
"""Ratio of the backgrounds of channels, at least; 25 of brightfield and darkfield in Experiment_1, 1.0 within one."""
_FEW_CHANNELS = 4
"""An ImageJ stack with more, and no other axis, may rather hold cells."""


def open_tiff(
    path: Path, layout: str = "auto", plane: int | None = None, *, as_channels: bool = False
) -> list[ImageFile]:
    """Read the header of a TIFF file.

    Parameters
    ----------
    path : Path
        The file. If its OME-XML says that an image lies in several files, all of them are opened.
    layout : {"auto", "cells", "field", "montage"}
        What the user says that an image shows.
    plane : int, optional
        The focal plane that the user wants, so that the slices of an ImageJ stack are known to be focal planes.
    as_channels : bool
        The user numbers channels, so pages without a meaning are channels.

    Returns
    -------
    list of ImageFile
        One, or each field of a file with several.

    Raises
    ------
    ReadError
        The file is damaged.
    ImageError
        Its images have no Y and X axes, or no pixels; or it can't be told if they are cells, channels or focal planes.
    """
    with opened(path) as (tiff, logged):
        with as_read_error(path):
            ome = parse_ome(tiff.pages.first.description or "", path) if tiff.is_ome else companion_of(path)
            if ome is not None and is_ome_set(ome, path):
                return open_ome_set(ome, path)
            equal = find_equal_pages(tiff, ome, path)
            if equal is None:
                check_shapes(tiff, path)
            series: list[Series] = list(tiff.series) if equal is None else [equal]
            orders = [_order(part, tiff, path.name, layout, plane, as_channels) for part in series]
        images = ome.images if ome is not None and len(ome.images) == len(series) else ()
        with as_read_error(path):
            choice = choose_series(series, orders, [image.name for image in images], layout, path.name)
        found: list[ImageFile] = []
        for group in choice.groups:
            image = images[group[0]] if images else ome.images[0] if ome is not None and ome.images else None
            common: dict[str, Any] = _common(tiff, ome, image, path)
            common |= {"scene": group[0] if len(choice.groups) > 1 else None, "n_scenes": len(choice.groups)}
            common["notes"] = tuple(choice.notes) if not found else ()
            common["damage"] = _damage(series[group[0]], path, logged)
            masks = [choice.masks[i] for i in group if i in choice.masks]
            if masks and len({orders[i].plane_of.shape[1] for i in masks}) == 1:
                bare = {**common, "notes": (), "damage": ""}
                common["mask_file"] = _open([series[i] for i in masks], [orders[i] for i in masks], tiff, None, bare)
            found.append(_open([series[i] for i in group], [orders[i] for i in group], tiff, image, common))
        return found


def _common(tiff: TiffFile, ome: Ome | None, image: OmeImage | None, path: Path) -> dict[str, Any]:
    with as_read_error(path):
        size = pixel_size_um(tiff, image)
    synthetic = ome is not None and any(each.is_synthetic for each in ome.images)
    return {"path": path, "pixel_size_um": size, "synthetic": synthetic}


def _open(
    series: Sequence[Series],
    orders: Sequence[PlaneOrder],
    tiff: TiffFile,
    image: OmeImage | None,
    common: dict[str, Any],
) -> ImageFile:
    """One image: a series, or several that are cells of one stack."""
    first, order, path = series[0], orders[0], common["path"]
    n_samples = _samples(first, path)
    last = order.shape if has_channels_last(first.axes, first.shape) else None
    n_channels = order.plane_of.shape[1] * n_samples
    contents = {
        **common,
        "axes": first.axes,
        "frame_axes": order.frame_axes or ("N" if len(series) > 1 else ""),
        "n_frames": sum(each.n_frames for each in orders),
        "n_planes": order.n_planes,
        "channels": _channel_names(image, n_channels),
        "shape": order.shape,
        "dtype": first.dtype,
        "notes": (*common["notes"], *_axes_notes(first, order, tiff, path.name, n_samples)),
    }
    file: ImageFile
    offset_of = _offsets(first, order) if len(series) == 1 else None
    if offset_of is not None:
        where: dict[str, Any] = {"plane_shape": order.plane_shape, "byte_order": tiff.byteorder}
        file = PlainTiff(**contents, **where, offset_of=offset_of, n_samples=n_samples)
    else:
        with as_read_error(path):
            tables = [pages_of(*pair) for pair in zip(series, orders, strict=True)]
            shapes = frozenset(page.shape for part in series for page in part.pages[:1] if page is not None)
        page_of, index_in_page = map(np.concatenate, zip(*tables, strict=True))
        where = {"page_of": page_of, "index_in_page": index_in_page, "page_shapes": shapes}
        file = PagedTiff(**contents, **where, n_samples=n_samples)
    return file if last is None else _channels_last(file, first, image, contents)


def _offsets(series: Series, order: PlaneOrder) -> NDArray[np.int64] | None:
    """Where in the file each plane begins; None if its pixels have to be decoded."""
    if isinstance(series, EqualPages):
        return series.strips[order.plane_of]
    if series.dataoffset is None:
        return None
    n_bytes = prod(order.plane_shape) * series.dtype.itemsize
    return int(series.dataoffset) + order.plane_of.astype(np.int64) * n_bytes


def _channels_last(rows: ImageFile, series: Series, image: OmeImage | None, contents: dict[str, Any]) -> ImageFile:
    height, width, n_channels = series.shape[-3:]
    n_frames = rows.n_frames // height
    note = (
        f"{rows.path.name}: its axes {series.axes} {tuple(series.shape)} are read as "
        f"{'1 image' if n_frames == 1 else f'{n_frames} images'} of {height} x {width} pixels with "
        f"{n_channels} channels last; save it as (cells, channels, y, x) if that is wrong"
    )
    contents |= {
        "frame_axes": "N" if n_frames > 1 else "",
        "n_frames": n_frames,
        "channels": _channel_names(image, n_channels),
        "shape": (height, width),
        "notes": (*contents["notes"], note),
    }
    return ChannelsLast(**contents, rows=rows)


def _order(series: Series, tiff: TiffFile, name: str, layout: str, plane: int | None, as_channels: bool) -> PlaneOrder:
    """The axes of a series, once it is known what they mean."""
    axes, shape = series.axes, series.shape
    if has_channels_last(axes, shape):
        return channels_last_order(shape)
    if "S" in axes and axes[-1] != "S" and "C" not in axes and series.keyframe.photometric != _RGB:
        axes = axes.replace("S", "C")  # planes that lie one after the other, and are no colours
    order = order_planes(axes, shape, name)
    if _may_be_channels(order):
        if as_channels:
            return order_planes(axes.replace(order.frame_axes, "C"), shape, name)
        if layout == "auto" and _differ_like_channels(series, Path(tiff.filehandle.path)):
            raise ImageError(
                f"{name} has {order.n_frames} pages, which may be as many channels or as many images; number the "
                "channels, as in --channels brightfield=0,darkfield=1, or say --layout cells or field"
            )
    if tiff.is_imagej and order.n_planes > 1 and _are_cells(series, order, name, layout, plane):
        return order_planes(axes.replace("Z", "N"), shape, name)
    return order


def _may_be_channels(order: PlaneOrder) -> bool:
    """Whether a file has a few pages, of which it does not say what they are."""
    is_plain = order.n_planes == 1 and order.plane_of.shape[1] == 1
    return is_plain and order.frame_axes in ("I", "Q") and 2 <= order.n_frames <= MOST_CHANNELS


def _differ_like_channels(series: Series, path: Path) -> bool:
    """Whether the background differs between pages, as that of brightfield and darkfield does."""
    levels = []
    for page in series.pages:
        with suppress(ReadError), as_read_error(path):  # damage is told where the page is read
            levels.append(
                float("nan") if page is None else float(np.median(np.asarray(decoded(page, path), np.float64)))
            )
    return bool(np.nanmax(levels, initial=0) > _OTHER_LEVEL * max(np.nanmin(levels, initial=np.inf), 1))


def _are_cells(series: Series, order: PlaneOrder, name: str, layout: str, plane: int | None) -> bool:
    """Whether the slices of an ImageJ stack are cells; ImageJ calls the axis of any stack slices."""
    is_small = max(order.shape) <= LARGEST_CELL_PX
    if order.n_frames > 1 or plane is not None or not (layout == "cells" or (is_small and layout == "auto")):
        return False
    if layout == "cells":
        return True
    with as_read_error(Path(name)):
        step = order.plane_of.shape[1]
        some = [np.asarray(series.pages[index * step].asarray()) for index in range(min(order.n_planes, 8))]
    if show_one_object([image.reshape(-1, *image.shape[-2:])[0] for image in some]):
        return False
    raise ImageError(
        f"{name} has {order.n_planes} slices, which may be {order.n_planes} cells or the focal planes of one; "
        "say --layout cells or, for one of the focal planes, --plane 0"
    )


def _samples(series: Series, path: Path) -> int:
    """Number of channels in each pixel; 1 where pixels are grey, with transparency or not, or colours."""
    if series.axes[-1] != "S":
        return 1
    page = series.keyframe
    n_samples = series.shape[-1] - sum(int(extra) in _ALPHA for extra in page.extrasamples)
    if page.photometric != _RGB or n_samples > 4:
        return max(int(n_samples), 1)
    if page.dtype == np.uint8 or n_samples < 3:
        return 1
    with as_read_error(path):
        first: NDArray[np.generic] = decoded(page, path)
    return 1 if np.ptp(first[..., :3], axis=-1).max(initial=0) == 0 else int(n_samples)


def _axes_notes(series: Series, order: PlaneOrder, tiff: TiffFile, name: str, n_samples: int) -> list[str]:
    notes = []
    if n_samples > 1:
        notes.append(
            f"{name}: the {n_samples} values of each pixel are read as {n_samples} channels; "
            "save each channel as a grey image of its own if that is wrong"
        )
    if order.too_many_channels:
        notes.append(
            f"{name}: its {order.too_many_channels} channels are read as {order.n_frames} images of one channel, as "
            f"there are at most {MOST_CHANNELS} channels; save it with the axis T or N for cells, to be sure"
        )
    n_channels = order.plane_of.shape[1]
    if tiff.is_imagej and n_channels > _FEW_CHANNELS and order.n_frames == 1:
        notes.append(
            f"{name} is read as one image with {n_channels} channels, as ImageJ says; if these are {n_channels} cells, "
            "save it with the axis T for them"
        )
    if series.axes == "SYX" and order.n_frames > 1:
        notes.append(
            f"{name}: its {order.n_frames} colour planes are read as {order.n_frames} images; save each channel as "
            "a grey image of its own if they are colours"
        )
    if tiff.is_imagej and order.n_planes > 1 and order.n_frames == 1:
        is_small = max(order.shape) <= LARGEST_CELL_PX
        other = "cells, say --layout cells" if is_small else "times, save them as frames"
        notes.append(f"{name}: its slices are read as focal planes; if they are {other}")
    return notes


def _channel_names(image: OmeImage | None, n_channels: int) -> tuple[str, ...]:
    """Names of the channels in the OME-XML; empty where it has none."""
    names = () if image is None else image.channels[:n_channels]
    return names if len(names) == n_channels else ("",) * n_channels


def read_single_page(path: Path) -> NDArray[np.generic] | None:
    """Pixels (1, Y, X) of a TIFF with one grey page; None if the file, or its set of files, has more than that.

    This is twice as fast as `open_tiff`, which matters for folders of 10^5 cells.

    Raises
    ------
    ReadError
        The file is damaged.
    """
    with opened(path) as (tiff, logged), as_read_error(path):
        page = tiff.pages.first
        if _has_more(tiff) or logged or page.ndim != 2:
            return None
        if any(word in page.description for word in ("FileName=", "BinaryOnly")):
            return None
        return decoded(page, path)[np.newaxis]


def _has_more(tiff: TiffFile) -> bool:
    """Whether there is a second page; the others are not looked for, as they may run in a circle."""
    try:
        return tiff.pages[1] is not None
    except IndexError:
        return False


def _damage(series: Series, path: Path, logged: Sequence[str]) -> str:
    """What is wrong with a truncated file; empty if it is complete. ReadError if it can't be read even in part."""
    if not logged:
        return ""
    only_short = all("invalid page offset" in message for message in logged)
    if not only_short or (series.dataoffset is None and series.kind not in ("uniform", "generic")):
        raise ReadError(
            f"{path.name} is truncated or damaged, so its planes can't be distinguished; copy or export it again"
        )
    return f"{path.name} is truncated, so only its remaining images are read; copy or export it again"
