"""Cells out of any input: what a file or folder is, is found from its content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.errors import CellCycleError, ReadError, SettingError
from napari_cellcycle.io.amnis.populations import lists_beside
from napari_cellcycle.io.file_names import (
    AMNIS_SUFFIXES,
    LAYOUTS,
    ZARR_SUFFIX,
    channel_pattern,
    phase_in_stem,
    phase_of_folder,
)
from napari_cellcycle.io.folder_contents import Folder, find_folders, group_images
from napari_cellcycle.io.formats.base import LARGEST_CELL_PX
from napari_cellcycle.io.image_set import Origin
from napari_cellcycle.io.input_part import Part, ReadOptions
from napari_cellcycle.io.layout_detection import checked, open_group
from napari_cellcycle.phases import UNKNOWN

_NAMED_ERRORS = 50

Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def read_cells(
    paths: Paths,
    *,
    channels: Mapping[str, str] | None = None,
    layout: str = "auto",
    labels: str | os.PathLike[str] | None = None,
    pixel_size_um: float | None = None,
) -> Cells:
    """Open the cells of files and folders; their images are read later, when asked for.

    Parameters
    ----------
    paths : path or sequence of paths
        Files and folders of any kind that the README lists.
    channels : mapping of role to channel, optional
        Which channel is which, as in ``{"brightfield": "Ch3", "darkfield": "Ch6"}``: a name in file
        names or in OME metadata (any case), or a position from 0 as text. Guessed where left out.
    layout : {"auto", "cells", "field", "montage"}
        What an image shows. By itself, an image of at most 150 x 150 pixels is a cell and a stack of
        them is cells; a larger image is a montage where equal tiles are seen, and else a field, and a
        stack of larger images is a time-lapse of a field.
    labels : path, optional
        Label image of a full-field image; by itself, ``<name>_labels.tif``, ``<name>_mask.tif`` or
        ``<name>_cp_masks.png`` beside it is taken, else the field is segmented.
    pixel_size_um : float, optional
        Edge of a pixel in micrometres, above what the files say.

    Returns
    -------
    Cells
        In the order of the inputs, then of the folders and names. `notes` holds what was guessed,
        and names each file that was left out.

    Raises
    ------
    ReadError, ChannelError, ImageError
        Nothing could be read; it says why for the first input.
    """
    if layout not in LAYOUTS:
        raise SettingError(f"layout is {layout!r}, but must be one of {', '.join(LAYOUTS)}")
    if pixel_size_um is not None and not 0 < pixel_size_um < float("inf"):
        raise SettingError(f"pixel-size-um is {pixel_size_um!r}, but must be above 0")
    found = open_parts(paths, channels=channels, layout=layout, labels=labels)
    parts, errors = [], list(found.errors)
    for part in found.parts:
        try:
            parts.append(part.cells())
        except CellCycleError as error:
            errors.append(error)
    if not parts:
        raise errors[0]
    cells = join_cells(parts)
    if pixel_size_um is not None:
        cells = replace(cells, pixel_size_um=np.full(len(cells), pixel_size_um, np.float32))
    notes = (*cells.notes, *found.notes, *left_out(errors))
    return replace(cells, notes=tuple(dict.fromkeys(notes)))


@dataclass(frozen=True)
class FoundParts:
    """What some inputs hold, what can't be read of them, and what should be said."""

    parts: tuple[Part, ...]
    errors: tuple[CellCycleError, ...]
    notes: tuple[str, ...]


def open_parts(
    paths: Paths,
    *,
    channels: Mapping[str, str] | None = None,
    layout: str = "auto",
    labels: str | os.PathLike[str] | None = None,
) -> FoundParts:
    """Look into files and folders; the parameters are those of `read_cells`.

    There is at least one part or one error.
    """
    inputs = _as_paths(paths)
    options = ReadOptions(_common_root(inputs), channels, layout, None if labels is None else Path(labels))
    parts: list[Part] = []
    errors: list[CellCycleError] = []
    notes: list[str] = []
    for folder in _find_all(inputs, notes, errors):
        for found in _open_folder(folder, options):
            if isinstance(found, Part):
                parts.append(found)
            else:
                errors.append(found)
    if not parts and not errors:
        errors.append(ReadError(f"{inputs[0].name} holds label images only; give the images that they belong to"))
    return FoundParts(tuple(parts), tuple(errors), tuple(notes))


