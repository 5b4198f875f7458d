"""How input becomes cells, with the settings that every task shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from napari_cellcycle.annotate.data_labels import with_labels
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Job, Note
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs.config import ReadSettings


def reading_options(settings: ReadSettings) -> dict[str, Any]:
    """The settings as keyword arguments of `read_cells` and of `describe_inputs`, which read alike."""
    return {item.name: getattr(settings, item.name) for item in fields(settings)}


def open_cells(paths: Sequence[str | Path], settings: ReadSettings, *, labelled: bool = True) -> Job[Note, Cells]:
    """Find the cells in `paths` and report what was guessed; `labelled` gives them the labels that lie beside them."""
    cells = read_cells(paths, **reading_options(settings))
    if labelled:
        cells = with_labels(cells, paths)
    yield from (Note(text) for text in cells.notes)
    return cells
