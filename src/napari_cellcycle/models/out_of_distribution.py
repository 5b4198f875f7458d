"""Cells that differ from a model's training cells: their calls are not reliable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FALSE_ALARM_RATE = 0.015
"""Share of cells like the training cells that are flagged: this sets the limit."""
MIN_HELD_BACK = 50
"""Fewest cells that a limit can be set with."""
N_RINGS = 4
N_STATISTICS = 6 + N_RINGS
"""Plain statistics of each channel; they are the last of the descriptors."""


@dataclass(frozen=True, eq=False)
class MahalanobisDetector:
    """Distance of a cell from each phase of the training cells, and the limits above which it is unfamiliar.

    It is the Mahalanobis distance with one covariance for all phases [1]_. It is measured in the network's features and
    in plain statistics of the image, since a network ignores what did not matter in its training. The covariance is
    shrunk [2]_.

    Attributes
    ----------
    whitening : Tensor, shape (D, D)
        Transforms descriptors so that their covariance is the identity.
    centres : Tensor, shape (P, D)
        Mean of each phase that has cells, whitened.
    limit : Tensor, shape (P,)
        Cells farther than this from each phase are unfamiliar; wider for phases that are more diverse.

    References
    ----------
    .. [1] Lee et al. (2018), NeurIPS, :arxiv:`1807.03888`
    .. [2] Ledoit and Wolf (2004), J. Multivar. Anal. 88, 365, :doi:`10.1016/S0047-259X(03)00096-4`
    """

    whitening: Tensor
    centres: Tensor
    limit: Tensor

    def distances(self, cells: Tensor) -> Tensor:
        """Distances (N, P) of the descriptors (N, D) of cells from the centres."""
        return torch.cdist(cells @ self.whitening.to(cells), self.centres.to(cells))

    def is_unfamiliar(self, cells: Tensor) -> Tensor:
        """Which cells, by their descriptors (N, D), lie beyond all limits, shape (N,)."""
        return (self.distances(cells) > self.limit.to(cells)).all(1)

    def training_light(self, n_channels: int) -> Light:
        """What `measure_light` gives for the mean training cell of each phase, (P, C)."""
        centres = torch.linalg.solve(self.whitening.double().T, self.centres.double().T).T
        return _light(centres[:, -N_STATISTICS * n_channels :].float(), n_channels)


class Light(NamedTuple):
    """How the light is distributed in N cells, each of shape (N, C)."""

    spread: Tensor
    """Standard deviation."""
    focus: Tensor
    """Mean difference of neighbouring pixels, relative to the spread: 1.1 for noise alone, small where blurred."""
    radius: Tensor
    """Mean distance of the light from the middle, relative to the edge of the crop."""
    asymmetry: Tensor
    """From -1, if all light differs from the background by being darker, to 1."""


def measure_light(images: Tensor) -> Light:
    """Measure the distribution of the light in each channel of prepared cells.

    Parameters
    ----------
    images : Tensor, shape (N, C, S, S)
        Prepared cells: background is 0.

    Returns
    -------
    Light
        Of each cell and channel.
    """
    return _light(_statistics(images.float()), images.shape[1])


def _light(statistics: Tensor, n_channels: int) -> Light:
    table = statistics.sign() * torch.expm1(statistics.abs()) / 10  # on the scale of the images
    _, spread, low, high, down, right = table[:, : 6 * n_channels].reshape(len(table), 6, n_channels).unbind(1)
    profile = table[:, 6 * n_channels :].reshape(len(table), n_channels, N_RINGS)
    rings = torch.arange(N_RINGS, device=table.device)
    in_ring = profile * (2 * rings + 1)  # rings of equal width: their areas are as 1 to 3 to 5 to 7
    radius = (in_ring * (rings + 0.5)).sum(2) / in_ring.sum(2).clamp(min=1e-9) / (2 * N_RINGS)
    unit = spread.clamp(min=1e-9)
    return Light(spread, (down + right) / 2 / unit, radius, (high + low) / (high - low).clamp(min=1e-9))


def descriptors(images: Tensor, features: Tensor | None) -> Tensor:
    """Describe cells by the network's features and by plain statistics of their images.

    Parameters
    ----------
    images : Tensor, shape (N, C, S, S)
        Prepared cells.
    features : Tensor, shape (N, F), or None
        `Outputs.features` of the same cells, where the network has any.

    Returns
    -------
    Tensor of float32, shape (N, D)
        Features first.
    """
    statistics = _statistics(images.float())
    return statistics if features is None else torch.cat([features.float(), statistics], 1)


def fit_detector(training: Tensor, phases: NDArray[np.integer], held_back: Tensor) -> MahalanobisDetector | None:
    """Fit the distances and limits of a detector.

    Parameters
    ----------
    training : Tensor, shape (N, D)
        Descriptors of the cells that the network was trained on.
    phases : ndarray of int, shape (N,)
        Their phases, all known.
    held_back : Tensor, shape (M, D)
        Descriptors of cells that the network was not trained on. They set the limit, as training cells look more alike
        to a network than new cells do.

    Returns
    -------
    MahalanobisDetector or None
        None if too few cells were held back to set a limit.
    """
    from sklearn.covariance import ledoit_wolf  # slow to import, and not needed to classify

    if len(held_back) < MIN_HELD_BACK:
        return None
    cells = training.double().numpy()
    spread = cells.std(axis=0)
    unit = np.where(spread > 1e-4, spread, 1)  # what varies only by rounding keeps its unit
    present, index = np.unique(phases, return_inverse=True)
    centres = np.stack([cells[phases == phase].mean(axis=0) for phase in present])
    covariance, _ = ledoit_wolf((cells - centres[index]) / unit, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    whitening = vectors / np.sqrt(np.maximum(values, 1e-6)) / unit[:, None]
    whitened = torch.from_numpy(centres @ whitening).float()
    no_limit = torch.full((len(present),), torch.inf)
    unlimited = MahalanobisDetector(torch.from_numpy(whitening).float(), whitened, no_limit)
    diversity = _diversity(unlimited.distances(training), torch.from_numpy(index))
    nearest = (unlimited.distances(held_back) / diversity).amin(1)
    return replace(unlimited, limit=diversity * nearest.quantile(1 - FALSE_ALARM_RATE))


def _diversity(distances: Tensor, phases: Tensor) -> Tensor:
    """Spread of each phase around its centre, relative to that of all phases, at least 1; shape (P,).

    The covariance is mostly that of the frequent phases: cells of a rare phase, such as telophase, may differ more.
    """
    own = distances.gather(1, phases[:, None])[:, 0].square()
    counts = phases.bincount()
    sums = torch.zeros(len(counts)).index_add(0, phases, own)
    variances = sums / (counts - 1).clamp(min=1)  # a centre is nearer to the cells that it is the mean of
    return (variances / own.mean()).sqrt().clamp(min=1)


def _statistics(images: Tensor) -> Tensor:
    """Level, spread, extremes, roughness and radial profile of each channel of (N, C, S, S), on a logarithmic scale."""
    planes = images.contiguous()
    pixels = planes.flatten(2)
    level = pixels.mean(2)
    # torch.std takes several times as long
    spread = ((pixels - level[..., None]).square_().sum(2) / (pixels.shape[2] - 1)).sqrt_()
    steps = [planes[..., 1:, :] - planes[..., :-1, :], planes[..., 1:] - planes[..., :-1]]
    rough = [step.abs_().mean((2, 3)) for step in steps]
    profile = pixels.abs() @ _rings(planes).flatten(1).T
    table = torch.cat([level, spread, pixels.amin(2), pixels.amax(2), *rough, profile.flatten(1)], 1)
    return table.sign() * torch.log1p(10 * table.abs())


def _rings(images: Tensor) -> Tensor:
    """Means over four rings around the middle of (N, C, S, S), as weights (4, S, S)."""
    size = images.shape[-1]
    axis = torch.arange(size, device=images.device) - (size - 1) / 2
    number = (torch.hypot(axis[:, None], axis) * 2 * N_RINGS / size).long().clamp(max=N_RINGS - 1)
    rings = torch.stack([(number == ring).float() for ring in range(N_RINGS)])
    return rings / rings.sum((1, 2), keepdim=True)
