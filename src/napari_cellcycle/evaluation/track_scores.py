"""How good phases along tracks are: right frames, transitions, and steps that no cell can take."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.errors import SettingError
from napari_cellcycle.tracking.paths import runs_back

_NEAR_MINUTES = 60.0


@dataclass(frozen=True)
class TrackScores:
    """Scores of phases along tracks. Those of transitions are NaN if there is none.

    Attributes
    ----------
    right_frames : float
        Share of frames with the true phase.
    n_transitions, n_missed, n_added : int
        True transitions; those of phases that were not called in their track; calls of phases that the track has not.
    mean_error_frames, median_error_frames : float
        Distance between the true transition and that of the calls, of those that are in both.
    mean_error_minutes, median_error_minutes : float or None
        The same in minutes, if it is known how many a frame is.
    within_hour : float or None
        Share of true transitions that were called at most an hour away; missed ones count as far away.
    impossible : int
        Steps back to an earlier phase within a track.
    """

    right_frames: float
    n_transitions: int
    n_missed: int
    n_added: int
    mean_error_frames: float
    median_error_frames: float
    mean_error_minutes: float | None
    median_error_minutes: float | None
    within_hour: float | None
    impossible: int

    def to_dict(self) -> dict[str, float | None]:
        """By name, as a file of scores has them."""
        return asdict(self)


def score_tracks(
    truth: ArrayLike, phases: ArrayLike, tracks: ArrayLike, frames: ArrayLike, minutes_per_frame: float | None = None
) -> TrackScores:
    """Compare phases with the true ones.

    The transition into a phase is the first frame of a track in this phase or a later one, if an earlier frame is in an
    earlier phase. Raw calls that jump to and fro have it at their first jump.

    Parameters
    ----------
    truth, phases : array_like of int, shape (N,)
        Phase of each row as its place in the phase set. Rows with -1 in the truth, not known, don't count.
    tracks, frames : array_like, shape (N,)
        Track and frame of each row, in any order.
    minutes_per_frame : float, optional
        Time from frame to frame.

    Returns
    -------
    TrackScores

    Raises
    ------
    SettingError
        The arrays have different lengths, or no phase is known.

    Examples
    --------
    >>> scores = score_tracks([0, 0, 0, 1], [0, 1, 0, 1], [5, 5, 5, 5], [0, 1, 2, 3], minutes_per_frame=10)
    >>> scores.right_frames, scores.median_error_minutes, scores.impossible
    (0.75, 20.0, 1)
    """
    true, called = np.asarray(truth, np.int64), np.asarray(phases, np.int64)
    frame = np.asarray(frames, float)
    track = np.unique(np.asarray(tracks), return_inverse=True)[1]
    if not true.shape == called.shape == frame.shape == track.shape:
        raise SettingError("truth, phases, tracks and frames must have one entry for each row")
    order = np.lexsort((frame, track))
    order = order[true[order] >= 0]
    if not order.size:
        raise SettingError("no phase is known; give the true phase of at least one row")
    true, called, frame, track = true[order], called[order], frame[order], track[order]
    last = int(max(true.max(), called.max()))
    there, here = (_transitions(phase, frame, track, last) for phase in (true, called))
    both = np.isfinite(there) & np.isfinite(here)
    errors = np.abs(there - here)[both]
    n_true = int(np.isfinite(there).sum())
    mean, median = (float(np.mean(errors)), float(np.median(errors))) if errors.size else (np.nan, np.nan)
    minutes = minutes_per_frame
    near = None if minutes is None or not n_true else float((errors * minutes <= _NEAR_MINUTES).sum() / n_true)
    return TrackScores(
        float((true == called).mean()),
        n_true,
        int((np.isfinite(there) & ~np.isfinite(here)).sum()),
        int((~np.isfinite(there) & np.isfinite(here)).sum()),
        mean,
        median,
        None if minutes is None else mean * minutes,
        None if minutes is None else median * minutes,
        near,
        runs_back(called, track),
    )


def _transitions(
    phases: NDArray[np.int64], frame: NDArray[np.float64], track: NDArray[np.int64], last: int
) -> NDArray[np.float64]:
    """First frame in each phase or a later one, by phase from the second on and track; NaN if there is none."""
    starts = np.flatnonzero(np.append(True, np.diff(track) > 0))
    found = np.full((last, int(track.max()) + 1), np.nan)
    for phase in range(1, last + 1):
        reached = np.flatnonzero(phases >= phase)
        which, first = np.unique(track[reached], return_index=True)
        found[phase - 1, which] = frame[reached[first]]
        found[phase - 1, track[starts[phases[starts] >= phase]]] = np.nan  # it was there from the start
    return found
