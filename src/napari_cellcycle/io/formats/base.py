"""What all image formats share: an open image file, and its limits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD
from napari_cellcycle.io.formats.pixel_checks import problem_of

LARGEST_CELL_PX = 150
"""Images with longer edges are fields or montages, unless the caller says otherwise."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageFile(ABC):
    """An image file that was opened once to see what is in it.

    Attributes
    ----------
    path : Path
        The file.
    axes : str
        Its axes as the file names them, ``NCYX`` for instance.
    frame_axes : str
        Those among them that count frames: cells, or points in time.
    n_frames : int
        How many frames these are.
    channels : tuple of str
        Names of the channels, empty where the file gives none.
    shape : tuple of int
        Height and width of the first frame, in pixels.
    dtype : dtype
        Type of the pixels.
    pixel_size_um : float or None
        Edge of a pixel in micrometres, where the file tells it.
    synthetic : bool
        Whether the file says that a generator made it.
    damage : str
        What is wrong with the file although some of it can be read; empty if nothing is.
    labels : Path or None
        A label image that it holds itself.
    """

    path: Path
    axes: str
    frame_axes: str
    n_frames: int
    channels: tuple[str, ...]
    shape: tuple[int, int]
    dtype: np.dtype[np.generic]
    pixel_size_um: float | None = None
    synthetic: bool = False
    damage: str = ""
    labels: Path | None = None

    @abstractmethod
    def read(self, frames: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        """The frames asked for, each (C, Y, X)."""


def join_planes(
    planes: Sequence[NDArray[np.generic] | Unreadable],
    names: Sequence[str],
    channels: Sequence[str],
    wanted: Sequence[int] | None = None,
) -> CellImage | Unreadable:
    """One cell out of the planes of its files.

    Parameters
    ----------
    planes : sequence of ndarray, each (C, Y, X), or Unreadable
        What each file holds.
    names : sequence of str
        Their names, for messages.
    channels : sequence of str
        What the planes of all files show.
    wanted : sequence of int, optional
        Places of the channels that the cell shall have; the others are not checked either.
    """
    images: list[NDArray[np.generic]] = []
    for plane in planes:
        if isinstance(plane, Unreadable):
            return plane
        images.append(plane)
    sizes = [f"{image.shape[-2]} x {image.shape[-1]}" for image in images]
    if len(set(sizes)) > 1:
        shown = " and ".join(f"{name} ({size})" for name, size in zip(names, sizes, strict=True))
        return Unreadable(f"{shown} differ in size, but must show the same cell; export them again")
    pixels = images[0] if len(images) == 1 else np.concatenate(images)
    if len(pixels) != len(channels):
        return Unreadable(f"{names[0]} has {len(pixels)} channels, but the files beside it have {len(channels)}")
    if wanted is not None:
        pixels, channels = pixels[list(wanted)], [channels[place] for place in wanted]
    return _checked(pixels, names, channels)


def _checked(pixels: NDArray[np.generic], names: Sequence[str], channels: Sequence[str]) -> CellImage | Unreadable:
    for position, (plane, channel) in enumerate(zip(pixels, channels, strict=True)):
        problem = problem_of(plane, may_be_zero=channel not in (BRIGHTFIELD, DARKFIELD))
        if problem is not None:
            name = names[position] if len(names) == len(channels) else names[0]
            return Unreadable(f"{name} ({channel}) {problem}")
    return CellImage(pixels)


SYNTHETIC = "synthetic cells, made by a generator"
"""Description of a stack that must never be tested on; readers look for it."""
