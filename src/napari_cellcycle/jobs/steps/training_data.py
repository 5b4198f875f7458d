"""Cells to learn from: read once, without repeats, and split into those learnt from and those tested on meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.phases import UNKNOWN, phase_label
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_cellcycle.cells import Cells
    from napari_cellcycle.datasets.training_cells import TrainingCells


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Cells to learn from: readable, without repeats, read and prepared once; both in the same order.

    `n_duplicates` copies were found; they are among the cells only where they were asked to be kept.
    """

    cells: Cells
    prepared: TrainingCells
    n_duplicates: int
    data_sha256: str
    fingerprints: NDArray[np.uint64]


def load_training_data(
    paths: Sequence[str | Path],
    also: Path | None,
    recipe: Recipe,
    reading: ReadSettings,
    *,
    keep_duplicates: bool = False,
) -> Job[Progress | Note, TrainingData]:
    """Read, drop repeats, prepare; the result is `TrainingData`. Cells of `also` lose their phase."""
    cells: Cells = yield from open_cells(paths, reading)
    return (yield from prepare_training_data(cells, also, recipe, reading, keep_duplicates=keep_duplicates))


def prepare_training_data(
    cells: Cells, also: Path | None, recipe: Recipe, reading: ReadSettings, *, keep_duplicates: bool = False
) -> Job[Progress | Note, TrainingData]:
    """`load_training_data` from cells that are open."""
    import numpy as np

    from napari_cellcycle.cells import join_cells
    from napari_cellcycle.datasets.duplicates import iter_duplicates
    from napari_cellcycle.datasets.training_cells import prepare_cells

    if also:
        more: Cells = yield from open_cells([also], reading)
        cells = join_cells([cells, replace(more, phases=np.full(len(more), UNKNOWN, np.int8))])
    duplicates = yield from iter_duplicates(cells)
    yield from (Note(text) for text in duplicates.notes if not keep_duplicates)
    chosen = np.arange(len(cells)) if keep_duplicates else duplicates.keep
    prepared: TrainingCells = yield from prepare_cells(cells.subset(chosen), recipe.input)
    places = chosen[prepared.positions]
    n_duplicates = len(cells) - len(duplicates.keep)
    return TrainingData(
        cells.subset(places), prepared, n_duplicates, duplicates.data_sha256, duplicates.fingerprints[places]
    )


def split(training_data: TrainingData, config: TrainConfig) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices to learn from, cells of unknown phase among them where their stain teaches, and to validate on."""
    import numpy as np

    from napari_cellcycle.datasets.splits import split_validation

    training, validation = split_validation(
        training_data.cells, validation_fraction=config.validation_fraction, seed=config.seed
    )
    return np.r_[training, stain_only_cells(training_data)], validation


def stain_only_cells(training_data: TrainingData) -> NDArray[np.intp]:
    """Indices of the cells of unknown phase that a stain makes worth learning from."""
    import numpy as np

    return np.flatnonzero((training_data.cells.phases == UNKNOWN) & np.isfinite(training_data.prepared.total_dna))


def split_table(cells: Cells, validation: NDArray[np.intp], test: NDArray[np.intp] | None = None) -> str:
    """What ``split.csv`` holds: which cells were learnt from, which chose the best epoch, which were held back."""
    import numpy as np
    import pandas as pd

    part = np.full(len(cells), "train", dtype=object)
    part[validation] = "validation"
    if test is not None:
        part[test] = "test"
    labels = [phase_label(int(number)) for number in cells.phases]
    table = pd.DataFrame({"source": cells.sources, "cell": cells.ids, "phase": labels, "part": part})
    return table.to_csv(index=False)
