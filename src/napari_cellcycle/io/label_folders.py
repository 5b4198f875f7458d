"""Folders of label images next to folders of images, as in ``images`` and ``masks``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ReadError
from napari_cellcycle.io.folder_scan import Folder, shorten
from napari_cellcycle.io.formats.label_image import looks_like_labels, open_labels
from napari_cellcycle.io.name_patterns import (
    folded,
    image_number,
    labelled_image,
    names_label_folder,
    numbered_labels,
    split_channel,
    stem_of,
)

_USUAL = re.compile(r"(?:raw[ _-]?)?(?:images?|imgs?)(?:t[rs])?|raw|bright[ _-]?field|bf", re.IGNORECASE)
_OF_CHALLENGE = re.compile(r"(\d+)_(GT|ST|RES|ERR_SEG)", re.IGNORECASE)
_RANKS = ("gt/seg", "st/seg", "res", "err_seg", "gt/tra", "st/tra")
"""Folders of the Cell Tracking Challenge next to that of a sequence; gold truth of whole cells comes first."""
_PREFIX = re.compile(r"^(?:masks?|labels?|seg|gt)[ _.-]", re.IGNORECASE)


@dataclass(frozen=True)
class PairedFolders:
    """Folders of images, and the label images of each from other folders.

    Attributes
    ----------
    folders : tuple of Folder
        Without those of label images.
    labels : dict of Path to dict of str to str
        For each folder, paths of label images by the `folded` stem of their image.
    notes : tuple of str
        Which label images were left out.
    """

    folders: tuple[Folder, ...]
    labels: dict[Path, dict[str, str]]
    notes: tuple[str, ...]


def pair_label_folders(folders: Sequence[Folder], pattern: re.Pattern[str]) -> PairedFolders:
    """Find the folders of label images, and the images that they belong to.

    Parameters
    ----------
    folders : sequence of Folder
        All folders of the inputs.
    pattern : Pattern
        From `channel_pattern`.

    Returns
    -------
    PairedFolders
        A folder that is called like one of label images is one if its files have the names of images in a folder next
        to it, or if its first file looks like a label image.
    """
    suspects = [(folder, level) for folder in folders if (level := _label_level(folder)) is not None]
    if not suspects:
        return PairedFolders(tuple(folders), {}, ())
    around = _folders_around(folders, {folder.path for folder, _ in suspects})
    labels: dict[Path, dict[str, str]] = {}
    notes: list[str] = []
    paired: set[Path] = set()
    by_path = {folder.path: folder for folder in folders}
    for folder, level in sorted(suspects, key=lambda suspect: _challenge_rank(suspect[0].path)):
        parts = folder.path.parts
        sequence = _sequence_of(folder.path)
        candidates = [by_path[sequence]] if sequence in by_path else around.get((parts[:level], parts[level + 1 :]), [])
        matches = [(_match(folder, other, pattern), other) for other in candidates]
        matched, images = max(
            matches, key=lambda match: (bool(match[0]), _is_usual(match[1], level), len(match[0])), default=({}, None)
        )
        if images is not None and matched:
            notes.extend(_add(matched, folder, labels.setdefault(images.path, {}), is_ranked=sequence in by_path))
        elif not _holds_labels(folder):
            continue
        paired.add(folder.path)
        used = {os.path.basename(path) for path in matched.values()}
        unused = [name for name in folder.names if name not in used]
        if unused:
            notes.append(
                f"{folder.path.name}: label images without an image of this name are left out: {shorten(unused)}"
            )
    return PairedFolders(tuple(folder for folder in folders if folder.path not in paired), labels, tuple(notes))


def _add(matched: dict[str, str], folder: Folder, known: dict[str, str], *, is_ranked: bool) -> list[str]:
    """Add label images to those that are known; a note on those that others are taken instead of.

    Raises
    ------
    ReadError
        It is not known which of two label images of an image to take.
    """
    again = [image for image in matched if image in known]
    if again and not is_ranked:
        first = Path(known[again[0]])
        raise ReadError(
            f"{again[0]} has label images in {first.parent.name} and in {folder.path.name}; keep one of these folders"
        )
    known.update({image: path for image, path in matched.items() if image not in known})
    if not again:
        return []
    shown, other = shorten([os.path.basename(matched[image]) for image in again]), Path(known[again[0]]).parent
    return [f"{_short(folder.path)}: {shown} left out, as {_short(other)} has labels of these images"]


def _short(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}" if _OF_CHALLENGE.fullmatch(folder.parent.name) else folder.name


def _sequence_of(folder: Path) -> Path | None:
    """Folder of the images that a label folder of the Cell Tracking Challenge belongs to: 01 for 01_GT/SEG."""
    for path in (folder, folder.parent):
        if found := _OF_CHALLENGE.fullmatch(path.name):
            return path.with_name(found[1])
    return None


def _challenge_rank(folder: Path) -> int:
    lower = folder.as_posix().lower()
    return next((rank for rank, ending in enumerate(_RANKS) if lower.endswith(f"_{ending}")), 0)


def _label_level(folder: Folder) -> int | None:
    """Index of the last part of a path below the input that is called like a folder of label images."""
    parts = folder.path.parts
    levels = range(len(parts) - 1, len(folder.top.parts) - 1, -1)
    return next(
        (level for level in levels if names_label_folder(parts[level]) or _OF_CHALLENGE.fullmatch(parts[level])), None
    )


def _folders_around(
    folders: Sequence[Folder], suspects: set[Path]
) -> dict[tuple[tuple[str, ...], tuple[str, ...]], list[Folder]]:
    """Folders of images by the parts of their path before and after each level, and by those without a level."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Folder]] = {}
    for folder in folders:
        if folder.path in suspects:
            continue
        parts = folder.path.parts
        for level in range(len(folder.top.parts) - 1, len(parts)):
            found.setdefault((parts[:level], parts[level + 1 :]), []).append(folder)
        for level in range(len(folder.top.parts), len(parts) + 1):
            found.setdefault((parts[:level], parts[level:]), []).append(folder)
    return found


