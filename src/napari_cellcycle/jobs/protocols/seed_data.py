"""The cells that Duque-Vazquez et al. split: real ones with their repeats, and made ones among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import ArrayImages, CellImage
from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.datasets.training_cells import TrainingCells, join_training, prepare_cells
from napari_cellcycle.events import Job
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.fill_phases import cells_to_fill, synthesize
from napari_cellcycle.jobs.steps.training_data import TrainingData, load_training_data
from napari_cellcycle.phases import N_PHASES, UNKNOWN, Phase
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.training_set import undersampled

if TYPE_CHECKING:
    from napari_cellcycle.training.recipes import Recipe


@dataclass(frozen=True, eq=False)
class SeedCells:
    """Real and made cells together, before any split.

    Attributes
    ----------
    training_data : Material
        All of them, repeats included.
    sizes : ndarray of int, shape (7,)
        Real cells of each phase, before any was taken away.
    settings : TrainConfig
        How to train on them, without what was done to them already.
    notes : tuple of str
        What was done.
    """

    training_data: TrainingData
    sizes: NDArray[np.intp]
    settings: TrainConfig
    notes: tuple[str, ...]


def gather_as_seed(
    paths: Sequence[str | Path],
    also: Path | None,
    recipe: Recipe,
    settings: TrainConfig,
    reading: ReadSettings,
    device: str,
) -> Job[Any, SeedCells]:
    """Read all cells, fill the mitotic phases and take G1 cells away, all before a split; result: `SeedCells`.

    The generators learn from every real cell. Undersampling, and what the authors call mixup, is done here, and not in
    training.
    """
    training_data: TrainingData = yield from load_training_data(paths, also, recipe, reading, keep_duplicates=True)
    phases, words, notes = training_data.cells.phases, settings.augment, list[str]()
    if training_data.n_duplicates:
        notes.append(f"repeated cells that were not removed: {training_data.n_duplicates}")
    sizes = np.bincount(phases[(phases != UNKNOWN) & ~training_data.cells.synthetic], minlength=N_PHASES)
    wanted = _missing_in_mitosis(training_data.cells, settings.fill_to) if words.generator else {}
    if wanted:
        made: Cells = yield from synthesize(training_data.cells, wanted, recipe.input.channels, settings, device)
        if words.mixup:
            made = half_stretched(made)
            settings = replace(settings, mixup=0.0)
            notes.append(
                "mixup is what the authors' code does: it multiplies a made image by one number and stretches its "
                "contrast, in which the number cancels out; half of the made cells are changed so, none is mixed"
            )
        prepared = yield from prepare_cells(made.select_channels(recipe.input.channels), recipe.input)
        training_data = _joined(training_data, made, prepared)
        notes.append(
            f"made cells, split and tested like real ones: {len(made)}; their generators learnt from every real cell"
        )
    elif words.generator:
        notes.append("no made cells: no mitotic phase has fewer cells than the second largest phase, or fill-to")
    if settings.undersample:
        n_before = len(training_data.cells)
        training_data = _undersampled(training_data, settings.seed)
        settings = replace(settings, undersample=False)
        n_removed = n_before - len(training_data.cells)
        notes.append(f"cells of the largest phase that were taken away before the split: {n_removed}")
    return SeedCells(training_data, sizes, settings, tuple(notes))


def half_stretched(made: Cells) -> Cells:
    """`made` with the first half of each phase stretched in contrast, as by what the authors' code calls mixup.

    It multiplies each image by one number, l (1 - l) with l from a Beta distribution, and stretches the result from 0
    to 255, the range of their images. In that the number cancels out, so none is drawn here. The range is here that of
    all made cells, channel by channel, from the darkest pixel to the brightest.
    """
    read = [cell for cell in made.read(range(len(made))) if isinstance(cell, CellImage)]
    images = np.stack([cell.pixels for cell in read])
    lowest, highest = (fold(images, axis=(0, 2, 3), keepdims=True) for fold in (np.min, np.max))
    for phase in np.unique(made.phases):
        places = np.flatnonzero(made.phases == phase)
        chosen = places[: len(places) // 2]
        own = images[chosen].astype(np.float64)
        low, high = (fold(own, axis=(2, 3), keepdims=True) for fold in (np.min, np.max))
        shares = (own - low) / np.where(high > low, high - low, 1)
        stretched = lowest + shares * (highest.astype(np.float64) - lowest)
        images[chosen] = stretched.round() if images.dtype.kind in "iu" else stretched
    return replace(made, images=ArrayImages(images))


def _missing_in_mitosis(cells: Cells, fill_to: int) -> dict[int, int]:
    """How many cells each mitotic phase lacks to `fill_to` or, if that is 0, to the second largest phase.

    The authors made no others: they filled these to the size of S and G2, and took G1 cells away where G1 had more.
    """
    missing = cells_to_fill(cells, fill_to, undersample=True)
    return {phase: n_cells for phase, n_cells in enumerate(missing) if n_cells and phase >= Phase.PROPHASE}


def _joined(training_data: TrainingData, made: Cells, prepared: TrainingCells) -> TrainingData:
    unknown_again = np.zeros((len(made), training_data.fingerprints.shape[1]), training_data.fingerprints.dtype)
    return replace(
        training_data,
        cells=join_cells([training_data.cells, made]),
        prepared=join_training([training_data.prepared, prepared]),
        fingerprints=np.r_[training_data.fingerprints, unknown_again],
    )


def _undersampled(training_data: TrainingData, seed: int) -> TrainingData:
    """Without the cells by which the largest phase exceeds the second largest; tested ones are among them."""
    numbered = replace(training_data.prepared, positions=np.arange(len(training_data.prepared)))
    chosen = undersampled(numbered, seed).positions
    return replace(
        training_data,
        cells=training_data.cells.subset(chosen),
        prepared=training_data.prepared.subset(chosen),
        fingerprints=training_data.fingerprints[chosen],
    )
