"""napari's writers: layers that open again as they were, drawings, tables and stacks of cells, from File > Save.

Label images need no writer of ours: napari's own writes them as TIFF.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from numpy.typing import NDArray

from napari_cellcycle.errors import WriteError
from napari_cellcycle.gui.layers.gallery_layers import LayerData
from napari_cellcycle.gui.layers.layers_svg import save_svg
from napari_cellcycle.gui.layers.saved_layers import save_layers
from napari_cellcycle.gui.layers.source import GallerySource, source_of
from napari_cellcycle.gui.progress_dialog import wait_for
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.csv_cells import write_csv
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.convert import convert_files


def write_layers(path: str, layers: list[LayerData]) -> list[str]:
    """Save layers in one file that our reader opens again."""
    return [str(save_layers(Path(path), layers))]


def write_svg(path: str, layers: list[LayerData]) -> list[str]:
    """Draw layers as SVG."""
    return [str(save_svg(Path(path), layers))]


def write_cell_table(path: str, _data: NDArray[Any], options: Mapping[str, Any]) -> list[str]:
    """Save the table of a cells layer as CSV, one row a cell.

    Raises
    ------
    WriteError
        The layer has no table, or it can't be written.
    """
    table = options.get("features")
    if table is None or table.empty:
        raise WriteError(f"{options['name']} has no table of cells; classify its cells, or choose the layer phase")
    with atomic_path(Path(path)) as temporary:
        write_csv(table, temporary)
    return [path]


def write_stack(path: str, layers: list[LayerData]) -> list[str]:
    """Save all cells of the gallery that `layers` show, as the command ``convert`` does, with a table next to them.

    Raises
    ------
    WriteError
        The layers show no gallery, or several ones; or the stack can't be written.
    """
    sources = [source_of(cast("Any", SimpleNamespace(data=data, **options))) for data, options, _ in layers]
    galleries = {source.group: source for source in sources if isinstance(source, GallerySource)}
    if len(galleries) != 1:
        raise WriteError("a stack holds the cells of one gallery; select layers of one, and save again")
    [source] = galleries.values()
    reading = ReadSettings.from_dict(source.reading)
    converted = wait_for(convert_files([*source.paths, *source.made], Path(path), reading), "Saving the cells")
    return [str(converted.path), str(converted.table)]
