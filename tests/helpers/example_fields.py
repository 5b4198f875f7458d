"""Brightfield fields computed from a formula, for tests of cutting and finding cells."""

from __future__ import annotations

import numpy as np


def example_field(
    n_cells: int,
    *,
    size: int = 500,
    diameter: float = 24,
    apart: float = 1.5,
    seed: int = 0,
    uneven: bool = True,
    noise: float = 5,
    contrast: float = 150,
) -> tuple[np.ndarray, np.ndarray]:
    """Cells with a bright rim, a dark halo and a dark grainy middle on uneven light.

    Returns the field, (size, size) uint16, and the cells' centres, (N, 2) in pixels. Centres are at least
    `apart` times the sum of both radii apart; at 1 the cells touch.
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    field = np.full((size, size), 676.0)
    placed: list[tuple[float, float, float]] = []
    while len(placed) < n_cells:
        radius = diameter / 2 * random.uniform(0.8, 1.2)
        row, column = random.uniform(diameter, size - diameter, 2)
        if any(np.hypot(row - r, column - c) < apart * (radius + other) for r, c, other in placed):
            continue
        near = np.s_[
            max(int(row - 2 * radius), 0) : int(row + 2 * radius),
            max(int(column - 2 * radius), 0) : int(column + 2 * radius),
        ]
        distance = np.hypot(y[near] - row, (x[near] - column) * random.uniform(0.9, 1.1)) / radius
        rim, halo = np.exp(-(((distance - 1) / 0.15) ** 2)), np.exp(-(((distance - 1.25) / 0.12) ** 2))
        grain = (distance < 0.85) * (1 + 0.3 * np.sin(y[near] / 2) * np.cos(x[near] / 3))
        field[near] += contrast * (rim - 0.8 * halo - 0.5 * grain)
        placed.append((row, column, radius))
    if uneven:
        field *= 1 + 0.25 * np.sin(x / size * 2.5) + 0.15 * y / size
    field += random.normal(0, noise, field.shape)
    return field.astype(np.uint16), np.array([(row, column) for row, column, _ in placed])


def recall_and_precision(labels: np.ndarray, centres: np.ndarray, reach: float = 10) -> tuple[float, float]:
    """Part of the true cells that are found, and of the found cells that are true: centres at most `reach` apart."""
    from scipy.ndimage import center_of_mass
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    n_found = int(labels.max())
    if n_found == 0:
        return 0.0, 1.0
    found = np.array(center_of_mass(labels > 0, labels, range(1, n_found + 1)))
    distances = cdist(centres, found)
    right = int((distances[linear_sum_assignment(distances)] <= reach).sum())
    return right / len(centres), right / n_found
