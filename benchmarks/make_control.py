"""Make the synthetic stained control that ships with the package: two fields of cells, with a stain of their DNA.

    python benchmarks/make_control.py [FOLDER]

Cells, light and stain are computed by formula from a seed; no image of real cells is used. A cell grows while it goes
through the cycle, its nucleus grows with its DNA, and a mitotic cell is round and has no nucleus but a plate of
chromatin: all that a microscope shows of the phase, in a simple form. ``control.ome.tif`` is for training and
``second.ome.tif`` for testing. Each has two channels, brightfield and DAPI, and some dead cells, which are small and
very bright in the stain. ``truth.csv`` has the place, the phase and the DNA content of every living cell.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

PACKAGE = Path(__file__).parents[1] / "src" / "napari_cellcycle"
FIELDS = {"control": (1, 832, 300), "second": (2, 640, 170)}
"""Seed, edge in pixels, and number of living cells."""
SHARES = {"G1": 0.48, "S": 0.26, "G2": 0.2, "Metaphase": 0.06}
PIXEL_UM = 0.5
_DEAD = 0.05
_LEVEL, _NOISE = 128.0, 2.2
_RADIUS_PX = 11.5
_STAIN_CV = 0.035
_STAIN_COUNTS = 8_000.0
_PATCH_PX = 48


@dataclass(frozen=True)
class MadeCell:
    """One cell: where it is, what it is, and how large."""

    row: float
    column: float
    phase: str
    dna: float
    radius: float


def main(folder: Path) -> None:
    """Write both fields and the table of the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = []
    for name, (seed, size, n_cells) in FIELDS.items():
        chance = np.random.default_rng(seed)
        cells = place_cells(chance, size, n_cells)
        pixels = np.stack(draw_field(chance, size, cells)).round().clip(0, 255).astype(np.uint8)
        metadata = {"axes": "CYX", "Channel": {"Name": ["brightfield", "DAPI"]}, "PhysicalSizeX": PIXEL_UM}
        metadata |= {"PhysicalSizeY": PIXEL_UM, "PhysicalSizeXUnit": "um", "PhysicalSizeYUnit": "um"}
        path = folder / f"{name}.ome.tif"
        tifffile.imwrite(path, pixels, metadata=metadata, compression="zlib", predictor=True, ome=True)
        living = [cell for cell in cells if cell.phase]
        rows = [(path.name, round(c.row, 1), round(c.column, 1), c.phase, round(c.dna, 3)) for c in living]
        tables.append(pd.DataFrame(rows, columns=["source", "row", "column", "phase", "dna_content"]))
    pd.concat(tables).to_csv(folder / "truth.csv", index=False)


def place_cells(chance: np.random.Generator, size: int, n_cells: int) -> list[MadeCell]:
    """Cells that hardly overlap, the largest first, so that all find room."""
    drawn = [draw_cell(chance) for _ in range(n_cells)]
    drawn += [MadeCell(0, 0, "", 1.0, _RADIUS_PX * 0.75) for _ in range(round(_DEAD * n_cells))]
    placed: list[MadeCell] = []
    for cell in sorted(drawn, key=lambda one: -one.radius):
        for _ in range(5000):
            row, column = chance.uniform(4, size - 4, 2)
            if all(np.hypot(row - p.row, column - p.column) > 0.96 * (p.radius + cell.radius) for p in placed):
                placed.append(MadeCell(row, column, cell.phase, cell.dna, cell.radius))
                break
    return placed


def draw_cell(chance: np.random.Generator) -> MadeCell:
    """Phase, DNA content and size of a cell, which belong together."""
    phase = str(chance.choice([*SHARES], p=[*SHARES.values()]))
    progress = chance.random()
    dna = {"G1": 2.0, "S": 2.0 + 2.0 * progress}.get(phase, 4.0)
    age = {"G1": 0.5 * progress, "S": 0.5 + 0.3 * progress, "G2": 0.8 + 0.2 * progress}.get(phase, 1.0)
    volume = 2.0**age * np.exp(chance.normal(0, 0.06))
    return MadeCell(0, 0, phase, dna, _RADIUS_PX * volume ** (1 / 3) * (0.94 if phase == "Metaphase" else 1.0))


