"""What users give to the decoding, checked and put in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_cellcycle.errors import SettingError
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.tracking.durations import Floats, PhaseDuration
from napari_cellcycle.tracking.semi_markov import Bools, Ints
from napari_cellcycle.tracking.track_grid import Evidence, TrackGrid

Parents = Mapping[Any, Any] | ArrayLike
Durations = Mapping[str, PhaseDuration | float]

_UNFAMILIAR_WEIGHT = 0.1
_NO_PARENT = (None, "", -1, "-1", "nan", "None")


def checked_evidence(
    probabilities: ArrayLike,
    tracks: ArrayLike,
    frames: ArrayLike,
    parents: Parents | None,
    unfamiliar: ArrayLike | None,
    known: ArrayLike | None = None,
) -> Evidence:
    """Rows in the order of tracks and frames; SettingError where something does not fit.

    Parameters
    ----------
    probabilities : array_like, shape (N, P)
        NaN where a row has no call.
    tracks, frames : array_like, shape (N,)
        Track and frame of each row.
    parents : mapping or array_like, optional
        As in `decode_tracks`.
    unfamiliar : array_like of bool, shape (N,), optional
        Rows that count little.
    known : array_like of int, shape (N,), optional
        Phases that a person has told, -1 elsewhere.

    Returns
    -------
    Evidence
    """
    calls = np.asarray(probabilities, float)
    tracks = _column("tracks", tracks, len(calls))
    frames = _whole_numbers(_column("frames", frames, len(calls)))
    called = np.isfinite(calls).all(axis=1)
    sums = calls[called].sum(axis=1, keepdims=True)
    if (calls[called] < 0).any() or (sums <= 0).any():
        raise SettingError("probabilities must not be negative or all zero; give one probability for each phase")
    uniform = np.full(calls.shape, 1 / calls.shape[1])
    uniform[called] = calls[called] / sums
    weights = called.astype(float)
    if unfamiliar is not None:
        weights *= np.where(_column("unfamiliar", unfamiliar, len(calls)).astype(bool), _UNFAMILIAR_WEIGHT, 1)
    told = np.full(len(calls), -1) if known is None else _column("known", known, len(calls)).astype(np.int64)
    if (told >= calls.shape[1]).any():
        raise SettingError(f"known has the phase {told.max()}, but phases are numbered from 0 to {calls.shape[1] - 1}")
    grid = TrackGrid.of(tracks, frames)
    last_frame = grid.first_frame + (grid.n_steps - 1) * grid.frames_per_step
    has_mother, has_daughters = _family(grid, last_frame, _mothers(parents, grid, tracks))
    film_start, film_end = grid.first_frame == frames.min(), last_frame == frames.max()
    order = grid.order
    told = told[order]
    return Evidence(grid, uniform[order], weights[order], told, has_mother, has_daughters, film_start, film_end)


def checked_phase_set(phase_set: Sequence[str] | None, probabilities: ArrayLike) -> tuple[str, ...]:
    """Names of the columns of the probabilities, by default the seven phases.

    Parameters
    ----------
    phase_set : sequence of str, optional
        Names in order.
    probabilities : array_like, shape (N, P)
        Calls.

    Returns
    -------
    tuple of str
    """
    names = PHASE_LABELS if phase_set is None else tuple(str(name) for name in phase_set)
    shape = np.shape(probabilities)
    if len(shape) != 2 or shape[1] != len(names) or not shape[0]:
        raise SettingError(
            f"probabilities have the shape {shape}, but must have one row for each frame of a track and {len(names)} "
            f"columns ({', '.join(names)}); name other phases by phase_set"
        )
    if len(set(names)) < len(names):
        raise SettingError(f"phase_set has a name twice ({', '.join(names)}); give each phase its own name")
    return names


def checked_durations(
    durations: Durations | None, phase_set: Sequence[str], minutes_per_frame: float | None
) -> list[PhaseDuration] | None:
    """Durations in frames, in the order of the phases.

    Parameters
    ----------
    durations : mapping of str to PhaseDuration or float, optional
        In minutes if it is known how many a frame is, else in frames.
    phase_set : sequence of str
        Names in order.
    minutes_per_frame : float, optional
        Time from frame to frame.

    Returns
    -------
    list of PhaseDuration, or None
    """
    if minutes_per_frame is not None and not minutes_per_frame > 0:
        raise SettingError(f"minutes_per_frame is {minutes_per_frame}, but must be more than 0")
    if durations is None:
        return None
    laws = {
        name: given if isinstance(given, PhaseDuration) else PhaseDuration(given) for name, given in durations.items()
    }
    if set(laws) != set(phase_set) or not all(law.median > 0 and law.spread > 0 for law in laws.values()):
        raise SettingError(
            f"durations must give a number above 0 for each of {', '.join(phase_set)}, and for no others"
        )
    return [laws[name].scaled(1 / (minutes_per_frame or 1)) for name in phase_set]


def _column(name: str, values: ArrayLike, n_rows: int) -> np.ndarray:
    column = np.asarray(values)
    if column.shape != (n_rows,):
        raise SettingError(
            f"{name} have the shape {column.shape}, but there are {n_rows} rows of probabilities; give one for each row"
        )
    return column


def _whole_numbers(frames: np.ndarray) -> Ints:
    try:
        whole = frames.astype(np.int64)
        fits = bool((whole == frames).all())
    except (ValueError, TypeError, OverflowError):
        fits = False
    if not fits:
        raise SettingError("frames must be whole numbers; number the frames of the film 0, 1, 2, ...")
    return whole


def _mothers(parents: Parents | None, grid: TrackGrid, tracks: np.ndarray) -> dict[object, object]:
    """Mother of each track that has one."""
    if parents is None:
        return {}
    if isinstance(parents, Mapping):
        pairs = [(track, _only(parent)) for track, parent in parents.items()]
    else:
        column = _column("parents", parents, len(tracks))[grid.order[grid.starts]]
        pairs = list(zip(grid.names.tolist(), column.tolist(), strict=True))
    known = set(grid.names.tolist())
    return {
        track: parent
        for track, parent in pairs
        if parent not in _NO_PARENT and parent == parent and parent != track and (parent != 0 or 0 in known)
    }


def _only(parent: object) -> object:
    """napari's graph of tracks gives a list of parents."""
    if isinstance(parent, list | tuple | np.ndarray):
        return parent[0] if len(parent) else None
    return parent


