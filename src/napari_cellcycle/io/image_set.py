"""Sets of image files that show the same cells, opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.channel_roles import NamedChannels, name_channels
from napari_cellcycle.io.file_names import names_montage, phase_in_stem
from napari_cellcycle.io.folder_contents import ImageSet
from napari_cellcycle.io.formats.base import LARGEST_CELL_PX, ImageFile
from napari_cellcycle.io.formats.open import open_image
from napari_cellcycle.io.input_part import ReadOptions
from napari_cellcycle.phases import UNKNOWN


@dataclass(frozen=True)
class Origin:
    """A folder, the phase that it names, and what the user said."""

    folder: Path
    phase: int
    options: ReadOptions


@dataclass(frozen=True)
class OpenSet:
    """An image set whose headers were read.

    Attributes
    ----------
    images : ImageSet
        Its names.
    origin : Origin
        Where it lies.
    files : tuple of ImageFile
        One a channel, or one with all channels.
    channels : NamedChannels
        What they show.
    """

    images: ImageSet
    origin: Origin
    files: tuple[ImageFile, ...]
    channels: NamedChannels

    @property
    def brightfield_file(self) -> int:
        """Origin of the brightfield file among the files; 0 where none is named so."""
        if BRIGHTFIELD not in self.channels.roles:
            return 0
        file_of = [place for place, file in enumerate(self.files) for _ in file.channels]
        return file_of[self.channels.roles.index(BRIGHTFIELD)]

    @property
    def path(self) -> Path:
        """The file that tables name it by."""
        return self.files[self.brightfield_file].path

    @property
    def source(self) -> str:
        """Its name in tables."""
        return self.origin.options.source(self.path)

    @property
    def phase(self) -> int:
        """Phase that its folder or its name tells."""
        return phase_in_stem(self.images.key) if self.origin.phase == UNKNOWN else self.origin.phase

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed of its channels, and what is wrong with its files."""
        return (*self.channels.notes, *(file.damage for file in self.files if file.damage))

    @property
    def labels(self) -> Path | None:
        """Its label image: the user's, one beside it, or one inside."""
        beside = None if self.images.labels is None else self.origin.folder / self.images.labels
        return self.origin.options.labels or beside or self.files[self.brightfield_file].labels

    @property
    def is_named_montage(self) -> bool:
        """Whether the user or the file's name says that it is a montage."""
        layout = self.origin.options.layout
        return layout == "montage" or (layout == "auto" and names_montage(self.images.key))

    @property
    def shows_cells(self) -> bool:
        """Whether each frame is one cell."""
        layout = self.origin.options.layout
        small = max(self.files[0].shape) <= LARGEST_CELL_PX and not self.is_named_montage
        return self.labels is None and (layout == "cells" or (layout == "auto" and small))


def open_set(images: ImageSet, channels: Sequence[str], origin: Origin) -> OpenSet:
    """Read the headers of a set.

    Parameters
    ----------
    images : ImageSet
        The set.
    channels : sequence of str
        Channels in the names of its files, in order; ``("",)`` if one file holds all.
    origin : Origin
        Where it lies.

    Raises
    ------
    ReadError, ImageError, ChannelError
        A file can't be read, or a channel that the user named is not there.
    """
    files = tuple(open_image(origin.folder / images.files[channel]) for channel in channels)
    inside = files[0].channels
    if len(files) > 1 and any(len(file.channels) > 1 for file in files):
        several = next(file.path.name for file in files if len(file.channels) > 1)
        raise ReadError(f"{several} holds several channels, but its name tells of one; open it without the others")
    found = channels if len(inside) == 1 and channels[0] else inside
    return OpenSet(images, origin, files, name_channels(found, origin.options.channels, files[0].path.name))
