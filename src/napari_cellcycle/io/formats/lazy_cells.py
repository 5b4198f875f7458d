"""Cells whose images lie in files: sets of channel files, one cell a frame or one cell a set."""

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
        What their planes show.
    wanted : tuple of int, or None
        Of one file with all channels, the places of those to read; None for all.
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
            return replace(self, wanted=_taken(self.wanted, planes))
        files = tuple(self.files[place] for place in planes)
        return FrameImages(files, tuple(self.channels[place] for place in planes))


@dataclass(frozen=True, eq=False)
class OneCellFiles:
    """Cells of one file each, or of one file per channel; none is opened before its cell is asked for.

    Attributes
    ----------
    folder : Path
        Where the files lie.
    names : tuple of tuple of str
        For each cell the names of its files.
    channels : tuple of str
        What the planes of a cell show.
    wanted : tuple of int, or None
        Places of the channels to read; None for all.
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
        return replace(self, wanted=_taken(self.wanted, planes))

    def _cell(self, names: Sequence[str]) -> CellImage | Unreadable:
        channels, wanted = self.channels, self.wanted
        if wanted is not None and len(names) > 1:
            names, channels, wanted = [names[p] for p in wanted], tuple(channels[p] for p in wanted), None
        return join_planes([read_only_frame(self.folder / name) for name in names], names, channels, wanted)


def _taken(wanted: Sequence[int] | None, planes: Sequence[int]) -> tuple[int, ...]:
    return tuple(planes) if wanted is None else tuple(wanted[place] for place in planes)
