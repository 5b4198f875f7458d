"""Rows of a table of tracks as tracks on a time grid, in batches of about the same length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from napari_cellcycle.errors import SettingError
from napari_cellcycle.tracking.cycle_model import CycleModel
from napari_cellcycle.tracking.durations import Floats
from napari_cellcycle.tracking.semi_markov import Bools, Ints, TrackBatch

_BATCH_STEPS = 200_000
"""Steps that are in memory at a time."""
_EMPTY_STEPS_PER_ROW = 1000
_CERTAIN = 50.0
"""Logarithm of the odds of what a person says: next to certain, as two persons may disagree."""
_LEAST = 1e-4
"""No call is surer than this of what a frame does not show."""


@dataclass(frozen=True, eq=False)
class TrackGrid:
    """N rows as M tracks. Rows are in the order of tracks and frames here; `order` leads back.

    Attributes
    ----------
    names : ndarray, shape (M,)
        What the user calls each track.
    order : ndarray of int, shape (N,)
        The user's row of each row here.
    track, step : ndarray of int, shape (N,)
        Number of its track, and steps since its start.
    starts, first_frame, n_steps : ndarray of int, shape (M,)
        First row of each track, its frame, and how many steps the track has.
    frames_per_step : int
        The greatest step that meets all frames.
    """

    names: np.ndarray
    order: Ints
    track: Ints
    step: Ints
    starts: Ints
    first_frame: Ints
    n_steps: Ints
    frames_per_step: int

    @classmethod
    def of(cls, tracks: np.ndarray, frames: Ints) -> TrackGrid:
        """Put rows in order; SettingError where a track has a frame twice."""
        names, track = np.unique(tracks, return_inverse=True)
        order = np.lexsort((frames, track))
        track, frames = track[order], frames[order]
        same, gap = np.diff(track) == 0, np.diff(frames)
        if (same & (gap == 0)).any():
            row = int(np.flatnonzero(same & (gap == 0))[0])
            raise SettingError(
                f"track {names[track[row]]} has frame {frames[row]} twice; give one row for each track and frame"
            )
        per_step = int(np.gcd.reduce(gap[same])) if same.any() else 1
        starts = np.flatnonzero(np.append(True, ~same))
        step = (frames - frames[starts][track]) // per_step
        n_steps = step[np.append(starts[1:], len(step)) - 1] + 1
        if n_steps.sum() > _EMPTY_STEPS_PER_ROW * (len(step) + 1000):
            name = names[int(n_steps.argmax())]
            raise SettingError(
                f"track {name} goes over {n_steps.max()} frames with few rows; number the frames 0, 1, 2, ..."
            )
        return cls(names, order, track, step, starts, frames[starts], n_steps, per_step)

    def batches(self, chosen: Ints | None = None) -> Iterator[Ints]:
        """Numbers of tracks, those of similar length together; all, or those that are chosen."""
        chosen = np.arange(len(self.names)) if chosen is None else chosen
        chosen = chosen[np.argsort(self.n_steps[chosen], kind="stable")[::-1]]
        while chosen.size:
            longest = int(self.n_steps[chosen[0]])
            n_tracks = max(1, _BATCH_STEPS // (longest + 1))
            similar = int((self.n_steps[chosen[:n_tracks]] >= longest * 0.8 - 8).sum())
            yield chosen[:similar]
            chosen = chosen[similar:]

    def rows_of(self, numbers: Ints) -> tuple[Ints, Ints]:
        """Rows of these tracks, and the place of each one's track among them."""
        stops = np.append(self.starts[1:], len(self.step))
        counts = stops[numbers] - self.starts[numbers]
        place = np.repeat(np.arange(len(numbers)), counts)
        within = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.starts[numbers][place] + within, place


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is given for M tracks with N rows, on their grid.

    Attributes
    ----------
    grid : TrackGrid
        Where the rows are.
    probabilities : ndarray, shape (N, P)
        Calls, in the order of the grid; uniform where there is none.
    weights : ndarray, shape (N,)
        How much each row counts, from 0 to 1.
    known : ndarray of int, shape (N,)
        Phase of rows that a person has told, -1 for others.
    has_mother, has_daughters, at_film_start, at_film_end : ndarray of bool, shape (M,)
        What is known of starts and ends.
    """

    grid: TrackGrid
    probabilities: Floats
    weights: Floats
    known: Ints
    has_mother: Bools
    has_daughters: Bools
    at_film_start: Bools
    at_film_end: Bools

    @property
    def late(self) -> Floats:
        """As `cycle_model.take_census` has it."""
        return np.where(self.has_mother, np.nan, np.where(self.at_film_start, 0.0, 1.0))

    def batch(self, numbers: Ints, model: CycleModel) -> TrackBatch:
        """These tracks as the model looks at them."""
        rows, place = self.grid.rows_of(numbers)
        n_steps = self.grid.n_steps[numbers]
        log_ratio = np.log(np.maximum(self.probabilities[rows], _LEAST)) - np.log(model.shares)
        log_ratio *= (model.trust * self.weights[rows])[:, None]
        told = np.flatnonzero(self.known[rows] >= 0)
        log_ratio[told] = np.where(np.arange(log_ratio.shape[1]) == self.known[rows[told], None], 0, -_CERTAIN)
        sums = np.zeros((log_ratio.shape[1], len(numbers), int(n_steps.max()) + 1))
        sums[:, place, self.grid.step[rows] + 1] = log_ratio.T
        np.cumsum(sums, axis=2, out=sums)
        born = np.where(self.at_film_start, *model.born)[numbers]
        born = np.where(self.has_mother[numbers], 1.0, born)
        divides = np.where(self.at_film_end & ~self.has_daughters, 0.0, 1.0)[numbers]
        divided = self.has_daughters[numbers] & (n_steps > 1)  # one step can't be both the first phase and the last
        cut = np.where(divided, 0.0, model.cut_rate * self.grid.frames_per_step)
        with np.errstate(divide="ignore"):
            return TrackBatch(sums, n_steps, np.log(born), np.log1p(-born), np.log(divides), np.log(cut))
