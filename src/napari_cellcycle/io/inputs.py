"""Open cells from any input; the content decides what a file or folder is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.errors import CellCycleError, ReadError, SettingError
from napari_cellcycle.io.amnis import open_amnis, read_amnis_cells
from napari_cellcycle.io.amnis.populations import lists_beside
from napari_cellcycle.io.arrays import cells_of_array, is_array, named_channels
from napari_cellcycle.io.channel_roles import shown_names
from napari_cellcycle.io.file_names import (
    AMNIS_SUFFIXES,
    LAYOUTS,
    channel_pattern,
    phase_in_stem,
    phase_of_folder,
)
from napari_cellcycle.io.folder_contents import Folder, find_folders, group_images
from napari_cellcycle.io.formats.zarr_groups import enclosing_zarr
from napari_cellcycle.io.image_set import Origin
from napari_cellcycle.io.input_part import InputPart, ReadOptions
from napari_cellcycle.io.layout_detection import open_group
from napari_cellcycle.io.zarr_containers import is_in_zarr, open_zarr_images
from napari_cellcycle.phases import UNKNOWN

_NAMED_ERRORS = 50

Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def read_cells(
    paths: Paths | Any,
    *,
    channels: Mapping[str, str | int] | Sequence[str] | None = None,
    layout: str = "auto",
    labels: str | os.PathLike[str] | None = None,
    pixel_size_um: float | None = None,
    plane: int | None = None,
    masks: Any = None,
    phases: Any = None,
) -> Cells:
    """Open the cells of files and folders, or of an array; their images are read later, when they are needed.

    Parameters
    ----------
    paths : path or sequence of paths; or array, or sequence of arrays
        Files and folders of any kind that the README lists. Or an array of cells, (N, C, Y, X) or (N, Y, X), of NumPy,
        dask, zarr or xarray; or one array (C, Y, X) or (Y, X) for each cell.
    channels : mapping of role to channel, or sequence of roles, optional
        Which channel is which, as in ``{"brightfield": "Ch3", "darkfield": "Ch6"}``: a name from the file names or
        the OME metadata (any case), or a position from 0. Or what each channel shows, in their order. By default it is
        guessed.
    layout : {"auto", "cells", "field", "montage"}
        What an image shows. By default, an image of at most 150 x 150 pixels is a cell, and a stack of them is a stack
        of cells; a larger image is a montage if it consists of equal tiles, or else a field; and a stack of larger
        images is a time-lapse of a field.
    labels : path, optional
        Label image of a full-field image. By default, ``<name>_labels.tif``, ``<name>_mask.tif`` or
        ``<name>_cp_masks.png`` in the same folder is used; without any, the field is segmented. For an OME-Zarr, the
        name of one of the label images inside it will do.
    pixel_size_um : float, optional
        Edge of a pixel in micrometres; replaces what the files say.
    plane : int, optional
        Of images with several focal planes (z), the one to read, counted from 0. By default the sharpest plane of each
        image is read.
    masks : array, shape (N, Y, X), optional
        Of an array of cells: where it is not 0, a pixel belongs to its cell.
    phases : sequence of int or str, optional
        Of an array of cells: the true phase of each, as a number or name.

    Returns
    -------
    Cells
        In the order of the inputs, then of the folders, then of the names. `notes` says what was guessed, and names
        each file that was left out.

    Raises
    ------
    ReadError, ChannelError, ImageError
        Nothing can be read; the message gives the reason for the first input.
    SettingError
        `layout`, `pixel_size_um` or `plane` is not valid, or an option is given that says nothing about such an input.

    Examples
    --------
    >>> pixels = np.zeros((100, 2, 64, 64), np.uint16)
    >>> read_cells(pixels, channels=("brightfield", "darkfield"), pixel_size_um=0.5)
    Cells(100 cells, 0 of known phase, channels brightfield, darkfield)
    """
    if layout not in LAYOUTS:
        raise SettingError(f"layout is {layout!r}, but must be one of {', '.join(LAYOUTS)}")
    if pixel_size_um is not None and not 0 < pixel_size_um < float("inf"):
        raise SettingError(f"pixel-size-um is {pixel_size_um!r}, but must be greater than 0")
    if is_array(paths):
        return cells_of_array(
            paths,
            channels,
            pixel_size_um,
            masks=masks,
            phases=phases,
            of_files={"layout": layout, "labels": labels, "plane": plane},
        )
    if masks is not None or phases is not None:
        option = "masks" if masks is not None else "phases"
        raise SettingError(
            f"{option} goes with an array of cells, but files are given, which have {option} of their own"
        )
    found = open_parts(paths, channels=named_channels(channels), layout=layout, labels=labels, plane=plane)
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
    """The parts of some inputs, why others can't be read, and notes for the user."""

    parts: tuple[InputPart, ...]
    errors: tuple[CellCycleError, ...]
    notes: tuple[str, ...]


