"""Cells out of any input: what a file or folder is, is found from its content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.errors import CellCycleError, ReadError, SettingError
from napari_cellcycle.io.folders import Folder, find_folders, group_images
from napari_cellcycle.io.imagesets import ReadOptions, read_group
from napari_cellcycle.io.names import AMNIS_SUFFIXES, ZARR_SUFFIX, channel_pattern, phase_in_stem, phase_of_folder
from napari_cellcycle.phases import UNKNOWN

LAYOUTS = ("auto", "cells", "field", "montage")


def read_cells(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
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
    inputs = _as_paths(paths)
    root = common_root(inputs)
    options = ReadOptions(channels, layout, None if labels is None else Path(labels), pixel_size_um, root)
    parts, notes = _read_all(inputs, options)
    cells = join_cells(parts)
    if len(cells) == 0:
        raise ReadError(f"{inputs[0]} holds no cells; give files with cell images")
    if pixel_size_um is not None:
        cells = replace(cells, pixel_size_um=np.full(len(cells), pixel_size_um, np.float32))
    return replace(cells, notes=tuple(dict.fromkeys((*cells.notes, *notes))))


def common_root(inputs: Sequence[Path]) -> Path:
    """Folder that sources are named from: the input folder, or what several inputs have in common."""
    if len(inputs) == 1 and inputs[0].is_dir() and inputs[0].suffix.lower() != ZARR_SUFFIX:
        return inputs[0]
    try:
        return Path(os.path.commonpath([os.path.abspath(path.parent) for path in inputs]))
    except ValueError:  # on different drives
        return Path()


def _as_paths(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not several:
        raise ReadError("no input was given; name at least one file or folder")
    return list(dict.fromkeys(Path(os.path.abspath(path)) for path in several))


def _read_all(inputs: Sequence[Path], options: ReadOptions) -> tuple[list[Cells], list[str]]:
    """What can be read, and notes on what can't; the first error if that is everything."""
    parts: list[Cells] = []
    notes: list[str] = []
    errors: list[CellCycleError] = []
    for folder in _merged(inputs, notes, errors):
        for found in _read_folder(folder, options):
            if isinstance(found, CellCycleError):
                errors.append(found)
            else:
                parts.append(found)
    if not parts:
        raise errors[0] if errors else _nothing_in(inputs[0])
    return parts, notes + [f"left out: {error}" for error in errors]


def _merged(inputs: Sequence[Path], notes: list[str], errors: list[CellCycleError]) -> list[Folder]:
    """Folders of all inputs; files of one folder that were given one by one come together."""
    folders: dict[tuple[Path, Path], dict[str, None]] = {}
    for path in inputs:
        try:
            for folder in find_folders(path, notes):
                folders.setdefault((folder.path, folder.top), {}).update(dict.fromkeys(folder.names))
        except ReadError as error:
            errors.append(error)
    return [Folder(path, top, tuple(names)) for (path, top), names in folders.items()]


def _nothing_in(path: Path) -> ReadError:
    return ReadError(f"{path} holds no TIFF, PNG, JPEG, CIF, RIF or OME-Zarr images; give the folder that holds them")


def _read_folder(folder: Folder, options: ReadOptions) -> Iterator[Cells | CellCycleError]:
    phase = phase_of_folder(folder.path, folder.top)
    images: list[str] = []
    for name in folder.names:
        if not name.lower().endswith((*AMNIS_SUFFIXES, ZARR_SUFFIX)):
            images.append(name)
            continue
        try:
            yield _with_phase(_read_container(folder.path / name, options), phase, name)
        except CellCycleError as error:
            yield error
    pattern = channel_pattern((options.channels or {}).values())
    try:
        for group in group_images(images, pattern, folder.path.name):
            yield from read_group(group, folder.path, phase, options)
    except CellCycleError as error:
        yield error


def _read_container(path: Path, options: ReadOptions) -> Cells:
    if path.suffix.lower() == ZARR_SUFFIX:
        from napari_cellcycle.io.zarr import read_zarr_cells

        return read_zarr_cells(path, options.root, options.channels)
    from napari_cellcycle.io.amnis import read_amnis_cells

    return read_amnis_cells(path, options.root, options.channels)


def _with_phase(cells: Cells, phase: int, name: str) -> Cells:
    """The same cells, with the phase that folder or file name tell where the file itself tells none."""
    phase = phase_in_stem(Path(name).stem) if phase == UNKNOWN else phase
    return replace(cells, phases=np.where(cells.phases == UNKNOWN, np.int8(phase), cells.phases))
