"""Image files computed from a formula, for tests of reading."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import tifffile


def example_tiles(n_tiles: int, size: int, seed: int = 0) -> np.ndarray:
    """Cells of 16-bit counts, (N, size, size): a bright rim around a dark middle, of different sizes and positions."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    middle = (size - 1) / 2 + random.uniform(-0.05, 0.05, (2, n_tiles, 1, 1)) * size
    distance = np.hypot(y - middle[0], x - middle[1]) / (size * random.uniform(0.22, 0.32, (n_tiles, 1, 1)))
    cells = 676 - 250 * (distance < 0.9) + 250 * (np.abs(distance - 1) < 0.15)
    return (cells + random.normal(0, 4, cells.shape)).astype(np.uint16)


def padding_tile(size: int, seed: int = 1) -> np.ndarray:
    """What CellProfiler pads with: one row of noise, repeated; not flat, (size, size)."""
    row = 670 + np.random.default_rng(seed).permutation(size)
    return np.repeat(row[np.newaxis], size, axis=0).astype(np.uint16)


def montage_of(tiles: np.ndarray, n_rows: int, n_columns: int) -> np.ndarray:
    """Tiles set column by column into a grid, padded at the end, (n_rows * size, n_columns * size)."""
    size = tiles.shape[-1]
    grid = np.stack([padding_tile(size)] * (n_rows * n_columns))
    grid[: len(tiles)] = tiles
    return grid.reshape(n_columns, n_rows, size, size).transpose(1, 2, 0, 3).reshape(n_rows * size, n_columns * size)


def write_tiff(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """Write a TIFF and the folders it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, photometric=options.pop("photometric", "minisblack"), **options)
    return path


def write_ideas_tiff(path: Path, pixels: np.ndarray) -> Path:
    """A 16-bit page with the illegal tags of IDEAS's exports: 254 as two bytes, 266 as 0."""
    height, width = pixels.shape
    tags = [
        (254, 1, 2, 0),
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (266, 3, 1, 0),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 3, 1, height),
        (279, 4, 1, pixels.nbytes),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    header = struct.pack("<2sHI", b"II", 42, 8 + pixels.nbytes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + pixels.astype("<u2").tobytes() + directory)
    return path


def write_cells(folder: Path, names: list[str], shape: tuple[int, int] = (36, 40)) -> None:
    """One file of noise for each name."""
    random = np.random.default_rng(2)
    for name in names:
        write_tiff(folder / name, random.integers(300, 900, shape, dtype=np.uint16))