def open_parts(
    paths: Paths,
    *,
    channels: Mapping[str, str] | None = None,
    layout: str = "auto",
    labels: str | os.PathLike[str] | None = None,
    plane: int | None = None,
) -> FoundParts:
    """Open files and folders without reading their cells.

    Parameters
    ----------
    paths, channels, layout, labels, plane
        As for `read_cells`.

    Returns
    -------
    FoundParts
        At least one part.

    Raises
    ------
    ReadError, ChannelError, ImageError
        Nothing can be read; the message gives the reason for the first input.
    """
    inputs = _as_paths(paths)
    options = ReadOptions(_common_root(inputs), channels, layout, None if labels is None else Path(labels), plane)
    parts: list[InputPart] = []
    errors: list[CellCycleError] = []
    notes: list[str] = []
    for folder in _find_all(inputs, notes, errors):
        for found in _open_folder(folder, options):
            if isinstance(found, InputPart):
                parts.append(found)
            else:
                errors.append(found)
    if not parts:
        only_labels = ReadError(f"{inputs[0].name} has only label images; give the images that they belong to")
        raise errors[0] if errors else only_labels
    return FoundParts(tuple(parts), tuple(errors), tuple(notes))


def left_out(errors: Sequence[CellCycleError]) -> list[str]:
    """Notes on what could not be read; of very many, the first ones."""
    notes = [f"left out: {error}" for error in errors[:_NAMED_ERRORS]]
    more = len(errors) - len(notes)
    return [*notes, f"left out: {more} more"] if more else notes


def _as_paths(paths: Paths) -> list[Path]:
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not several:
        raise ReadError("no input was given; name at least one file or folder")
    return list(dict.fromkeys(Path(os.path.abspath(path)) for path in several))


def _common_root(inputs: Sequence[Path]) -> Path:
    """Folder that sources are named from: the input folder, or the common folder of several inputs."""
    if len(inputs) == 1 and inputs[0].is_dir() and enclosing_zarr(inputs[0]) is None:
        return inputs[0]
    try:
        return Path(os.path.commonpath([(enclosing_zarr(path) or path).parent for path in inputs]))
    except ValueError:  # on different drives
        return Path()


def _find_all(inputs: Sequence[Path], notes: list[str], errors: list[CellCycleError]) -> list[Folder]:
    """Folders of all inputs; files of one folder that were given one by one are joined."""
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


def _open_folder(folder: Folder, options: ReadOptions) -> Iterator[InputPart | CellCycleError]:
    origin = Origin(folder.path, phase_of_folder(folder.path, folder.top), options)
    containers = [name for name in folder.names if name.lower().endswith(AMNIS_SUFFIXES) or is_in_zarr(name)]
    image_like: list[str] = []
    for name in containers:
        if is_in_zarr(name):
            for found in open_zarr_images(name, origin):
                if isinstance(found, str):
                    image_like.append(found)
                else:
                    yield found
            continue
        try:
            yield _open_amnis(folder.path / name, origin).checked()
        except CellCycleError as error:
            yield error
    amnis = [folder.path / name for name in containers if name.lower().endswith(AMNIS_SUFFIXES)]
    read = {*containers, *(listed.name for path in amnis for listed, _ in lists_beside(path))}
    images = [*image_like, *(name for name in folder.names if name not in read)]
    for group in group_images(images, channel_pattern((options.channels or {}).values()), folder.path.name):
        try:
            yield from (group,) if isinstance(group, CellCycleError) else open_group(group, origin)
        except CellCycleError as error:
            yield error


def _open_amnis(path: Path, origin: Origin) -> InputPart:
    """Cells of an Amnis file."""
    options, source = origin.options, origin.options.source(path)
    amnis = open_amnis(path)
    cells, kind = read_amnis_cells(amnis, source, options.channels), f"Amnis {path.suffix.lower()}"
    names = tuple(f"Ch{channel}" for channel in amnis.channels)
    phase = phase_in_stem(path.stem) if origin.phase == UNKNOWN else origin.phase
    labelled = replace(cells, phases=np.where(cells.phases == UNKNOWN, np.int8(phase), cells.phases))
    return InputPart(source, kind, shown_names(names), cells.channels, cells.images, lambda: labelled)
