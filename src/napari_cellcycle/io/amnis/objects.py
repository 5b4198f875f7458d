"""The table of the objects in an Amnis file: each image with its mask, checked before any pixels are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.io.amnis.codec import BITMASK, GREYSCALE, MOST_NIBBLES, UNCOMPRESSED
from napari_cellcycle.io.amnis.tiff_directories import WRAP

_MOST_PIXELS = 1 << 23
"""Pixels of all channels of one object: 2,700 lines of twelve cameras, each 256 pixels wide."""

IMAGE, MASK = 2, 3
"""Kinds of directories in tag 33002; 1 is the header."""
_SHOWN_IDS = 10


class Row(NamedTuple):
    """One object: offsets and sizes of its strips in bytes (0 if it has no mask), and its size in pixels.

    Height and width are those of one channel; `line` and `column` are its position in the camera.
    """

    image: int
    mask: int
    saturation: int
    image_bytes: int
    mask_bytes: int
    id: int
    height: int
    width: int
    line: int
    column: int
    image_compression: int
    mask_compression: int


_ROW = np.dtype([(name, "<i8" if name in Row._fields[:3] else "<u4") for name in Row._fields])
"""The same as a row of a table: 60 bytes per object."""


def list_objects(directories: NDArray[np.void], n_channels: int, size: int) -> tuple[NDArray[np.void], list[str]]:
    """Find the objects in the directories of a file, and check them.

    Parameters
    ----------
    directories : structured ndarray
        From `read_chain`.
    n_channels : int
        Number of channels side by side in a strip.
    size : int
        Size of the file in bytes.

    Returns
    -------
    objects : structured ndarray, shape (N,)
        A `Row` for each object that can be read.
    problems : list of str
        A sentence for each kind of objects that can't be read.
    """
    kinds = directories["kind"]
    images = np.flatnonzero(kinds == IMAGE)
    following = np.minimum(images + 1, len(kinds) - 1)
    has_mask = kinds[following] == MASK
    image, mask = directories[images], directories[following]
    objects = _objects(image, mask, has_mask, n_channels, size)
    problems = []
    n_strange = len(kinds) - len(images) - int(has_mask.sum())
    if n_strange:
        problems.append(f"{n_strange} directories are left out, as they are neither an image nor its mask")
    damaged = np.zeros(len(images), bool)
    for fault, reason in _faults(objects, image, mask, has_mask, n_channels, size):
        if (fault & ~damaged).any():
            problems.append(f"{_named(objects['id'][fault & ~damaged])} left out: {reason}")
        damaged |= fault
    return objects[~damaged], problems


def _objects(
    image: NDArray[np.void], mask: NDArray[np.void], has_mask: NDArray[np.bool_], n_channels: int, size: int
) -> NDArray[np.void]:
    objects = np.zeros(len(image), _ROW)
    for name in ("id", "height", "line", "column"):
        objects[name] = image[name]
    objects["width"] = image["width"] // n_channels
    objects["saturation"] = _unwrapped(image["saturation"], image["offset"], 8 * n_channels, size)
    for part, directories, there in (("image", image, True), ("mask", mask, has_mask)):
        strip = _unwrapped(directories["strip"], directories["offset"], directories["n_bytes"], size)
        objects[part] = np.where(there, strip, 0)
        objects[f"{part}_bytes"] = np.where(there, directories["n_bytes"], 0)
        objects[f"{part}_compression"] = directories["compression"]
    return objects


def _unwrapped(
    offsets: NDArray[np.uint32], directories: NDArray[np.int64], n_bytes: NDArray[np.uint32] | int, size: int
) -> NDArray[np.int64]:
    """Offsets of data without the overflow at 4 GB: after their directories, if the file is long enough."""
    near = offsets.astype(np.int64)
    ahead = near + np.maximum(directories - near + WRAP - 1, 0) // WRAP * WRAP
    return np.where(ahead + n_bytes <= size, ahead, near)


def _faults(
    objects: NDArray[np.void],
    image: NDArray[np.void],
    mask: NDArray[np.void],
    has_mask: NDArray[np.bool_],
    n_channels: int,
    size: int,
) -> Iterator[tuple[NDArray[np.bool_], str]]:
    """Which objects contradict their directories, and why. The codec relies on these checks."""
    n_pixels = image["width"].astype(np.int64) * image["height"]
    uneven = (n_pixels == 0) | (image["width"] % n_channels != 0)
    yield uneven, f"its width is not that of {n_channels} channels side by side"
    yield n_pixels > _MOST_PIXELS, "it is larger than the camera"
    yield (image["n_strips"] != 1) | (has_mask & (mask["n_strips"] != 1)), "its pixels are not in one strip"
    packed = objects["image_compression"] == GREYSCALE
    plain = objects["image_compression"] == UNCOMPRESSED
    yield ~(packed | plain) | (image["bits"] != 16), "its image is compressed in an unknown way"
    n_bytes = objects["image_bytes"].astype(np.int64)
    outside = (objects["image"] + n_bytes > size) | (objects["mask"] + objects["mask_bytes"] > size)
    yield outside, "its strip lies outside the file"
    too_few = n_bytes * 2 < n_pixels
    too_many = n_bytes * 2 > n_pixels * MOST_NIBBLES + 1
    yield np.where(packed, too_few | too_many, n_bytes != 2 * n_pixels), "the size of its strip does not fit its image"
    differs = (mask["width"] != image["width"]) | (mask["height"] != image["height"])
    yield has_mask & differs, "its mask and its image differ in size"
    known = np.isin(objects["mask_compression"], (BITMASK, UNCOMPRESSED)) & (mask["bits"] == 8)
    yield has_mask & ~known, "its mask is compressed in an unknown way"
    n_bytes = objects["mask_bytes"].astype(np.int64)
    yield has_mask & ((n_bytes == 0) | (n_bytes > 2 * n_pixels)), "the size of its mask strip does not fit its mask"


def _named(ids: NDArray[np.integer]) -> str:
    """``object 7``, or ``3 objects (1, 4, 7)`` with the first ids only."""
    if len(ids) == 1:
        return f"object {ids[0]}"
    shown = ", ".join(map(str, ids[:_SHOWN_IDS].tolist()))
    return f"{len(ids)} objects ({shown}{', ...' if len(ids) > _SHOWN_IDS else ''})"
