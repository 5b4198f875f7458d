"""Cells as a network learns from them: prepared once, kept in memory, chosen by index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import DNA, Cells
from napari_cellcycle.errors import ImageError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.model_input import InputSpec, Normalisation, prepare
from napari_cellcycle.phases import UNKNOWN, Phase

READ_AT_ONCE = 512
STAIN = InputSpec((DNA,), 0, 0.0, (Normalisation("offset", 1.0),))
"""How the stain is prepared; size and pixel size are those of the model that is taught."""


@dataclass(frozen=True, eq=False)
class TrainingCells:
    """Prepared cells with what is known of them; N cells, in an order that never changes.

    Attributes
    ----------
    images : ndarray of float32, shape (N, C, S, S)
        Prepared with scale 1; the scale is fitted by training, on its own part.
    phases : ndarray of int8, shape (N,)
        `UNKNOWN` where only the stain teaches.
    stain : ndarray of float32, shape (N, S, S), or None
        DNA stain above background, in counts; NaN for cells without.
    synthetic : ndarray of bool, shape (N,)
        Made by a generator.
    positions : ndarray of int, shape (N,)
        Where each cell stands in the `Cells` it was prepared from.
    """

    images: NDArray[np.float32]
    phases: NDArray[np.int8]
    stain: NDArray[np.float32] | None
    synthetic: NDArray[np.bool_]
    positions: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.phases)

    def subset(self, indices: Sequence[int] | NDArray[np.integer]) -> TrainingCells:
        """The cells at `indices`."""
        chosen = np.asarray(indices, dtype=np.intp)
        return replace(
            self,
            images=self.images[chosen],
            phases=self.phases[chosen],
            stain=None if self.stain is None else self.stain[chosen],
            synthetic=self.synthetic[chosen],
            positions=self.positions[chosen],
        )

    @property
    def total_dna(self) -> NDArray[np.float32]:
        """Summed stain of each cell, shape (N,); NaN where there is none."""
        if self.stain is None:
            return np.full(len(self), np.nan, np.float32)
        return self.stain.sum(axis=(1, 2))

    @property
    def sha256(self) -> str:
        """Tells these cells, in this order, from any others."""
        found = sha256()
        for values in (self.images, self.phases, self.stain, self.synthetic):
            found.update(b"" if values is None else np.ascontiguousarray(values).data)
        return found.hexdigest()


def join_training(parts: Sequence[TrainingCells]) -> TrainingCells:
    """One after the other, as they are; stain is NaN where one part has none and another has."""
    stains = [
        np.full((len(part), *part.images.shape[2:]), np.nan, np.float32) if part.stain is None else part.stain
        for part in parts
    ]
    return TrainingCells(
        images=np.concatenate([part.images for part in parts]),
        phases=np.concatenate([part.phases for part in parts]),
        stain=None if all(part.stain is None for part in parts) else np.concatenate(stains),
        synthetic=np.concatenate([part.synthetic for part in parts]),
        positions=np.concatenate([part.positions for part in parts]),
    )


def g1_dna(cells: TrainingCells) -> float | None:
    """Summed stain of a cell in the G1 peak: the median over G1; None under 10 stained G1 cells."""
    sums = cells.total_dna[cells.phases == Phase.G1]
    sums = sums[np.isfinite(sums) & (sums > 0)]
    return float(np.median(sums)) if len(sums) >= 10 else None


def prepare_cells(cells: Cells, spec: InputSpec) -> Job[Progress | Note, TrainingCells]:
    """Read and prepare `cells` for training; the result is `TrainingCells`.

    Cells that can't be read are left out, with a note. The stain is taken along where `cells` has one.

    Raises
    ------
    ChannelError
        A channel that `spec` wants is missing.
    ImageError
        No cell can be read.
    """
    has_stain = DNA in cells.channels
    roles = spec.channels if not has_stain or DNA in spec.channels else (*spec.channels, DNA)
    wanted = cells.select_channels(roles)
    stain_spec = replace(STAIN, size_px=spec.size_px, pixel_size_um=spec.pixel_size_um)
    images = np.empty((len(cells), len(spec.channels), spec.size_px, spec.size_px), np.float32)
    stain = np.empty((len(cells), spec.size_px, spec.size_px), np.float32) if has_stain else None
    good = np.zeros(len(cells), bool)
    n_inputs = len(spec.channels)
    for start in range(0, len(cells), READ_AT_ONCE):
        batch = np.arange(start, min(start + READ_AT_ONCE, len(cells)))
        read = wanted.read(batch.tolist())
        yield from (Note(cell.reason) for cell in read if isinstance(cell, Unreadable))
        kept = [cell for cell in read if isinstance(cell, CellImage)]
        places = batch[[isinstance(cell, CellImage) for cell in read]]
        good[places] = True
        sizes = cells.pixel_size_um[places]
        images[places] = prepare([replace(cell, pixels=cell.pixels[:n_inputs]) for cell in kept], spec.unscaled, sizes)
        if stain is not None:
            place = roles.index(DNA)
            dna = prepare([replace(cell, pixels=cell.pixels[place : place + 1]) for cell in kept], stain_spec, sizes)
            stain[places] = dna[:, 0]
        yield Progress(int(batch[-1]) + 1, len(cells), "reading cells")
    if not good.any():
        raise ImageError("none of the cells could be read; look at the messages above")
    everything = TrainingCells(images, cells.phases, stain, cells.synthetic, np.arange(len(cells)))
    return everything if good.all() else everything.subset(np.flatnonzero(good))


def labelled(cells: TrainingCells) -> NDArray[np.intp]:
    """Indices of the cells whose phase is known."""
    return np.flatnonzero(cells.phases != UNKNOWN)
