"""Tracks of films that come without: labels that persist, or cells linked from frame to frame."""

from __future__ import annotations

import numpy as np

from napari_cellcycle.errors import SettingError
from napari_cellcycle.tracking.film import Film, FilmTracks
from napari_cellcycle.tracking.track_table import cut_at_divisions

_PERSISTING = 0.8
"""Labels persist if so many of those in two frames are nearest to themselves in the next one."""
_LARGEST_MOVE = 1.5
"""In diameters of a cell: it can't be told from its neighbours if it moves further from frame to frame."""


def labels_persist(film: Film) -> bool:
    """Whether a label is the same cell in all frames, as far as positions can say it.

    Of the labels that are in one frame and in the next, four in five must lie nearest to themselves. Labels that are
    numbered anew in each frame fail, unless they happen to be in the same order.
    """
    near = shared = total = 0
    for frame in range(film.n_frames - 1):
        here, there = film.in_frame(frame), film.in_frame(frame + 1)
        if not here.size or not there.size:
            continue
        _, one, other = np.intersect1d(film.label[here], film.label[there], return_indices=True)
        distance = np.linalg.norm(film.centre[here[one]][:, None] - film.centre[there], axis=2)
        near += int((distance.argmin(axis=1) == other).sum()) if one.size else 0
        shared, total = shared + len(one), total + min(len(here), len(there))
    return shared > 0 and shared >= total / 2 and near >= _PERSISTING * shared


def persisting_tracks(film: Film) -> FilmTracks:
    """Each label as a track; label images don't say who is whose daughter."""
    return FilmTracks(film.label.copy(), {}, (f"{film.name}: its labels are the same cells in all frames",))


def link_cells(film: Film, max_move_px: float | None = None) -> FilmTracks:
    """Link cells from frame to frame by their positions, divisions included (laptrack; Jaqaman et al. 2008 [1]_).

    Parameters
    ----------
    film : Film
        The cells.
    max_move_px : float, optional
        How far a cell moves at most from frame to frame; by default one and a half of its diameters.

    Returns
    -------
    FilmTracks

    Raises
    ------
    SettingError
        The package laptrack is not installed.

    References
    ----------
    .. [1] Jaqaman et al. (2008), Nature Methods 5, :doi:`10.1038/nmeth.1237`
    """
    try:
        from laptrack import LapTrack
    except ImportError as error:
        raise SettingError(
            "linking cells needs laptrack; install it with pip install 'napari-cellcycle[tracks]', or give tracks"
        ) from error

    reach = max_move_px or _LARGEST_MOVE * film.diameter
    costs = dict.fromkeys(("cutoff", "gap_closing_cutoff", "splitting_cutoff"), reach**2)
    linker = LapTrack(gap_closing_max_frame_count=1, **costs)  # type: ignore[arg-type]
    cells = [film.in_frame(frame) for frame in range(film.n_frames)]
    links = linker.predict([film.centre[here] for here in cells]).edges()
    edges = [(int(cells[a][i]), int(cells[b][j])) for (a, i), (b, j) in links]
    number, parents = cut_at_divisions(dict(enumerate(film.frame.tolist())), edges)
    track = np.full(len(film.rows), -1)
    track[list(number)] = list(number.values())
    alone = np.flatnonzero(track < 0)
    track[alone] = track.max() + 1 + np.arange(len(alone))
    note = f"{film.name}: cells are linked from frame to frame where they move at most {reach:.0f} px"
    return FilmTracks(track, parents, (note,))
