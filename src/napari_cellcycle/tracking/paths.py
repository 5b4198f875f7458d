"""The phases of a track as one ordered path."""

from __future__ import annotations

import numpy as np

from napari_cellcycle.tracking.durations import Floats
from napari_cellcycle.tracking.semi_markov import Ints


def likeliest_frames(probabilities: Floats, n_steps: Ints) -> Ints:
    """The ordered path with the most frames right, as far as the probabilities know.

    Parameters
    ----------
    probabilities : ndarray, shape (N, T, P)
        Probability of each phase at each step.
    n_steps : ndarray of int, shape (N,)
        Length of each track.

    Returns
    -------
    ndarray of int, shape (P + 1, N)
        Phase j goes from moment ``borders[j]`` to ``borders[j + 1]``.
    """
    n_tracks, longest, n_phases = probabilities.shape
    sums = np.zeros((n_phases, n_tracks, longest + 1))
    np.cumsum(probabilities.transpose(2, 0, 1), axis=2, out=sums[:, :, 1:])
    moments = np.arange(longest + 1)
    came_from = np.zeros((n_phases, n_tracks, longest + 1), np.int64)
    right = sums[0]
    for phase in range(1, n_phases):
        begun = right - sums[phase]
        highest = np.maximum.accumulate(begun, axis=1)
        came_from[phase] = np.maximum.accumulate(np.where(begun >= highest, moments, 0), axis=1)
        right = highest + sums[phase]
    borders = np.empty((n_phases + 1, n_tracks), np.int64)
    borders[0], borders[-1] = 0, n_steps
    for phase in reversed(range(1, n_phases)):
        borders[phase] = came_from[phase, np.arange(n_tracks), borders[phase + 1]]
    return borders


def runs_back(phases: Ints, track: Ints) -> int:
    """How many steps of a track go back to an earlier phase.

    Parameters
    ----------
    phases : ndarray of int, shape (N,)
        In the order of tracks and frames; negative where there is no call.
    track : ndarray of int, shape (N,)
        Number of the track of each row.

    Returns
    -------
    int
    """
    called = phases >= 0
    phases, track = phases[called], track[called]
    return int(((np.diff(phases) < 0) & (np.diff(track) == 0)).sum())
