"""What *Gallery* runs in a thread: cells and their labels are read, queues are made, labels are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.annotate.queue_names import LIKELY_WRONG, QUEUES, UNLIKE
from napari_cellcycle.annotate.rounds import Round, read_rounds, rounds_path
from napari_cellcycle.browse.export import write_label_lists, write_labels
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.docks.classify_job import Classified, classify_field, classify_gallery
from napari_cellcycle.gui.layers.data_set import DataSet
from napari_cellcycle.gui.layers.field import FieldOnScreen, cut_field, data_set_of_field
from napari_cellcycle.gui.layers.gallery import open_data_set
from napari_cellcycle.gui.layers.source import GallerySource, Source
from napari_cellcycle.jobs.config import ClassifySettings

Rows = NDArray[np.intp]
Pictures = list[tuple[str, NDArray[np.uint8]]]
"""Of the channels of a cell, by their names, each (Y, X, 3)."""


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
    return dict(QUEUES)


def make_queue(
    name: str, opened: DataSet, prediction: Prediction | None, model: str, features: NDArray[np.float32] | None
) -> Job[Progress | Note, tuple[Rows, NDArray[np.float32] | None]]:
    """The order of a queue; the features of the cells are computed for it if it needs them and a model is known."""
    yield Note("Choosing cells ...")
    from napari_cellcycle.annotate.queues import queue_order

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


def retrain_labels(
    opened: DataSet, field: FieldOnScreen | None, start_from: str
) -> Job[Any, tuple[list[Round], Classified]]:
    """Train a model further on the labels so far, and classify the cells with it: all rounds, and the new calls."""
    yield Note("Opening the cells ...")
    from napari_cellcycle.jobs.retrain import retrain

    yield Note("")
    done = yield from retrain(opened.cells, opened.labels, start_from)
    config = ClassifySettings(model=done.model)
    if isinstance(opened.source, GallerySource):
        classified = yield from classify_gallery(opened.source, config)
    else:
        assert field is not None
        classified = yield from classify_field(field, config)
    return read_rounds(rounds_path(opened.labels)) or [done], classified


class Explainer:
    """Shows what a model looked at. It keeps the last model, as finding out how that sees the cells reads many."""

    def __init__(self) -> None:
        self._asked: tuple[str, Cells, Any, Any] | None = None

    def __call__(self, name: str, cells: Cells, row: int) -> Job[Note, Pictures]:
        """What the model `name` looked at in one of the cells, channel by channel."""
        yield Note("Asking the model ...")
        from napari_cellcycle.attribution import attributions
        from napari_cellcycle.images.attribution_picture import draw_attribution
        from napari_cellcycle.predict import matched_input, model_for_channels
        from napari_cellcycle.store.models import load_model

        if self._asked is None or self._asked[0] != name or self._asked[1] is not cells:
            model, _ = model_for_channels(load_model(name), cells)
            self._asked = name, cells, model, matched_input(model, cells)
        found = attributions(self._asked[2], cells, [row], spec=self._asked[3])
        yield Note("")
        return [*zip(found.channels, draw_attribution(found.images[0], found.values[0], found.channels), strict=True)]
