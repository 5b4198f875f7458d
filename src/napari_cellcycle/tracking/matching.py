"""Tracks of a file and cells of a film: which row is which cell."""

from __future__ import annotations

import numpy as np

from napari_cellcycle.errors import SettingError
from napari_cellcycle.tracking.film import Film, FilmTracks, Floats, Ints
from napari_cellcycle.tracking.track_table import NO_TRACK, TrackTable

_PIXELS = ("", "pixel", "pixels", "px")
_MICROMETRES = ("µm", "\u03bcm", "um", "micron", "microns", "micrometer", "micrometers")


def match_tracks(film: Film, table: TrackTable, pixel_size_um: float | None = None) -> FilmTracks:
    """Find the cell of each row of a table of tracks: by its label, or by the box that its position lies in.

    Parameters
    ----------
    film : Film
        The cells.
    table : TrackTable
        The tracks.
    pixel_size_um : float, optional
        For positions in micrometres, unless the table says how large a pixel is.

    Returns
    -------
    FilmTracks

    Raises
    ------
    SettingError
        The table gives neither labels nor positions, or none of its rows is a cell of the film.
    """
    frame, notes = _counted_from_zero(film, table.frame)
    if table.cell is not None:
        cell = _by_label(film, frame, table.cell)
    elif table.position is not None:
        cell = _by_position(film, frame, _in_pixels(table, pixel_size_um))
    else:
        raise SettingError(
            "the tracks say neither the label nor the position of their cells; add a column cell, or x and y"
        )
    met = np.flatnonzero(cell >= 0)
    if not met.size:
        raise SettingError(
            f"none of the {len(table):,} cells of the tracks is in {film.name}; give the tracks of this film, and "
            "positions in pixels"
        )
    track = np.full(len(film.rows), NO_TRACK)
    track[cell[met]] = table.track[met]
    spot = None
    if table.spot is not None:
        spot = np.full(len(film.rows), NO_TRACK)
        spot[cell[met]] = table.spot[met]
    truth = None
    if table.truth is not None:
        truth = np.full(len(film.rows), "", table.truth.dtype)
        truth[cell[met]] = table.truth[met]
    if len(met) < len(table):
        notes.append(f"{len(table) - len(met):,} of {len(table):,} cells of the tracks are not in {film.name}")
    return FilmTracks(track, table.parents, tuple(notes), spot, truth)


def _counted_from_zero(film: Film, frame: Ints) -> tuple[Ints, list[str]]:
    if frame.min() == 1 and frame.max() == film.n_frames:
        return frame - 1, ["the tracks count their frames from 1, so that their frame 1 is frame 0 here"]
    return frame, []


def _by_label(film: Film, frame: Ints, label: Ints) -> Ints:
    place = {key: cell for cell, key in enumerate(zip(film.frame.tolist(), film.label.tolist(), strict=True))}
    return np.array([place.get(key, -1) for key in zip(frame.tolist(), label.tolist(), strict=True)], np.int64)


def _in_pixels(table: TrackTable, pixel_size_um: float | None) -> Floats:
    position = np.asarray(table.position)
    if table.unit.lower() in _PIXELS:
        return position
    size = table.pixel_size
    if size is None and table.unit.lower() in _MICROMETRES:
        size = pixel_size_um
    if size is None:
        raise SettingError(
            f"the tracks give positions in {table.unit}; say how large a pixel is with --pixel-size-um, or save "
            "positions in pixels"
        )
    return position / size


def _by_position(film: Film, frame: Ints, position: Floats) -> Ints:
    """The cell whose box holds the position, the nearest of several; each cell is taken once."""
    found = np.full(len(frame), -1)
    for number in np.unique(frame):
        rows, cells = np.flatnonzero(frame == number), film.in_frame(int(number))
        if not cells.size:
            continue
        at, box = position[rows][:, None], film.box[cells]
        inside = ((at >= box[:, :2] - 1) & (at <= box[:, 2:])).all(axis=2)
        distance = np.where(inside, np.linalg.norm(at - film.centre[cells], axis=2), np.inf)
        nearest = distance.argmin(axis=1)
        apart = distance[np.arange(len(rows)), nearest]
        for row in np.argsort(apart, kind="stable")[::-1]:  # the nearest one comes last, and stays
            if np.isfinite(apart[row]):
                taken = found[rows] == cells[nearest[row]]
                found[rows[taken]] = -1
                found[rows[row]] = cells[nearest[row]]
    return found
