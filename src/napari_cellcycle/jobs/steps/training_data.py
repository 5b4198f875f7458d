"""The cells that a model is trained on: read once, without duplicates, and split into training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.datasets.duplicates import iter_duplicates
from napari_cellcycle.datasets.splits import split_validation
from napari_cellcycle.datasets.training_cells import TrainingCells, prepare_cells
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.io.csv_cells import csv_text
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import Recipe


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Readable cells without duplicates, and the same cells prepared, in the same order.

    `n_duplicates` were found; they are among the cells only if the caller asked to keep them.
    """

    cells: Cells
    prepared: TrainingCells
    n_duplicates: int
    data_sha256: str
    fingerprints: NDArray[np.uint64]

    @classmethod
    def from_cells(
        cls, cells: Cells, also: Path | None, recipe: Recipe, reading: ReadSettings, *, keep_duplicates: bool = False
    ) -> Job[Progress | Note, TrainingData]:
        """Drop duplicates, and prepare the cells; those in the file or folder `also` lose their phase."""
        cells = recipe.own_phases(cells)
        if also:
            more = yield from open_cells([also], reading)
            unknown = np.full(len(more), UNKNOWN, np.int8)
            cells = join_cells([cells, replace(more, phases=unknown, phase_set=cells.phase_set)])
        duplicates = yield from iter_duplicates(cells)
        yield from map(Note, () if keep_duplicates else duplicates.notes)
        chosen = np.arange(len(cells)) if keep_duplicates else duplicates.keep
        prepared = yield from prepare_cells(cells.subset(chosen), recipe.input)
        readable = chosen[prepared.positions]
        fingerprints = duplicates.fingerprints[readable]
        return cls(cells.subset(readable), prepared, duplicates.n_removed, duplicates.data_sha256, fingerprints)

    def stain_only_cells(self) -> NDArray[np.intp]:
        """Indices of the cells of unknown phase that have a stain, and are trained on for that."""
        return np.flatnonzero((self.cells.phases == UNKNOWN) & np.isfinite(self.prepared.total_dna))


def load_training_data(
    paths: Sequence[str | Path],
    also: Path | None,
    recipe: Recipe,
    reading: ReadSettings,
    *,
    keep_duplicates: bool = False,
) -> Job[Progress | Note, TrainingData]:
    """Open the cells in `paths`; see `TrainingData.from_cells`."""
    cells = yield from open_cells(paths, reading)
    return (yield from TrainingData.from_cells(cells, also, recipe, reading, keep_duplicates=keep_duplicates))


def train_validation_split(
    training_data: TrainingData, config: TrainConfig
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the training cells, stained ones of unknown phase among them, and of the validation cells."""
    training, validation = split_validation(
        training_data.cells, validation_fraction=config.validation_fraction, seed=config.seed
    )
    return np.r_[training, training_data.stain_only_cells()], validation


def split_table(cells: Cells, validation: NDArray[np.intp], test: NDArray[np.intp] | None = None) -> str:
    """The content of ``split.csv``: which cells were for training, which for validation, and which for the test."""
    part = np.full(len(cells), "train", dtype=object)
    part[validation] = "validation"
    if test is not None:
        part[test] = "test"
    labels = cells.phase_set.labels(cells.phases)
    table = pd.DataFrame({"source": cells.sources, "cell": cells.ids, "phase": labels, "part": part})
    return csv_text(table)
