"""Cells in the viewer whose phase is known: from folders, from labels, or from a table."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.data_labels import settle_labels
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Job, Note
from napari_cellcycle.gui.layers.data_set import DataSet
from napari_cellcycle.gui.layers.field import FieldOnScreen, cut_field
from napari_cellcycle.gui.layers.gallery import reread_cells
from napari_cellcycle.gui.layers.source import GallerySource
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.phases import UNKNOWN, parse_phase

if TYPE_CHECKING:
    from napari.layers import Labels


_NONE = np.zeros(0, np.int8)


@dataclass(frozen=True, eq=False)
class LabelledGallery:
    """Cells of a gallery; `phases` with their labels, shape (N,), or None: those of their files.

    `synthetic` says which of them a generator made, `phase_set` what the numbers of `phases` mean.
    """

    source: GallerySource
    phases: NDArray[np.int8] | None = None
    synthetic: NDArray[np.bool_] | None = None
    phase_set: PhaseSet = SEVEN

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells of each phase, shape (P,)."""
        return np.array(self.source.phase_counts) if self.phases is None else _count(self.phases, self.phase_set)

    @property
    def synthetic_counts(self) -> NDArray[np.int64]:
        """Those of `counts` that a generator made."""
        if self.phases is None:
            return np.array(self.source.synthetic_counts)
        return _count(_NONE if self.synthetic is None else self.phases[self.synthetic], self.phase_set)

    def open(self) -> Job[Any, Cells]:
        """Read the cells again, with these phases."""
        cells = yield from reread_cells(self.source)
        return cells if self.phases is None else replace(cells, phases=self.phases, phase_set=self.phase_set)


@dataclass(frozen=True, eq=False)
class LabelledField:
    """Cells of a full-field image; `phases` by the image that a cell is in and its label there."""

    field: FieldOnScreen
    phases: dict[tuple[str, int], int]
    phase_set: PhaseSet = SEVEN

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells of each phase, shape (P,)."""
        return _count(np.array([*self.phases.values()], np.int8), self.phase_set)

    @property
    def synthetic_counts(self) -> NDArray[np.int64]:
        """A field has no synthetic cells."""
        return _count(_NONE, self.phase_set)

    def open(self) -> Job[Any, Cells]:
        """Cut out the cells, with these phases."""
        yield Note("Cutting out cells ...")
        cells = cut_field(self.field)
        keys = zip(cells.sources.tolist(), cells.ids.tolist(), strict=True)
        phases = np.array([self.phases.get(key, UNKNOWN) for key in keys], np.int8)
        return replace(cells, phases=phases, phase_set=self.phase_set)


@dataclass(frozen=True, eq=False)
class JoinedPhases:
    """Labelled cells in the coarser `phase_set` that a user chose for them."""

    cells: LabelledGallery | LabelledField
    phase_set: PhaseSet

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells of each phase, shape (P,)."""
        return self._join(self.cells.counts)

    @property
    def synthetic_counts(self) -> NDArray[np.int64]:
        """Those of `counts` that a generator made."""
        return self._join(self.cells.synthetic_counts)

    def open(self) -> Job[Any, Cells]:
        """Read the cells, with these phases."""
        cells = yield from self.cells.open()
        return cells.in_phases(self.phase_set)

    def _join(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        numbers = self.cells.phase_set.numbers_in(self.phase_set)[: len(counts)]
        return np.array([counts[numbers == number].sum() for number in range(len(self.phase_set))])


Labelled = LabelledGallery | LabelledField | JoinedPhases


def settled_labels(data_set: DataSet) -> LabelTable:
    """The labels of some cells in the phase set in which commands read them; the viewer keeps its own."""
    labels = copy(data_set.labels)
    settle_labels(labels)
    return labels


def phases_by_cell(labels: LabelTable, phases: NDArray[np.int8]) -> dict[tuple[str, int], int]:
    """`phases` by where a cell comes from and its number there; only known ones."""
    known = np.flatnonzero(phases != UNKNOWN)
    keys = zip(labels.sources[known].tolist(), labels.ids[known].tolist(), strict=True)
    return dict(zip(keys, phases[known].tolist(), strict=True))


def phases_in_table(labels: Labels, source: str) -> dict[tuple[str, int], int]:
    """Phases out of the column ``phase`` that a user keeps in the table of a label image, by cell; only known ones.

    A model's own calls, which have a column ``probability``, are not taken.
    """
    table = labels.features
    if labels.ndim != 2 or "phase" not in table or "probability" in table:
        return {}
    numbers = table.get("index", table.index)  # napari's rule: else row i is about label i
    read = {int(number): parse_phase(str(text)) for number, text in zip(numbers, table["phase"], strict=True)}
    return {(source, number): int(phase) for number, phase in read.items() if phase is not None}


def _count(phases: NDArray[np.int8], phase_set: PhaseSet) -> NDArray[np.int64]:
    return np.bincount(phases[phases != UNKNOWN], minlength=len(phase_set))
