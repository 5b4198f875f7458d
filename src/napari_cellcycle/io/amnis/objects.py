"""From directories to objects: each image with its mask, checked before any of their pixels are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.io.amnis.codec import BITMASK, GREYSCALE, MOST_NIBBLES, UNCOMPRESSED
from napari_cellcycle.io.amnis.tiff_directories import WRAP

MOST_PIXELS = 1 << 23
"""Of all channels of one object: 2,700 lines of twelve cameras that are 256 pixels wide."""

IMAGE, MASK = 2, 3
"""Kinds of directories, by tag 33002; 1 is the header."""
_SHOWN_IDS = 10


class Row(NamedTuple):
    """Where one object lies: offsets and sizes in bytes of its strips (0 where it has no mask), and its size.

    Height and width are those of one channel. `line` and `column` tell where the camera saw it.
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


ROW = np.dtype([(name, "<i8" if name in Row._fields[:3] else "<u4") for name in Row._fields])
"""The same as one row of a table of 60 bytes an object."""


def list_objects(directories: NDArray[np.void], n_channels: int, size: int) -> tuple[NDArray[np.void], list[str]]:
    """Objects that can be read from a file, and a sentence for each kind of those that can't.

    Parameters
    ----------
    directories : structured ndarray
        From `read_chain`.
    n_channels : int
        How many lie side by side in a strip.
    size : int
        Size of the file in bytes.
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
        problems.append(f"{n_strange} directories are neither an image nor the mask of one and were left out")
    damaged = np.zeros(len(images), bool)
    for fault, reason in _faults(objects, image, mask, has_mask, n_channels, size):
        if (fault & ~damaged).any():
            problems.append(f"{_named(objects['id'][fault & ~damaged])} left out: {reason}")
        damaged |= fault
    return objects[~damaged], problems


def _objects(
    image: NDArray[np.void], mask: NDArray[np.void], has_mask: NDArray[np.bool_], n_channels: int, size: int
) -> NDArray[np.void]:
    objects = np.zeros(len(image), ROW)
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
    """Where data lie that directories at these places point to: ahead of them, as far as the file reaches."""
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
    """Which objects can't be what their directories say, and why. What holds here, the codec relies on."""
    n_pixels = image["width"].astype(np.int64) * image["height"]
    uneven = (n_pixels == 0) | (image["width"] % n_channels != 0)
    yield uneven, f"its width is not that of {n_channels} channels side by side"
    yield n_pixels > MOST_PIXELS, "it is larger than any camera sees"
    yield (image["n_strips"] != 1) | (has_mask & (mask["n_strips"] != 1)), "its pixels are not in one strip"
    packed = objects["image_compression"] == GREYSCALE
    plain = objects["image_compression"] == UNCOMPRESSED
    yield ~(packed | plain) | (image["bits"] != 16), "its image is compressed in an unknown way"
    n_bytes = objects["image_bytes"].astype(np.int64)
    outside = (objects["image"] + n_bytes > size) | (objects["mask"] + objects["mask_bytes"] > size)
    yield outside, "its strip lies outside the file"
    too_few = n_bytes * 2 < n_pixels
    too_many = n_bytes * 2 > n_pixels * MOST_NIBBLES + 1
    yield np.where(packed, too_few | too_many, n_bytes != 2 * n_pixels), "its strip can't hold its image"
    differs = (mask["width"] != image["width"]) | (mask["height"] != image["height"])
    yield has_mask & differs, "its mask is not of the size of its image"
    known = np.isin(objects["mask_compression"], (BITMASK, UNCOMPRESSED)) & (mask["bits"] == 8)
    yield has_mask & ~known, "its mask is compressed in an unknown way"
    n_bytes = objects["mask_bytes"].astype(np.int64)
    yield has_mask & ((n_bytes == 0) | (n_bytes > 2 * n_pixels)), "its mask's strip can't hold its mask"


def _named(ids: NDArray[np.integer]) -> str:
    """``object 7`` or ``3 objects (1, 4, 7)``, never a page of them."""
    if len(ids) == 1:
        return f"object {ids[0]}"
    shown = ", ".join(map(str, ids[:_SHOWN_IDS].tolist()))
    return f"{len(ids)} objects ({shown}{', ...' if len(ids) > _SHOWN_IDS else ''})"
