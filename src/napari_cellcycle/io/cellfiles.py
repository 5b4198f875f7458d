"""Cells whose images lie in files: sets of channel files, one cell a frame or one cell a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, CellImage, Unreadable
from napari_cellcycle.io.checks import problem_of
from napari_cellcycle.io.imagefile import ImageFile, read_only_frame


@dataclass(frozen=True, eq=False)
class FrameImages:
    """Cells that are the frames of one file, or of one file per channel."""

    files: tuple[ImageFile, ...]
    channels: tuple[str, ...]

    def __len__(self) -> int:
        return self.files[0].n_frames

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order."""
        frames = [file.read(indices) for file in self.files]
        names = [file.path.name for file in self.files]
        return [join_planes(planes, names, self.channels) for planes in zip(*frames, strict=True)]


@dataclass(frozen=True, eq=False)
class OneCellFiles:
    """Cells of one file per cell and channel; no file is opened before its cell is asked for.

    Attributes
    ----------
    folder : Path
        Where the files lie.
    names : tuple of tuple of str
        For each cell the names of its files, in the order of `channels`.
    channels : tuple of str
        What the planes show.
    """

    folder: Path
    names: tuple[tuple[str, ...], ...]
    channels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order."""
        return [self._cell(self.names[index]) for index in indices]

    def _cell(self, names: Sequence[str]) -> CellImage | Unreadable:
        planes = [read_only_frame(self.folder / name) for name in names]
        return join_planes(planes, names, self.channels)


def join_planes(
    planes: Sequence[NDArray[np.generic] | Unreadable], names: Sequence[str], channels: Sequence[str]
) -> CellImage | Unreadable:
    """One cell out of its channels' planes, each (C, Y, X), or the reason why it is none."""
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
    return _checked(pixels, names, channels)


def _checked(pixels: NDArray[np.generic], names: Sequence[str], channels: Sequence[str]) -> CellImage | Unreadable:
    for position, (plane, channel) in enumerate(zip(pixels, channels, strict=True)):
        problem = problem_of(plane, may_be_zero=channel not in (BRIGHTFIELD, DARKFIELD))
        if problem is not None:
            name = names[position] if len(names) == len(channels) else names[0]
            return Unreadable(f"{name} ({channel}) {problem}")
    return CellImage(pixels)
