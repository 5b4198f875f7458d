"""Cells out of files, as a gallery in the viewer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.cells import ROLES
from napari_cellcycle.errors import ReadError
from napari_cellcycle.events import Finished, Note, Progress, passed_on
from napari_cellcycle.gui.layers import GallerySource, gallery_layers, new_group, source_of
from napari_cellcycle.images.mosaic import MAX_SHOWN, build_mosaic
from napari_cellcycle.jobs.reading import ReadConfig, open_cells
from napari_cellcycle.phases import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from napari.components import ViewerModel

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.gui.layers import LayerData
    from napari_cellcycle.images.mosaic import Mosaic

    Events = Generator[Progress | Note | Finished, None, None]


@dataclass(frozen=True, eq=False)
class OpenedGallery:
    """A gallery that is ready for the viewer."""

    source: GallerySource
    layers: list[LayerData]
    notes: tuple[str, ...]


def open_gallery(paths: Sequence[str | Path], reading: ReadConfig, max_shown: int = MAX_SHOWN) -> Events:
    """Read cells and lay them out; the job's result is an `OpenedGallery`."""
    cells = yield from passed_on(open_cells(paths, reading))
    shown = cells.select_channels([name for name in cells.channels if name in ROLES] or cells.channels)
    mosaic = yield from passed_on(build_mosaic(shown, max_shown))
    source = _source(paths, reading, cells, mosaic)
    notes = cells.notes
    if source.n_shown < source.n_cells:
        notes += (f"the gallery shows the first {source.n_shown:,} of {source.n_cells:,} cells; all are classified",)
    yield Finished(OpenedGallery(source, gallery_layers(shown, mosaic, source), notes))


def read_again(source: GallerySource) -> Generator[Progress | Note | Finished, None, Cells]:
    """The cells behind a gallery, out of their files.

    Raises
    ------
    ReadError
        The files are gone, or hold other cells than when the gallery was made.
    """
    cells: Cells = yield from passed_on(open_cells(source.paths, ReadConfig(**source.reading)))
    if len(cells) != source.n_cells:
        raise ReadError(
            f"{source.paths[0]} held {source.n_cells} cells when the gallery was made and holds {len(cells)} now; "
            "open it again"
        )
    return cells


def show_gallery(viewer: ViewerModel, opened: OpenedGallery) -> None:
    """Add a gallery's layers and look at it; other galleries lie at the same place and are hidden."""
    from napari.layers import Layer

    for layer in viewer.layers:
        if source_of(layer) is not None:
            layer.visible = False
    for data, options, kind in opened.layers:
        viewer.add_layer(Layer.create(data, options, kind))
    viewer.reset_view()


def galleries(layers: Iterable[object]) -> list[GallerySource]:
    """The galleries in a viewer, the newest first."""
    found: dict[str, GallerySource] = {}
    for layer in layers:
        source = source_of(layer)
        if isinstance(source, GallerySource):
            found[source.group] = source
    return list(found.values())[::-1]


def _source(paths: Sequence[str | Path], reading: ReadConfig, cells: Cells, mosaic: Mosaic) -> GallerySource:
    first = Path(paths[0])
    return GallerySource(
        group=new_group(),
        title=first.name if len(paths) == 1 else f"{first.parent.name}: {len(paths)} files",
        paths=[str(Path(path).absolute()) for path in paths],
        reading=asdict(reading),
        n_cells=len(cells),
        n_shown=mosaic.grid.n_cells,
        n_known=int((cells.phases != UNKNOWN).sum()),
        n_synthetic=int(cells.synthetic.sum()),
        tile_px=mosaic.grid.tile_px,
        columns=mosaic.grid.columns,
    )
