"""What a network is shown: which cells are drawn, how they are changed, and what is to be learnt of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from napari_cellcycle.data import TrainingCells, labelled
from napari_cellcycle.phases import N_PHASES, UNKNOWN
from napari_cellcycle.training.augment import augment, change_gain
from napari_cellcycle.training.config import TrainConfig


@dataclass(frozen=True, eq=False)
class Lesson:
    """A batch of B cells and what is to be learnt of them; NaN and `UNKNOWN` where nothing is known.

    Attributes
    ----------
    images, log2_dna, stain : Tensor
        (B, C, S, S); (B,); (B, 1, S, S).
    phases : Tensor
        (B,); in a mixed lesson (B, 7), the share of each phase, all 0 where it is unknown.
    """

    images: Tensor
    phases: Tensor
    log2_dna: Tensor
    stain: Tensor

    def mixed(self, alpha: float, random: torch.Generator) -> Lesson:
        """Blend each cell with another one, and what is to be learnt of both alike.

        Shares are drawn from Beta(`alpha`, `alpha`) [1]_. Cells of unknown phase are blended among themselves.

        References
        ----------
        .. [1] Zhang et al. (2018), mixup: beyond empirical risk minimization, ICLR, arXiv:1710.09412
        """
        known = self.phases != UNKNOWN
        partners = torch.arange(len(known), device=known.device)
        for alike in (known, ~known):
            places = torch.nonzero(alike)[:, 0]
            partners[places] = places[torch.randperm(len(places), generator=random).to(places.device)]
        seed = int(torch.randint(2**31, (), generator=random))  # torch draws no Beta from a generator
        shares = torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, len(known))).to(self.images)

        def blend(values: Tensor) -> Tensor:
            share = shares.reshape(-1, *[1] * (values.ndim - 1))
            return share * values + (1 - share) * values[partners]

        phases = one_hot(self.phases.clamp(min=0), N_PHASES) * known[:, None]
        return Lesson(blend(self.images), blend(phases), blend(self.log2_dna), blend(self.stain))


@dataclass(frozen=True, eq=False)
class Lessons:
    """All training cells as tensors, scaled by what was fitted on them and on nothing else.

    Attributes
    ----------
    images, phases, log2_dna, stain : Tensor
        (N, C, S, S); (N,); (N,); (N, 1, S, S), the last two NaN where a cell has no stain.
    draw_weights : Tensor, shape (N,)
        How often a cell is drawn, relative to others; 0 for cells of unknown phase.
    """

    images: Tensor
    phases: Tensor
    log2_dna: Tensor
    stain: Tensor
    draw_weights: Tensor

    @classmethod
    def of(cls, cells: TrainingCells, scale: NDArray[np.float32], g1_dna: float | None, config: TrainConfig) -> Lessons:
        """Scale images by `scale` (C,), and the stain by its own spread."""
        cells = undersampled(cells, config.seed) if config.undersample else cells
        n_cells, _, size, _ = cells.images.shape
        stain = np.full((n_cells, size, size), np.nan, np.float32)
        log2_dna = np.full(n_cells, np.nan, np.float32)
        if cells.stain is not None and g1_dna is not None:
            stain = cells.stain / np.nanstd(cells.stain)
            log2_dna = np.log2(np.maximum(cells.total_dna, 0.1 * g1_dna) / g1_dna)
        counts = np.bincount(cells.phases[labelled(cells)], minlength=N_PHASES)
        weights = np.where(
            cells.phases == UNKNOWN, 0.0, 1.0 / np.maximum(counts, 1)[cells.phases] ** config.rare_phases
        )
        return cls(
            images=torch.from_numpy(cells.images / scale[:, None, None]),
            phases=torch.from_numpy(cells.phases.astype(np.int64)),
            log2_dna=torch.from_numpy(log2_dna.astype(np.float32)),
            stain=torch.from_numpy(stain.astype(np.float32))[:, None],
            draw_weights=torch.from_numpy(weights),
        )

    def batches(self, config: TrainConfig, random: torch.Generator) -> list[Tensor]:
        """Indices of one epoch's batches: labelled cells as `draw_weights` says, others beside them."""
        known = torch.nonzero(self.draw_weights)[:, 0]
        if config.rare_phases == 0:
            order = known[torch.randperm(len(known), generator=random)]
        else:
            order = torch.multinomial(self.draw_weights, len(known), replacement=True, generator=random)
        unknown = torch.nonzero(self.draw_weights == 0)[:, 0]
        batches = [batch for batch in order.split(config.batch_size) if len(batch) > 1]  # batch norm needs two
        if not len(unknown):
            return batches
        beside = unknown[torch.randint(len(unknown), (len(batches), config.batch_size // 2), generator=random)]
        return [torch.cat([batch, extra]) for batch, extra in zip(batches, beside, strict=True)]

    def draw(self, batch: Tensor, config: TrainConfig, random: torch.Generator, device: torch.device) -> Lesson:
        """The cells of `batch`, changed as `config` says."""
        planes = torch.cat([self.images[batch], self.stain[batch].nan_to_num()], 1).to(device)
        if config.flips or config.rotation_degrees or config.shift:
            planes = augment(planes, config, random)
        images, stain = planes[:, :-1], planes[:, -1:]
        if config.gain:
            images = change_gain(images, config, random)
        without_stain = self.log2_dna[batch].isnan().to(device)
        stain = stain.masked_fill(without_stain[:, None, None, None], float("nan"))
        lesson = Lesson(images, self.phases[batch].to(device), self.log2_dna[batch].to(device), stain)
        return lesson.mixed(config.mixup, random) if config.mixup else lesson


def undersampled(cells: TrainingCells, seed: int) -> TrainingCells:
    """Without the cells, drawn at random, by which the largest phase exceeds the second largest."""
    counts = np.bincount(cells.phases[labelled(cells)], minlength=N_PHASES)
    largest = np.flatnonzero(cells.phases == counts.argmax())
    excess = len(largest) - np.sort(counts[counts > 0])[-2:][0]
    dropped = np.random.default_rng(seed).choice(largest, excess, replace=False)
    return cells.subset(np.setdiff1d(np.arange(len(cells)), dropped))


def fit_scale(cells: TrainingCells) -> NDArray[np.float32]:
    """Spread of each channel over the training cells, shape (C,)."""
    spread = cells.images.std(axis=(0, 2, 3), dtype=np.float64)
    return np.where(spread > 0, spread, 1.0).astype(np.float32)
