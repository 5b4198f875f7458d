"""From cells on the screen to their phases on the screen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.layers.build import phase_layer, phase_numbers
from napari_cellcycle.gui.layers.field import FieldOnScreen, cut_field
from napari_cellcycle.gui.layers.gallery import reread_cells
from napari_cellcycle.gui.layers.painted_phases import corrections
from napari_cellcycle.gui.layers.phase_table import result_table
from napari_cellcycle.gui.layers.source import PHASE, FieldSource, find_layer, role_of, source_of
from napari_cellcycle.gui.layers.status_bar import describe_in_status_bar
from napari_cellcycle.images.label_map import LabelMap

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells, Prediction
    from napari_cellcycle.evaluation.phase_fractions import PhaseFractions
    from napari_cellcycle.gui.layers.build import LayerData
    from napari_cellcycle.gui.layers.source import GallerySource, Source
    from napari_cellcycle.images.cell_map import CellMap
    from napari_cellcycle.jobs.config import ClassifySettings


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


def classify_gallery(source: GallerySource, config: ClassifySettings) -> Job[Progress | Note, Classified]:
    """Classify all cells behind a gallery, shown or not; the job's result is a `Classified`."""
    cells = yield from reread_cells(source)
    return (yield from classify_shown(cells, source.grid, source, config))


def classify_shown(
    cells: Cells, cell_map: CellMap, source: Source, config: ClassifySettings
) -> Job[Progress | Note, Classified]:
    """Classify cells that lie on the screen as `cell_map` says; the job's result is a `Classified`."""
    yield Note("Loading the model ...")
    from napari_cellcycle.evaluation.phase_fractions import phase_fractions
    from napari_cellcycle.models.device import pick_device
    from napari_cellcycle.predict import classify_cells, model_for_channels, unfamiliar_warning
    from napari_cellcycle.store.models import load_model

    device = str(pick_device(config.device))
    model, instead = model_for_channels(load_model(config.model), cells)
    yield Note("")
    prediction = yield from classify_cells(
        model, cells, device=device, batch_size=config.batch_size, min_probability=config.min_probability
    )
    picture = cell_map.draw_outlines(phase_numbers(prediction.phases))
    table = result_table(prediction, cells.phases, cells.synthetic)
    name = model.name if instead else config.model
    layer = phase_layer(picture, table, source, model=name, min_probability=config.min_probability)
    notes = tuple(note for note in (instead, unfamiliar_warning(prediction)) if note)
    fractions, n_unreadable = phase_fractions(prediction), len(prediction.unreadable)
    return Classified(source, cell_map, layer, fractions, n_unreadable, model.name, device, notes)


def save_table(prediction: Prediction, path: Path) -> Job[Progress | Note, Path]:
    """Write ``phases.csv``; the job's result is its path."""
    from napari_cellcycle.io.writers.results import write_table

    yield Note("Saving ...")
    write_table(prediction, path)
    return path


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
        describe_in_status_bar(one, classified.cell_map, classified.table)
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
    return cells.draw_outlines(np.where(painted > 0, painted, cells.read_phases(picture)))


def _group(viewer: ViewerModel, source: Source) -> list[Any]:
    found = [(layer, source_of(layer)) for layer in viewer.layers]
    return [layer for layer, its in found if its is not None and its.group == source.group]


def _space_of(below: list[Any]) -> dict[str, Any]:
    """Where the phase layer lies in the world: where the first picture lies."""
    names = ("scale", "translate", "rotate", "shear", "affine", "units")
    return {name: getattr(below[0], name) for name in names} if below else {}


@dataclass(frozen=True, eq=False)
class ClassifiedField(Classified):
    """Phases of a full-field image; `labels` are those that were found, None where they were given."""

    source: FieldSource
    labels: NDArray[np.integer] | None


def classify_field(field: FieldOnScreen, config: ClassifySettings) -> Job[Progress | Note, ClassifiedField]:
    """Classify the cells of a full-field image; the job's result is a `ClassifiedField`."""
    found = None
    if field.labels is None:
        found = yield from _find_cells(field.brightfield)
        field = replace(field, labels=found)
    cells = cut_field(field)
    place = LabelMap(np.asarray(field.labels), frames=cells.images.frames, ids=cells.ids)  # type: ignore[attr-defined]
    done: Classified = yield from classify_shown(cells, place, field.source, config)
    return ClassifiedField(**vars(done), labels=found)


def show_field_table(labels: Labels, classified: Classified) -> None:
    """Write the numbers behind the colours to the user's own labels layer, beside the columns of others.

    In a time-lapse a label means another cell in each frame, which napari's table can't say.
    """
    if labels.ndim != 2:
        return
    ours = classified.table.drop(columns=["source", "synthetic", "truth"]).rename(columns={"cell": "index"})
    theirs = labels.features
    if "index" not in theirs:  # napari's rule: then row i is about label i
        theirs = theirs.rename_axis("index").reset_index()
    theirs = theirs.drop(columns=[name for name in ours if name != "index"], errors="ignore")
    labels.features = theirs.merge(ours, on="index", how="outer")


def _find_cells(brightfield: Any) -> Generator[Progress, None, NDArray[np.integer]]:
    from napari_cellcycle.images.segment import segment_brightfield

    frames = brightfield[None] if brightfield.ndim == 2 else brightfield
    found = []
    for number in range(len(frames)):
        yield Progress(number, len(frames), "Finding cells")
        found.append(segment_brightfield(np.asarray(frames[number])))
    return np.stack(found).reshape(brightfield.shape)
