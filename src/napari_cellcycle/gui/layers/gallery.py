"""Open cells from files as a gallery in the viewer, and find them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.data_labels import apply_labels, labels_in_words, open_labels, settle_labels
from napari_cellcycle.cells import ROLES, Cells, join_cells, with_blanks
from napari_cellcycle.errors import ReadError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.layers.data_set import DataSet, remember_data_set
from napari_cellcycle.gui.layers.dock_words import in_dock_words
from napari_cellcycle.gui.layers.gallery_layers import LayerData, gallery_layers
from napari_cellcycle.gui.layers.phase_table import cell_table
from napari_cellcycle.gui.layers.source import GallerySource, new_group, source_of
from napari_cellcycle.gui.layers.status_bar import describe_in_status_bar
from napari_cellcycle.images.mosaic import MAX_SHOWN, Mosaic, build_mosaic
from napari_cellcycle.io.inputs import root_of
from napari_cellcycle.io.name_patterns import stem_of
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.read import describe_cells, open_cells
from napari_cellcycle.phase_sets import PhaseSet
from napari_cellcycle.phases import UNKNOWN

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel


_N_PREVIEWED = 3
_N_LISTED = 8  # files and folders that are described, so that the dock stays short


@dataclass(frozen=True, eq=False)
class OpenedGallery:
    """A gallery that is ready for the viewer; `table` has one row for each cell."""

    source: GallerySource
    layers: list[LayerData]
    table: pd.DataFrame
    notes: tuple[str, ...]
    data_set: DataSet


@dataclass(frozen=True, eq=False)
class ChannelPreview:
    """One channel: its name, the role that was guessed (or an empty text), and a few cells in grey, (Y, X)."""

    name: str
    role: str
    picture: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Preview:
    """What was found in files, before anything is shown in the viewer."""

    title: str
    n_cells: int
    n_known: int
    channels: list[ChannelPreview]
    contents: str
    notes: tuple[str, ...]


def preview_channels(paths: Sequence[str | Path], reading: ReadSettings) -> Job[Progress | Note, Preview]:
    """Look at a few cells of each channel."""
    from napari_cellcycle.io.channel_preview import propose_channels

    cells: Cells = yield from open_cells(paths, reading)
    few = np.unique(np.linspace(0, len(cells) - 1, _N_PREVIEWED).astype(int))
    mosaic = yield from build_mosaic(cells.subset(few), columns=len(few))
    pictures = {
        name: _grey(pixels, limits)
        for name, pixels, limits in zip(cells.channels, mosaic.pixels, mosaic.contrast_limits, strict=True)
    }
    proposed = propose_channels(paths, layout=reading.layout, plane=reading.plane).channels
    channels = [
        ChannelPreview(channel.name, channel.role or "", pictures[channel.role or channel.name])
        for channel in proposed
        if (channel.role or channel.name) in pictures  # else not all inputs have it
    ]
    n_known = int((cells.phases != UNKNOWN).sum())
    lines = [part.to_line() for part in describe_cells(paths, reading).parts]
    more = [f"and {len(lines) - _N_LISTED} more"] if len(lines) > _N_LISTED else []
    contents = "\n".join([*lines[:_N_LISTED], *more])
    return Preview(_title(paths), len(cells), n_known, channels, contents, tuple(map(in_dock_words, cells.notes)))


def _grey(pixels: NDArray[np.generic], limits: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = limits
    return np.clip((pixels.astype(np.float32) - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def _title(paths: Sequence[str | Path]) -> str:
    first = Path(paths[0])
    return stem_of(first.name) if len(paths) == 1 else f"{first.parent.name}, {len(paths)} files"


def open_gallery(
    paths: Sequence[str | Path],
    reading: ReadSettings,
    max_shown: int = MAX_SHOWN,
    *,
    synthetic: Sequence[str | Path] = (),
) -> Job[Progress | Note, OpenedGallery]:
    """Read cells, and stacks of `synthetic` ones after them, and arrange them in a gallery."""
    cells, everywhere = yield from _open(paths, reading, synthetic)
    shown = cells.select_channels([name for name in everywhere if name in ROLES] or everywhere)
    mosaic = yield from build_mosaic(shown, max_shown)
    labels = open_labels(cells, root_of(list(paths)))
    joined = settle_labels(labels) if reading.phases is None else ()
    cells = cells.in_phases(labels.phase_set)
    source = _source(paths, reading, synthetic, cells, mosaic)
    data_set = DataSet(source, cells, labels)
    known = (*cells.notes, *labels.notes, *labels_in_words(labels), *joined)
    notes = tuple(map(in_dock_words, known))
    if source.n_shown < source.n_cells:
        shown_of = f"{source.n_shown:,} of {source.n_cells:,}"
        notes += (f"the layers show the first {shown_of} cells; the dock Gallery shows all",)
    _warm_up()
    return OpenedGallery(source, gallery_layers(shown, mosaic, source), cell_table(cells), notes, data_set)


def _data_set(source: GallerySource, cells: Cells) -> DataSet:
    """The cells with the labels that were given to them before."""
    labels = open_labels(cells, root_of(source.paths))
    labels.use_phases(source.phase_set)
    return DataSet(source, cells.in_phases(source.phase_set), labels)


def _warm_up() -> None:
    """Make napari's first layer in the job's thread: it loads units and SciPy for two seconds."""
    from napari.layers import Image

    Image(np.zeros((2, 2)))


def reread_cells(source: GallerySource) -> Job[Progress | Note, Cells]:
    """Read the cells of a gallery from their files again, with their labels.

    Raises
    ------
    ReadError
        The files are gone, or hold other cells than when the gallery was made.
    """
    data_set = yield from open_data_set(source)
    return apply_labels(data_set.cells, data_set.labels)


def open_data_set(source: GallerySource) -> Job[Progress | Note, DataSet]:
    """Read the cells of a gallery from their files again; errors are those of `reread_cells`."""
    cells, _ = yield from _open(source.paths, ReadSettings.from_dict(source.reading), source.made)
    if len(cells) != source.n_cells:
        raise ReadError(
            f"{source.paths[0]} held {source.n_cells} cells when the gallery was made and holds {len(cells)} now; "
            "open it again"
        )
    return _data_set(source, cells)


def _open(
    paths: Sequence[str | Path], reading: ReadSettings, synthetic: Sequence[str | Path]
) -> Job[Progress | Note, tuple[Cells, list[str]]]:
    """The cells, and the channels that all of them have; a stain that synthetic cells lack is still trained on."""
    cells: Cells = yield from open_cells(paths, reading, labelled=False)
    if not synthetic:
        return cells, list(cells.channels)
    more: Cells = yield from open_cells(synthetic, ReadSettings(), labelled=False)
    everywhere = [name for name in cells.channels if name in more.channels]
    return join_cells([cells, with_blanks(more, cells.channels) if everywhere else more]), everywhere


def show_gallery(viewer: ViewerModel, opened: OpenedGallery) -> None:
    """Add a gallery's layers and zoom to it; other galleries would be under it and are hidden."""
    from napari.layers import Image, Layer

    for layer in viewer.layers:
        if source_of(layer) is not None:
            layer.visible = False
    layers = [Layer.create(*data) for data in opened.layers]
    remember_data_set(layers, opened.data_set)
    for layer in layers:
        describe_in_status_bar(layer, opened.source.grid, opened.table, opened.data_set.labels)
        viewer.add_layer(layer)
    # not the marks on synthetic cells on top, which nobody works on
    viewer.layers.selection.active = [layer for layer in layers if isinstance(layer, Image)][-1]
    viewer.reset_view()


