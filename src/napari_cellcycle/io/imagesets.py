"""Cells of the image sets of one folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_cellcycle.cells import BRIGHTFIELD, Cells, Unreadable
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError
from napari_cellcycle.io.cellfiles import FrameImages, OneCellFiles
from napari_cellcycle.io.channels import NamedChannels, name_channels
from napari_cellcycle.io.folders import ImageGroup, ImageSet
from napari_cellcycle.io.imagefile import LARGEST_CELL_PX, ImageFile, open_image
from napari_cellcycle.io.montage import as_montage, find_tile_size
from napari_cellcycle.io.names import phase_in_stem
from napari_cellcycle.phases import UNKNOWN

_LOOKED_INTO = 16
"""Sets of a group that are opened to see what they are; the others are taken to be like the last of them."""


@dataclass(frozen=True)
class ReadOptions:
    """What the user said about the inputs, and the folder that sources are named from."""

    channels: Mapping[str, str] | None
    layout: str
    labels: Path | None
    pixel_size_um: float | None
    root: Path


def read_group(
    group: ImageGroup, folder: Path, phase: int, options: ReadOptions
) -> Iterator[Cells | CellCycleError]:
    """Cells of a group of sets, and the errors of those sets that can't be read."""
    first: list[ImageFile] | None = None
    single: list[ImageSet] = []
    for position, images in enumerate(group.sets):
        if position >= _LOOKED_INTO and single:
            single.extend(group.sets[position:])
            break
        try:
            files = [open_image(folder / images.files[channel]) for channel in group.channels]
            if _is_one_cell(files, images, options):
                first = first or files
                single.append(images)
            else:
                yield _read_set(files, images, folder, phase, options)
        except CellCycleError as error:
            yield error
    if first is not None:
        yield _one_cell_files(single, first, group, folder, phase, options)


def _is_one_cell(files: Sequence[ImageFile], images: ImageSet, options: ReadOptions) -> bool:
    if options.layout in ("field", "montage") or options.labels or images.labels or files[0].n_frames > 1:
        return False
    return options.layout == "cells" or max(files[0].shape) <= LARGEST_CELL_PX


def _one_cell_files(
    single: Sequence[ImageSet], first: Sequence[ImageFile], group: ImageGroup, folder: Path, phase: int, options: ReadOptions
) -> Cells:
    named = _named(first, group, options)
    names = tuple(tuple(images.files[channel] for channel in group.channels) for images in single)
    bright = _brightfield_file(first, named.names)
    where = _source_prefix(folder, options.root)
    phases = [phase_in_stem(images.key) for images in single] if phase == UNKNOWN else phase
    return Cells.build(
        OneCellFiles(folder, names, named.names),
        named.names,
        [where + files[bright] for files in names],
        ids=np.zeros(len(names), np.int64),
        phases=np.asarray(phases, np.int8),
        synthetic=first[0].synthetic,
        pixel_size_um=first[0].pixel_size_um,
        notes=(*group.notes, *named.notes),
    )


def _read_set(files: list[ImageFile], images: ImageSet, folder: Path, phase: int, options: ReadOptions) -> Cells:
    group = ImageGroup(tuple(images.files), (images,))
    named = _named(files, group, options)
    notes = list(named.notes)
    if files[0].n_frames == 1 and max(files[0].shape) > LARGEST_CELL_PX:
        files, tile_note = _as_montages(files)
        notes.append(tile_note)
    counts = {file.path.name: file.n_frames for file in files}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ReadError(f"the channels hold different numbers of cells ({shown}); export them again together")
    phase = phase_in_stem(images.key) if phase == UNKNOWN else phase
    source = _source_prefix(folder, options.root) + files[_brightfield_file(files, named.names)].path.name
    return Cells.build(
        FrameImages(tuple(files), named.names),
        named.names,
        source,
        phases=phase,
        synthetic=files[0].synthetic,
        pixel_size_um=files[0].pixel_size_um,
        notes=notes,
    )


def _as_montages(files: Sequence[ImageFile]) -> tuple[list[ImageFile], str]:
    wholes = [file.read([0])[0] for file in files]
    montages: list[ImageFile] = []
    size: int | None = None
    for file, whole in zip(files, wholes, strict=True):
        if isinstance(whole, Unreadable):
            raise ReadError(whole.reason)
        size = size or find_tile_size(whole[0])
        if size is None:
            raise ImageError(f"{file.path.name} is no montage")
        montages.append(as_montage(file, whole, size))
    return montages, f"read as montages of {size} x {size} pixel tiles"


def _named(files: Sequence[ImageFile], group: ImageGroup, options: ReadOptions) -> NamedChannels:
    found = [
        name if len(file.channels) > 1 or not channel else channel
        for file, channel in zip(files, group.channels, strict=True)
        for name in file.channels
    ]
    return name_channels(found, options.channels, files[0].path.name)


def _brightfield_file(files: Sequence[ImageFile], names: Sequence[str]) -> int:
    if BRIGHTFIELD not in names:
        return 0
    file_of = [position for position, file in enumerate(files) for _ in file.channels]
    return file_of[names.index(BRIGHTFIELD)]


def _source_prefix(folder: Path, root: Path) -> str:
    relative = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else folder.as_posix()
    return "" if relative == "." else f"{relative}/"
