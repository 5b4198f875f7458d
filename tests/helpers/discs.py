"""Fields of dark discs on uneven light, whose labels are known: for finders and for nuclei."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile


def disc_field(
    seed: int = 0, *, size: int = 192, n_discs: int = 12, radius: float = 12.0
) -> tuple[np.ndarray, np.ndarray]:
    """A field (size, size) uint16 with dark discs that don't touch, and their labels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    field, labels = np.full((size, size), 1000.0), np.zeros((size, size), np.uint16)
    while labels.max() < n_discs:
        row, column = random.uniform(0, size, 2)
        distance = np.hypot(y - row, x - column)
        if not labels[distance < radius + 3].any():
            labels[distance < radius] = labels.max() + 1
            field[distance < radius] *= 0.8
    field *= 1 + 0.3 * x / size + 0.2 * np.sin(y / size * 3)
    return (field + random.normal(0, 20, field.shape)).astype(np.uint16), labels


def stained(labels: np.ndarray, brightness: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """The image of a stain, uint16: objects of the given brightness, 400 each by default, on uneven background."""
    random = np.random.default_rng(seed)
    bright = np.full(int(labels.max()), 400.0) if brightness is None else np.asarray(brightness, float)
    background = 100 + 60 * np.mgrid[: labels.shape[0], : labels.shape[1]][1] / labels.shape[1]
    return (background + np.r_[0, bright][labels] + random.normal(0, 4, labels.shape)).astype(np.uint16)


def write_field(folder: Path, name: str, seed: int, *, labels: bool = True, stain: bool = False) -> np.ndarray:
    """Write a field to `folder`, with its labels or its stain beside it if asked for; returns the labels."""
    field, truth = disc_field(seed)
    folder.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(folder / f"{name}_brightfield.tif", field)
    if labels:
        tifffile.imwrite(folder / f"{name}_labels.tif", truth)
    if stain:
        tifffile.imwrite(folder / f"{name}_DAPI.tif", stained(truth))
    return truth