def list_galleries(layers: Iterable[object]) -> list[GallerySource]:
    """The galleries in a viewer, the newest first."""
    found: dict[str, GallerySource] = {}
    for layer in layers:
        source = source_of(layer)
        if isinstance(source, GallerySource):
            found[source.group] = source
    return list(found.values())[::-1]


def _source(
    paths: Sequence[str | Path], reading: ReadSettings, synthetic: Sequence[str | Path], cells: Cells, mosaic: Mosaic
) -> GallerySource:
    return GallerySource(
        group=new_group(),
        title=_title(paths) + (" + synthetic" if synthetic else ""),
        paths=[str(Path(path).absolute()) for path in paths],
        reading=reading.to_dict(),
        n_cells=len(cells),
        n_shown=mosaic.grid.n_cells,
        n_synthetic=int(cells.synthetic.sum()),
        phase_counts=_count(cells.phases, cells.phase_set),
        tile_px=mosaic.grid.tile_px,
        columns=mosaic.grid.columns,
        made=[str(Path(path).absolute()) for path in synthetic],
        synthetic_counts=_count(cells.phases[cells.synthetic], cells.phase_set),
        phases=cells.phase_set.to_text(),
    )


def _count(phases: NDArray[np.int8], phase_set: PhaseSet) -> list[int]:
    """Cells of each known phase."""
    counts: list[int] = np.bincount(phases[phases != UNKNOWN], minlength=len(phase_set)).tolist()
    return counts
