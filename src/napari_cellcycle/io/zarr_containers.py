"""Cells in OME-Zarr folders: one image, or the images of a plate, a well or a container of bioformats2raw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.io.channel_roles import shown_names
from napari_cellcycle.io.folder_contents import ImageGroup, ImageSet
from napari_cellcycle.io.formats.base import LARGEST_CELL_PX
from napari_cellcycle.io.formats.zarr import open_zarr
from napari_cellcycle.io.formats.zarr_groups import enclosing_zarr, find_images, plate_columns
from napari_cellcycle.io.image_set import Origin
from napari_cellcycle.io.input_part import InputPart
from napari_cellcycle.io.layout_detection import open_group
from napari_cellcycle.io.name_patterns import ZARR_SUFFIX, stem_of
from napari_cellcycle.io.zarr_cells import read_zarr_cells
from napari_cellcycle.phases import UNKNOWN


def is_in_zarr(name: str) -> bool:
    """Whether the name of a file or folder is that of an OME-Zarr, or of a part of one."""
    return ZARR_SUFFIX in name.lower() and enclosing_zarr(PurePosixPath(name)) is not None  # fast for 10^5 names


def open_zarr_images(name: str, origin: Origin) -> Iterator[InputPart | CellCycleError | str]:
    """Open the images of an OME-Zarr folder.

    Parameters
    ----------
    name : str
        The folder, relative to that of `origin`.
    origin : Origin
        The folder that it lies in.

    Yields
    ------
    InputPart, CellCycleError or str
        The parts, and the error for each image that can't be opened; or `name`, if it is one image to be read like an
        image file, so that files of the same name may be its labels.
    """
    try:
        images = find_images(origin.folder / name)
    except CellCycleError as error:
        yield error
        return
    for path in images:
        inside = path.relative_to(origin.folder).as_posix()
        columns = plate_columns(path)
        key = stem_of(PurePosixPath(inside).parts[0])
        try:
            part = _open_cells(ImageSet(key, {"": inside}, columns=columns), origin)
            if part is not None:
                yield part.checked()
            elif inside == name and "/" not in name:
                yield name
            else:
                yield from open_group(ImageGroup(("",), (ImageSet(key, {"": inside}, columns=columns),)), origin)
        except CellCycleError as error:
            yield error


def _open_cells(images: ImageSet, origin: Origin) -> InputPart | None:
    """The cells of an image with one cell per frame; None if it is read like an image file."""
    options, path = origin.options, origin.folder / images.files[""]
    file = open_zarr(path)
    is_field = options.layout != "auto" or options.labels is not None or max(file.shape) > LARGEST_CELL_PX
    if is_field and not file.cells and options.layout != "cells":
        return None
    source = options.source(path)
    cells = read_zarr_cells(file, source, options.channels, options.plane, images.columns, options.names.vocabulary)
    phase = origin.phase_in(images.key) if origin.phase == UNKNOWN else origin.phase
    labelled = replace(cells, phases=np.where(cells.phases == UNKNOWN, np.int8(phase), cells.phases))
    kind = "OME-Zarr" if file.n_planes == 1 else f"OME-Zarr, {file.n_planes} focal planes"
    return InputPart(source, kind, shown_names(file.channels), cells.channels, cells.images, lambda: labelled)
