"""OME-Zarr images, read when their frames are needed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError, reason_of
from napari_cellcycle.io.formats.base import MOST_CHANNELS, SYNTHETIC, ImageFile
from napari_cellcycle.io.formats.zarr_frames import ZarrFrames
from napari_cellcycle.io.formats.zarr_groups import enclosing_zarr, shown_name
from napari_cellcycle.io.plain_files import plain_bytes

if TYPE_CHECKING:
    import zarr

OUR_KEY = "napari-cellcycle"
"""Attribute of a group for what OME-Zarr has no field for."""
_MICROMETRES = {"nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6}
MASKS = "cell"
_MANY_PIECES = 10_000
"""Of each piece that is stored, so many may be empty; and so many are always listed in no time."""
_LARGEST_PIECE = _LARGEST_PLANE = 2**34
NEEDS_ZARR = "OME-Zarr needs two more packages; install them with: pip install 'napari-cellcycle[zarr]'"


@dataclass(frozen=True, eq=False, kw_only=True)
class ZarrImage(ImageFile):
    """The finest level of an OME-Zarr image.

    Attributes
    ----------
    pixels : ZarrFrames, shape (F * Z, C, Y, X)
        Read by `read` only; the focal planes of a frame follow one another.
    masks : ZarrFrames, shape (F, Y, X), or None
        Which pixels belong to the cell, in files that this package wrote.
    cells : bool
        Whether this package wrote the file, so that each frame is one cell of any size.
    """

    pixels: ZarrFrames
    masks: ZarrFrames | None
    cells: bool

    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The frames at the given indices, each (C, Y, X), in the focal plane `plane`."""
        return self._computed(self.pixels, [frame * self.n_planes + plane for frame in frames])

    def read_masks(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable | None]:
        """The masks of the frames at the given indices, each (Y, X)."""
        return [None] * len(frames) if self.masks is None else [*self._computed(self.masks, frames)]

    def _computed(self, array: ZarrFrames, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        try:
            return list(array.read(frames)) if len(frames) else []
        except Exception as error:  # noqa: BLE001 - a damaged chunk can make a codec raise anything
            if len(frames) > 1:
                return [found for frame in frames for found in self._computed(array, [frame])]
            where = f"frame {frames[0] // self.n_planes} of {shown_name(self.path)}"
            return [Unreadable(f"{where} is damaged ({reason_of(error)}); copy it again")]


def is_our_zarr(path: Path) -> bool:
    """Whether `zarr_stack` wrote a folder. Reads only its metadata, so it is fast and needs no other package."""
    try:
        return OUR_KEY in json.loads(plain_bytes(path / "zarr.json"))["attributes"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # missing, damaged, or of another kind
        return False


def open_zarr(path: Path) -> ZarrImage:
    """Open an OME-Zarr image of version 0.4 or 0.5.

    Raises
    ------
    ReadError
        It is not an OME-Zarr image, is damaged, or the packages for it are not installed.
    ImageError
        It has several axes that could count cells or time points, or too many channels.
    """
    try:
        import zarr
    except ImportError as error:
        raise ReadError(NEEDS_ZARR) from error
    if not path.exists() and path != enclosing_zarr(path):
        raise ReadError(f"{shown_name(path)} is missing, though its plate or well lists it; copy it to its place")
    try:
        group = zarr.open_group(str(path), mode="r")
        attributes: dict[str, Any] = dict(group.attrs)
        metadata = attributes.get("ome", attributes)
        level, axes, scale = _finest(metadata["multiscales"][0])
        _check_size(path, level, group[level])
        masks = f"labels/{MASKS}/0" if OUR_KEY in attributes and "labels" in group else None
        return ZarrImage(
            **_contents(path, _array_in(group, level), axes, metadata),
            pixel_size_um=_pixel_size(axes, scale),
            synthetic=_is_synthetic(attributes.get(OUR_KEY)),
            masks=None if masks is None else ZarrFrames(_array_in(group, masks), "tyx", has_channels=False),
            cells=OUR_KEY in attributes,
            labels=_labels_inside(path, group),
        )
    except CellCycleError:
        raise
    except Exception as error:  # damaged metadata can make zarr raise anything
        reason = reason_of(error)
        raise ReadError(
            f"{shown_name(path)} is not an OME-Zarr image, or is damaged ({reason}); write it again"
        ) from error


def _array_in(group: zarr.Group, name: str) -> zarr.Array[Any]:
    import zarr

    found = group[name]
    if not isinstance(found, zarr.Array):
        raise TypeError(f"{name} holds no pixels")
    return found


def _check_size(path: Path, level: str, array: Any) -> None:
    """Refuse a shape that what is stored can't have: to list its pieces alone would take hours."""
    pieces = getattr(array, "shards", None) or array.chunks
    n_pieces = prod(-(-length // piece) for length, piece in zip(array.shape, pieces, strict=True))
    n_bytes = prod(array.shape[-2:]) * array.dtype.itemsize
    n_stored = 0
    if n_pieces > _MANY_PIECES or prod(pieces) * array.dtype.itemsize > _LARGEST_PIECE:
        n_stored = sum(len(files) for *_, files in os.walk(path / level))
        if n_pieces > _MANY_PIECES * max(n_stored, 1) or prod(pieces) * array.dtype.itemsize > _LARGEST_PIECE:
            shape = " x ".join(f"{length:,}" for length in array.shape)
            raise ReadError(
                f"{shown_name(path)} is damaged: it says {shape} pixels, but only {n_stored:,} pieces of it are there, "
                "or they are too large for the memory; write it again"
            )
    if n_bytes > _LARGEST_PLANE:
        raise ImageError(
            f"{shown_name(path)} shows {array.shape[-2]:,} x {array.shape[-1]:,} pixels; cut it into fields"
        )


def _is_synthetic(mark: object) -> bool:
    """Whether our own attribute says so."""
    return isinstance(mark, Mapping) and str(mark.get("description", "")).startswith(SYNTHETIC)


def _labels_inside(path: Path, group: zarr.Group) -> tuple[Path, ...]:
    """The label images in the group."""
    if "labels" not in group:
        return ()
    attributes: dict[str, Any] = dict(group["labels"].attrs)
    return tuple(path / "labels" / str(name) for name in attributes.get("ome", attributes).get("labels") or [])


def _finest(multiscales: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]], list[float]]:
    """Path of the level of full resolution, its axes, and its scale along each of them."""
    level = multiscales["datasets"][0]
    scales = [step["scale"] for step in level["coordinateTransformations"] if step["type"] == "scale"]
    return level["path"], multiscales["axes"], scales[0] if scales else [1.0] * len(multiscales["axes"])


def _contents(
    path: Path, array: zarr.Array[Any], axes: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    names = [axis["name"] for axis in axes]
    frame_axes = [name for name in names if name not in ("z", "c", "y", "x")]
    long = [name for name in frame_axes if array.shape[names.index(name)] > 1]
    if len(long) > 1 or names[-2:] != ["y", "x"]:
        raise ImageError(
            f"{shown_name(path)} has the axes {''.join(names)}; "
            "save its cells or times along one axis, followed by c, y, x"
        )
    n_planes, n_channels = (array.shape[names.index(axis)] if axis in names else 1 for axis in "zc")
    if n_channels > MOST_CHANNELS:
        raise ImageError(
            f"{shown_name(path)} has {n_channels} channels, but there are at most {MOST_CHANNELS}; "
            "if they are cells, save them along the axis t"
        )
    pixels = ZarrFrames(array, "".join(name[0] if len(name) == 1 else "n" for name in names))
    labels = tuple(str(channel.get("label", "")) for channel in metadata.get("omero", {}).get("channels", []))
    return {
        "path": path,
        "axes": "".join(names).upper(),
        "frame_axes": "".join(long).upper(),
        "n_frames": pixels.shape[0] // n_planes,
        "n_planes": n_planes,
        "channels": labels if len(labels) == n_channels else ("",) * n_channels,
        "shape": pixels.shape[-2:],
        "dtype": pixels.dtype,
        "pixels": pixels,
    }


def _pixel_size(axes: Sequence[Mapping[str, Any]], scale: Sequence[float]) -> float | None:
    factor = _MICROMETRES.get(axes[-1].get("unit", ""))
    return None if factor is None else float(scale[-1]) * factor
