"""Cells that a network is trained on: prepared once, and kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import DNA, Cells
from napari_cellcycle.errors import ImageError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.batches import read_batches
from napari_cellcycle.images.model_input import InputSpec, Normalisation
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.phases import UNKNOWN, Phase
from napari_cellcycle.stain.compare_nuclei import compare_nuclei


@dataclass(frozen=True, eq=False)
class TrainingCells:
    """N prepared cells in a fixed order, and what is known of them.

    Attributes
    ----------
    images : ndarray of float32, shape (N, C, S, S)
        Prepared with scale 1; the scale is fitted on the training cells alone.
    phases : ndarray of int8, shape (N,)
        `UNKNOWN` for cells that are used for their stain only.
    stain : ndarray of float32, shape (N, S, S), or None
        DNA stain above background, in counts; NaN for cells without.
    synthetic : ndarray of bool, shape (N,)
        Whether a generator made the cell.
    positions : ndarray of int, shape (N,)
        Position of each cell in the `Cells` that it was prepared from; -1 for synthetic cells.
    phase_set : PhaseSet
        Which phases there are.
    """

    images: NDArray[np.float32]
    phases: NDArray[np.int8]
    stain: NDArray[np.float32] | None
    synthetic: NDArray[np.bool_]
    positions: NDArray[np.intp]
    phase_set: PhaseSet = SEVEN

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
        """Hash of these cells in this order."""
        found = sha256()
        for values in (self.images, self.phases, self.stain, self.synthetic):
            found.update(b"" if values is None else np.ascontiguousarray(values).data)
        return found.hexdigest()


def join_training(parts: Sequence[TrainingCells]) -> TrainingCells:
    """The cells of all parts, one part after the other; where only some parts have a stain, it is NaN in the others."""
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
        phase_set=parts[0].phase_set,
    )


def count_phases(phases: NDArray[np.int8], phase_set: PhaseSet = SEVEN) -> NDArray[np.intp]:
    """Count the cells of each phase.

    Parameters
    ----------
    phases : ndarray of int8, shape (N,)
        Phase numbers of some cells; unknown ones don't count.
    phase_set : PhaseSet
        The P phases.

    Returns
    -------
    ndarray of int, shape (P,)
    """
    return np.bincount(phases[phases != UNKNOWN], minlength=len(phase_set))


def count_cells(cells: Cells | TrainingCells) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Cells of each phase, shape (P,), and how many of them are synthetic."""
    return count_phases(cells.phases, cells.phase_set), count_phases(cells.phases[cells.synthetic], cells.phase_set)


def g1_dna(cells: TrainingCells) -> float | None:
    """Summed stain of a cell in the G1 peak: the median over G1; None if fewer than 10 G1 cells are stained."""
    g1 = frozenset([Phase.G1])
    if g1 not in cells.phase_set.parts:
        return None
    sums = cells.total_dna[cells.phases == cells.phase_set.parts.index(g1)]
    sums = sums[np.isfinite(sums) & (sums > 0)]
    return float(np.median(sums)) if len(sums) >= 10 else None


def prepare_cells(cells: Cells, spec: InputSpec) -> Job[Progress | Note, TrainingCells]:
    """Read and prepare cells for training, with their stain where they have one.

    Parameters
    ----------
    cells : Cells
        With the channels of `spec`.
    spec : InputSpec
        Input of the network; its scale is not used.

    Returns
    -------
    TrainingCells
        The readable cells; for each other one there is a `Note`.

    Raises
    ------
    ChannelError
        A channel of `spec` is missing.
    ImageError
        No cell can be read.
    """
    if spec.compares_nuclei:
        return (yield from _prepare_nuclei(cells))
    has_stain, n_inputs = DNA in cells.channels, len(spec.channels)
    roles = spec.channels if not has_stain or DNA in spec.channels else (*spec.channels, DNA)
    wanted = cells.select_channels(roles)
    stain_spec = InputSpec((DNA,), spec.size_px, spec.pixel_size_um, (Normalisation("offset", 1.0),))
    images = np.empty((len(cells), n_inputs, spec.size_px, spec.size_px), np.float32)
    stain = np.empty((len(cells), spec.size_px, spec.size_px), np.float32) if has_stain else None
    readable = np.zeros(len(cells), bool)
    for batch in read_batches(wanted):
        yield from batch.notes
        readable[batch.indices] = True
        images[batch.indices] = batch.prepare(spec.unscaled, slice(n_inputs))
        if stain is not None:
            plane = roles.index(DNA)
            stain[batch.indices] = batch.prepare(stain_spec, slice(plane, plane + 1))[:, 0]
        yield batch.progress("reading cells")
    if not readable.any():
        raise ImageError("none of the cells could be read; look at the messages above")
    prepared = TrainingCells(images, cells.phases, stain, cells.synthetic, np.arange(len(cells)), cells.phase_set)
    return prepared if readable.all() else prepared.subset(np.flatnonzero(readable))


def _prepare_nuclei(cells: Cells) -> Job[Progress | Note, TrainingCells]:
    """Figures of nuclei instead of images; those that can't be compared with others are left out."""
    nuclei = yield from compare_nuclei(cells)
    known = nuclei.known
    if not len(known):
        raise ImageError(f"no nucleus can be compared with others: {next(iter(nuclei.left_out.values()), 'no cells')}")
    return TrainingCells(nuclei.prepared, cells.phases[known], None, cells.synthetic[known], known, cells.phase_set)
