"""What *Label by stain* runs in a thread: find nuclei, measure the stain, set gates, write labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.layers.data_set import DataSet
from napari_cellcycle.gui.layers.field import FieldOnScreen, cut_field, data_set_of_field
from napari_cellcycle.gui.layers.gallery import open_data_set
from napari_cellcycle.gui.layers.source import GallerySource
from napari_cellcycle.images.cell_map import CellMap
from napari_cellcycle.images.field_map import LabelMap
from napari_cellcycle.jobs.config import LabelSettings

if TYPE_CHECKING:
    import pandas as pd

    from napari_cellcycle.jobs.label_by_stain import MeasuredStain
    from napari_cellcycle.stain.result import StainLabels


@dataclass(frozen=True, eq=False)
class Stained:
    """Cells in the viewer whose stain was measured and gated; `found.cells` are those of `data_set`."""

    data_set: DataSet
    cell_map: CellMap
    stain: MeasuredStain
    found: StainLabels


@dataclass(frozen=True, eq=False)
class NucleiFound:
    """Nuclei in the image of a stain, what was left out and why, each like the image."""

    nuclei: NDArray[np.int32]
    others: NDArray[np.int32]
    why: pd.DataFrame
    words: str


def find_nuclei(stain: Any) -> Job[Progress | Note, NucleiFound]:
    """Label the nuclei of a field, frame by frame."""
    import pandas as pd

    from napari_cellcycle.images.nuclei import label_nuclei, nuclei_in_words

    frames = [stain] if stain.ndim == 2 else stain
    found = []
    for number in range(len(frames)):
        yield Progress(number, len(frames), "finding nuclei in the stain")
        found.append(label_nuclei(np.asarray(frames[number])))
    nuclei, others = (np.stack([getattr(one, part) for one in found]) for part in ("labels", "others"))
    n_nuclei = sum(int(one.labels.max(initial=0)) for one in found)
    words = nuclei_in_words(n_nuclei, [reason for one in found for reason in one.reasons.values()])
    why = pd.DataFrame([*found[0].reasons.items()], columns=["index", "reason"])
    shape = nuclei.shape[1:] if stain.ndim == 2 else nuclei.shape
    return NucleiFound(nuclei.reshape(shape), others.reshape(shape), why, words)


def gate_gallery(source: GallerySource, known: DataSet | None, settings: LabelSettings) -> Job[Any, Stained]:
    """Measure and gate the stain of a gallery's cells, shown or not; `known` if they are open already."""
    yield Note("Reading the cells ...")
    data_set = known or (yield from open_data_set(source))
    return (yield from _gate(data_set, data_set.cells, source.grid, settings))


def gate_field(field: FieldOnScreen, stains: Mapping[str, Any], settings: LabelSettings) -> Job[Any, Stained]:
    """Measure and gate the stains of a field, by their channels."""
    yield Note("Cutting out cells ...")
    cells = cut_field(field, stains)
    data_set = data_set_of_field(field, cut_field(field))
    cell_map = LabelMap(np.asarray(field.labels), frames=cells.images.frames, ids=cells.ids)  # type: ignore[attr-defined]
    return (yield from _gate(data_set, cells, cell_map, settings))


def _gate(data_set: DataSet, cells: Any, cell_map: CellMap, settings: LabelSettings) -> Job[Any, Stained]:
    from napari_cellcycle.jobs.label_by_stain import gate_stain, measure_stain

    stain = yield from measure_stain(cells, settings)
    yield Note("Fitting the histogram ...")
    return Stained(data_set, cell_map, stain, gate_stain(stain, settings))


def gate_again(stained: Stained, settings: LabelSettings) -> Job[Any, Stained]:
    """Set the gates again, by another model."""
    yield Note("Fitting the histogram ...")
    from napari_cellcycle.jobs.label_by_stain import gate_stain

    return Stained(stained.data_set, stained.cell_map, stained.stain, gate_stain(stained.stain, settings))


def write_labels(found: StainLabels, table: LabelTable) -> Job[Any, NDArray[np.intp]]:
    """Write the labels into the table of the data, and return the rows that changed."""
    yield Note("Writing the labels ...")
    return table.replace_labels(found.annotator, found.gated.labels, found.gated.sure)


def take_back(annotator: str, table: LabelTable) -> Job[Any, NDArray[np.intp]]:
    """Take back all labels of a stain."""
    yield Note("Taking the labels back ...")
    n_cells = len(table)
    return table.replace_labels(annotator, np.full(n_cells, ""), np.ones(n_cells, bool))


def save_page(found: StainLabels, folder: Path, settings: LabelSettings) -> Job[Any, Path]:
    """Write table, gates and page, as the command does."""
    yield Note("Saving ...")
    from napari_cellcycle.jobs.label_by_stain import write_results

    write_results(found, folder, settings)
    return folder
