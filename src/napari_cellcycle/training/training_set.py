"""The cells that a network is trained on, and how each epoch draws its batches from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cellcycle.datasets.training_cells import TrainingCells, count_cells
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.transforms import Batch, random_affine, random_gain

MIN_REAL_SHARE = 0.5
"""Smallest share of a phase's draws that are real cells, however many synthetic ones there are."""


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """All training cells as tensors.

    Attributes
    ----------
    images, phases, log2_dna, stain : Tensor
        As in `Batch`, of N cells.
    draw_weights : Tensor of float64, shape (N,)
        How often a cell is drawn, relative to others; 0 for cells of unknown phase.
    n_draws : int
        Cells of known phase that an epoch draws.
    n_phases : int
        Phases that there are.
    """

    images: Tensor
    phases: Tensor
    log2_dna: Tensor
    stain: Tensor
    draw_weights: Tensor
    n_draws: int
    n_phases: int

    @classmethod
    def from_cells(
        cls, cells: TrainingCells, scale: NDArray[np.float32], g1_dna: float | None, config: TrainConfig
    ) -> TrainingSet:
        """Scale cells, and weigh their phases.

        With `rare_phases`, how often a phase is drawn depends on its real cells alone. Its synthetic cells share these
        draws, at most half of them: they add variety, but change neither the frequency of the phase nor the length of
        an epoch. They count where a phase has no real cells. Without `rare_phases` each cell is drawn once per epoch,
        as in the papers.

        Parameters
        ----------
        cells : TrainingCells
            Of known phase, or of unknown phase with a stain.
        scale : ndarray of float32, shape (C,)
            The images are divided by it.
        g1_dna : float or None
            Summed stain of a cell in G1; None: there is no stain to learn.
        config : TrainConfig
            Settings.
        """
        cells = undersampled(cells, config.seed) if config.undersample else cells
        n_cells, _, size, _ = cells.images.shape
        stain = np.full((n_cells, size, size), np.nan, np.float32)
        log2_dna = np.full(n_cells, np.nan, np.float32)
        if cells.stain is not None and g1_dna is not None:
            stain = cells.stain / np.nanstd(cells.stain)
            log2_dna = np.log2(np.maximum(cells.total_dna, 0.1 * g1_dna) / g1_dna)
        weights, n_draws = _draw_weights(cells, config.rare_phases)
        return cls(
            images=torch.from_numpy(cells.images / scale[:, None, None]),
            phases=torch.from_numpy(cells.phases.astype(np.int64)),
            log2_dna=torch.from_numpy(log2_dna.astype(np.float32)),
            stain=torch.from_numpy(stain.astype(np.float32))[:, None],
            draw_weights=torch.from_numpy(weights),
            n_draws=n_draws,
            n_phases=len(cells.phase_set),
        )

    def batch_indices(self, config: TrainConfig, random: torch.Generator) -> list[Tensor]:
        """Draw the batches of one epoch.

        Parameters
        ----------
        config : TrainConfig
            Settings.
        random : torch.Generator
            Draws the cells.

        Returns
        -------
        list of Tensor
            Indices of the cells of each batch; half as many cells of unknown phase are added, where there are any.
        """
        known = torch.nonzero(self.draw_weights)[:, 0]
        if config.rare_phases == 0:
            order = known[torch.randperm(len(known), generator=random)]
        else:
            order = torch.multinomial(self.draw_weights, self.n_draws, replacement=True, generator=random)
        unknown = torch.nonzero(self.draw_weights == 0)[:, 0]
        batches = [batch for batch in order.split(config.batch_size) if len(batch) > 1]  # batch norm needs two
        if not len(unknown):
            return batches
        added = unknown[torch.randint(len(unknown), (len(batches), config.batch_size // 2), generator=random)]
        return [torch.cat([batch, more]) for batch, more in zip(batches, added, strict=True)]

    def batch(self, indices: Tensor, config: TrainConfig, random: torch.Generator, device: torch.device) -> Batch:
        """Take some cells, and change them at random.

        Parameters
        ----------
        indices : Tensor, shape (B,)
            Which cells.
        config : TrainConfig
            How cells are changed.
        random : torch.Generator
            Draws the changes.
        device : torch.device
            Where the batch goes.
        """
        planes = torch.cat([self.images[indices], self.stain[indices].nan_to_num()], 1).to(device)
        if config.flips or config.rotation_degrees or config.shift:
            planes = random_affine(
                planes, random, flips=config.flips, rotation_degrees=config.rotation_degrees, shift=config.shift
            )
        images, stain = planes[:, :-1], planes[:, -1:]
        if config.gain:
            images = random_gain(images, config.gain, random)
        log2_dna = self.log2_dna[indices].to(device)
        stain = stain.masked_fill(log2_dna.isnan()[:, None, None, None], float("nan"))
        batch = Batch(images, self.phases[indices].to(device), log2_dna, stain, self.n_phases)
        if config.mixup or config.nonlinear_mixup:
            return batch.mixed(config.mixup, random, config.nonlinear_mixup)
        return batch


def _draw_weights(cells: TrainingCells, rare_phases: float) -> tuple[NDArray[np.float64], int]:
    """Weights (N,) of the cells, 0 where the phase is unknown, and the number of draws per epoch."""
    known = cells.phases != UNKNOWN
    all_counts, synthetic_counts = count_cells(cells)
    real_counts = all_counts - synthetic_counts
    by_real_cells = (real_counts > 0) & (rare_phases > 0)
    counts = np.where(by_real_cells, real_counts, all_counts)
    real_share = np.maximum(real_counts / np.maximum(all_counts, 1), MIN_REAL_SHARE * by_real_cells)
    weight = 1.0 / np.maximum(counts, 1) ** rare_phases
    real_weight = weight * (real_share * (counts / np.maximum(real_counts, 1)))
    synthetic_weight = weight * ((1 - real_share) * (counts / np.maximum(all_counts - real_counts, 1)))
    weights = np.where(cells.synthetic, synthetic_weight[cells.phases], real_weight[cells.phases])
    return np.where(known, weights, 0.0), int(counts.sum())


def undersampled(cells: TrainingCells, seed: int) -> TrainingCells:
    """Drop cells of the largest phase, drawn at random, until it is as large as the second largest phase.

    Synthetic cells count like real ones: Jin et al. dropped G1 cells after they had filled the rare phases. In the
    largest phase synthetic cells are dropped first, because real ones are worth more.

    Parameters
    ----------
    cells : TrainingCells
        Some of them of known phase.
    seed : int
        Of the draw.
    """
    counts, _ = count_cells(cells)
    excess = counts.max() - np.sort(counts[counts > 0])[-2:][0]
    largest = cells.phases == counts.argmax()
    synthetic, real = np.flatnonzero(largest & cells.synthetic), np.flatnonzero(largest & ~cells.synthetic)
    random = np.random.default_rng(seed)
    n_synthetic = min(excess, len(synthetic))
    dropped = np.r_[
        random.choice(synthetic, n_synthetic, replace=False), random.choice(real, excess - n_synthetic, replace=False)
    ]
    return cells.subset(np.setdiff1d(np.arange(len(cells)), dropped))


def fit_scale(cells: TrainingCells) -> NDArray[np.float32]:
    """Standard deviation of each channel over the training cells, shape (C,)."""
    spread = cells.images.std(axis=(0, 2, 3), dtype=np.float64)
    return np.where(spread > 0, spread, 1.0).astype(np.float32)
