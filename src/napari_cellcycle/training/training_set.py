"""What a network is shown: which cells are drawn, how they are changed, and what is to be learnt of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from napari_cellcycle.datasets.training_cells import TrainingCells, labelled
from napari_cellcycle.phases import N_PHASES, UNKNOWN
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.transforms import augment, change_gain

LEAST_REAL = 0.5
"""Share of a phase's draws that its real cells have at least, however many are made."""


@dataclass(frozen=True, eq=False)
class Batch:
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

    def mixed(self, alpha: float, random: torch.Generator, nonlinear: float = 0.0) -> Batch:
        """Mix each cell with another one, and what is to be learnt of both alike.

        A share `nonlinear` of the cells, drawn one by one so that no step differs in kind from the next, is put
        together: the top of one cell above the bottom of another, or the left of one beside the right of another, each
        as often, cut anywhere; phases and DNA content are shared by area [2]_ [3]_. The others are blended, by shares
        from Beta(`alpha`, `alpha`) [1]_, or stay as they are if `alpha` is 0. Cells of unknown phase are mixed among
        themselves. Of a cell and one without stain, there is no stain to learn.

        References
        ----------
        .. [1] Zhang et al. (2018), mixup: beyond empirical risk minimization, ICLR, arXiv:1710.09412
        .. [2] Summers and Dinneen (2019), Improved mixed-example data augmentation, WACV, arXiv:1805.11272
        .. [3] Rana et al. (2022), Data augmentation with improved regularisation and sampling for imbalanced blood cell
           image classification, :doi:`10.1038/s41598-022-22882-x`
        """
        known = self.phases != UNKNOWN
        partners = _partners(known, random)
        shares, of_pixels = _shares(self.images, alpha, nonlinear, random)
        # one that goes in whole is its own partner, so that no other one's lack of stain matters
        partners = torch.where(shares == 1, torch.arange(len(known), device=known.device), partners)

        def mix(values: Tensor, shares: Tensor) -> Tensor:
            return shares * values + (1 - shares) * values[partners]

        phases = one_hot(self.phases.clamp(min=0), N_PHASES) * known[:, None]
        return Batch(
            images=mix(self.images, of_pixels),
            phases=mix(phases, shares[:, None]),
            log2_dna=mix(self.log2_dna, shares),
            stain=mix(self.stain, of_pixels),
        )


def _partners(known: Tensor, random: torch.Generator) -> Tensor:
    """With which cell each one is mixed, shape (B,): all `known` ones and all others among themselves."""
    partners = torch.arange(len(known), device=known.device)
    for alike in (known, ~known):
        places = torch.nonzero(alike)[:, 0]
        partners[places] = places[torch.randperm(len(places), generator=random).to(places.device)]
    return partners


def _shares(images: Tensor, alpha: float, nonlinear: float, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """How much of each mixed cell is its own: of all of it, shape (B,), and of each pixel, to (B, 1, S, S)."""
    n_cells, size = len(images), images.shape[-1]
    shares = images.new_ones(n_cells)
    if alpha:
        seed = int(torch.randint(2**31, (), generator=random))  # torch draws no Beta from a generator
        shares = torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, n_cells)).to(images)
    of_pixels = shares[:, None, None, None]
    if nonlinear:
        parts = _first_parts(n_cells, size, random).to(images)
        is_cut = (torch.rand(n_cells, generator=random) < nonlinear).to(images.device)
        of_pixels = torch.where(is_cut[:, None, None, None], parts, of_pixels)
        shares = torch.where(is_cut, parts.mean((1, 2, 3)), shares)
    return shares, of_pixels


