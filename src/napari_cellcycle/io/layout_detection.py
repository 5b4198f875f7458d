"""What the image files of a folder show: single cells, stacks of cells, montages or fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError
from napari_cellcycle.io.channel_roles import name_channels
from napari_cellcycle.io.folder_contents import ImageGroup, ImageSet
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.lazy_cells import Focus, FrameImages, OneCellFiles
from napari_cellcycle.io.formats.montage import as_montages
from napari_cellcycle.io.full_field import open_field
from napari_cellcycle.io.image_set import OpenImageSet, Origin, open_sets
from napari_cellcycle.io.input_part import InputPart
from napari_cellcycle.io.name_patterns import printable
from napari_cellcycle.io.phase_table import with_truth
from napari_cellcycle.phases import UNKNOWN

_N_OPENED = 8
"""Image sets of a group that are opened to see what they are; further ones are assumed to be of the same kind."""


def open_group(group: ImageGroup, origin: Origin) -> Iterator[InputPart | CellCycleError]:
    """Open a group of image sets.

    Parameters
    ----------
    group : ImageGroup
        Image sets with the same channels.
    origin : Origin
        Their folder.

    Yields
    ------
    InputPart or CellCycleError
        The parts, and the error for each set that can't be opened. Among files of one cell each, such a set becomes a
        cell that can't be read, with a note.

    Raises
    ------
    ChannelError
        A channel that the user names is missing.
    """
    if len(group.channels) > 1:  # reports a wrong --channels before any file is opened
        name_channels(group.channels, origin.options.channels, origin.folder.name)
    cells: list[ImageSet] = []
    errors: list[CellCycleError] = []
    notes: list[str] = []
    after_montage = False  # the last of several montages may have only a few tiles
    is_alike = True  # files of one image can't be told from others before they are opened
    example: OpenImageSet | None = None
    for position, images in enumerate(group.sets):
        if is_alike and position >= _N_OPENED and example is not None and len(cells) == position:
            cells.extend(group.sets[position:])
            break
        try:
            opened = open_sets(images, group.channels, origin)
            is_alike = is_alike and not any(file.parts for each in opened for file in each.files)
            if not (len(opened) == 1 and opened[0].shows_cells and opened[0].files[0].n_frames == 1):
                for each in opened:
                    part = _open_frames(each, after_montage).checked()
                    after_montage = after_montage or part.kind.startswith("montage")
                    yield part
                continue
            example = example or opened[0]
            notes.extend(opened[0].file_notes)
        except CellCycleError as error:
            errors.append(error)
        cells.append(images)
    if example is None:
        yield from errors
        return
    part = _open_one_cell_files(cells, example, [*notes, *map(str, errors)])
    reasons = part.unreadable_reasons()
    yield from map(ImageError, reasons) if reasons else [part]


def _open_one_cell_files(sets: Sequence[ImageSet], example: OpenImageSet, notes: Sequence[str]) -> InputPart:
    channels, first, origin = example.channels, example.files[0], example.origin
    n_files, options = len(example.files), origin.options
    names = tuple(tuple(images.files.values())[:n_files] for images in sets)
    images = OneCellFiles(
        origin.folder,
        names,
        channels.roles,
        layout=options.layout,
        plane=options.plane,
        as_channels=options.numbers_channels,
    )
    folder = origin.options.source(origin.folder)
    phases = [origin.phase_in(each.key) for each in sets] if origin.phase == UNKNOWN else origin.phase
    cells = Cells.build(
        images,
        channels.roles,
        [printable(f"{folder}/{files[example.brightfield_file]}".removeprefix("./")) for files in names],
        ids=np.zeros(len(images), np.int64),
        phases=np.asarray(phases, np.int8),
        synthetic=first.synthetic,
        pixel_size_um=first.pixel_size_um,
        notes=dict.fromkeys((*channels.notes, *notes)),
        columns=_columns(sets),
        phase_set=options.names.vocabulary,
    )
    kind = "one file per cell" + (" and channel" if n_files > 1 else "") + example.kind_of_planes
    where = example.source if len(sets) == 1 else origin.folder.name if folder == "." else folder
    return InputPart(where, kind, channels.found, channels.roles, images, lambda: cells)


def _columns(sets: Sequence[ImageSet]) -> dict[str, list[str]]:
    """Further columns of the table, an entry for each set."""
    names = dict.fromkeys(name for each in sets for name in each.columns)
    return {name: [each.columns.get(name, "") for each in sets] for name in names}


def _open_frames(opened: OpenImageSet, after_montage: bool = False) -> InputPart:
    if opened.shows_cells:
        return _open_stack(opened, opened.files, f"stack of cells{opened.kind_of_planes}")
    layout = opened.origin.options.layout
    if opened.labels is None and layout != "field" and opened.files[0].n_frames == 1:
        montages = as_montages(opened.files, opened.brightfield_file, named=opened.is_named_montage or after_montage)
        if montages is not None:
            size = montages[0].shape[0]
            kind = f"montage of {size} x {size} pixel tiles"
            note = f"read as a {kind}, without the padding at its end"
            return _open_stack(opened, montages, f"{kind}{opened.kind_of_planes}", [note])
    if layout == "montage":
        raise ImageError(f"{opened.path.name} does not consist of equal tiles; save its cells as a stack")
    return open_field(opened)


def _open_stack(opened: OpenImageSet, files: Sequence[ImageFile], kind: str, notes: Sequence[str] = ()) -> InputPart:
    counts = {file.path.name: file.n_frames for file in files}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ReadError(f"the channels hold different numbers of cells ({shown}); export them again together")
    channels, first = opened.channels, files[0]
    focus = Focus.on(files, channels.roles, opened.origin.options.plane)
    images = FrameImages(tuple(files), channels.roles, focus=focus)
    cells = Cells.build(
        images,
        channels.roles,
        opened.source,
        phases=opened.phase,
        synthetic=first.synthetic,
        pixel_size_um=first.pixel_size_um,
        notes=(*opened.notes, *notes),
        columns=opened.images.columns,
        phase_set=opened.origin.options.names.vocabulary,
    )
    if first.scene is None:  # a table has no column for the images of one file
        cells = with_truth(cells, opened.path, opened.images.key, opened.origin.options.names.vocabulary)
    return InputPart(opened.source, kind, channels.found, channels.roles, images, lambda: cells)
