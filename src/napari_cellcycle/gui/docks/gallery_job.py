"""What *Gallery* runs in a thread: cells and their labels are read, queues are made, labels are written."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.browse.export import write_label_lists, write_labels
from napari_cellcycle.cells import Prediction
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.layers.data_set import DataSet
from napari_cellcycle.gui.layers.field import FieldOnScreen, cut_field, data_set_of_field
from napari_cellcycle.gui.layers.gallery import open_data_set
from napari_cellcycle.gui.layers.source import GallerySource, Source

Rows = NDArray[np.intp]


def read_data_set(source: Source, field: FieldOnScreen | None) -> Job[Progress | Note, DataSet]:
    """Read the cells of layers, with the labels that were given to them before."""
    yield Note("Reading the cells ...")
    if isinstance(source, GallerySource):
        return (yield from open_data_set(source))
    if field is None:
        raise TypeError("a field is given with its layers")
    return data_set_of_field(field, cut_field(field))


def queues() -> dict[str, str]:
    """Names of the queues, with what each proposes."""
    if find_spec("napari_cellcycle.annotate.queues") is None:
        return {}
    from napari_cellcycle.annotate.queues import QUEUES

    return dict(QUEUES)


def make_queue(
    name: str, opened: DataSet, prediction: Prediction | None, model: str, features: NDArray[np.float32] | None
) -> Job[Progress | Note, tuple[Rows, NDArray[np.float32] | None]]:
    """The order of a queue; the features of the cells are computed for it if it needs them and a model is known."""
    yield Note("Choosing cells ...")
    from napari_cellcycle.annotate.queues import LIKELY_WRONG, UNLIKE, queue_order

    if features is None and model and name in (UNLIKE, LIKELY_WRONG):
        from napari_cellcycle.predict import extract_features, model_for_channels
        from napari_cellcycle.store.models import load_model

        chosen, _ = model_for_channels(load_model(model), opened.cells)
        features = yield from extract_features(chosen, opened.cells)
    return queue_order(name, opened.labels, prediction, features, 0, opened.cells.synthetic), features


def save_labels(labels: LabelTable, path: Path, *, as_lists: bool) -> Job[Progress | Note, str]:
    """Write labels as a table, or as lists of object numbers into the folder of `path`, and return where they are."""
    yield Note("Saving ...")
    if not as_lists:
        return str(write_labels(labels, path))
    written = write_label_lists(labels, path.parent)
    return f"{len(written)} lists in {path.parent}"