def _first_parts(n_cells: int, size: int, random: torch.Generator) -> Tensor:
    """Masks (B, 1, S, S) of the top or the left part of each image, never all of it."""
    lengths = torch.randint(1, size, (n_cells, 1), generator=random)
    inside = torch.arange(size) < lengths  # (B, S)
    is_top = torch.rand(n_cells, generator=random) < 0.5
    return torch.where(is_top[:, None, None], inside[:, :, None], inside[:, None, :])[:, None]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """All training cells as tensors, scaled by what was fitted on them and on nothing else.

    Attributes
    ----------
    images, phases, log2_dna, stain : Tensor
        (N, C, S, S); (N,); (N,); (N, 1, S, S), the last two NaN where a cell has no stain.
    draw_weights : Tensor, shape (N,)
        How often a cell is drawn, relative to others; 0 for cells of unknown phase.
    n_draws : int
        Cells of known phase that an epoch draws by these weights.
    """

    images: Tensor
    phases: Tensor
    log2_dna: Tensor
    stain: Tensor
    draw_weights: Tensor
    n_draws: int

    @classmethod
    def of(
        cls, cells: TrainingCells, scale: NDArray[np.float32], g1_dna: float | None, config: TrainConfig
    ) -> TrainingSet:
        """Scale images by `scale` (C,), and the stain by its own spread.

        With `rare_phases`, how often a phase is drawn follows from its real cells: made ones share the draws of their
        phase, at most half of them, so they add variety, and neither its frequency nor the length of an epoch changes.
        Made ones count where a phase has no others. Without `rare_phases` all cells are drawn once an epoch, as in the
        papers.
        """
        cells = undersampled(cells, config.seed) if config.undersample else cells
        n_cells, _, size, _ = cells.images.shape
        stain = np.full((n_cells, size, size), np.nan, np.float32)
        log2_dna = np.full(n_cells, np.nan, np.float32)
        if cells.stain is not None and g1_dna is not None:
            stain = cells.stain / np.nanstd(cells.stain)
            log2_dna = np.log2(np.maximum(cells.total_dna, 0.1 * g1_dna) / g1_dna)
        weights, n_draws = _draws(cells, config.rare_phases)
        return cls(
            images=torch.from_numpy(cells.images / scale[:, None, None]),
            phases=torch.from_numpy(cells.phases.astype(np.int64)),
            log2_dna=torch.from_numpy(log2_dna.astype(np.float32)),
            stain=torch.from_numpy(stain.astype(np.float32))[:, None],
            draw_weights=torch.from_numpy(weights),
            n_draws=n_draws,
        )

    def batches(self, config: TrainConfig, random: torch.Generator) -> list[Tensor]:
        """Indices of one epoch's batches: labelled cells as `draw_weights` says, others beside them."""
        known = torch.nonzero(self.draw_weights)[:, 0]
        if config.rare_phases == 0:
            order = known[torch.randperm(len(known), generator=random)]
        else:
            order = torch.multinomial(self.draw_weights, self.n_draws, replacement=True, generator=random)
        unknown = torch.nonzero(self.draw_weights == 0)[:, 0]
        batches = [batch for batch in order.split(config.batch_size) if len(batch) > 1]  # batch norm needs two
        if not len(unknown):
            return batches
        beside = unknown[torch.randint(len(unknown), (len(batches), config.batch_size // 2), generator=random)]
        return [torch.cat([batch, extra]) for batch, extra in zip(batches, beside, strict=True)]

    def draw(self, batch: Tensor, config: TrainConfig, random: torch.Generator, device: torch.device) -> Batch:
        """The cells of `batch`, changed as `config` says."""
        planes = torch.cat([self.images[batch], self.stain[batch].nan_to_num()], 1).to(device)
        if config.flips or config.rotation_degrees or config.shift:
            planes = augment(planes, config, random)
        images, stain = planes[:, :-1], planes[:, -1:]
        if config.gain:
            images = change_gain(images, config, random)
        without_stain = self.log2_dna[batch].isnan().to(device)
        stain = stain.masked_fill(without_stain[:, None, None, None], float("nan"))
        lesson = Batch(images, self.phases[batch].to(device), self.log2_dna[batch].to(device), stain)
        if config.mixup or config.nonlinear_mixup:
            return lesson.mixed(config.mixup, random, config.nonlinear_mixup)
        return lesson


def _draws(cells: TrainingCells, rare_phases: float) -> tuple[NDArray[np.float64], int]:
    """Weights (N,) of the cells, 0 where the phase is unknown, and how many are drawn an epoch."""
    known = cells.phases != UNKNOWN
    all_counts, real_counts = (
        np.bincount(cells.phases[among], minlength=N_PHASES) for among in (known, known & ~cells.synthetic)
    )
    shares_draws = (real_counts > 0) & (rare_phases > 0)
    counts = np.where(shares_draws, real_counts, all_counts)
    share = np.maximum(real_counts / np.maximum(all_counts, 1), LEAST_REAL * shares_draws)
    of_each = 1.0 / np.maximum(counts, 1) ** rare_phases
    of_real = of_each * (share * (counts / np.maximum(real_counts, 1)))
    of_made = of_each * ((1 - share) * (counts / np.maximum(all_counts - real_counts, 1)))
    weights = np.where(cells.synthetic, of_made[cells.phases], of_real[cells.phases])
    return np.where(known, weights, 0.0), int(counts.sum())


def undersampled(cells: TrainingCells, seed: int) -> TrainingCells:
    """Without the cells, drawn at random, by which the largest phase exceeds the second largest.

    Made cells count like real ones: Jin et al. took G1 cells away after they had filled the rare phases. In the largest
    phase it is made cells that go first, as a real one says more.
    """
    counts = np.bincount(cells.phases[labelled(cells)], minlength=N_PHASES)
    excess = counts.max() - np.sort(counts[counts > 0])[-2:][0]
    largest = cells.phases == counts.argmax()
    made, real = np.flatnonzero(largest & cells.synthetic), np.flatnonzero(largest & ~cells.synthetic)
    random = np.random.default_rng(seed)
    n_made = min(excess, len(made))
    dropped = np.r_[random.choice(made, n_made, replace=False), random.choice(real, excess - n_made, replace=False)]
    return cells.subset(np.setdiff1d(np.arange(len(cells)), dropped))


def fit_scale(cells: TrainingCells) -> NDArray[np.float32]:
    """Spread of each channel over the training cells, shape (C,)."""
    spread = cells.images.std(axis=(0, 2, 3), dtype=np.float64)
    return np.where(spread > 0, spread, 1.0).astype(np.float32)
