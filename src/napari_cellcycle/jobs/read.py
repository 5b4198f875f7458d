"""How input becomes cells, with the settings that every task shares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Job, Note
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs.config import ReadSettings


def open_cells(paths: Sequence[str | Path], settings: ReadSettings) -> Job[Note, Cells]:
    """Find the cells in `paths` and report what was guessed."""

    cells = read_cells(
        paths,
        channels=settings.channels,
        layout=settings.layout,
        labels=settings.labels,
        pixel_size_um=settings.pixel_size_um,
        plane=settings.plane,
    )
    yield from (Note(text) for text in cells.notes)
    return cells
