"""How input becomes cells, with the settings that every task shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from napari_cellcycle.annotate.data_labels import has_labels, with_labels
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Job, Note
from napari_cellcycle.images.find_cells import CellFinder
from napari_cellcycle.io.input_summary import Description, count_phases, describe_inputs
from napari_cellcycle.io.inputs import read_cells, root_of
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.store.finders import choose_finder


def reading_options(settings: ReadSettings) -> dict[str, Any]:
    """The settings as keyword arguments of `read_cells` and of `describe_inputs`, which read alike."""
    return {item.name: getattr(settings, item.name) for item in fields(settings) if item.name != "finder"}


def open_cells(
    paths: Sequence[str | Path],
    settings: ReadSettings,
    *,
    labelled: bool = True,
    model: Path | None = None,
    finder: CellFinder | None = None,
) -> Job[Note, Cells]:
    """Find the cells in `paths` and report what was guessed; `labelled` gives them the labels that lie beside them.

    `finder`, or that of the model in the folder `model`, finds the cells of fields without labels, unless the settings
    name another one.
    """
    chosen = choose_finder(settings.finder, model) if settings.finder or finder is None else finder
    cells = read_cells(paths, **reading_options(settings), finder=chosen)
    if labelled:
        cells = with_labels(cells, paths, settings.phases)
    yield from (Note(text) for text in cells.notes)
    return cells


def describe_cells(paths: Sequence[str | Path], settings: ReadSettings) -> Description:
    """What `open_cells` would find in `paths`, part by part; labels only where no cells must be found first."""
    options = reading_options(settings)
    found = describe_inputs(paths, **options)
    is_counted = all(part.n_cells is not None for part in found.parts)
    if not is_counted or not has_labels(root_of(paths), [part.where for part in found.parts]):
        return found
    plain = read_cells(paths, **options, finder=choose_finder(settings.finder))
    cells = with_labels(plain, paths, settings.phases)
    notes = tuple(note for note in cells.notes if note not in plain.notes)
    return replace(found, labelled=count_phases(cells), labels=notes)
