"""Cells out of files, as a gallery in the viewer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_cellcycle.cells import ROLES
from napari_cellcycle.errors import ReadError
from napari_cellcycle.events import Finished, Note, Progress, passed_on
from napari_cellcycle.gui.layers import GallerySource, gallery_layers, new_group, source_of
from napari_cellcycle.images.mosaic import MAX_SHOWN, build_mosaic
from napari_cellcycle.io.names import stem_of
from napari_cellcycle.jobs.reading import ReadConfig, open_cells
from napari_cellcycle.phases import N_PHASES, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.gui.layers import LayerData
    from napari_cellcycle.images.mosaic import Mosaic

    Events = Generator[Progress | Note | Finished, None, None]

_N_PREVIEWED = 3


@dataclass(frozen=True, eq=False)
class OpenedGallery:
    """A gallery that is ready for the viewer."""

    source: GallerySource
    layers: list[LayerData]
    notes: tuple[str, ...]


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
    notes: tuple[str, ...]


def preview_channels(paths: Sequence[str | Path], reading: ReadConfig) -> Events:
    """Look at a few cells of each channel; the job's result is a `Preview`."""
    from napari_cellcycle.io import propose_channels

    cells: Cells = yield from passed_on(open_cells(paths, reading))
    few = np.unique(np.linspace(0, len(cells) - 1, _N_PREVIEWED).astype(int))
    mosaic = yield from passed_on(build_mosaic(cells.subset(few), columns=len(few)))
    pictures = {
        name: _grey(pixels, limits)
        for name, pixels, limits in zip(cells.channels, mosaic.pixels, mosaic.contrast_limits, strict=True)
    }
    proposed = propose_channels(paths, layout=reading.layout).channels
    channels = [
        ChannelPreview(channel.name, channel.role or "", pictures[channel.role or channel.name])
        for channel in proposed
        if (channel.role or channel.name) in pictures  # else not all inputs have it
    ]
    n_known = int((cells.phases != UNKNOWN).sum())
    yield Finished(Preview(_title(paths), len(cells), n_known, channels, spoken(cells.notes)))


def spoken(notes: Iterable[str]) -> tuple[str, ...]:
    """Notes without the flag of the command that changes what was guessed: a dock has a box for it."""
    return tuple(note.partition("; change it with --")[0] for note in notes)


def _grey(pixels: NDArray[np.generic], limits: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = limits
    return np.clip((pixels.astype(np.float32) - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def _title(paths: Sequence[str | Path]) -> str:
    first = Path(paths[0])
    return stem_of(first.name) if len(paths) == 1 else f"{first.parent.name}: {len(paths)} files"


def open_gallery(paths: Sequence[str | Path], reading: ReadConfig, max_shown: int = MAX_SHOWN) -> Events:
    """Read cells and lay them out; the job's result is an `OpenedGallery`."""
    cells = yield from passed_on(open_cells(paths, reading))
    shown = cells.select_channels([name for name in cells.channels if name in ROLES] or cells.channels)
    mosaic = yield from passed_on(build_mosaic(shown, max_shown))
    source = _source(paths, reading, cells, mosaic)
    notes = spoken(cells.notes)
    if source.n_shown < source.n_cells:
        notes += (f"the gallery shows the first {source.n_shown:,} of {source.n_cells:,} cells; all are classified",)
    _warm_up()
    yield Finished(OpenedGallery(source, gallery_layers(shown, mosaic, source), notes))


def _warm_up() -> None:
    """Make napari's first layer in this thread: it loads units and SciPy for two seconds."""
    from napari.layers import Image

    Image(np.zeros((2, 2)))


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
    return GallerySource(
        group=new_group(),
        title=_title(paths),
        paths=[str(Path(path).absolute()) for path in paths],
        reading=asdict(reading),
        n_cells=len(cells),
        n_shown=mosaic.grid.n_cells,
        n_synthetic=int(cells.synthetic.sum()),
        phase_counts=np.bincount(cells.phases[cells.phases != UNKNOWN], minlength=N_PHASES).tolist(),
        tile_px=mosaic.grid.tile_px,
        columns=mosaic.grid.columns,
    )
