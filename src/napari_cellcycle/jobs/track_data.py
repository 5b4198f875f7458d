"""Cells of films in tracks, with their true phases, for trainings and tests that divide no track."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import iter_duplicates
from napari_cellcycle.datasets.training_cells import prepare_cells
from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.images.model_input import InputSpec
from napari_cellcycle.jobs.follow import Followed
from napari_cellcycle.jobs.steps.fit_sequences import PreparedTracks
from napari_cellcycle.models.sequence import CellTracks
from napari_cellcycle.phase_sets import PhaseSet
from napari_cellcycle.phases import UNKNOWN


@dataclass(frozen=True, eq=False)
class TrackData:
    """The N readable cells that are in tracks, by track and frame.

    Attributes
    ----------
    cells : Cells
        With their true phases, as far as these are known.
    rows : ndarray of int, shape (N,)
        Place of each among all cells.
    prepared : PreparedTracks
        The same cells, prepared.
    groups : ndarray of str, shape (N,)
        What is never divided: films if there are several, else lineages, from the first mother to all her offspring.
    fingerprints : ndarray of uint64, shape (N, 4)
        By which the cells are recognised.
    data_sha256 : str
        Hash of the cells.
    """

    cells: Cells
    rows: NDArray[np.intp]
    prepared: PreparedTracks
    groups: NDArray[np.str_]
    fingerprints: NDArray[np.uint64]
    data_sha256: str

    def rows_in(self, some: NDArray[np.intp]) -> NDArray[np.intp]:
        """All cells, of known phase or not, of the groups that `some` cells are in."""
        return np.flatnonzero(np.isin(self.groups, np.unique(self.groups[some])))


def track_data(cells: Cells, followed: Followed, spec: InputSpec) -> Job[Progress | Note, TrackData]:
    """Prepare the cells in tracks for a network with the input `spec`.

    Raises
    ------
    SettingError
        None of them has a known phase.
    TooFewCellsError
        They are all of one lineage, of which nothing can be held back.
    """
    order, track, step = CellTracks(followed.key[followed.rows], followed.frame[followed.rows]).in_order()
    rows = followed.rows[order]
    chosen = replace(cells, phases=true_phases(cells, followed, cells.phase_set)).subset(rows)
    if not (chosen.phases != UNKNOWN).any():
        raise SettingError(
            "no cell in a track has a known phase; label some cells, or give a table of tracks with a column truth"
        )
    duplicates = yield from iter_duplicates(chosen)  # copies stay, as a track needs all its frames
    prepared = yield from prepare_cells(chosen, spec)
    kept = prepared.positions
    chosen, rows = chosen.subset(kept), rows[kept]
    groups = track_groups(followed)[rows]
    if len(np.unique(groups[chosen.phases != UNKNOWN])) < 2:
        raise TooFewCellsError(
            "the labelled tracks are of one lineage, so that none can be held back; label tracks of others"
        )
    return TrackData(
        chosen,
        rows,
        PreparedTracks(prepared, track[kept], step[kept]),
        groups,
        duplicates.fingerprints[kept],
        duplicates.data_sha256,
    )


def track_groups(followed: Followed) -> NDArray[np.str_]:
    """Film of each of N cells, or if there is one film, the lineage: number of its first mother's track."""
    groups = np.full(len(followed.key), "", dtype=object)
    in_tracks = [film for film in followed.films if (followed.key[film.rows] >= 0).any()]
    if len(in_tracks) > 1:
        for film in in_tracks:
            groups[film.rows] = film.name
        return groups.astype(str)
    first = {key: key for key in np.unique(followed.key).tolist()}
    for key in first:
        while (mother := followed.mothers.get(first[key])) is not None:
            first[key] = mother
    return np.array([f"lineage {first[key]}" for key in followed.key.tolist()], dtype=str)


def true_phases(cells: Cells, followed: Followed, phases: PhaseSet) -> NDArray[np.int8]:
    """Number of the true phase of each cell in `phases`; the table of tracks counts first."""
    truth = cells.in_phases(phases).phases.copy()
    if followed.truth is not None:
        told = np.array(phases.numbers(followed.truth.tolist()), np.int8)
        truth = np.where(told != UNKNOWN, told, truth)
    return truth
