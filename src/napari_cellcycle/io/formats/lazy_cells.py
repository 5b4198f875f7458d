"""Cell images in image files, read when they are needed: one cell per frame, or one cell per set of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.io.formats.base import ImageFile, join_planes
from napari_cellcycle.io.formats.focus import sharpest
from napari_cellcycle.io.formats.open import read_only_frame


@dataclass(frozen=True, eq=False)
class Focus:
    """Which focal plane of each frame is read: one for all, or the sharpest in one channel.

    Attributes
    ----------
    file : ImageFile
        The file with that channel.
    channel : int
        Its index in that file.
    plane : int or None
        The plane that the user wants.
    found : dict
        The sharpest plane of each frame that was read.
    """

    file: ImageFile
    channel: int = 0
    plane: int | None = None
    found: dict[int, int] = field(default_factory=dict)

    @classmethod
    def on(cls, files: Sequence[ImageFile], channels: Sequence[str], plane: int | None) -> Focus:
        """On the brightfield among the `channels` of all files, or else on the first channel."""
        index = list(channels).index(BRIGHTFIELD) if BRIGHTFIELD in channels else 0
        return cls(files[0], index, plane) if len(files) == 1 else cls(files[index], 0, plane)

    def plane_of(self, frame: int) -> int:
        """The plane to read of a frame."""
        if self.file.n_planes == 1:
            return 0
        if self.plane is not None:
            return self.plane
        if frame not in self.found:
            planes = [self.file.read([frame], plane)[0] for plane in range(self.file.n_planes)]
            self.found[frame] = sharpest(
                [plane if isinstance(plane, Unreadable) else plane[self.channel] for plane in planes]
            )
        return self.found[frame]


@dataclass(frozen=True, eq=False)
class FrameImages:
    """Cells that are the frames of one file with all channels, or of one file per channel.

    Attributes
    ----------
    files : tuple of ImageFile
        The files.
    channels : tuple of str
        Channels of the planes of all files.
    wanted : tuple of int, or None
        Of one file with all channels, the indices of those to read; None for all.
    focus : Focus or None
        Which focal plane is read, where the files have several.
    """

    files: tuple[ImageFile, ...]
    channels: tuple[str, ...]
    wanted: tuple[int, ...] | None = None
    focus: Focus | None = None

    def __len__(self) -> int:
        return self.files[0].n_frames

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order."""
        frames = [self._read(file, indices) for file in self.files]
        names = [file.path.name for file in self.files]
        cells = [join_planes(planes, names, self.channels, self.wanted) for planes in zip(*frames, strict=True)]
        masks = self.files[0].mask_file
        return cells if masks is None else list(map(partial(with_mask, self.channels), cells, masks.read(indices)))

    def plane_of(self, frame: int) -> int:
        """The focal plane that is read of a frame."""
        return 0 if self.focus is None else self.focus.plane_of(frame)

    def _read(self, file: ImageFile, indices: Sequence[int]) -> list[NDArray[np.generic] | Unreadable]:
        if file.n_planes == 1:
            return file.read(indices)
        return [file.read([index], self.plane_of(index))[0] for index in indices]

    def take_planes(self, planes: Sequence[int]) -> FrameImages:
        """The same with only `planes`; files of other channels are not opened."""
        if len(self.files) == 1:
            return replace(self, wanted=_chosen(self.wanted, planes))
        files = tuple(self.files[plane] for plane in planes)
        return FrameImages(files, tuple(self.channels[plane] for plane in planes), focus=self.focus)


@dataclass(frozen=True, eq=False)
class OneCellFiles:
    """Cells in one file each, or in one file per channel; a file is opened when its cell is read.

    Attributes
    ----------
    folder : Path
        Folder of the files.
    names : tuple of tuple of str
        The names of the files of each cell.
    channels : tuple of str
        Channels of the planes of a cell.
    wanted : tuple of int, or None
        Indices of the channels to read; None for all.
    layout, plane, as_channels
        What the user says of the files.
    """

    folder: Path
    names: tuple[tuple[str, ...], ...]
    channels: tuple[str, ...]
    wanted: tuple[int, ...] | None = None
    layout: str = "auto"
    plane: int | None = None
    as_channels: bool = False

    def __len__(self) -> int:
        return len(self.names)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order."""
        return [self._cell(self.names[index]) for index in indices]

    def take_planes(self, planes: Sequence[int]) -> OneCellFiles:
        """The same with only `planes`; files of other channels are not opened."""
        return replace(self, wanted=_chosen(self.wanted, planes))

    def _cell(self, every_name: Sequence[str]) -> CellImage | Unreadable:
        names, channels, wanted = every_name, self.channels, self.wanted
        if wanted is not None and len(names) > 1:
            names, channels, wanted = [names[i] for i in wanted], tuple(channels[i] for i in wanted), None
        files = [self._read(name) for name in names]
        with_planes = next((file for file in files if isinstance(file, ImageFile)), None)
        plane = 0 if with_planes is None else self._plane_of(every_name, with_planes)
        cell = join_planes([_in_plane(file, plane) for file in files], names, channels, wanted)
        masks = next((file.mask_file for file in files if isinstance(file, ImageFile) and file.mask_file), None)
        return cell if masks is None else with_mask(self.channels, cell, masks.read([0])[0])

    def _read(self, name: str) -> NDArray[np.generic] | Unreadable | ImageFile:
        return read_only_frame(self.folder / name, self.layout, self.plane, as_channels=self.as_channels)

    def _plane_of(self, every_name: Sequence[str], file: ImageFile) -> int:
        """The focal plane of a cell: the sharpest in brightfield, also where another channel is wanted."""
        index = self.channels.index(BRIGHTFIELD) if BRIGHTFIELD in self.channels else 0
        if len(every_name) == 1:
            return Focus(file, index, self.plane).plane_of(0)
        brightfield = self._read(every_name[index])
        return Focus(brightfield if isinstance(brightfield, ImageFile) else file, 0, self.plane).plane_of(0)


def with_mask(
    channels: Sequence[str], cell: CellImage | Unreadable, masks: NDArray[np.generic] | Unreadable
) -> CellImage | Unreadable:
    """Give a cell its mask.

    Parameters
    ----------
    channels : sequence of str
        All channels of the cell.
    cell : CellImage or Unreadable
        Without a mask.
    masks : ndarray, shape (C, Y, X) or (1, Y, X), or Unreadable
        For each channel, or one for all.

    Returns
    -------
    CellImage or Unreadable
        With the mask of brightfield where there is one, or else all masks joined.
    """
    if isinstance(cell, Unreadable):
        return cell
    if isinstance(masks, Unreadable):
        return masks
    own = inside = np.asarray(masks != 0)
    if not inside.any():
        return cell
    if len(inside) == len(channels) and BRIGHTFIELD in channels:
        own = inside[[list(channels).index(BRIGHTFIELD)]]
    mask: NDArray[np.bool_] = np.asarray((own if own.any() else inside).any(axis=0), bool)
    return replace(cell, mask=mask)


def _in_plane(file: NDArray[np.generic] | Unreadable | ImageFile, plane: int) -> NDArray[np.generic] | Unreadable:
    if not isinstance(file, ImageFile):
        return file
    if plane >= file.n_planes:
        return Unreadable(f"{file.path.name} has no focal plane {plane}, but {file.n_planes}; choose another one")
    return file.read([0], plane)[0]


def _chosen(wanted: Sequence[int] | None, planes: Sequence[int]) -> tuple[int, ...]:
    return tuple(planes) if wanted is None else tuple(wanted[plane] for plane in planes)
