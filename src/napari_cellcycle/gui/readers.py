"""napari's readers: for files that are named like cell images, and for folders of them.

napari asks its user which plugin to use whenever two claim a name, so the manifest claims no plain ``*.tif``; stacks
and other images are opened in the dock *Open cells*. napari passes `path` by name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from napari_cellcycle.errors import ReadError
from napari_cellcycle.gui.layers.gallery import open_gallery
from napari_cellcycle.gui.layers.gallery_layers import LayerData
from napari_cellcycle.gui.layers.project_layers import open_project
from napari_cellcycle.gui.layers.saved_layers import SUFFIX, load_layers
from napari_cellcycle.gui.progress_dialog import wait_for
from napari_cellcycle.io.formats.zarr import is_our_zarr
from napari_cellcycle.io.name_patterns import AMNIS_SUFFIXES, IMAGE_SUFFIXES, ZARR_SUFFIX, channel_pattern, stem_of
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.phases import parse_phase
from napari_cellcycle.project import PROJECT_SUFFIX

Paths = str | list[str]
Reader = Callable[[Paths], list[LayerData]]


def get_file_reader(path: Paths) -> Reader | None:
    """A reader, if all are Amnis files or are named after a channel."""
    return read_gallery if all(_is_cell_file(Path(one).name) for one in _as_list(path)) else None


def get_folder_reader(path: Paths) -> Reader | None:
    """A reader, if all of `path` are folders of cells: with subfolders of phases, with cell files, or our OME-Zarr."""
    return read_gallery if all(_is_cell_folder(Path(one)) for one in _as_list(path)) else None


def get_saved_reader(path: Paths) -> Reader | None:
    """A reader, if all of `path` are layers or projects that this plugin saved."""
    names = [one.lower() for one in _as_list(path)]
    return read_saved if all(name.endswith((SUFFIX, PROJECT_SUFFIX)) for name in names) else None


def read_saved(path: Paths) -> list[LayerData]:
    """The layers of saved files, one after the other."""
    return [layer for one in _as_list(path) for layer in _saved_in(Path(one))]


def read_gallery(path: Paths) -> list[LayerData]:
    """The cells as gallery layers; what was guessed is shown as a notification."""
    opened = wait_for(open_gallery(_as_list(path), ReadSettings()), "Opening cells")
    if opened.notes:
        show_notes(opened.notes)
    layers: list[LayerData] = opened.layers
    return layers


def _saved_in(path: Path) -> list[LayerData]:
    if not path.name.lower().endswith(PROJECT_SUFFIX):
        return load_layers(path)
    project = wait_for(open_project(path), "Opening the project")
    if project.missing:
        raise ReadError(
            f"{project.missing[0]} is not there; open {path.name} with the button Open project of the dock Open cells, "
            "which asks where it is"
        )
    if project.notes:
        show_notes(project.notes)
    galleries = [layer for opened in project.data for layer in opened.layers]
    return galleries + [layer for field in project.fields for layer in field.layers]


def show_notes(notes: Iterable[str]) -> None:
    """Show what was guessed as a notification."""
    from napari.utils.notifications import show_info

    show_info("\n".join(notes))


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
