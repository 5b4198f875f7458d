"""How unlike its training cells a cell is to a model: a call of such a cell is not to be relied on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FLAGGED = 0.015
"""Share of cells of the same kind that are flagged all the same: where the limit is set."""
MIN_HELD_BACK = 50
"""Cells that the limit takes at least."""


@dataclass(frozen=True, eq=False)
class MahalanobisDetector:
    """Distance of a cell from each phase of the training cells, and the limits of what is familiar.

    It is the Mahalanobis distance with one covariance for all phases (Lee et al. 2018, :arxiv:`1807.03888`), measured
    in what the network tells the phases from, and in plain statistics of the image, since a network is blind to what
    never mattered in its training. The covariance is shrunk (Ledoit and Wolf 2004,
    :doi:`10.1016/S0047-259X(03)00096-4`).

    Attributes
    ----------
    whitening : Tensor, shape (D, D)
        Takes descriptors to where the covariance is one.
    centres : Tensor, shape (P, D)
        Mean of each phase that has cells, whitened.
    limit : Tensor, shape (P,)
        Cells farther than this from each phase are unfamiliar; wider for phases that are more diverse.
    """

    whitening: Tensor
    centres: Tensor
    limit: Tensor

    def distances(self, described: Tensor) -> Tensor:
        """Of cells with the descriptors (N, D) from the centres, shape (N, P)."""
        return torch.cdist(described @ self.whitening.to(described), self.centres.to(described))

    def is_unfamiliar(self, described: Tensor) -> Tensor:
        """Which of the cells with the descriptors (N, D) lie beyond all limits, shape (N,)."""
        return (self.distances(described) > self.limit.to(described)).all(1)


def describe(images: Tensor, features: Tensor | None) -> Tensor:
    """Descriptors (N, D) of prepared images (N, C, S, S) with a network's features (N, F), where it tells any."""
    plain = _statistics(images.float())
    return plain if features is None else torch.cat([features.float(), plain], 1)


def fit_detector(training: Tensor, phases: NDArray[np.integer], held_back: Tensor) -> MahalanobisDetector | None:
    """Learn what is familiar.

    Parameters
    ----------
    training : Tensor, shape (N, D)
        Descriptors of the cells that the network was fitted on.
    phases : ndarray of int, shape (N,)
        Their phases, all known.
    held_back : Tensor, shape (M, D)
        Descriptors of cells that it was not fitted on: to these, training cells look more alike than new cells do,
        so the limit is taken from them.

    Returns
    -------
    Familiarity or None
        None if too few cells are held back to tell.
    """
    from sklearn.covariance import ledoit_wolf

    if len(held_back) < MIN_HELD_BACK:
        return None
    cells = training.double().numpy()
    spread = cells.std(axis=0)
    unit = np.where(spread > 1e-4, spread, 1)  # what varies by rounding alone must not become the measure of all
    found, place = np.unique(phases, return_inverse=True)
    centres = np.stack([cells[phases == phase].mean(axis=0) for phase in found])
    covariance, _ = ledoit_wolf((cells - centres[place]) / unit, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    whitening = vectors / np.sqrt(np.maximum(values, 1e-6)) / unit[:, None]
    whitened = torch.from_numpy(centres @ whitening).float()
    unlimited = MahalanobisDetector(torch.from_numpy(whitening).float(), whitened, torch.full((len(found),), torch.inf))
    diversity = _diversity(unlimited.distances(training), torch.from_numpy(place))
    nearest = (unlimited.distances(held_back) / diversity).amin(1)
    return replace(unlimited, limit=diversity * nearest.quantile(1 - FLAGGED))


def _diversity(distances: Tensor, phases: Tensor) -> Tensor:
    """How far the cells of each phase lie from its centre, against those of all phases, at least 1; shape (P,).

    The covariance is that of the frequent phases: cells of a rare one, such as telophase, may differ more.
    """
    own = distances.gather(1, phases[:, None])[:, 0].square()
    counts = phases.bincount()
    sums = torch.zeros(len(counts)).index_add(0, phases, own)
    variances = sums / (counts - 1).clamp(min=1)  # a centre lies nearer to the cells that it is the mean of
    return (variances / own.mean()).sqrt().clamp(min=1)


def _statistics(images: Tensor) -> Tensor:
    """Level, spread, extremes, roughness and radial profile of each channel of (N, C, S, S), on a logarithmic scale."""
    parts = [images.mean((2, 3)), images.std((2, 3)), images.amin((2, 3)), images.amax((2, 3))]
    parts += [images.diff(dim=dimension).abs().mean((2, 3)) for dimension in (2, 3)]
    profile = torch.einsum("ncyx,ryx->ncr", images.abs(), _rings(images))
    table = torch.cat([*parts, profile.flatten(1)], 1)
    return table.sign() * torch.log1p(10 * table.abs())


def _rings(images: Tensor) -> Tensor:
    """Means over four rings round the middle of (N, C, S, S), as weights (4, S, S)."""
    size = images.shape[-1]
    axis = torch.arange(size, device=images.device) - (size - 1) / 2
    number = (torch.hypot(axis[:, None], axis) * 8 / size).long().clamp(max=3)
    rings = torch.stack([(number == ring).float() for ring in range(4)])
    return rings / rings.sum((1, 2), keepdim=True)