def _match(folder: Folder, images: Folder, pattern: re.Pattern[str]) -> dict[str, str]:
    """Paths of label images by the folded stem of their image in another folder."""
    stems = {folded(stem_of(name)) for name in images.names}
    stems |= {folded(split_channel(stem_of(name), pattern)[0]) for name in images.names}
    numbers: dict[str, list[str]] = {}
    for stem in stems:
        numbers.setdefault(image_number(stem), []).append(stem)
    found: dict[str, str] = {}
    for name in folder.names:
        aliases = list(_aliases(stem_of(name)))
        image = next((stem for stem in aliases if stem in stems), None)
        same = next((numbers[stem] for stem in map(image_number, aliases) if stem in numbers), [])
        image = same[0] if image is None and len(same) == 1 else image
        if image is not None:
            found.setdefault(image, str(folder.path / name))
    return found


def _aliases(stem: str) -> Iterator[str]:
    """Stems that the image of a label image may have."""
    yield folded(stem)
    others = (labelled_image(stem), labelled_image(stem, perhaps=True), _PREFIX.sub("", stem), numbered_labels(stem))
    for image in (*others, f"{stem}_0000"):  # the last one is the first channel for nnU-Net
        if image:
            yield folded(image)


def _is_usual(folder: Folder, level: int) -> bool:
    parts = folder.path.parts
    return level < len(parts) and _USUAL.fullmatch(parts[level]) is not None


def _holds_labels(folder: Folder) -> bool:
    try:
        (pixels,) = open_labels(folder.path / folder.names[0])[0].read([0])
    except CellCycleError:
        return False
    return not isinstance(pixels, Unreadable) and len(pixels) == 1 and looks_like_labels(pixels[0])
