"""Focal planes that lie in a file each, as in ``cell_z0.tif`` and ``cell_z1.tif``: one of them is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.cells import BRIGHTFIELD
from napari_cellcycle.errors import CellCycleError, SettingError
from napari_cellcycle.io.channel_roles import name_channels
from napari_cellcycle.io.folder_scan import Folder
from napari_cellcycle.io.formats.focus import sharpest
from napari_cellcycle.io.formats.open import open_image
from napari_cellcycle.io.image_set import notes_on_planes
from napari_cellcycle.io.input_part import ReadOptions
from napari_cellcycle.io.name_patterns import labelled_image, split_channel, stem_of

_PLANE = (
    re.compile(r"(?P<before>.+[ _.-])z(?P<z>\d{1,4})(?P<after>(?:[ _.-].*)?)", re.IGNORECASE),
    re.compile(r"(?P<before>img_\d{9}_.+_)(?P<z>\d{3})(?P<after>)"),  # Micro-Manager 1.4
    re.compile(r"(?P<before>r\d\dc\d\df\d\d)p(?P<z>\d\d)(?P<after>-ch\d.*)"),  # Opera
)
_HINT = re.compile(r"[ _.-]z\d|img_\d{9}_|r\d\dc\d\df\d\dp\d", re.IGNORECASE)
"""What is in every such name."""
_MOST_READ = 4000
"""Files that are read to find the sharpest planes; of more, the user says which plane to read."""

_Planes = dict[int, dict[str, str]]
"""Names of files by the number of their focal plane and by their channel."""


def one_plane_each(folder: Folder, pattern: re.Pattern[str], options: ReadOptions, notes: list[str]) -> Folder:
    """Leave out all but one of the files that show the focal planes of one image.

    Parameters
    ----------
    folder : Folder
        A folder with its files.
    pattern : Pattern
        From `channel_pattern`.
    options : ReadOptions
        Which plane the user wants, by its position from 0; by default the sharpest in brightfield is read.
    notes : list of str
        A note on what is read is appended.

    Returns
    -------
    Folder
        The same folder with fewer names.

    Raises
    ------
    SettingError
        There is no such plane, or there are too many files to find the sharpest planes.
    """
    images = {key: planes for key, planes in _by_image(folder.names, pattern).items() if len(planes) > 1}
    if not images:
        return folder
    plane = options.plane
    n_planes = max(map(len, images.values()))
    if plane is None and sum(map(len, images.values())) > _MOST_READ:
        raise SettingError(
            f"{folder.path.name} has {n_planes} focal planes of each of {len(images):,} images in files of their own; "
            f"say which one to read, as in --plane {n_planes // 2}"
        )
    left_out: set[str] = set()
    for planes in images.values():
        numbers = sorted(planes)
        if plane is not None and plane >= len(numbers):
            shown = next(iter(planes[numbers[0]].values()))
            raise SettingError(f"plane is {plane}, but {shown} has {len(numbers)} focal planes; choose a lower one")
        kept = numbers[_sharpest(folder.path, [planes[z] for z in numbers], options) if plane is None else plane]
        left_out.update(name for z in numbers if z != kept for name in planes[z].values())
    first = next(iter(images.values()))
    example = next(iter(first[min(first)].values()))
    notes.append(f"files such as {example} are focal planes; {notes_on_planes(n_planes, plane)[0]}")
    return replace(folder, names=tuple(name for name in folder.names if name not in left_out))


def _by_image(names: Sequence[str], pattern: re.Pattern[str]) -> dict[str, _Planes]:
    """Files with the number of a focal plane, by the name of their image without channel and plane."""
    found: dict[str, _Planes] = {}
    if not _HINT.search("\n".join(names)):  # one search is fast in 10^5 names
        return found
    for name in names:
        stem = stem_of(name)
        match = next((match for each in _PLANE if (match := each.fullmatch(stem))), None)
        if match is None or labelled_image(stem) is not None:
            continue
        key, channel = split_channel(match["before"] + match["after"], pattern)
        found.setdefault(key, {}).setdefault(int(match["z"]), {})[channel] = name
    return found


def _sharpest(folder: Path, planes: Sequence[Mapping[str, str]], options: ReadOptions) -> int:
    """Position of the sharpest plane, in brightfield or else in the first channel."""
    channels = sorted(set.intersection(*(set(files) for files in planes)))
    if not channels:
        return len(planes) // 2
    roles = name_channels(channels, options.channels, folder.name).roles
    channel = channels[roles.index(BRIGHTFIELD)] if BRIGHTFIELD in roles else channels[0]
    pixels = []
    for files in planes:
        try:
            found = open_image(folder / files[channel]).read([0])[0]
        except CellCycleError as error:
            found = Unreadable(str(error))
        pixels.append(found if isinstance(found, Unreadable) else found[0])
    return sharpest(pixels)
