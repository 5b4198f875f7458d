"""The cells that Duque-Vazquez et al. split into folds: real ones with their duplicates, and synthetic ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import ArrayImages, CellImage
from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.datasets.training_cells import TrainingCells, count_cells, join_training, prepare_cells
from napari_cellcycle.events import Job
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.advice import cells_to_fill
from napari_cellcycle.jobs.steps.fill_phases import synthesize
from napari_cellcycle.jobs.steps.training_data import TrainingData, load_training_data
from napari_cellcycle.phase_sets import check_seven
from napari_cellcycle.phases import Phase
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import Recipe
from napari_cellcycle.training.training_set import undersampled


@dataclass(frozen=True, eq=False)
class SeedCells:
    """Real and synthetic cells together, before any split.

    Attributes
    ----------
    training_data : TrainingData
        All of them, with duplicates.
    sizes : ndarray of int, shape (7,)
        Real cells of each phase, before undersampling.
    settings : TrainConfig
        How to train on them, without the steps that were done here already.
    notes : tuple of str
        What was done here.
    """

    training_data: TrainingData
    sizes: NDArray[np.intp]
    settings: TrainConfig
    notes: tuple[str, ...]


def load_as_seed(
    paths: Sequence[str | Path],
    also: Path | None,
    recipe: Recipe,
    settings: TrainConfig,
    reading: ReadSettings,
    device: str,
) -> Job[Any, SeedCells]:
    """Read all cells, fill the mitotic phases with synthetic cells, and drop G1 cells, all before a split.

    The generators are trained on all real cells. Undersampling, and what the authors call mixup, are done here instead
    of in training.
    """
    training_data = yield from load_training_data(paths, also, recipe, reading, keep_duplicates=True)
    cells, words, notes = training_data.cells, settings.augment, list[str]()
    check_seven(cells.phase_set, "the protocol of the seed paper is one")
    if training_data.n_duplicates:
        notes.append(f"duplicates that were not removed: {training_data.n_duplicates}")
    counts, n_synthetic = count_cells(cells)
    wanted = _missing_in_mitosis(cells, settings.fill_to) if words.generator else {}
    if wanted:
        synthetic = yield from synthesize(cells, wanted, recipe.input.channels, settings, device)
        if words.mixup:
            synthetic = half_stretched(synthetic)
            settings = replace(settings, mixup=0.0)
            notes.append(
                "mixup does what the authors' code does: it multiplies a synthetic image by a number and stretches its "
                "contrast, where the number cancels out; half of the synthetic cells are changed so, and none are mixed"
            )
        prepared = yield from prepare_cells(synthetic.select_channels(recipe.input.channels), recipe.input)
        training_data = _joined(training_data, synthetic, prepared)
        notes.append(
            f"synthetic cells, split and tested like real ones: {len(synthetic)}; their generators were trained on all "
            "real cells"
        )
    elif words.generator:
        notes.append(
            "no synthetic cells: no mitotic phase has fewer cells than the second largest phase, or than fill-to"
        )
    if settings.undersample:
        n_before = len(training_data.cells)
        training_data = _undersampled(training_data, settings.seed)
        settings = replace(settings, undersample=False)
        n_dropped = n_before - len(training_data.cells)
        notes.append(f"cells of the largest phase that were dropped before the split: {n_dropped}")
    return SeedCells(training_data, counts - n_synthetic, settings, tuple(notes))


def half_stretched(synthetic: Cells) -> Cells:
    """Stretch the contrast of the first half of each phase, as the authors' code does under the name of mixup.

    It multiplies each image by a number, l (1 - l) with l from a Beta distribution, and stretches the result to the
    range of their images, 0 to 255. There the number cancels out, so none is drawn here. The range here is that of all
    synthetic cells, channel by channel, from the darkest pixel to the brightest.
    """
    read = [cell for cell in synthetic.read(range(len(synthetic))) if isinstance(cell, CellImage)]
    images = np.stack([cell.pixels for cell in read])
    lowest, highest = (fold(images, axis=(0, 2, 3), keepdims=True) for fold in (np.min, np.max))
    for phase in np.unique(synthetic.phases):
        indices = np.flatnonzero(synthetic.phases == phase)
        chosen = indices[: len(indices) // 2]
        own = images[chosen].astype(np.float64)
        low, high = (fold(own, axis=(2, 3), keepdims=True) for fold in (np.min, np.max))
        shares = (own - low) / np.where(high > low, high - low, 1)
        stretched = lowest + shares * (highest.astype(np.float64) - lowest)
        images[chosen] = stretched.round() if images.dtype.kind in "iu" else stretched
    return replace(synthetic, images=ArrayImages(images))


def _missing_in_mitosis(cells: Cells, fill_to: int) -> dict[int, int]:
    """How many cells each mitotic phase lacks to `fill_to` or, if that is 0, to the second largest phase.

    The authors filled these only, to the size of S and G2, and dropped G1 cells where G1 had more.
    """
    missing = cells_to_fill(*count_cells(cells), fill_to, undersample=True)
    return {phase: n_cells for phase, n_cells in enumerate(missing) if n_cells and phase >= Phase.PROPHASE}


def _joined(training_data: TrainingData, synthetic: Cells, prepared: TrainingCells) -> TrainingData:
    no_fingerprints = np.zeros((len(synthetic), training_data.fingerprints.shape[1]), training_data.fingerprints.dtype)
    return replace(
        training_data,
        cells=join_cells([training_data.cells, synthetic]),
        prepared=join_training([training_data.prepared, prepared]),
        fingerprints=np.r_[training_data.fingerprints, no_fingerprints],
    )


def _undersampled(training_data: TrainingData, seed: int) -> TrainingData:
    """Drop cells of the largest phase; cells that would be tested are among them."""
    numbered = replace(training_data.prepared, positions=np.arange(len(training_data.prepared)))
    chosen = undersampled(numbered, seed).positions
    return replace(
        training_data,
        cells=training_data.cells.subset(chosen),
        prepared=training_data.prepared.subset(chosen),
        fingerprints=training_data.fingerprints[chosen],
    )
