"""How input becomes cells, with the settings that every task shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Finished, Note
from napari_cellcycle.io.names import LAYOUTS
from napari_cellcycle.settings import Checked, setting


@dataclass(frozen=True, kw_only=True)
class ReadConfig(Checked):
    """What the user knows of the input and its files don't say."""

    channels: str = setting("", "which channel is what, as in brightfield=Ch3,darkfield=Ch6")
    layout: str = setting("auto", "what an image holds: found from its content unless said", choices=LAYOUTS, more=True)
    labels: str = setting("", "label image of a full-field image; without one, cells are found in the image", more=True)
    pixel_size_um: float | None = setting(
        None, "edge of a pixel in micrometres, where the files say none or a wrong one", 0.01, 100, more=True
    )


def open_cells(paths: Sequence[str | Path], config: ReadConfig) -> Iterator[Note | Finished]:
    """Find the cells in `paths`, say aloud what was guessed, and finish with `Cells`."""
    from napari_cellcycle.io import read_cells

    cells: Cells = read_cells(
        paths,
        channels=parse_channels(config.channels),
        layout=config.layout,
        labels=config.labels or None,
        pixel_size_um=config.pixel_size_um,
    )
    yield from (Note(text) for text in cells.notes)
    yield Finished(cells)


def parse_channels(text: str) -> dict[str, str] | None:
    """Read ``role=name,role=name``.

    Raises
    ------
    SettingError
        A part has no ``=``, or an empty side.
    """
    if not text.strip():
        return None
    pairs = [[side.strip() for side in part.split("=", 1)] for part in text.split(",")]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise SettingError(f"channels is {text!r}, but must read like brightfield=Ch3,darkfield=Ch6")
    return {pair[0]: pair[1] for pair in pairs}
