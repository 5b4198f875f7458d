"""What *Classify* runs in a thread: from cells in the viewer to a phase layer that is ready to be shown."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import BRIGHTFIELD, Prediction
from napari_cellcycle.errors import ImageError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.layers.data_set import DataSet
from napari_cellcycle.gui.layers.dock_words import IN_OPEN_CELLS, OF_LAYERS, in_dock_words
from napari_cellcycle.gui.layers.field import FieldOnScreen, cut_field, data_set_of_field
from napari_cellcycle.gui.layers.gallery import open_data_set
from napari_cellcycle.gui.layers.gallery_layers import LayerData
from napari_cellcycle.gui.layers.phase_layer import phase_layer, phase_numbers
from napari_cellcycle.gui.layers.phase_table import result_table
from napari_cellcycle.gui.layers.source import FieldSource, GallerySource, Source
from napari_cellcycle.images.cell_map import CellMap
from napari_cellcycle.images.field_map import LabelMap
from napari_cellcycle.io.reserve import check_free
from napari_cellcycle.jobs.config import ClassifySettings
from napari_cellcycle.jobs.steps.advice import as_sentences

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Classified:
    """Phases that are ready for the viewer; `labels` of a full-field image if they were found, None if given."""

    data_set: DataSet
    cell_map: CellMap
    layer: LayerData
    n_unreadable: int
    model: str
    device: str
    notes: tuple[str, ...]
    labels: NDArray[np.integer] | None = None

    @property
    def source(self) -> Source:
        """Where the cells come from."""
        return self.data_set.source

    @property
    def table(self) -> pd.DataFrame:
        """One row a cell."""
        table: pd.DataFrame = self.layer[1]["features"]
        return table


def classify_gallery(source: GallerySource, config: ClassifySettings) -> Job[Progress | Note, Classified]:
    """Classify all cells of a gallery, shown or not."""
    data_set = yield from open_data_set(source)
    return (yield from _classify(data_set, source.grid, config))


def classify_field(
    field: FieldOnScreen, config: ClassifySettings, cell_diameter_px: float | None = None
) -> Job[Progress | Note, Classified]:
    """Classify the cells of a full-field image, which are found first, by their diameter, if there are no labels."""
    found = None
    if field.labels is None:
        found = yield from _find_cells(field, config.model, cell_diameter_px)
        if not found.any():
            raise ImageError(
                f"no cells were found in {field.source.title}; set another diameter of cells, or choose a Labels layer"
            )
        field = replace(field, labels=found)
    cells = cut_field(field)
    cell_map = LabelMap(np.asarray(field.labels), frames=cells.images.frames, ids=cells.ids)  # type: ignore[attr-defined]
    classified = yield from _classify(data_set_of_field(field, cells), cell_map, config)
    return replace(classified, labels=found)


def save_table(prediction: Prediction, path: Path) -> Job[Progress | Note, Path]:
    """Write ``phases.csv``, and return its path.

    Raises
    ------
    WriteError
        The folder holds the calls of another run, whose summary would be taken for that of these; or it can't be
        written.
    """
    from napari_cellcycle.io.writers.results import write_table

    yield Note("Saving ...")
    check_free(path.parent, ["summary.json"], overwrite=False)
    write_table(prediction, path)
    return path


def _classify(data_set: DataSet, cell_map: CellMap, config: ClassifySettings) -> Job[Progress | Note, Classified]:
    """Classify cells that are in the viewer where `cell_map` says."""
    yield Note("Loading the model ...")
    from napari_cellcycle.datasets.copies import copies_note
    from napari_cellcycle.jobs.check_fit import check_cells
    from napari_cellcycle.models.device import pick_device
    from napari_cellcycle.phase_sets import shared_phases
    from napari_cellcycle.predict import classify_cells, model_for_channels, unfamiliar_warning
    from napari_cellcycle.store.models import load_model

    cells = data_set.cells
    device = str(pick_device(config.device))
    model, instead = model_for_channels(load_model(config.model), cells)
    boxes = OF_LAYERS if isinstance(data_set.source, FieldSource) else IN_OPEN_CELLS
    fit = yield from check_cells(model, cells, device=device)
    yield Note(in_dock_words(as_sentences([fit.text]), boxes))  # while the user can still cancel
    prediction = yield from classify_cells(
        model, cells, device=device, batch_size=config.batch_size, min_probability=config.min_probability
    )
    phases = shared_phases(prediction.phase_set, cells.phase_set)  # that of the truth, or a coarser one of the model
    own, prediction = prediction.phase_set, prediction.in_phases(phases)
    joined = "" if own == phases else f"the probabilities of {own} were added up to {phases}"
    data_set.labels.use_phases(phases)
    picture = cell_map.draw_outlines(phase_numbers(prediction.phases))
    table = result_table(prediction, data_set.labels.phases, cells.synthetic)
    name = model.name if instead else config.model
    layer = phase_layer(
        picture,
        table,
        data_set.source,
        model=name,
        min_probability=config.min_probability,
        verdict=prediction.verdict,
        force=config.force,
        phases=phases,
    )
    unfamiliar = "" if prediction.verdict else unfamiliar_warning(prediction)  # the dock shows the verdict
    copies = copies_note(cells, prediction.probabilities)
    notes = tuple(in_dock_words(note, boxes) for note in (joined, unfamiliar, instead, copies) if note)
    return Classified(data_set, cell_map, layer, len(prediction.unreadable), model.name, device, notes)


def _find_cells(
    field: FieldOnScreen, model: str, cell_diameter_px: float | None
) -> Generator[Progress, None, NDArray[np.integer]]:
    """Labels of a field, from the finder of the model if it has one."""
    from napari_cellcycle.images.find_cells import find_cells
    from napari_cellcycle.store.finders import choose_finder
    from napari_cellcycle.store.models import find_model

    finder, brightfield, size = choose_finder(None, find_model(model)), field.brightfield, field.pixel_size_um
    frames = [brightfield] if brightfield.ndim == 2 else brightfield
    found = []
    for number in range(len(frames)):
        yield Progress(number, len(frames), "Finding cells")
        plane = np.asarray(frames[number])[None]
        cells = find_cells(plane, [BRIGHTFIELD], finder, pixel_size_um=size, cell_diameter_px=cell_diameter_px)
        found.append(cells)
    return np.stack(found).reshape(brightfield.shape)
