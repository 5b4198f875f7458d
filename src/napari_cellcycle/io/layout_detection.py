"""Image sets of one folder, sorted into what they are: single cells, stacks, montages or fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from napari_cellcycle.cell_images import CellImage, CellImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError
from napari_cellcycle.io.channel_roles import name_channels
from napari_cellcycle.io.file_names import phase_in_stem
from napari_cellcycle.io.folder_contents import ImageGroup, ImageSet
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.lazy_cells import FrameImages, OneCellFiles
from napari_cellcycle.io.formats.montage import as_montages
from napari_cellcycle.io.full_field import open_field
from napari_cellcycle.io.image_set import OpenSet, Origin, open_set
from napari_cellcycle.io.input_part import Part
from napari_cellcycle.io.phase_table import with_truth
from napari_cellcycle.phases import UNKNOWN

_LOOKED_INTO = 8
"""Sets of a folder that are opened to see what they are; further ones are taken to be like them."""
_TRIED_CELLS = 32
"""Cells, spread over a part, that must all be unreadable before the whole part is."""


def open_group(group: ImageGroup, origin: Origin) -> Iterator[Part | CellCycleError]:
    """Parts that a group of image sets is made of, and the errors of sets that can't be opened.

    Among one-cell files such a set stays in its place, as a cell that can't be read, and is noted.
    """
    if len(group.channels) > 1:  # a wrong --channels is told before any file is opened
        name_channels(group.channels, origin.options.channels, origin.folder.name)
    cells: list[ImageSet] = []
    errors: list[CellCycleError] = []
    notes = list(group.notes)
    example: OpenSet | None = None
    for position, images in enumerate(group.sets):
        if position >= _LOOKED_INTO and example is not None and len(cells) == position:
            cells.extend(group.sets[position:])
            break
        try:
            opened = open_set(images, group.channels, origin)
            if not (opened.shows_cells and opened.files[0].n_frames == 1):
                yield checked(_open_frames(opened))
                continue
            example = example or opened
            notes.extend(file.damage for file in opened.files if file.damage)
        except CellCycleError as error:
            errors.append(error)
        cells.append(images)
    if example is None:
        yield from errors
        return
    part = _open_one_cell_files(cells, example, [*notes, *map(str, errors)])
    reasons = _reasons_if_all_bad(part)
    yield from map(ImageError, reasons) if reasons else [part]


def checked(part: Part) -> Part:
    """The same part.

    Raises
    ------
    ImageError
        None of its cells can be read; it says why for the first.
    """
    reasons = _reasons_if_all_bad(part)
    if reasons:
        raise ImageError(reasons[0])
    return part


def _reasons_if_all_bad(part: Part) -> list[str]:
    """Why cells can't be read, if none can of those tried, which are spread over the part."""
    tried = np.unique(np.linspace(0, len(part.images) - 1, _TRIED_CELLS).round().astype(int))
    reasons = []
    for index in tried.tolist():
        cell = part.images.read([index])[0]
        if isinstance(cell, CellImage):
            return []
        reasons.append(cell.reason)
    return reasons


def _open_one_cell_files(sets: Sequence[ImageSet], example: OpenSet, notes: Sequence[str]) -> Part:
    channels, first, origin = example.channels, example.files[0], example.origin
    names = tuple(tuple(images.files.values()) for images in sets)
    images = OneCellFiles(origin.folder, names, channels.roles)
    folder = origin.options.source(origin.folder)
    phases = [phase_in_stem(each.key) for each in sets] if origin.phase == UNKNOWN else origin.phase
    cells = Cells.build(
        images,
        channels.roles,
        [f"{folder}/{files[example.brightfield_file]}".removeprefix("./") for files in names],
        ids=np.zeros(len(images), np.int64),
        phases=np.asarray(phases, np.int8),
        synthetic=first.synthetic,
        pixel_size_um=first.pixel_size_um,
        notes=(*channels.notes, *notes),
    )
    kind = "one file per cell" + (" and channel" if len(example.files) > 1 else "")
    where = example.source if len(sets) == 1 else origin.folder.name if folder == "." else folder
    return Part(where, kind, channels.found, channels.roles, images, lambda: cells)


def _open_frames(opened: OpenSet) -> Part:
    if opened.shows_cells:
        return _open_stack(opened, opened.files, "stack of cells")
    layout = opened.origin.options.layout
    if opened.labels is None and layout != "field" and opened.files[0].n_frames == 1:
        montages = as_montages(opened.files, opened.brightfield_file, named=opened.is_named_montage)
        if montages is not None:
            size = montages[0].shape[0]
            kind = f"montage of {size} x {size} pixel tiles"
            return _open_stack(opened, montages, kind, [f"read as a {kind}, without the padding at its end"])
    if layout == "montage":
        raise ImageError(f"no equal tiles are seen in {opened.path.name}; save its cells as a stack instead")
    return open_field(opened)


def _open_stack(opened: OpenSet, files: Sequence[ImageFile], kind: str, notes: Sequence[str] = ()) -> Part:
    counts = {file.path.name: file.n_frames for file in files}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ReadError(f"the channels hold different numbers of cells ({shown}); export them again together")
    channels, first = opened.channels, files[0]
    images: CellImages = FrameImages(tuple(files), channels.roles)
    cells = Cells.build(
        images,
        channels.roles,
        opened.source,
        phases=opened.phase,
        synthetic=first.synthetic,
        pixel_size_um=first.pixel_size_um,
        notes=(*opened.notes, *notes),
    )
    cells = with_truth(cells, opened.path, opened.images.key)
    return Part(opened.source, kind, channels.found, channels.roles, images, lambda: cells)
