"""Files that napari offers us: named like cell images, and in a folder that looks like one of cells.

napari asks its user which plugin to take whenever two claim a name, so the manifest claims no plain ``*.tif``; stacks
and other images come in by the dock *Open cells*. It calls by name, so the parameters must be called `path`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.gui.busy_wait import wait_for
from napari_cellcycle.gui.layers.gallery import open_gallery
from napari_cellcycle.io.file_names import AMNIS_SUFFIXES, IMAGE_SUFFIXES, ZARR_SUFFIX, channel_pattern, stem_of
from napari_cellcycle.io.formats.zarr import is_our_zarr
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.phases import parse_phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_cellcycle.gui.layers.build import LayerData

    Paths = str | list[str]
    Reader = Callable[[Paths], list[LayerData]]


def get_file_reader(path: Paths) -> Reader | None:
    """A reader, if all are Amnis files or are named after a channel."""
    return read_gallery if all(_is_cell_file(Path(one).name) for one in _as_list(path)) else None


def get_folder_reader(path: Paths) -> Reader | None:
    """A reader, if all of `path` are folders of cells: with subfolders of phases, with cell files, or our OME-Zarr."""
    return read_gallery if all(_is_cell_folder(Path(one)) for one in _as_list(path)) else None


def read_gallery(path: Paths) -> list[LayerData]:
    """The cells as gallery layers, and what was guessed as a notification."""
    from napari.utils.notifications import show_info

    opened = wait_for(open_gallery(_as_list(path), ReadSettings()), "Opening cells")
    if opened.notes:
        show_info("\n".join(opened.notes))
    layers: list[LayerData] = opened.layers
    return layers


def _as_list(paths: Paths) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths)


def _is_cell_file(name: str) -> bool:
    lower = name.lower()
    if lower.endswith(AMNIS_SUFFIXES):
        return True
    return lower.endswith(IMAGE_SUFFIXES) and channel_pattern().search(stem_of(name)) is not None


def _is_cell_folder(folder: Path) -> bool:
    if folder.suffix.lower() == ZARR_SUFFIX:
        return is_our_zarr(folder)
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(
            parse_phase(entry.name) is not None if entry.is_dir() else _is_cell_file(entry.name) for entry in entries
        )
