"""Cells made by formula with a DNA stain of known content."""

from __future__ import annotations

import numpy as np

G1_COUNTS = 60_000.0


def made_contents(
    n_cells: int, fractions: tuple[float, float, float], cv: float, seed: int, *, ratio: float = 1.95
) -> tuple[np.ndarray, np.ndarray]:
    """Measured DNA, G1 at 1, and the true part of each cell: 0 G1, 1 S (evenly spread), 2 G2/M."""
    chance = np.random.default_rng(seed)
    part = chance.choice(3, n_cells, p=fractions)
    exact = np.choose(part, [np.ones(n_cells), 1 + (ratio - 1) * chance.random(n_cells), np.full(n_cells, ratio)])
    return exact * (1 + cv * chance.standard_normal(n_cells)), part


def stained_pixels(content: np.ndarray, seed: int = 0, side: int = 32) -> np.ndarray:
    """Round nuclei on a background of 35 counts, (N, side, side) uint16; their sums are `content` x `G1_COUNTS`."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    spread = 3.2 * np.sqrt(content)[:, None, None]
    light = np.exp(-(y**2 + x**2) / (2 * spread**2))
    light *= (content * G1_COUNTS)[:, None, None] / light.sum(axis=(1, 2), keepdims=True)
    return np.clip(light + 35 + chance.normal(0, 2, light.shape), 0, 65535).round().astype(np.uint16)
