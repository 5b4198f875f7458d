"""Which of several images in a TIFF show cells: masks and smaller copies are left out, and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.io.formats.base import LARGEST_CELL_PX
from napari_cellcycle.io.formats.equal_pages import Series
from napari_cellcycle.io.formats.tiff_axes import PlaneOrder

_TRIED = 16
"""Of more images, so many are looked at to see whether there are masks among them."""
_FLAT = 0.85
"""Part of the pixels of a mask, at least, that equal their right neighbour; in camera images, it is below a half."""


@dataclass
class Choice:
    """Which images of a file are read together.

    Attributes
    ----------
    groups : list of list of int
        Indices of images: those of one stack of cells, or each field on its own.
    notes : list of str
        Which images are left out, and why.
    masks : dict of int to int
        Of some images, the image that is its mask.
    """

    groups: list[list[int]]
    notes: list[str] = field(default_factory=list)
    masks: dict[int, int] = field(default_factory=dict)


def choose_series(
    series: Sequence[Series],
    orders: Sequence[PlaneOrder],
    names: Sequence[str],
    layout: str,
    file: str,
) -> Choice:
    """Choose the images that show cells.

    Small images with the same channels are cells of one stack, of any size. Otherwise each image is a field.

    Parameters
    ----------
    series : sequence of Series
        The images of the file.
    orders : sequence of PlaneOrder
        Their axes.
    names : sequence of str
        Their names in the OME-XML; empty if the file has none.
    layout : str
        What the user says that an image shows.
    file : str
        Name of the file, for notes.

    Returns
    -------
    Choice
        Every image is in a group or in a note.
    """
    everyone = list(range(len(series)))
    if len(everyone) == 1:
        return Choice([everyone])
    choice = Choice([])

    def leave_out(which: set[int], why: str) -> None:
        everyone[:] = [index for index in everyone if index not in which]
        if which:
            choice.notes.append(f"{file}: {_shown(sorted(which), len(series), names)} {why}")

    masks = _masks(series, orders, names)
    choice.masks = _pair_masks(masks, orders)
    used = set(choice.masks.values())
    leave_out(used, "read as the mask of another image" if len(used) == 1 else "read as the masks of the others")
    leave_out(masks - used, "left out, since a mask is no image of cells; to cut cells by it, give it as --labels")
    if not names:
        leave_out(_smaller_copies(everyone, orders), "left out, as smaller copies of the first one")
    kinds = Counter((orders[index].plane_of.shape[1], orders[index].n_planes) for index in everyone)
    usual = kinds.most_common(1)[0][0]
    n_channels = "1 channel" if usual[0] == 1 else f"{usual[0]} channels"
    other = {i for i in everyone if (orders[i].plane_of.shape[1], orders[i].n_planes) != usual}
    leave_out(other, f"left out, without the {n_channels} of the others; save what is needed as a file of its own")
    small = {index for index in everyone if max(orders[index].shape) <= LARGEST_CELL_PX}
    if layout == "cells" or (layout == "auto" and len(small) == len(everyone)):
        choice.groups = [everyone]
        return choice
    if len(small) < len(everyone):
        leave_out(small, "left out, far smaller than the others; save what is needed as a file of its own")
    choice.groups = [[index] for index in everyone]
    return choice


def _shown(which: Sequence[int], n_images: int, names: Sequence[str]) -> str:
    """Which images are meant, as the start of a sentence."""
    if len(which) > 3:
        return f"{len(which)} of its {n_images} images are"
    titles = [f"{index} ({names[index]})" if names and names[index] else f"{index}" for index in which]
    return f"image {titles[0]} of {n_images} is" if len(which) == 1 else f"images {', '.join(titles)} of {n_images} are"


def _smaller_copies(which: Sequence[int], orders: Sequence[PlaneOrder]) -> set[int]:
    """Levels of an image pyramid, and thumbnails, that a file has as images of their own."""
    height, width = orders[which[0]].shape
    if max(height, width) <= LARGEST_CELL_PX:
        return set()
    copies = set()
    for index in which[1:]:
        down, across = height / orders[index].shape[0], width / orders[index].shape[1]
        if min(down, across) > 1.5 and abs(down / across - 1) < 0.05:
            copies.add(index)
    return copies


def _masks(series: Sequence[Series], orders: Sequence[PlaneOrder], names: Sequence[str]) -> set[int]:
    """Images that only tell an object from its background; as bfconvert writes them after each image of a .cif."""
    n_images = len(series)
    tried = range(n_images) if n_images <= 2 * _TRIED else range(_TRIED)
    found = {index for index in tried if _is_mask(series[index], names[index] if names else "")}
    if len(tried) < n_images:
        if found != set(range(1, _TRIED, 2)):
            return found if len(found) < _TRIED else set()
        found = set(range(1, n_images, 2))
    sizes = {orders[index].shape for index in range(n_images) if index not in found}
    return {index for index in found if orders[index].shape in sizes}


def _pair_masks(masks: set[int], orders: Sequence[PlaneOrder]) -> dict[int, int]:
    """The mask of each image: the one after it, or that at its place among as many masks; none if that does not fit."""
    images = [index for index in range(len(orders)) if index not in masks]
    after = {mask - 1: mask for mask in masks if mask - 1 in images}
    for pairs in (after, dict(zip(images, sorted(masks), strict=False))):
        if len(pairs) == len(masks) == len(images) and all(_fits(orders[a], orders[b]) for a, b in pairs.items()):
            return pairs
    return {}


def _fits(image: PlaneOrder, mask: PlaneOrder) -> bool:
    same = (image.shape, image.n_frames) == (mask.shape, mask.n_frames)
    return same and mask.n_planes == 1 and mask.plane_of.shape[1] in (1, image.plane_of.shape[1])


def _is_mask(series: Series, name: str) -> bool:
    if np.dtype(series.dtype).kind not in "uib":
        return False
    try:
        pixels: NDArray[np.generic] = series.keyframe.asarray()
    except Exception:  # noqa: BLE001 - damage is told where the image is read
        return False
    if pixels.ndim < 2 or pixels.shape[-1] < 2 or pixels.min() != 0:
        return False
    if any(word in name.lower() for word in ("mask", "label", "segm")):
        return True
    return bool((pixels[..., 1:] == pixels[..., :-1]).mean() >= _FLAT and pixels.any())
