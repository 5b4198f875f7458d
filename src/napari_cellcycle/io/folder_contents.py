"""What lies in the folders of an input: files, and the sets of them that show the same cells."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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

_SHOWN_NAMES = 5


@dataclass(frozen=True)
class Folder:
    """Names in one folder that may hold cells, in natural order.

    Attributes
    ----------
    path : Path
        The folder.
    top : Path
        The input it was found under; no folder above that one can name a phase.
    names : tuple of str
        Files, and OME-Zarr folders.
    """

    path: Path
    top: Path
    names: tuple[str, ...]


@dataclass(frozen=True)
class ImageSet:
    """Files that show the same cells, one a channel; or one file with all channels, under the channel ``""``."""

    key: str
    files: Mapping[str, str]
    labels: str | None = None


@dataclass(frozen=True)
class ImageGroup:
    """Image sets of one folder that have the same channels."""

    channels: tuple[str, ...]
    sets: tuple[ImageSet, ...]
    notes: tuple[str, ...] = ()


def find_folders(path: Path, notes: list[str]) -> Iterator[Folder]:
    """Folders under an input with what may hold cells; a file counts as a folder with it and its labels.

    Raises
    ------
    ReadError
        The input does not exist, or nothing in it is of a known kind.
    """
    if not os.path.exists(path):  # Path.exists raises where a folder above may not be entered
        raise ReadError(f"{path} does not exist; check the name")
    if path.is_file() or path.suffix.lower() == ZARR_SUFFIX:
        yield Folder(path.parent, path.parent, (path.name, *_labels_beside(path)))
        return

    def told(error: OSError) -> None:
        notes.append(f"{error.filename} can't be read ({error.strerror}), so it is left out; check its permissions")

    is_empty = True
    for place, folders, files in os.walk(path, onerror=told):
        zarrs = [name for name in folders if name.lower().endswith(ZARR_SUFFIX)]
        folders[:] = sorted((name for name in folders if name not in zarrs and name[0] != "."), key=natural_key)
        names = [name for name in files if name[0] != "." and name.lower().endswith((*IMAGE_SUFFIXES, *AMNIS_SUFFIXES))]
        if names or zarrs:
            is_empty = False
            yield Folder(Path(place), path, tuple(sorted(names + zarrs, key=natural_key)))
    if is_empty:
        raise ReadError(
            f"{path} holds no TIFF, PNG, JPEG, CIF, RIF or OME-Zarr images; give the folder that holds them"
        )


def _labels_beside(path: Path) -> list[str]:
    """Label images that lie beside the image `path` and may be its own."""
    stem = stem_of(path.name)
    beside = (name for name in os.listdir(path.parent) if name.lower().endswith(IMAGE_SUFFIXES))
    return sorted(name for name in beside if stem.startswith(labelled_image(stem_of(name)) or "\0"))


def group_images(names: Sequence[str], pattern: re.Pattern[str], folder: str) -> Iterator[ImageGroup | ReadError]:
    """Sort the image files of a folder into groups of sets; a note of the group names those that are incomplete.

    Files without a channel in their names form a group of their own.
    """
    sets, lone = _collect(names, pattern)
    if lone:
        yield ImageGroup(("",), tuple(lone))
    if sets:
        yield _complete(sets, folder)


def _collect(names: Sequence[str], pattern: re.Pattern[str]) -> tuple[list[ImageSet], list[ImageSet]]:
    files: dict[str, dict[str, str]] = {}
    lone: dict[str, str] = {}
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
            lone[name] = stem
    sets = [ImageSet(key, found, _labels_of(key, found, labels)) for key, found in files.items()]
    return sets, [ImageSet(stem, {"": name}, labels.get(stem)) for name, stem in lone.items()]


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
            f"{folder} holds no cell with all of the channels {', '.join(wanted)}; "
            "give the files of one cell the same name but for the channel"
        )
    notes = []
    rare = [f"{channel} (of {n_sets} in {len(sets)})" for channel, n_sets in counts.items() if channel not in wanted]
    if rare:
        notes.append(f"{folder}: channels that most cells lack are left out: {', '.join(rare)}")
    incomplete = [images for images in sets if not images.files.keys() >= set(wanted)]
    if incomplete:
        shown = [next(iter(images.files.values())) for images in incomplete[:_SHOWN_NAMES]]
        more = ", ..." if len(incomplete) > _SHOWN_NAMES else ""
        lack = f"{folder}: {len(incomplete)} of {len(sets)} are left out, for they lack one of {', '.join(wanted)}"
        notes.append(f"{lack}: {', '.join(shown)}{more}")
    ordered = (ImageSet(each.key, {c: each.files[c] for c in wanted}, each.labels) for each in complete)
    return ImageGroup(wanted, tuple(ordered), tuple(notes))
