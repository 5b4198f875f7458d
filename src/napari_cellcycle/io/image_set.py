"""A set of image files that show the same cells, with its headers read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.channel_roles import NamedChannels, name_channels
from napari_cellcycle.io.file_names import names_montage
from napari_cellcycle.io.folder_contents import ImageSet
from napari_cellcycle.io.formats.base import LARGEST_CELL_PX, ImageFile
from napari_cellcycle.io.formats.open import open_image
from napari_cellcycle.io.input_part import ReadOptions
from napari_cellcycle.phases import UNKNOWN


@dataclass(frozen=True)
class Origin:
    """A folder, the phase that its name gives, and what the user says about the input."""

    folder: Path
    phase: int
    options: ReadOptions

    def phase_in(self, key: str) -> int:
        """Phase that a file name in the folder, without its channel, begins with."""
        return self.options.names.in_stem(self.folder, key)


@dataclass(frozen=True)
class OpenImageSet:
    """A set of image files whose headers were read.

    Attributes
    ----------
    images : ImageSet
        The names of the files.
    origin : Origin
        Their folder.
    files : tuple of ImageFile
        One per channel, or one with all channels.
    channels : NamedChannels
        Names and roles of the channels.
    """

    images: ImageSet
    origin: Origin
    files: tuple[ImageFile, ...]
    channels: NamedChannels

    @property
    def brightfield_file(self) -> int:
        """Index of the brightfield file among the files; 0 if there is none."""
        if BRIGHTFIELD not in self.channels.roles:
            return 0
        file_of = [index for index, file in enumerate(self.files) for _ in file.channels]
        return file_of[self.channels.roles.index(BRIGHTFIELD)]

    @property
    def path(self) -> Path:
        """The file that represents the set in tables: the brightfield one."""
        return self.files[self.brightfield_file].path

    @property
    def source(self) -> str:
        """Its name in tables."""
        return self.origin.options.source(self.path)

    @property
    def phase(self) -> int:
        """Phase from the name of the folder, or else of the files."""
        return self.origin.phase_in(self.images.key) if self.origin.phase == UNKNOWN else self.origin.phase

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed about the channels, and what is wrong with the files."""
        return (*self.channels.notes, *(file.damage for file in self.files if file.damage))

    @property
    def labels(self) -> Path | None:
        """The label image: given by the user, in the same folder, or inside the file."""
        separate = None if self.images.labels is None else self.origin.folder / self.images.labels
        return self.origin.options.labels or separate or self.files[self.brightfield_file].labels

    @property
    def is_named_montage(self) -> bool:
        """Whether the user, or the name of the file, says that it is a montage."""
        layout = self.origin.options.layout
        return layout == "montage" or (layout == "auto" and names_montage(self.images.key))

    @property
    def shows_cells(self) -> bool:
        """Whether each frame is one cell."""
        layout = self.origin.options.layout
        small = max(self.files[0].shape) <= LARGEST_CELL_PX and not self.is_named_montage
        return self.labels is None and (layout == "cells" or (layout == "auto" and small))


def open_set(images: ImageSet, channels: Sequence[str], origin: Origin) -> OpenImageSet:
    """Read the headers of a set of image files.

    Parameters
    ----------
    images : ImageSet
        The names of the files.
    channels : sequence of str
        Channels in these names, in order; ``("",)`` if one file has all channels.
    origin : Origin
        Their folder.

    Returns
    -------
    OpenImageSet
        No pixels are read.

    Raises
    ------
    ReadError, ImageError, ChannelError
        A file can't be read, or a channel that the user names is missing.
    """
    files = tuple(open_image(origin.folder / images.files[channel]) for channel in channels)
    inside = files[0].channels
    if len(files) > 1 and any(len(file.channels) > 1 for file in files):
        several = next(file.path.name for file in files if len(file.channels) > 1)
        raise ReadError(f"{several} has several channels, but its name gives one; open it without the other files")
    found = channels if len(inside) == 1 and channels[0] else inside
    return OpenImageSet(images, origin, files, name_channels(found, origin.options.channels, files[0].path.name))