def draw_field(
    chance: np.random.Generator, size: int, cells: list[MadeCell]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Brightfield and stain, each (size, size)."""
    margin = _PATCH_PX
    light, stain = np.zeros((2, size + 2 * margin, size + 2 * margin))
    for cell in cells:
        top, left = round(cell.row) + margin - _PATCH_PX // 2, round(cell.column) + margin - _PATCH_PX // 2
        window = np.s_[top : top + _PATCH_PX, left : left + _PATCH_PX]
        offset = np.array([cell.row - round(cell.row), cell.column - round(cell.column)])
        seen, stained = draw_patch(chance, cell, offset)
        light[window] += seen
        stain[window] += stained
    inner = np.s_[margin:-margin, margin:-margin]
    y, x = np.mgrid[:size, :size] / size
    even = 1 + 0.06 * np.sin(2.2 * x + 0.7) + 0.04 * y
    blurred = ndimage.gaussian_filter(stain[inner], 0.9)
    noise = chance.normal(0, 1, (2, size, size))
    return (_LEVEL + light[inner]) * even + _NOISE * noise[0], 9 + blurred + 0.9 * noise[1]


def draw_patch(
    chance: np.random.Generator, cell: MadeCell, offset: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What one cell adds to brightfield and to the stain."""
    y, x = np.mgrid[:_PATCH_PX, :_PATCH_PX] - _PATCH_PX / 2 - offset[:, None, None]
    turn, squeeze = chance.uniform(0, np.pi), chance.uniform(0.93, 1.07) if cell.phase != "Metaphase" else 1.0
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    distance = np.hypot(u * squeeze, v / squeeze) / cell.radius
    rim, halo = np.exp(-(((distance - 0.95) / 0.1) ** 2)), np.exp(-(((distance - 1.18) / 0.1) ** 2))
    inside = 1 / (1 + np.exp((distance - 0.9) / 0.04))
    grain = ndimage.gaussian_filter(chance.normal(0, 1, x.shape), 1.1)
    if not cell.phase:  # dead: shrunken, dark and rough, with a small bright nucleus
        seen = 26 * rim - 16 * halo - 38 * inside + 70 * grain * inside
        return seen, 9 * _disc(x, y, 0.45 * cell.radius) * _STAIN_COUNTS / 200
    if cell.phase == "Metaphase":
        plate = np.exp(-((u / (0.62 * cell.radius)) ** 4) - (v / (0.34 * cell.radius)) ** 2)
        return 46 * rim - 24 * halo + 24 * grain * inside - 26 * plate, _scaled(chance, plate, cell.dna)
    nucleus = _disc(u * squeeze, v / squeeze, 0.6 * cell.radius * (cell.dna / 2.0) ** 0.16)
    seen = 32 * rim - 18 * halo + 42 * grain * inside * (1 - 0.8 * nucleus) - 7 * nucleus
    for _ in range(2 if cell.dna < 3 else 3):
        place = chance.uniform(-0.3, 0.3, 2) * cell.radius
        seen -= 20 * np.exp(-((u - place[0]) ** 2 + (v - place[1]) ** 2) / (2 * (0.09 * cell.radius) ** 2))
    chromatin = nucleus * np.clip(1 + 0.5 * ndimage.gaussian_filter(chance.normal(0, 1, x.shape), 1.5), 0.2, None)
    return seen, _scaled(chance, chromatin, cell.dna)


def _scaled(chance: np.random.Generator, shape: NDArray[np.float64], dna: float) -> NDArray[np.float64]:
    """A stain whose sum is proportional to the DNA content, but for the spread of staining."""
    amount = _STAIN_COUNTS * dna / 2 * (1 + _STAIN_CV * chance.normal())
    return np.asarray(shape * amount / shape.sum())


def _disc(x: NDArray[np.float64], y: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp((np.hypot(x, y) - radius) / 0.6)))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE / "sample" / "control")
