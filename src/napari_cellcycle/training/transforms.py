"""A batch of training cells, and its random changes: those that the optics allow, and mixing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, one_hot

from napari_cellcycle.models.base import Outputs, PhaseNetwork
from napari_cellcycle.phases import N_PHASES, UNKNOWN


def random_affine(
    planes: Tensor, random: torch.Generator, *, flips: bool, rotation_degrees: float, shift: float
) -> Tensor:
    """Flip, turn and shift each cell at random.

    Light comes from one side, so cells are flipped from top to bottom only. Size tells the phase, so nothing is scaled.

    Parameters
    ----------
    planes : Tensor, shape (B, P, S, S)
        All planes of a cell are moved alike.
    random : torch.Generator
        Draws the changes.
    flips : bool
        Whether half of the cells are flipped.
    rotation_degrees : float
        Largest angle, to either side.
    shift : float
        Largest shift in each direction, as a share of the crop.

    Returns
    -------
    Tensor, shape (B, P, S, S)
        With background, which is 0, where a plane was moved away from the edge.
    """
    n_cells = len(planes)
    angle = math.radians(rotation_degrees) * _uniform(n_cells, random)
    mirror = 1 - 2 * torch.randint(0, 2, (n_cells,), generator=random).float() * flips
    # affine_grid measures in half crops, hence the factor 2
    shift_x, shift_y = (2 * shift * _uniform(n_cells, random) for _ in range(2))
    rows = (
        torch.stack([angle.cos(), -angle.sin() * mirror, shift_x], 1),
        torch.stack([angle.sin(), angle.cos() * mirror, shift_y], 1),
    )
    grid = affine_grid(torch.stack(rows, 1).to(planes), list(planes.shape), align_corners=False)
    return grid_sample(planes, grid, padding_mode="zeros", align_corners=False)


def random_gain(images: Tensor, gain: float, random: torch.Generator) -> Tensor:
    """Multiply each channel of each cell by a random factor.

    Parameters
    ----------
    images : Tensor, shape (B, C, S, S)
        Prepared, so that background is 0.
    gain : float
        Factors lie between 1 - `gain` and 1 + `gain`.
    random : torch.Generator
        Draws the factors.

    Returns
    -------
    Tensor, shape (B, C, S, S)
    """
    factors = 1 + gain * _uniform(images.shape[0] * images.shape[1], random)
    return images * factors.reshape(*images.shape[:2], 1, 1).to(images.device)


def _uniform(n: int, random: torch.Generator) -> Tensor:
    """Numbers between -1 and 1, shape (n,)."""
    return 2 * torch.rand(n, generator=random) - 1


@dataclass(frozen=True, eq=False)
class Batch:
    """B cells and their targets, which are NaN or `UNKNOWN` where they are not known.

    Attributes
    ----------
    images : Tensor, shape (B, C, S, S)
        Prepared and scaled.
    phases : Tensor, shape (B,) or (B, P)
        Phase of each cell; in a mixed batch the share of each phase, all 0 where it is unknown.
    log2_dna : Tensor, shape (B,)
        Base-2 logarithm of the DNA content, 0 in G1.
    stain : Tensor, shape (B, 1, S, S)
        Image of the DNA stain, scaled.
    n_phases : int
        Number P of phases that there are.
    phase_weights : Tensor, shape (P,), or None
        How much cells of each phase count; all alike by default.
    """

    images: Tensor
    phases: Tensor
    log2_dna: Tensor
    stain: Tensor
    n_phases: int = N_PHASES
    phase_weights: Tensor | None = None

    def outputs(self, network: PhaseNetwork) -> Outputs:
        """What `network` says of these cells."""
        outputs: Outputs = network(self.images.contiguous(memory_format=torch.channels_last))
        return outputs

    def mixed(self, alpha: float, random: torch.Generator, nonlinear: float = 0.0) -> Batch:
        """Mix each cell with another one, and their targets in the same way.

        Some cells are put together from two: the top of one above the bottom of the other, or the left of one next to
        the right of the other, cut anywhere; their phases and DNA contents are mixed by area [2]_ [3]_. The other cells
        are blended [1]_. Cells of unknown phase are mixed among themselves. A stained cell mixed with an unstained one
        has no stain.

        Parameters
        ----------
        alpha : float
            Shares are drawn from Beta(`alpha`, `alpha`) where cells are blended; 0: these cells stay unchanged.
        random : torch.Generator
            Draws partners, shares and cuts.
        nonlinear : float
            Share of the cells that are put together, drawn cell by cell so that all batches are of the same kind.

        Returns
        -------
        Batch
            With phases of shape (B, P).

        References
        ----------
        .. [1] Zhang et al. (2018), mixup: beyond empirical risk minimization, ICLR, arXiv:1710.09412
        .. [2] Summers and Dinneen (2019), Improved mixed-example data augmentation, WACV, arXiv:1805.11272
        .. [3] Rana et al. (2022), Data augmentation with improved regularisation and sampling for imbalanced blood cell
           image classification, :doi:`10.1038/s41598-022-22882-x`
        """
        known = self.phases != UNKNOWN
        partners = _partners(known, random)
        shares, pixel_shares = _shares(self.images, alpha, nonlinear, random)
        # an unchanged cell is its own partner, so that it keeps its stain even if the other cell has none
        partners = torch.where(shares == 1, torch.arange(len(known), device=known.device), partners)

        def mix(values: Tensor, shares: Tensor) -> Tensor:
            return shares * values + (1 - shares) * values[partners]

        phases = one_hot(self.phases.clamp(min=0), self.n_phases) * known[:, None]
        return Batch(
            images=mix(self.images, pixel_shares),
            phases=mix(phases, shares[:, None]),
            log2_dna=mix(self.log2_dna, shares),
            stain=mix(self.stain, pixel_shares),
            n_phases=self.n_phases,
        )


def _partners(known: Tensor, random: torch.Generator) -> Tensor:
    """Index of the cell that each one is mixed with, shape (B,); `known` cells and others among themselves."""
    partners = torch.arange(len(known), device=known.device)
    for alike in (known, ~known):
        indices = torch.nonzero(alike)[:, 0]
        partners[indices] = indices[torch.randperm(len(indices), generator=random).to(indices.device)]
    return partners


def _shares(images: Tensor, alpha: float, nonlinear: float, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Share of each mixed cell that is its own: on average, shape (B,), and pixel by pixel, up to (B, 1, S, S)."""
    n_cells, size = len(images), images.shape[-1]
    shares = images.new_ones(n_cells)
    if alpha:
        seed = int(torch.randint(2**31, (), generator=random))  # torch's Beta takes no generator
        shares = torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, n_cells)).to(images)
    pixel_shares = shares[:, None, None, None]
    if nonlinear:
        parts = _own_parts(n_cells, size, random).to(images)
        is_cut = (torch.rand(n_cells, generator=random) < nonlinear).to(images.device)
        pixel_shares = torch.where(is_cut[:, None, None, None], parts, pixel_shares)
        shares = torch.where(is_cut, parts.mean((1, 2, 3)), shares)
    return shares, pixel_shares


def _own_parts(n_cells: int, size: int, random: torch.Generator) -> Tensor:
    """Masks (B, 1, S, S) of the top or the left part of each image, never of all of it."""
    lengths = torch.randint(1, size, (n_cells, 1), generator=random)
    inside = torch.arange(size) < lengths  # (B, S)
    is_top = torch.rand(n_cells, generator=random) < 0.5
    return torch.where(is_top[:, None, None], inside[:, :, None], inside[:, None, :])[:, None]
