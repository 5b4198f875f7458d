"""Cells to learn from: read once, without repeats, and split into those learnt from and those tested on meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.events import Finished, Note, Progress, passed_on
from napari_cellcycle.jobs.config import ReadConfig
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
class Material:
    """Cells to learn from: readable, without repeats, read and prepared once; both in the same order.

    `n_repeats` copies were found; they are among the cells only where they were asked to be kept.
    """

    cells: Cells
    prepared: TrainingCells
    n_repeats: int
    data_sha256: str
    prints: NDArray[np.uint64]


def gather(
    paths: Sequence[str | Path], also: str, recipe: Recipe, reading: ReadConfig, *, keep_repeats: bool = False
) -> Iterator[Progress | Note | Finished]:
    """Read, drop repeats, prepare; the result is `Material`. Cells of `also` lose their phase."""
    cells: Cells = yield from passed_on(open_cells(paths, reading))
    yield from gather_cells(cells, also, recipe, reading, keep_repeats=keep_repeats)


def gather_cells(
    cells: Cells, also: str, recipe: Recipe, reading: ReadConfig, *, keep_repeats: bool = False
) -> Iterator[Progress | Note | Finished]:
    """`gather` from cells that are open."""
    import numpy as np

    from napari_cellcycle.cells import join_cells
    from napari_cellcycle.datasets.duplicates import search_repeats
    from napari_cellcycle.datasets.training_cells import prepare_cells

    if also:
        more: Cells = yield from passed_on(open_cells([also], reading))
        cells = join_cells([cells, replace(more, phases=np.full(len(more), UNKNOWN, np.int8))])
    repeats = yield from passed_on(search_repeats(cells))
    yield from (Note(text) for text in repeats.notes if not keep_repeats)
    chosen = np.arange(len(cells)) if keep_repeats else repeats.keep
    prepared: TrainingCells = yield from passed_on(prepare_cells(cells.subset(chosen), recipe.input))
    places = chosen[prepared.positions]
    n_repeats = len(cells) - len(repeats.keep)
    yield Finished(Material(cells.subset(places), prepared, n_repeats, repeats.data_sha256, repeats.prints[places]))


def split(material: Material, config: TrainConfig) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices to learn from, cells of unknown phase among them where their stain teaches, and to validate on."""
    import numpy as np

    from napari_cellcycle.datasets.splits import split_validation

    training, validation = split_validation(
        material.cells, validation_fraction=config.validation_fraction, seed=config.seed
    )
    return np.r_[training, teachers(material)], validation


def teachers(material: Material) -> NDArray[np.intp]:
    """Indices of the cells of unknown phase that a stain makes worth learning from."""
    import numpy as np

    return np.flatnonzero((material.cells.phases == UNKNOWN) & np.isfinite(material.prepared.total_dna))


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
