"""What all image formats have in common: an open image file, and how its planes become the image of a cell."""

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
"""By default, larger images are fields or montages."""
SYNTHETIC = "synthetic cells, made by a generator"
"""How the description of a stack of synthetic cells begins. Readers look for it, as such cells must never be used for
testing; no other word in a file, its name or its path marks a cell as synthetic."""
MOST_CHANNELS = 12
"""An ImageStream has twelve channels; a longer axis does not count channels."""
SMALLEST_CELL_PX = 8
"""An image with a shorter edge can't be a cell; its axes were taken wrongly, or it is a fragment."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageFile(ABC):
    """An image file whose header has been read.

    Attributes
    ----------
    path : Path
        The file.
    axes : str
        Its axes as the file names them, for instance ``NCYX``.
    frame_axes : str
        The axes that count frames: cells, or time points; never focal planes.
    n_frames : int
        Number of frames.
    n_planes : int
        Number of focal planes (z) of each frame.
    channels : tuple of str
        Names of the channels; empty where the file gives none.
    shape : tuple of int
        Height and width of the first frame, in pixels.
    dtype : dtype
        Data type of the pixels.
    pixel_size_um : float or None
        Edge of a pixel in micrometres, if the file gives it.
    synthetic : bool
        Whether the file says that its cells are synthetic.
    damage : str
        What is wrong with a file that can be read in part; empty if nothing is.
    notes : tuple of str
        What was guessed or left out while opening, in sentences for the user.
    labels : tuple of Path
        The label images inside the file.
    scene : int or None
        Position of this image in a file with several images; None if it has one.
    n_scenes : int
        Number of images that were opened in the file.
    parts : tuple of Path
        The files of an image that lies in several files; empty if it lies in one.
    mask_file : ImageFile or None
        Masks or labels in the same file, as many frames as there are images.
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
    n_planes: int = 1
    damage: str = ""
    notes: tuple[str, ...] = ()
    labels: tuple[Path, ...] = ()
    scene: int | None = None
    n_scenes: int = 1
    parts: tuple[Path, ...] = ()
    mask_file: ImageFile | None = None

    @abstractmethod
    def read(self, frames: Sequence[int], plane: int = 0) -> list[NDArray[np.generic] | Unreadable]:
        """The frames at the given indices, each (C, Y, X), in the focal plane `plane`."""


def join_planes(
    planes: Sequence[NDArray[np.generic] | Unreadable],
    names: Sequence[str],
    channels: Sequence[str],
    wanted: Sequence[int] | None = None,
) -> CellImage | Unreadable:
    """Join the planes from the files of one cell.

    Parameters
    ----------
    planes : sequence of ndarray, each (C, Y, X), or Unreadable
        The planes from each file.
    names : sequence of str
        Names of the files, for messages.
    channels : sequence of str
        Channels of the planes of all files.
    wanted : sequence of int, optional
        Indices of the channels to keep; the others are not checked. All by default.

    Returns
    -------
    CellImage or Unreadable
        Or the reason why the planes are not the image of a cell.

    Examples
    --------
    >>> join_planes([np.ones((1, 2, 2)), np.ones((1, 2, 3))], ["a.tif", "b.tif"], ["brightfield", "darkfield"]).reason
    'a.tif (2 x 2) and b.tif (2 x 3) differ in size, but must show the same cell; export them again'
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
        return Unreadable(
            f"{names[0]} has {len(pixels)} channels, but the other files have {len(channels)}; export them again"
        )
    if wanted is not None:
        pixels, channels = pixels[list(wanted)], [channels[index] for index in wanted]
    for index, (plane, channel) in enumerate(zip(pixels, channels, strict=True)):
        problem = problem_of(plane, may_be_zero=channel not in (BRIGHTFIELD, DARKFIELD))
        if problem is not None:
            name = names[index] if len(names) == len(channels) else names[0]
            return Unreadable(f"{name} ({channel}) {problem}")
    return CellImage(pixels)
