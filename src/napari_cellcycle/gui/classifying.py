"""From cells on the screen to their phases on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.events import Finished, Note, passed_on
from napari_cellcycle.gui.gallery import read_again
from napari_cellcycle.gui.layers import (
    PHASE,
    find_layer,
    phase_layer,
    phase_numbers,
    result_table,
    role_of,
    source_of,
)
from napari_cellcycle.gui.painting import corrections
from napari_cellcycle.gui.telling import tell_cells

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells, Prediction
    from napari_cellcycle.evaluation.fractions import PhaseFractions
    from napari_cellcycle.gui.gallery import Events
    from napari_cellcycle.gui.layers import CellMap, GallerySource, LayerData, Source
    from napari_cellcycle.jobs.classify import ClassifyConfig


@dataclass(frozen=True, eq=False)
class Classified:
    """Phases that are ready for the viewer."""

    source: Source
    cell_map: CellMap
    layer: LayerData
    fractions: PhaseFractions
    n_unreadable: int
    model: str
    device: str
    notes: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row a cell."""
        table: pd.DataFrame = self.layer[1]["features"]
        return table


def classify_gallery(source: GallerySource, config: ClassifyConfig) -> Events:
    """Classify all cells behind a gallery, shown or not; the job's result is a `Classified`."""
    cells = yield from read_again(source)
    yield from classify_shown(cells, source.grid, source, config)


def classify_shown(cells: Cells, cell_map: CellMap, source: Source, config: ClassifyConfig) -> Events:
    """Classify cells that lie on the screen as `cell_map` says; the job's result is a `Classified`."""
    yield Note("Loading the model ...")
    from napari_cellcycle.evaluation.fractions import phase_fractions
    from napari_cellcycle.io.runs import load_model
    from napari_cellcycle.models.device import pick_device
    from napari_cellcycle.predict import classify_cells, doubt, suited_model

    device = str(pick_device(config.device))
    model, instead = suited_model(load_model(config.model), cells)
    yield Note("")
    prediction = yield from passed_on(
        classify_cells(
            model, cells, device=device, batch_size=config.batch_size, min_probability=config.min_probability
        )
    )
    picture = cell_map.draw_outlines(phase_numbers(prediction.phases))
    table = result_table(prediction, cells.phases, cells.synthetic)
    name = model.name if instead else config.model
    layer = phase_layer(picture, table, source, model=name, min_probability=config.min_probability)
    notes = tuple(note for note in (instead, doubt(prediction)) if note)
    fractions, n_unreadable = phase_fractions(prediction), len(prediction.unreadable)
    yield Finished(Classified(source, cell_map, layer, fractions, n_unreadable, model.name, device, notes))


def save_table(prediction: Prediction, path: Path) -> Events:
    """Write ``phases.csv``; the job's result is its path."""
    from napari_cellcycle.io.table import write_table

    yield Note("Saving ...")
    write_table(prediction, path)
    yield Finished(path)


def show_phases(viewer: ViewerModel, classified: Classified, over: list[Any]) -> Labels:
    """Add the phase layer, or renew the one that is there, and tell of cells under the cursor.

    Other phase layers are hidden. What somebody painted on the layer stays. `over` are layers besides our own over
    which the cursor meets these cells.
    """
    from napari.layers import Layer

    data, options, kind = classified.layer
    below = [*over, *_group(viewer, classified.source)]
    layer = find_layer(viewer.layers, classified.source.group, PHASE)
    if layer is None:
        layer = Layer.create(data, {**options, **_space_of(below)}, kind)
    else:
        data = _with_corrections(data, layer, classified)
        for name in ("metadata", "features", "colormap"):  # who listens to the features finds the metadata renewed
            setattr(layer, name, options[name])
        layer.data, layer.visible = data, True
    for one in [*below, layer]:
        tell_cells(one, classified.cell_map, classified.table)
    for other in viewer.layers:
        if source_of(other) is not None and role_of(other) == PHASE and other is not layer:
            other.visible = False
    if layer not in viewer.layers:
        viewer.add_layer(layer)
    viewer.layers.selection.active = layer
    return layer


def _with_corrections(picture: NDArray[np.uint8], layer: Labels, classified: Classified) -> NDArray[np.uint8]:
    """`picture` with what somebody painted on the layer that it replaces, if that one is of the same cells."""
    if layer.data.shape != picture.shape or len(layer.features) != len(classified.table):
        return picture
    cells = classified.cell_map
    painted = corrections(layer, cells)
    if not painted.any():
        return picture
    return cells.draw_outlines(np.where(painted > 0, painted, cells.read_numbers(picture)))


def _group(viewer: ViewerModel, source: Source) -> list[Any]:
    found = [(layer, source_of(layer)) for layer in viewer.layers]
    return [layer for layer, its in found if its is not None and its.group == source.group]


def _space_of(below: list[Any]) -> dict[str, Any]:
    """Where the phase layer lies in the world: where the first picture lies."""
    names = ("scale", "translate", "rotate", "shear", "affine", "units")
    return {name: getattr(below[0], name) for name in names} if below else {}
