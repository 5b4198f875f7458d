"""The image files in the folders of an input, sorted into sets that show the same cells."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.file_names import (
    AMNIS_SUFFIXES,
    IMAGE_SUFFIXES,
    ZARR_SUFFIX,
    labelled_image,
    natural_key,
    split_channel,
    stem_of,
)
from napari_cellcycle.io.formats.zarr_groups import enclosing_zarr

_SHOWN_NAMES = 5
_NO_COLUMNS: Mapping[str, str] = {}  # one for all, as there may be 10^5 sets


@dataclass(frozen=True)
class Folder:
    """Files of one folder that may contain cells, in natural order.

    Attributes
    ----------
    path : Path
        The folder.
    top : Path
        The input that it belongs to; folders above it do not name a phase.
    names : tuple of str
        Names of files, and of OME-Zarr folders.
    """

    path: Path
    top: Path
    names: tuple[str, ...]


@dataclass(frozen=True)
class ImageSet:
    """Files that show the same cells, one per channel; or one file with all channels, under the channel ``""``.

    `columns` are further values for the tables, such as the well of a plate.
    """

    key: str
    files: Mapping[str, str]
    labels: str | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: _NO_COLUMNS)


@dataclass(frozen=True)
class ImageGroup:
    """Image sets of one folder with the same channels."""

    channels: tuple[str, ...]
    sets: tuple[ImageSet, ...]
    notes: tuple[str, ...] = ()


def find_folders(path: Path, notes: list[str]) -> Iterator[Folder]:
    """Find the folders of an input that may contain cells.

    Parameters
    ----------
    path : Path
        A folder; or a file, which counts as a folder with this file and its label images.
    notes : list of str
        Notes on folders that can't be read are appended.

    Yields
    ------
    Folder
        In natural order.

    Raises
    ------
    ReadError
        The input does not exist, or has no files of a known kind.
    """
    if not os.path.exists(path):  # Path.exists raises if a folder above can't be entered
        raise ReadError(f"{path} does not exist; check the name")
    enclosing = enclosing_zarr(path)
    if enclosing is not None:
        above = Path(enclosing).parent
        inside = path.relative_to(above).as_posix()
        yield Folder(above, above, (inside, *(_labels_beside(path) if path == enclosing else ())))
        return
    if path.is_file():
        yield Folder(path.parent, path.parent, (path.name, *_labels_beside(path)))
        return

    def note(error: OSError) -> None:
        notes.append(f"{error.filename} can't be read ({error.strerror}) and is left out; check its permissions")

    is_empty = True
    for parent, folders, files in os.walk(path, onerror=note):
        zarrs = [name for name in folders if name.lower().endswith(ZARR_SUFFIX)]
        folders[:] = sorted((name for name in folders if name not in zarrs and name[0] != "."), key=natural_key)
        names = [name for name in files if name[0] != "." and name.lower().endswith((*IMAGE_SUFFIXES, *AMNIS_SUFFIXES))]
        if names or zarrs:
            is_empty = False
            yield Folder(Path(parent), path, tuple(sorted(names + zarrs, key=natural_key)))
    if is_empty:
        raise ReadError(f"{path} has no TIFF, PNG, JPEG, CIF, RIF or OME-Zarr images; give the folder with the images")


def _labels_beside(path: Path) -> list[str]:
    """Names of files in the folder of the image `path` that may be its label image."""
    stem = stem_of(path.name)
    names = (name for name in os.listdir(path.parent) if name.lower().endswith(IMAGE_SUFFIXES))
    return sorted(name for name in names if stem.startswith(labelled_image(stem_of(name)) or "\0"))


def group_images(names: Sequence[str], pattern: re.Pattern[str], folder: str) -> Iterator[ImageGroup | ReadError]:
    """Sort the image files of a folder into sets that show the same cells.

    Parameters
    ----------
    names : sequence of str
        File names.
    pattern : Pattern
        From `channel_pattern`.
    folder : str
        Name of the folder, for messages.

    Yields
    ------
    ImageGroup or ReadError
        A group of files without a channel in their names; and a group of sets with one file per channel, with a note
        that names incomplete sets, or the error if all of them are incomplete.
    """
    sets, single = _collect(names, pattern)
    if single:
        yield ImageGroup(("",), tuple(single))
    if sets:
        yield _complete(sets, folder)


def _collect(names: Sequence[str], pattern: re.Pattern[str]) -> tuple[list[ImageSet], list[ImageSet]]:
    files: dict[str, dict[str, str]] = {}
    single: dict[str, str] = {}
    labels: dict[str, str] = {}
    for name in names:
        stem = stem_of(name)
        image = labelled_image(stem)
        if image is not None:
            labels[image] = name
            continue
        key, channel = split_channel(stem, pattern)
        if channel:
            files.setdefault(key, {})[channel] = name
        else:
            single[name] = stem
    sets = [ImageSet(key, found, _labels_of(key, found, labels)) for key, found in files.items()]
    return sets, [ImageSet(stem, {"": name}, labels.get(stem)) for name, stem in single.items()]


def _labels_of(key: str, files: Mapping[str, str], labels: Mapping[str, str]) -> str | None:
    if not labels:
        return None
    stems = (key, *map(stem_of, files.values()))
    return next((labels[stem] for stem in stems if stem in labels), None)


def _complete(sets: Sequence[ImageSet], folder: str) -> ImageGroup | ReadError:
    """The sets that have every channel that half of the sets have."""
    counts = Counter(channel for images in sets for channel in images.files)
    wanted = tuple(sorted((c for c, n_sets in counts.items() if 2 * n_sets >= len(sets)), key=natural_key))
    complete = [images for images in sets if images.files.keys() >= set(wanted)]
    if not complete:
        return ReadError(
            f"{folder} has no cell with all of the channels {', '.join(wanted)}; "
            "the files of one cell must have the same name, except for the channel"
        )
    notes = []
    rare = [f"{channel} (of {n_sets} in {len(sets)})" for channel, n_sets in counts.items() if channel not in wanted]
    if rare:
        notes.append(f"{folder}: channels that most cells do not have are left out: {', '.join(rare)}")
    incomplete = [images for images in sets if not images.files.keys() >= set(wanted)]
    if incomplete:
        shown = [next(iter(images.files.values())) for images in incomplete[:_SHOWN_NAMES]]
        more = ", ..." if len(incomplete) > _SHOWN_NAMES else ""
        lack = f"{folder}: {len(incomplete)} of {len(sets)} are left out because they lack one of {', '.join(wanted)}"
        notes.append(f"{lack}: {', '.join(shown)}{more}")
    ordered = (ImageSet(each.key, {c: each.files[c] for c in wanted}, each.labels) for each in complete)
    return ImageGroup(wanted, tuple(ordered), tuple(notes))
