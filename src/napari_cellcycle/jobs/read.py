"""How input becomes cells, with the settings that every task shares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Job, Note
from napari_cellcycle.jobs.config import ReadConfig, parse_channels


def open_cells(paths: Sequence[str | Path], config: ReadConfig) -> Job[Note, Cells]:
    """Find the cells in `paths`, say aloud what was guessed, and finish with `Cells`."""
    from napari_cellcycle.io.inputs import read_cells

    cells: Cells = read_cells(
        paths,
        channels=parse_channels(config.channels),
        layout=config.layout,
        labels=config.labels or None,
        pixel_size_um=config.pixel_size_um,
    )
    yield from (Note(text) for text in cells.notes)
    return cells
