"""Convert the cells of any input to one OME-TIFF or OME-Zarr stack, with a table of their sources and phases."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ImageError, SettingError, WriteError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.batches import read_batches
from napari_cellcycle.images.model_input import background
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.phase_table import sidecar_path, write_sidecar
from napari_cellcycle.io.reserve import check_free, reserved
from napari_cellcycle.io.writers.stack import StackSpec, tiff_stack
from napari_cellcycle.io.writers.zarr import zarr_stack
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.read import open_cells

_TIFF_SUFFIXES = (".ome.tif", ".ome.tiff", ".tif", ".tiff")
_ZARR_SUFFIX = ".zarr"


@dataclass(frozen=True)
class Converted:
    """What `convert_files` wrote."""

    path: Path
    table: Path
    n_cells: int
    shape: tuple[int, int, int, int]


def convert_files(
    paths: Sequence[str | Path], output: Path, reading: ReadSettings, *, overwrite: bool = False
) -> Job[Progress | Note, Converted]:
    """Write the cells of `paths` as one stack of images of equal size, and a table next to it.

    `output` ends in ``.ome.tif`` for an OME-TIFF or in ``.zarr`` for an OME-Zarr. The image of a cell is as high as the
    highest and as wide as the widest one; smaller cells are centred, and each channel is filled with the background of
    the cell. The images are read twice, first for their sizes, so that memory does not grow with their number. If the
    job fails or is stopped, it leaves no files. With `overwrite` it replaces what an earlier run wrote, but no input.
    """
    output = Path(output)
    _check_output(output, paths, overwrite)
    with reserved(output):
        cells = yield from open_cells(paths, reading)
        cells, spec = yield from _measure(cells)
        return (yield from _write(cells, spec, output))


def _check_output(output: Path, paths: Sequence[str | Path], overwrite: bool) -> None:
    if not output.name.lower().endswith((*_TIFF_SUFFIXES, _ZARR_SUFFIX)):
        raise SettingError(f"output is {output.name}, but must end in .ome.tif for OME-TIFF or .zarr for OME-Zarr")
    if output.resolve() in {Path(path).resolve() for path in paths}:
        raise SettingError(f"output {output.name} is also an input; give it another name")
    if output.is_dir() and any(output.iterdir()):
        raise WriteError(f"{output} already exists; remove it, or give another name")
    check_free(output, inputs=paths, overwrite=overwrite)
    if not output.exists() and sidecar_path(output).exists():
        raise WriteError(f"{sidecar_path(output)} already exists and would be replaced; give the output another name")
    check_free(sidecar_path(output), inputs=paths, overwrite=overwrite)


def _measure(cells: Cells) -> Job[Progress | Note, tuple[Cells, StackSpec]]:
    """Read every image; the result is the cells that can be read, and the stack that they need."""
    readable = np.ones(len(cells), bool)
    height, width, masks = 0, 0, False
    dtypes: set[np.dtype[np.generic]] = set()
    for batch in read_batches(cells):
        readable[list(batch.unreadable)] = False
        yield from (Note(f"left out: {reason}") for reason in batch.unreadable.values())
        for image in batch.images:
            height, width = max(height, image.pixels.shape[1]), max(width, image.pixels.shape[2])
            masks |= image.mask is not None
            dtypes.add(image.pixels.dtype)
        yield batch.progress("measuring")
    if not dtypes:
        raise ImageError("none of these cells can be read, so there is nothing to convert; see the notes above")
    good = cells if readable.all() else cells.subset(np.flatnonzero(readable))
    size = good.common_pixel_size_um
    if size is None and not np.isnan(good.pixel_size_um).all():
        yield Note("the cells differ in pixel size, so no pixel size is written")
    spec = StackSpec(
        shape=(len(good), len(good.channels), height, width),
        dtype=np.result_type(*dtypes),
        channels=good.channels,
        pixel_size_um=None if size is None else round(size, 6),
        synthetic=bool(good.synthetic.any()),
        masks=masks,
    )
    return good, spec


def _write(cells: Cells, spec: StackSpec, output: Path) -> Job[Progress, Converted]:
    table = sidecar_path(output)
    # in an order that can't lie when the process is killed in between: an old table goes before its stack is replaced,
    # and a new one appears after the new stack
    is_new = not output.exists()
    try:
        with atomic_path(table) as temporary_table, atomic_path(output) as temporary:
            yield from _write_stack(cells, spec, output, temporary)
            write_sidecar(cells, temporary_table)
            table.unlink(missing_ok=True)
    except WriteError:
        if is_new:  # its table was not put next to it
            shutil.rmtree(output) if output.is_dir() else output.unlink(missing_ok=True)
        raise
    return Converted(output, table, len(cells), spec.shape)


def _write_stack(cells: Cells, spec: StackSpec, output: Path, temporary: Path) -> Job[Progress, None]:
    write_stack = zarr_stack if output.name.lower().endswith(_ZARR_SUFFIX) else tiff_stack
    with write_stack(temporary, spec) as put:
        for first in range(0, len(cells), spec.block_cells):
            block = cells.read(range(first, min(first + spec.block_cells, len(cells))))
            put(first, *_padded(block, spec))
            yield Progress(first + len(block), len(cells), "writing")


def _padded(block: Sequence[CellImage | Unreadable], spec: StackSpec) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Images (N, C, Y, X) and masks (N, Y, X), each cell in the middle of its own background."""
    images = np.empty((len(block), *spec.shape[1:]), spec.dtype)
    masks = np.zeros((len(block), *spec.shape[2:]), np.uint8)
    for index, cell in enumerate(block):
        if isinstance(cell, Unreadable):
            raise ImageError(f"an image changed during the conversion: {cell.reason}")
        level = background(cell)
        images[index] = (level if spec.dtype.kind == "f" else np.rint(level)).astype(spec.dtype)[:, None, None]
        height, width = cell.pixels.shape[1:]
        top, left = (spec.shape[2] - height) // 2, (spec.shape[3] - width) // 2
        images[index, :, top : top + height, left : left + width] = cell.pixels
        if cell.mask is not None:
            masks[index, top : top + height, left : left + width] = cell.mask
    return images, masks