def left_out(errors: Sequence[CellCycleError]) -> list[str]:
    """Notes that name what could not be read; of very many, the first."""
    notes = [f"left out: {error}" for error in errors[:_NAMED_ERRORS]]
    more = len(errors) - len(notes)
    return [*notes, f"left out: {more} more"] if more else notes


def _as_paths(paths: Paths) -> list[Path]:
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not several:
        raise ReadError("no input was given; name at least one file or folder")
    return list(dict.fromkeys(Path(os.path.abspath(path)) for path in several))


def _common_root(inputs: Sequence[Path]) -> Path:
    """Folder that sources are named from: the input folder, or what several inputs have in common."""
    if len(inputs) == 1 and inputs[0].is_dir() and inputs[0].suffix.lower() != ZARR_SUFFIX:
        return inputs[0]
    try:
        return Path(os.path.commonpath([path.parent for path in inputs]))
    except ValueError:  # on different drives
        return Path()


def _find_all(inputs: Sequence[Path], notes: list[str], errors: list[CellCycleError]) -> list[Folder]:
    """Folders of all inputs; files of one folder that were given one by one come together."""
    tops: dict[Path, Path] = {}
    names: dict[Path, dict[str, None]] = {}
    for path in inputs:
        try:
            for folder in find_folders(path, notes):
                tops.setdefault(folder.path, folder.top)
                names.setdefault(folder.path, {}).update(dict.fromkeys(folder.names))
        except ReadError as error:
            errors.append(error)
    return [Folder(path, top, tuple(names[path])) for path, top in tops.items()]


def _open_folder(folder: Folder, options: ReadOptions) -> Iterator[Part | CellCycleError]:
    origin = Origin(folder.path, phase_of_folder(folder.path, folder.top), options)
    containers = [name for name in folder.names if name.lower().endswith((*AMNIS_SUFFIXES, ZARR_SUFFIX))]
    fields: list[str] = []
    for name in containers:
        try:
            if _is_field(folder.path / name, options):
                fields.append(name)
            else:
                yield _open_container(folder.path / name, origin)
        except CellCycleError as error:
            yield error
    amnis = [folder.path / name for name in containers if name.lower().endswith(AMNIS_SUFFIXES)]
    read = {*containers, *(listed.name for path in amnis for listed, _ in lists_beside(path))}
    images = [*fields, *(name for name in folder.names if name not in read)]
    for group in group_images(images, channel_pattern((options.channels or {}).values()), folder.path.name):
        try:
            yield from (group,) if isinstance(group, CellCycleError) else open_group(group, origin)
        except CellCycleError as error:
            yield error


def _is_field(path: Path, options: ReadOptions) -> bool:
    """Whether it is an OME-Zarr that is to be read as an image file is, and not one cell a frame."""
    if path.suffix.lower() != ZARR_SUFFIX:
        return False
    from napari_cellcycle.io.formats.zarr import open_zarr

    file = open_zarr(path)
    if file.cells or options.layout == "cells":
        return False
    return options.layout != "auto" or options.labels is not None or max(file.shape) > LARGEST_CELL_PX


def _open_container(path: Path, origin: Origin) -> Part:
    """An Amnis file or an OME-Zarr folder; its name or folder tells the phase where it tells none itself."""
    cells, kind, channels = _read_container(path, origin.options)
    phase = phase_in_stem(path.stem) if origin.phase == UNKNOWN else origin.phase
    told = replace(cells, phases=np.where(cells.phases == UNKNOWN, np.int8(phase), cells.phases))
    return checked(Part(origin.options.source(path), kind, channels, cells.channels, cells.images, lambda: told))


def _read_container(path: Path, options: ReadOptions) -> tuple[Cells, str, tuple[str, ...]]:
    """Cells, what they are in words, and the names of their channels in the file."""
    if path.suffix.lower() == ZARR_SUFFIX:
        from napari_cellcycle.io.formats.zarr import open_zarr
        from napari_cellcycle.io.zarr_cells import read_zarr_cells

        names = open_zarr(path).channels
        shown = tuple(name or str(position) for position, name in enumerate(names))
        return read_zarr_cells(path, options.root, options.channels), "OME-Zarr", shown
    from napari_cellcycle.io.amnis import read_amnis_cells
    from napari_cellcycle.io.amnis.cells import AmnisImages

    cells = read_amnis_cells(path, options.root, options.channels)
    numbers = cells.images.file.channels if isinstance(cells.images, AmnisImages) else ()
    return cells, f"Amnis {path.suffix.lower()}", tuple(f"Ch{number}" for number in numbers)