def _family(grid: TrackGrid, last_frame: Ints, mothers: Mapping[object, object]) -> tuple[Bools, Bools]:
    """Tracks with a mother, and tracks with daughters."""
    number = {name: place for place, name in enumerate(grid.names.tolist())}
    has_mother, has_daughters = np.zeros(len(number), bool), np.zeros(len(number), bool)
    for track, mother in mothers.items():  # one of them may lie outside these rows
        if track in number:
            has_mother[number[track]] = True
        if mother in number:
            has_daughters[number[mother]] = True
        if track in number and mother in number and last_frame[number[mother]] >= grid.first_frame[number[track]]:
            raise SettingError(
                f"track {track} starts before its parent {mother} ends; correct parents, and write -1 for no parent"
            )
    return has_mother, has_daughters


def as_frames(grid: TrackGrid, numbers: Ints, moments: Ints | Floats) -> Floats:
    """Frames of moments of these tracks: the first frame after each.

    Parameters
    ----------
    grid : TrackGrid
        All tracks.
    numbers : ndarray of int, shape (K,)
        Tracks.
    moments : ndarray, shape (K,)
        One of each.

    Returns
    -------
    ndarray, shape (K,)
    """
    return (grid.first_frame[numbers] + moments * grid.frames_per_step).astype(float)
