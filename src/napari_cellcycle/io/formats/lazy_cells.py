"""Cell images in image files, read when they are needed: one cell per frame, or one cell per set of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.io.formats.base import ImageFile, join_planes
from napari_cellcycle.io.formats.open import read_only_frame


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
    """

    files: tuple[ImageFile, ...]
    channels: tuple[str, ...]
    wanted: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return self.files[0].n_frames

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order."""
        frames = [file.read(indices) for file in self.files]
        names = [file.path.name for file in self.files]
        return [join_planes(planes, names, self.channels, self.wanted) for planes in zip(*frames, strict=True)]

    def take_planes(self, planes: Sequence[int]) -> FrameImages:
        """The same with only `planes`; files of other channels are not opened."""
        if len(self.files) == 1:
            return replace(self, wanted=_chosen(self.wanted, planes))
        files = tuple(self.files[plane] for plane in planes)
        return FrameImages(files, tuple(self.channels[plane] for plane in planes))


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
    """

    folder: Path
    names: tuple[tuple[str, ...], ...]
    channels: tuple[str, ...]
    wanted: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        """The cells at `indices`, in that order."""
        return [self._cell(self.names[index]) for index in indices]

    def take_planes(self, planes: Sequence[int]) -> OneCellFiles:
        """The same with only `planes`; files of other channels are not opened."""
        return replace(self, wanted=_chosen(self.wanted, planes))

    def _cell(self, names: Sequence[str]) -> CellImage | Unreadable:
        channels, wanted = self.channels, self.wanted
        if wanted is not None and len(names) > 1:
            names, channels, wanted = [names[i] for i in wanted], tuple(channels[i] for i in wanted), None
        return join_planes([read_only_frame(self.folder / name) for name in names], names, channels, wanted)


def _chosen(wanted: Sequence[int] | None, planes: Sequence[int]) -> tuple[int, ...]:
    return tuple(planes) if wanted is None else tuple(wanted[plane] for plane in planes)
