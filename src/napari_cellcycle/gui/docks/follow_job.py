"""What *Follow* runs in a thread: the tracks of a classified film, and the phases along them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.cells import Prediction
from napari_cellcycle.events import Job, Note, Progress, map_events
from napari_cellcycle.gui.docks.gallery_job import read_data_set
from napari_cellcycle.gui.layers.data_set import DataSet
from napari_cellcycle.gui.layers.field import FieldOnScreen
from napari_cellcycle.gui.layers.source import FieldSource
from napari_cellcycle.images.field_crops import cell_positions
from napari_cellcycle.io.reserve import check_free
from napari_cellcycle.jobs.config import FollowSettings
from napari_cellcycle.phases import UNKNOWN, greyed
from napari_cellcycle.tracking.track_table import TrackTable

if TYPE_CHECKING:
    from napari_cellcycle.jobs.follow import Followed
    from napari_cellcycle.tracking.decode import DecodedTracks


@dataclass(frozen=True, eq=False)
class FollowedFilm:
    """A film whose cells were followed.

    Attributes
    ----------
    title : str
        What users call it.
    path : Path or None
        Its file, if it has one.
    followed : Followed
        The tracks of its N cells.
    prediction : Prediction
        The raw calls, with the columns along tracks.
    decoded : DecodedTracks
        Phases along the tracks, of ``followed.rows``.
    settings : FollowSettings
        How it was followed.
    centres : ndarray, shape (N, 2)
        Row and column of each cell.
    labels : ndarray of int, shape (N,)
        Phases that persons gave, -1 elsewhere.
    notes : tuple of str
        What the user should know.
    """

    title: str
    path: Path | None
    followed: Followed
    prediction: Prediction
    decoded: DecodedTracks
    settings: FollowSettings
    centres: NDArray[np.float64]
    labels: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @property
    def phases(self) -> NDArray[np.int64]:
        """Decoded phase of ``followed.rows``, as a number in the phase set of the calls."""
        return np.array(self.prediction.phase_set.numbers(self.decoded.phase_set))[self.decoded.phases]

    @property
    def raw(self) -> NDArray[np.int64]:
        """Raw call of ``followed.rows``, in the same numbers."""
        return self.prediction.phases[self.followed.rows].astype(np.int64)

    @property
    def colours(self) -> tuple[str, ...]:
        """Colours of the phases and of unsure cells; greyed where the phases mean nothing."""
        colours = self.prediction.phase_set.all_colours
        return colours if self.prediction.is_reliable else tuple(map(greyed, colours))

    @property
    def position(self) -> NDArray[np.float64]:
        """Position in the cycle of ``followed.rows``."""
        values: NDArray[np.float64] = self.prediction.columns["cycle_position"][self.followed.rows]
        return values


def follow_film(
    source: FieldSource,
    field: FieldOnScreen | None,
    known: DataSet | None,
    prediction: Prediction,
    settings: FollowSettings,
    table: TrackTable | None = None,
) -> Job[Progress | Note, tuple[DataSet, FollowedFilm]]:
    """Find the tracks of a film, and the phases along them; the cells of `field` are read unless they are `known`."""
    data_set = known or (yield from read_data_set(source, field))
    yield Note("Following the cells ...")
    from napari_cellcycle.jobs.follow import decode_followed, follow_cells, with_tracks

    cells, labels = data_set.cells, labels_as_numbers(data_set.labels)
    notes: list[str] = []

    def keep(note: Note) -> tuple[()]:
        notes.append(note.text)
        return ()

    followed = yield from map_events(follow_cells(cells, settings, table), keep)
    yield Note("Finding the phases along the tracks ...")
    decoded = decode_followed(followed, prediction, settings, labels)
    along = with_tracks(prediction, followed, decoded)
    centres = cell_positions(cells.images)
    path = None if field is None else field.path
    return data_set, FollowedFilm(source.title, path, followed, along, decoded, settings, centres, labels, tuple(notes))


def decode_again(film: FollowedFilm, labels: NDArray[np.int64]) -> Job[Note, FollowedFilm]:
    """Find the phases again with other labels; durations and the like stay as they were learned."""
    yield Note("")
    from napari_cellcycle.jobs.follow import decode_followed, with_tracks

    model = film.decoded.model if _are_known(film, labels) else None
    decoded = decode_followed(film.followed, film.prediction, film.settings, labels, model)
    along = with_tracks(film.prediction, film.followed, decoded)
    return replace(film, prediction=along, decoded=decoded, labels=labels)


def _are_known(film: FollowedFilm, labels: NDArray[np.int64]) -> bool:
    """Whether what was learned knows all phases of the labels."""
    return set(film.prediction.phase_set.labels(np.unique(labels[labels >= 0]))) <= set(film.decoded.phase_set)


def labels_as_numbers(labels: LabelTable) -> NDArray[np.int64]:
    """Phases that persons gave, -1 where they gave none or were not sure."""
    told = labels.phases.astype(np.int64)
    return np.where(labels.decided & (told >= 0) & (told < labels.phase_set.unsure), told, UNKNOWN)


def save_followed(film: FollowedFilm, folder: Path) -> Job[Note, Path]:
    """Write ``phases.csv`` with the columns along tracks, transitions and durations, and return the folder.

    Raises
    ------
    WriteError
        The folder holds what an earlier run wrote, or can't be written.
    """
    yield Note("Saving ...")
    from napari_cellcycle.io.writers.results import write_table
    from napari_cellcycle.jobs.follow import FOLLOWED_FILES, write_followed

    check_free(folder, ["phases.csv", "summary.json", *FOLLOWED_FILES], overwrite=False)
    write_table(film.prediction, folder / "phases.csv")
    write_followed(film.followed, film.decoded, film.prediction, folder)
    return folder
