"""A set of image files that show the same cells, with its headers read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.errors import ReadError, SettingError
from napari_cellcycle.io.channel_roles import NamedChannels, name_channels
from napari_cellcycle.io.folder_contents import ImageSet
from napari_cellcycle.io.formats.base import LARGEST_CELL_PX, ImageFile
from napari_cellcycle.io.formats.lazy_cells import Focus
from napari_cellcycle.io.formats.open import open_images
from napari_cellcycle.io.formats.zarr_groups import shown_name
from napari_cellcycle.io.input_part import ReadOptions
from napari_cellcycle.io.name_patterns import names_montage
from napari_cellcycle.phases import UNKNOWN

_LABEL_WORDS = ("cell", "nuclei", "nucleus")
"""Of several label images in a file, the first one with such a name is taken: whole cells before nuclei."""


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
    def name(self) -> str:
        """Its name in messages."""
        return shown_name(self.path)

    @property
    def source(self) -> str:
        """Its name in tables."""
        scene = self.files[0].scene
        return self.origin.options.source(self.path) + ("" if scene is None else f"[image={scene}]")

    @property
    def focus(self) -> Focus:
        """Which focal plane is read of each frame."""
        return Focus.on(self.files, self.channels.roles, self.origin.options.plane)

    @property
    def n_planes(self) -> int:
        """Number of focal planes of each frame."""
        return max(file.n_planes for file in self.files)

    @property
    def kind_of_planes(self) -> str:
        """What to add to its kind where it has focal planes."""
        return "" if self.n_planes == 1 else f", {self.n_planes} focal planes"

    @property
    def phase(self) -> int:
        """Phase from the name of the folder, or else of the files."""
        return self.origin.phase_in(self.images.key) if self.origin.phase == UNKNOWN else self.origin.phase

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed about the channels, and what is wrong with the files."""
        return (*self.channels.notes, *self.file_notes)

    @property
    def file_notes(self) -> tuple[str, ...]:
        """What is wrong with the files, and what was guessed about their axes."""
        return (
            *(file.damage for file in self.files if file.damage),
            *(note for file in self.files for note in file.notes),
            *notes_on_planes(self.n_planes, self.origin.options.plane),
        )

    @property
    def labels(self) -> Path | None:
        """The label image: given by the user, in the same folder, or inside the file.

        Raises
        ------
        ReadError
            The file has several label images, and neither the user nor their names say which one shows cells.
        """
        asked = self.origin.options.labels
        inside = {path.name: path for path in self.files[self.brightfield_file].labels}
        if asked is not None:
            return inside.get(str(asked), asked)
        if self.images.labels is not None:
            return self.origin.folder / self.images.labels
        if len(inside) < 2:
            return next(iter(inside.values()), None)
        chosen = next((name for word in _LABEL_WORDS for name in inside if word in name.lower()), None)
        if chosen is None:
            example = next(iter(inside))
            raise ReadError(
                f"{self.name} has the label images {', '.join(inside)}; choose one, as in --labels {example}"
            )
        return inside[chosen]

    @property
    def label_notes(self) -> tuple[str, ...]:
        """Which of several label images in the file was taken."""
        inside, chosen = self.files[self.brightfield_file].labels, self.labels
        if len(inside) < 2 or self.origin.options.labels is not None or chosen not in inside:
            return ()
        others = ", ".join(path.name for path in inside if path != chosen)
        note = f"{self.name}: the cells are cut by its labels {chosen.name}, not by {others}"
        return (f"{note}; choose others with --labels NAME",)

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


def notes_on_planes(n_planes: int, plane: int | None) -> list[str]:
    """What the user should know of focal planes.

    Parameters
    ----------
    n_planes : int
        Focal planes of each image.
    plane : int or None
        The one that the user chose, counted from 0.

    Returns
    -------
    list of str
        One note, or none.
    """
    if n_planes > 1 and plane is None:
        sharpest = f"of the {n_planes} focal planes (z) of each image, the sharpest in brightfield is read"
        return [f"{sharpest}; choose another one with --plane 0 to {n_planes - 1}"]
    if n_planes > 1:
        return [f"of the {n_planes} focal planes (z) of each image, plane {plane} is read, as --plane says"]
    return ["there are no focal planes (z), so --plane changes nothing"] if plane else []


def open_sets(images: ImageSet, channels: Sequence[str], origin: Origin) -> list[OpenImageSet]:
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
    list of OpenImageSet
        One, or one for each field in a file with several; none if they belong to images that were opened already.
        No pixels are read, but a few that tell what a file shows.

    Raises
    ------
    ReadError, ImageError, ChannelError
        A file can't be read, or a channel that the user names is missing.
    SettingError
        There is no such focal plane.
    """
    layout, plane, as_channels = origin.options.layout, origin.options.plane, origin.options.numbers_channels
    paths = [origin.folder / images.files[channel] for channel in channels]
    opened = [open_images(path, layout, plane, as_channels=as_channels) for path in paths]
    if len(opened) > 1 and opened[0][0].parts and len({frozenset(scenes[0].parts) for scenes in opened}) == 1:
        opened, channels = opened[:1], ("",)  # files of one OME-TIFF
    if len({len(scenes) for scenes in opened}) > 1:
        shown = ", ".join(f"{scenes[0].path.name} {len(scenes)}" for scenes in opened)
        raise ReadError(f"the channels hold different numbers of images ({shown}); export them again together")
    new = [files for files in zip(*opened, strict=True) if not _is_claimed(files, origin.options.claimed)]
    return [_open_set(images, channels, origin, files) for files in new]


def check_plane(plane: int | None, file: ImageFile) -> None:
    """Check that a file has the focal plane that the user chose.

    Parameters
    ----------
    plane : int or None
        The one that the user chose, counted from 0.
    file : ImageFile
        An open file.

    Raises
    ------
    SettingError
        The file has focal planes, but fewer.
    """
    if plane is not None and file.n_planes > 1 and not 0 <= plane < file.n_planes:
        raise SettingError(
            f"plane is {plane}, but {file.path.name} has {file.n_planes} focal planes; choose 0 to {file.n_planes - 1}"
        )


def _is_claimed(files: Sequence[ImageFile], claimed: set[object]) -> bool:
    """Whether an image in several files was opened already; if not, it is from now on."""
    keys: set[object] = {(frozenset(file.parts), file.scene) for file in files if len(file.parts) > 1}
    if keys and keys <= claimed:
        return True
    claimed |= keys
    return False


def _open_set(images: ImageSet, channels: Sequence[str], origin: Origin, files: tuple[ImageFile, ...]) -> OpenImageSet:
    inside = files[0].channels
    depths = {file.n_planes for file in files} - {1}
    if len(depths) > 1:
        shown = ", ".join(f"{file.path.name} {file.n_planes}" for file in files)
        raise ReadError(f"the channels have different numbers of focal planes ({shown}); export them again together")
    check_plane(origin.options.plane, max(files, key=lambda file: file.n_planes))
    if len(files) > 1 and any(len(file.channels) > 1 for file in files):
        several = next(file.path.name for file in files if len(file.channels) > 1)
        raise ReadError(f"{several} has several channels, but its name gives one; open it without the other files")
    found = channels if len(inside) == 1 and channels[0] else inside
    return OpenImageSet(images, origin, files, name_channels(found, origin.options.channels, files[0].path.name))
