"""Position in the cycle along tracks: each track is aligned to the mean course of all (dynamic time warping)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from napari_cellcycle.errors import SettingError
from napari_cellcycle.tracking.cycle_model import CycleModel
from napari_cellcycle.tracking.decode import DecodedTracks
from napari_cellcycle.tracking.track_grid import TrackGrid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FEWEST_POINTS, _MOST_POINTS = 60, 150
_SMOOTHING = 0.02
"""Of the mean course, as a share of the cycle."""
_PACE_SPREAD = 0.5
"""Standard deviation of the advance in a frame, of the usual advance; and at least half a point."""
_CLOCK = 0.05
"""By so much of the cycle a cell may differ from an even pace between the borders of its phase."""
_JUMP = 12.0
"""What it costs to leave out a part of the course: as much as the pace of 5 standard deviations."""


def track_positions(
    decoded: DecodedTracks,
    signals: ArrayLike,
    tracks: ArrayLike,
    frames: ArrayLike,
    parents: Mapping[int, int] | None = None,
) -> Floats:
    """Position of each cell of decoded tracks in the cycle, from 0 (birth) to 1 (division).

    Each phase takes as much of the cycle as it lasts in this population. Within the decoded phases, each track is
    aligned to the mean course of the signals of all tracks by dynamic time warping [1]_, as fucciphase does it with the
    signals of FUCCI: a track advances from frame to frame at about the usual pace, and never back.

    Parameters
    ----------
    decoded : DecodedTracks
        Of the same N rows.
    signals : array_like, shape (N, K)
        What changes along the cycle: probabilities of single frames, DNA content. NaN where it is not known.
    tracks, frames : array_like of int, shape (N,)
        Track and frame of each row.
    parents : mapping of int to int, optional
        Mother of each track that has one.

    Returns
    -------
    ndarray, shape (N,)

    Raises
    ------
    SettingError
        The signals are of another number of rows.

    References
    ----------
    .. [1] Sakoe and Chiba (1978), IEEE Trans. ASSP 26, :doi:`10.1109/TASSP.1978.1163055`
    """
    table = np.asarray(signals, float)
    if table.ndim != 2 or len(table) != len(decoded.phases):
        raise SettingError(f"signals have the shape {table.shape}, but must have {len(decoded.phases)} rows")
    grid = TrackGrid.of(np.asarray(tracks), np.asarray(frames, np.int64))
    table, phases = table[grid.order], decoded.phases[grid.order].astype(np.int64)
    arcs = _Arcs.of(decoded.model, grid.frames_per_step)
    ends = _Ends.of(grid, phases, parents or {}, len(arcs.steps))
    guess = _by_borders(grid, phases, arcs, ends)
    course = _Course.of(table, guess, arcs)
    table = np.column_stack([table, guess])
    place, found = np.empty(len(table)), np.empty(len(table))
    for numbers in grid.batches():
        rows, which = grid.rows_of(numbers)
        own = _Ends(ends.born[numbers], ends.divided[numbers])
        place[rows] = _warped(grid.step[rows], which, phases[rows], table[rows], course, own, decoded.model.trust)
    found[grid.order] = place
    return found


@dataclass(frozen=True)
class _Arcs:
    """Which part of the cycle each of P phases takes, and how many steps of the time grid that is."""

    starts: Floats  # (P + 1,), from 0 to 1
    steps: Floats  # (P,)

    @classmethod
    def of(cls, model: CycleModel, frames_per_step: int) -> _Arcs:
        steps = np.array([law.median for law in model.durations]) / frames_per_step
        return cls(np.append(0, np.cumsum(steps) / steps.sum()), steps)


def _by_borders(grid: TrackGrid, phases: Ints, arcs: _Arcs, ends: _Ends) -> Floats:
    """A first place of each row: from border to border of its phase at an even pace, or from the one that was seen."""
    begins = np.append(True, (np.diff(grid.track) > 0) | (np.diff(phases) != 0))
    segment = np.cumsum(begins) - 1
    first, last = np.flatnonzero(begins), np.append(np.flatnonzero(begins)[1:], len(phases)) - 1
    start, end, phase, track = grid.step[first], grid.step[last], phases[first], grid.track[first]
    from_start = np.where(np.append(True, np.diff(track) > 0), ends.born[track], True)
    to_end = np.where(np.append(np.diff(track) > 0, True), ends.divided[track], True)
    length, width = end - start + 1.0, np.diff(arcs.starts)[phase]
    pace = width / np.where(from_start & to_end, length, np.maximum(length, arcs.steps[phase]))
    middle = arcs.starts[phase] + width / 2
    at_start = np.where(from_start, arcs.starts[phase], middle - pace * length / 2)
    at_start = np.where(to_end & ~from_start, arcs.starts[phase + 1] - pace * length, at_start)
    return at_start[segment] + pace[segment] * (grid.step - start[segment] + 0.5)


@dataclass(frozen=True)
class _Course:
    """Mean signals at U points of the cycle; the last one is the place by the borders of phases, a clock.

    Attributes
    ----------
    mean : ndarray, shape (U, K + 1)
    spread : ndarray, shape (K + 1,)
        Standard deviation of single cells around it.
    phase : ndarray of int, shape (U,)
        Phase of each point; each has one at least.
    advance : float
        Usual number of points in a step.
    """

    mean: Floats
    spread: Floats
    phase: Ints
    advance: float

    @classmethod
    def of(cls, table: Floats, place: Floats, arcs: _Arcs) -> _Course:
        n_points = int(np.clip(round(arcs.steps.sum()), _FEWEST_POINTS, _MOST_POINTS))
        edges = np.round(arcs.starts * n_points).astype(int)
        n_each = np.maximum(np.diff(edges), 1)
        phase = np.repeat(np.arange(len(n_each)), n_each)
        n_points = len(phase)
        point = np.clip((place * n_points).astype(int), 0, n_points - 1)
        known = np.isfinite(table)
        sums, counts = np.zeros((2, n_points, table.shape[1]))
        np.add.at(sums, point, np.where(known, table, 0))
        np.add.at(counts, point, known)
        overall = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1)
        smooth = _SMOOTHING * n_points
        sums, counts = (gaussian_filter1d(each, smooth, axis=0, mode="nearest") for each in (sums, counts))
        mean = (sums + 1e-3 * overall) / (counts + 1e-3)
        spread = np.sqrt(np.nanmean(np.where(known, table - mean[point], 0) ** 2, axis=0)) + 1e-6
        middle = (np.arange(n_points)[:, None] + 0.5) / n_points
        return cls(np.hstack([mean, middle]), np.append(spread, _CLOCK), phase, n_points / arcs.steps.sum())

    def misfit(self, table: Floats) -> Floats:
        """Half the squared error of rows at each point in standard deviations, (N, U), up to a constant of each row."""
        scaled = np.where(np.isfinite(table), table - self.mean.mean(axis=0), 0) / self.spread
        mean = (self.mean - self.mean.mean(axis=0)) / self.spread
        return (mean**2).sum(axis=1) / 2 - scaled @ mean.T


@dataclass(frozen=True)
class _Ends:
    """Which of M tracks start with the birth of their cell, and which end with its division."""

    born: NDArray[np.bool_]
    divided: NDArray[np.bool_]

    @classmethod
    def of(cls, grid: TrackGrid, phases: Ints, parents: Mapping[int, int], n_phases: int) -> _Ends:
        last = np.append(grid.starts[1:], len(phases)) - 1
        born = np.isin(grid.names, list(parents)) & (phases[grid.starts] == 0)
        divided = np.isin(grid.names, list(parents.values())) & (phases[last] == n_phases - 1)
        return cls(born, divided)


def _warped(step: Ints, which: Ints, phases: Ints, table: Floats, course: _Course, ends: _Ends, trust: float) -> Floats:
    """Places of the rows of some tracks on the course, by the path that costs least."""
    n_tracks, n_steps, n_points = len(ends.born), int(step.max()) + 1, len(course.phase)
    row_at = np.full((n_steps, n_tracks), -1)
    row_at[step, which] = np.arange(len(step))
    last = np.zeros(n_tracks, np.int64)
    np.maximum.at(last, which, step)
    spread = max(_PACE_SPREAD * course.advance, 0.5)
    paces = np.arange(int(np.ceil(course.advance + 3 * spread)) + 1)
    toll = (paces - course.advance) ** 2 / (2 * spread**2)
    points = np.arange(n_points)
    came = np.zeros((n_steps, n_tracks, n_points), np.int16)
    cost = np.where(ends.born[:, None] & (points >= len(paces)), np.inf, 0.0)
    final = np.zeros(n_tracks, np.int64)
    for now in range(n_steps):
        if now:
            cost, came[now] = _advanced(cost, paces, toll)
        here = np.flatnonzero(row_at[now] >= 0)
        rows = row_at[now, here]
        cost[here] += course.misfit(table[rows]) * trust
        cost[here] += np.where(course.phase == phases[rows, None], 0, np.inf)
        over = np.flatnonzero(last == now)
        early = ends.divided[over, None] & (points < n_points - len(paces))
        final[over] = (cost[over] + np.where(early, 1e6, 0)).argmin(axis=1)
    place = np.empty(len(step))
    point = np.zeros(n_tracks, np.int64)
    each = np.arange(n_tracks)
    for now in reversed(range(n_steps)):
        point = np.where(last == now, final, point)
        here = np.flatnonzero(row_at[now] >= 0)
        place[row_at[now, here]] = (point[here] + 0.5) / n_points
        point = came[now, each, point].astype(np.int64)
    return place


def _advanced(cost: Floats, paces: Ints, toll: NDArray[np.floating]) -> tuple[Floats, NDArray[np.int16]]:
    """Least cost of each point a step later, and the point that it came from."""
    n_points = cost.shape[1]
    lowest = np.minimum.accumulate(cost, axis=1)
    points = np.arange(n_points, dtype=np.int16)
    newest = np.where(cost <= lowest, points, np.int16(0))
    source = np.maximum.accumulate(newest, axis=1)
    best = lowest + _JUMP
    for pace, price in zip(paces.tolist(), toll.tolist(), strict=True):
        near = cost[:, : n_points - pace] + price
        better = near < best[:, pace:]
        np.copyto(best[:, pace:], near, where=better)
        np.copyto(source[:, pace:], points[: n_points - pace], where=better)
    return best, source
