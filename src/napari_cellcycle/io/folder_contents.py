"""The image files of a folder, sorted into sets that show the same cells."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.folder_scan import shorten
from napari_cellcycle.io.name_patterns import (
    IMAGE_SUFFIXES,
    folded,
    image_number,
    labelled_image,
    natural_key,
    numbered_labels,
    pictured_image,
    split_channel,
    stem_of,
)

_NO_COLUMNS: Mapping[str, str] = {}  # one for all, as there may be 10^5 sets
_CELL_ACDC = re.compile(r"_?segm(?:_\w+)?\.npz$", re.IGNORECASE)
_N_PROBED = 8
"""Endings of file names, such as ``_cells``, that are looked at to see whether such files are label images."""

IsLabels = Callable[[str, str], bool]
"""Whether a file, by name, is a label image of another file, by its content."""


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


@dataclass(eq=False)
class _Sorted:
    """The images of a folder by cell and channel, and label images by the image that they belong to."""

    files: dict[str, dict[str, str]] = field(default_factory=dict)
    single: dict[str, str] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    thumbnails: list[str] = field(default_factory=list)


def group_images(
    names: Sequence[str],
    pattern: re.Pattern[str],
    folder: str,
    *,
    labels: Mapping[str, str] | None = None,
    others: Sequence[str] = (),
    is_labels: IsLabels = lambda name, image: False,
) -> Iterator[ImageGroup | ReadError]:
    """Sort the image files of a folder into sets that show the same cells.

    Parameters
    ----------
    names : sequence of str
        File names.
    pattern : Pattern
        From `channel_pattern`.
    folder : str
        Name of the folder, for messages.
    labels : mapping of str to str, optional
        Label images in other folders, by the `folded` stem of their image.
    others : sequence of str
        Names of other files, among which may be segmentations of Cell-ACDC.
    is_labels : callable
        Whether the first file is a label image of the second one, by its content.

    Yields
    ------
    ImageGroup or ReadError
        A group of files without a channel in their names; and a group of sets with one file per channel, with a note
        that names incomplete sets, or the error if all of them are incomplete.
    """
    found = _sort(names, pattern)
    _take_labels_by_content(found, is_labels)
    _take_cell_acdc(found, others)
    for image, path in (labels or {}).items():
        found.labels.setdefault(image, []).append(path)
    notes = []
    if found.twice:
        notes.append(f"{folder}: left out, as a file of the same name is there: {shorten(found.twice)}")
    if found.thumbnails:
        notes.append(f"{folder}: thumbnails are left out: {shorten(found.thumbnails)}")
    sets: list[ImageSet] = []
    singles: list[ImageSet] = []
    used: set[str] = set()
    every = [(key, files, sets) for key, files in found.files.items()]
    every += [(stem, {"": name}, singles) for stem, name in found.single.items()]
    for key, files, kind in every:
        belonging = _labels_of(key, files, found.labels)
        used.update(belonging)
        if len(belonging) > 1:
            yield ReadError(
                f"{next(iter(files.values()))} in {folder} has several label images ({', '.join(sorted(belonging))}); "
                "keep one of them"
            )
        else:
            kind.append(ImageSet(key, files, belonging[0] if belonging else None))
    orphans = [name for labelled in found.labels.values() for name in labelled if name not in used]
    if orphans and (sets or singles):
        shown = shorten([name.rpartition("/")[2] for name in orphans])
        notes.append(f"{folder}: label images without their image are left out: {shown}")
    if singles:
        yield ImageGroup(("",), tuple(singles), () if sets else tuple(notes))
    if sets:
        yield _complete(sets, folder, notes)


def _sort(names: Sequence[str], pattern: re.Pattern[str]) -> _Sorted:
    found = _Sorted()
    channels: dict[str, str] = {}
    keys: dict[str, str] = {}
    known_images = cache(lambda: _image_names(names, pattern))
    numbered_images = cache(lambda: {image_number(stem): stem for stem in map(stem_of, names)})
    for name in sorted(names, key=_suffix_rank):
        stem = stem_of(name)
        image = labelled_image(stem)
        if image is None:
            perhaps = labelled_image(stem, perhaps=True)
            image = perhaps if perhaps is not None and folded(perhaps) in known_images() else None
        if image is None and (number := numbered_labels(stem)) is not None:
            image = numbered_images().get(number)
        if image is not None:
            _put(found.labels.setdefault(folded(image), []), name, found.twice)
            continue
        pictured = pictured_image(stem)
        if pictured is not None and folded(pictured) in known_images():
            found.thumbnails.append(name)
            continue
        key, channel = split_channel(stem, pattern)
        if channel:
            channel = channels.setdefault(channel.casefold(), channel)
            files = found.files.setdefault(keys.setdefault(_one_form(key), key), {})
            known = files.setdefault(channel, name)
        else:
            known = found.single.setdefault(keys.setdefault("/" + _one_form(stem), stem), name)
        if known != name:
            found.twice.append(name)
    order = {name: number for number, name in enumerate(names)}
    found.files = dict(sorted(found.files.items(), key=lambda item: min(order[name] for name in item[1].values())))
    found.single = dict(sorted(found.single.items(), key=lambda item: order[item[1]]))
    return found


def _image_names(names: Sequence[str], pattern: re.Pattern[str]) -> set[str]:
    """Stems of all files, with and without their channel."""
    stems = {stem_of(name) for name in names}
    return set(map(folded, stems)) | {folded(split_channel(stem, pattern)[0]) for stem in stems}


def _one_form(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _put(labels: list[str], name: str, twice: list[str]) -> None:
    """Add a label image, unless it is there already in another format."""
    stems = [stem_of(other).casefold() for other in labels]
    (twice if stem_of(name).casefold() in stems else labels).append(name)


def _suffix_rank(name: str) -> int:
    """Of two files that differ only in their format, that without losses comes first."""
    lower = name.lower()
    return next((rank for rank, suffix in enumerate(IMAGE_SUFFIXES) if lower.endswith(suffix)), 0)


def _take_labels_by_content(found: _Sorted, is_labels: IsLabels) -> None:
    """Find label images whose names are those of an image with another ending, or that differ in their format only."""
    for name in list(found.twice):
        image = stem_of(name)
        partner = found.single.get(image)
        if partner is not None and name.lower().endswith(".png") and is_labels(name, partner):
            found.twice.remove(name)
            found.labels.setdefault(folded(image), []).append(name)
    endings: dict[str, bool] = {}
    for stem, name in list(found.single.items()):
        base = re.match(r"(.+)[ _.-]([^ _.-]+)$", stem)
        if base is None or base[2].isdecimal() or not (base[1] in found.single or base[1] in found.files):
            continue
        ending = base[2].casefold()
        if ending not in endings and len(endings) < _N_PROBED:
            image = found.single.get(base[1]) or next(iter(found.files[base[1]].values()))
            endings[ending] = is_labels(name, image)
        if endings.get(ending):
            del found.single[stem]
            found.labels.setdefault(folded(base[1]), []).append(name)


def _take_cell_acdc(found: _Sorted, others: Sequence[str]) -> None:
    """Find the segmentations of Cell-ACDC: ``a_segm.npz`` belongs to ``a_phase_contr.tif``."""
    for name in others:
        ending = _CELL_ACDC.search(name)
        if ending is None:
            continue
        base = name[: ending.start()]
        images = [key for key in (*found.files, *found.single) if folded(key) == folded(base)]
        images = images or [key for key in found.single if folded(key).startswith(folded(base) + "_")]
        for image in images or [base]:
            found.labels.setdefault(folded(image), []).append(name)


def _labels_of(key: str, files: Mapping[str, str], labels: Mapping[str, list[str]]) -> list[str]:
    if not labels:
        return []
    stems = (key, *map(stem_of, files.values()))
    return next((labels[name] for stem in stems if (name := folded(stem)) in labels), [])


def _complete(sets: Sequence[ImageSet], folder: str, notes: list[str]) -> ImageGroup | ReadError:
    """The sets that have every channel that half of the sets have."""
    counts = Counter(channel for images in sets for channel in images.files)
    wanted = tuple(sorted((c for c, n_sets in counts.items() if 2 * n_sets >= len(sets)), key=natural_key))
    complete = [images for images in sets if images.files.keys() >= set(wanted)]
    if not complete:
        return ReadError(
            f"{folder} has no cell with all of the channels {', '.join(wanted)}; "
            "the files of one cell must have the same name, except for the channel"
        )
    rare = [f"{channel} (of {n_sets} in {len(sets)})" for channel, n_sets in counts.items() if channel not in wanted]
    if rare:
        notes.append(f"{folder}: channels that most cells do not have are left out: {', '.join(rare)}")
    incomplete = [images for images in sets if not images.files.keys() >= set(wanted)]
    if incomplete:
        shown = shorten([next(iter(images.files.values())) for images in incomplete])
        lack = f"{folder}: {len(incomplete)} of {len(sets)} are left out because they lack one of {', '.join(wanted)}"
        notes.append(f"{lack}: {shown}")
    ordered = (ImageSet(each.key, {c: each.files[c] for c in wanted}, each.labels) for each in complete)
    return ImageGroup(wanted, tuple(ordered), tuple(notes))
