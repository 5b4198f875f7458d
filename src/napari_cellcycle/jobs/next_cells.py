"""Next: which cells to label next, as a list of sources and cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.data_labels import open_labels
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.annotate.queue_names import LEAST_SURE, LIKELY_WRONG, RARE_FIRST, UNLIKE
from napari_cellcycle.annotate.queues import queue_order
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.csv_cells import write_csv
from napari_cellcycle.io.inputs import root_of
from napari_cellcycle.io.reserve import check_free, reserved
from napari_cellcycle.jobs.config import NextSettings, ReadSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.phase_sets import shared_phases
from napari_cellcycle.predict import classify_cells, extract_features, model_for_channels
from napari_cellcycle.store.models import load_model

if TYPE_CHECKING:
    import pandas as pd


def next_files(
    paths: Sequence[str | Path],
    output: Path,
    settings: NextSettings,
    reading: ReadSettings,
    *,
    overwrite: bool = False,
) -> Job[Progress | Note, pd.DataFrame]:
    """Write the cells in `paths` that are to be labelled next to the table `output`: ``source, cell``, in order.

    The labels that lie next to the cells count as given; see `queue_order` for the queues. With `overwrite` an earlier
    table is replaced.
    """
    check_free(Path(output), inputs=paths, overwrite=overwrite)
    with reserved(Path(output)):
        table = yield from _next_table(paths, settings, reading)
        with atomic_path(Path(output)) as temporary:
            write_csv(table, temporary)
    return table


def _next_table(
    paths: Sequence[str | Path], settings: NextSettings, reading: ReadSettings
) -> Job[Progress | Note, pd.DataFrame]:
    import pandas as pd

    cells = yield from open_cells(paths, reading, labelled=False)
    labels = open_labels(cells, root_of(list(paths)))
    yield from map(Note, labels.notes)
    rows = (yield from order_cells(cells, labels, settings))[: settings.n_cells]
    if not len(rows):
        yield Note(f"no cell is left in the queue {settings.queue}")
    return pd.DataFrame({"source": labels.sources[rows], "cell": labels.ids[rows]})


def order_cells(cells: Cells, labels: LabelTable, settings: NextSettings) -> Job[Progress | Note, NDArray[np.intp]]:
    """Rows of a queue, after classifying or comparing the cells where the queue needs that."""
    prediction, features = None, None
    if settings.queue in (LEAST_SURE, RARE_FIRST, LIKELY_WRONG, UNLIKE):
        model, note = model_for_channels(load_model(settings.model), cells)
        yield from [Note(note)] if note else []
        if settings.queue in (LIKELY_WRONG, UNLIKE):
            features = yield from extract_features(model, cells, device=settings.device)
        else:
            prediction = yield from classify_cells(model, cells, device=settings.device)
            shared = shared_phases(prediction.phase_set, labels.phase_set)
            prediction = prediction.in_phases(shared)
            labels.use_phases(shared)
    return queue_order(settings.queue, labels, prediction, features, settings.seed, cells.synthetic)
