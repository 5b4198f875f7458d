"""Phases along tracks: calls of single frames, put in order by what is known of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.errors import SettingError
from napari_cellcycle.tracking.checked import (
    Durations,
    Parents,
    as_frames,
    checked_durations,
    checked_evidence,
    checked_phase_set,
)
from napari_cellcycle.tracking.cycle_model import CycleModel, Posterior, posterior
from napari_cellcycle.tracking.durations import Floats
from napari_cellcycle.tracking.learning import learn
from napari_cellcycle.tracking.paths import likeliest_frames, runs_back
from napari_cellcycle.tracking.semi_markov import Bools, Ints, best_borders
from napari_cellcycle.tracking.survival import Stays, SurvivalCurve
from napari_cellcycle.tracking.track_grid import Evidence, TrackGrid

if TYPE_CHECKING:
    import pandas as pd

_LOW, _HIGH = 0.025, 0.975


@dataclass(frozen=True, eq=False)
class Transitions:
    """Where tracks go from one phase to another; all arrays have one entry for each.

    Attributes
    ----------
    track : ndarray
        Name of the track.
    before, after : ndarray of int
        Phases, as numbers in the phase set.
    frame : ndarray of float
        First frame of the new phase.
    low, high : ndarray of float
        Interval of 95 % probability of that frame.
    """

    track: np.ndarray
    before: Ints
    after: Ints
    frame: Floats
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.track)


@dataclass(frozen=True, eq=False)
class DecodedTracks:
    """Phases of N rows of tracks. What a single frame says, the raw calls, stays with whoever gave it.

    Attributes
    ----------
    phase_set : tuple of str
        The P phases in order.
    phases : ndarray of int8, shape (N,)
        Phase of each row, as a number in the phase set, in the order of the rows that were given.
    posterior : ndarray, shape (N, P)
        Probability of each phase when the whole track is taken into account.
    transitions : Transitions
        Where phases change.
    stays : Stays
        How long each cell was in each phase, if its start was seen; in minutes if these are known, else in frames.
    impossible_before, impossible_after : int
        Steps back to an earlier phase within a track: of the raw calls, and of the decoded phases.
    model : CycleModel
        What was learned; it can decode other tracks of the same kind.
    minutes_per_frame : float or None
        Time from frame to frame.
    """

    phase_set: tuple[str, ...]
    phases: NDArray[np.int8]
    posterior: Floats
    transitions: Transitions
    stays: Stays
    impossible_before: int
    impossible_after: int
    model: CycleModel
    minutes_per_frame: float | None = None

    @cached_property
    def durations(self) -> dict[str, SurvivalCurve]:
        """How long each phase lasts, by its name: Kaplan-Meier curves of all `stays`."""
        return self.stays.curves(self.phase_set)

    @property
    def names(self) -> NDArray[np.str_]:
        """Name of the phase of each row, shape (N,)."""
        return np.array(self.phase_set)[self.phases]

    def transition_table(self) -> pd.DataFrame:
        """One row for each transition: ``track, before, after, frame, frame_low, frame_high``, and minutes if known."""
        import pandas as pd

        found, names = self.transitions, np.array(self.phase_set)
        columns = {"track": found.track, "before": names[found.before], "after": names[found.after]}
        frames = {"": found.frame, "_low": found.low, "_high": found.high}
        columns |= {f"frame{ending}": values for ending, values in frames.items()}
        if self.minutes_per_frame is not None:
            columns |= {f"minutes{ending}": values * self.minutes_per_frame for ending, values in frames.items()}
        return pd.DataFrame(columns)


def decode_tracks(
    probabilities: ArrayLike,
    tracks: ArrayLike,
    frames: ArrayLike,
    phase_set: Sequence[str] | None = None,
    parents: Parents | None = None,
    minutes_per_frame: float | None = None,
    *,
    unfamiliar: ArrayLike | None = None,
    known: ArrayLike | None = None,
    durations: Durations | None = None,
    trust: float | None = None,
    model: CycleModel | None = None,
    method: Literal["posterior", "viterbi"] = "posterior",
) -> DecodedTracks:
    """Phases along tracks that never run back.

    A hidden semi-Markov model [1]_: the phases follow each other in order, and each lasts as long as it does in this
    population. Durations are learned from the tracks themselves, where phases that are cut off by the start or the end
    of their track count as such. How often tracks start with a birth and end with a division is learned too, where
    `parents` does not say it. A phase that may be shorter than the time between two frames may be skipped. Frames that
    err together count less than frames that err each for itself.

    Parameters
    ----------
    probabilities : array_like, shape (N, P)
        Calls of single frames, calibrated if possible. NaN in a row: no call. Rows may have any order.
    tracks : array_like, shape (N,)
        Number or name of the track of each row.
    frames : array_like of int, shape (N,)
        Frame of each row. Tracks may have gaps.
    phase_set : sequence of str, optional
        Names of the P phases in order; by default the seven.
    parents : mapping of track to parent, or array_like, shape (N,), optional
        Mother of each track, or of the track of each row; -1, NaN, None, an empty text and, if no track is called so, 0
        mean none. A mother ends in the last phase, and her daughters start in the first.
    minutes_per_frame : float, optional
        Then durations are in minutes.
    unfamiliar : array_like of bool, shape (N,), optional
        Cells unlike those that the network was trained on; they count a tenth.
    known : array_like of int, shape (N,), optional
        Phases that a person has told, as numbers in the phase set; -1 elsewhere. The path goes through them.
    durations : mapping of str to float or PhaseDuration, optional
        Median duration of each phase, if it is known: in minutes if `minutes_per_frame` is given, else in frames.
    trust : float, optional
        Weight of a frame from 0 to 1, if it is not to be learned.
    model : CycleModel, optional
        What was learned on other tracks, in the field `model` of their result; nothing is learned then.
    method : "posterior" or "viterbi"
        The ordered path with the most frames right as far as is known, or the single most probable one.

    Returns
    -------
    DecodedTracks

    Raises
    ------
    SettingError
        The arrays don't fit each other, or a track has a frame twice.

    References
    ----------
    .. [1] Yu (2010), Artificial Intelligence 174, :doi:`10.1016/j.artint.2009.11.011`

    Examples
    --------
    >>> calls = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9]]
    >>> decoded = decode_tracks(calls, [1] * 6, range(6), ("G1", "S/G2/M"), durations={"G1": 3, "S/G2/M": 3})
    >>> decoded.impossible_before, decoded.impossible_after
    (1, 0)
    """
    names = checked_phase_set(phase_set, probabilities)
    laws = checked_durations(durations, names, minutes_per_frame)
    if trust is not None and not 0 < trust <= 1:
        raise SettingError(f"trust is {trust}, but must be more than 0 and at most 1")
    if method not in ("posterior", "viterbi"):
        raise SettingError(f"method is {method!r}, but must be one of posterior, viterbi")
    if model is not None and model.phase_set != names:
        raise SettingError(
            f"the model knows the phases {', '.join(model.phase_set)}, not {', '.join(names)}; learn one for these"
        )
    evidence = checked_evidence(probabilities, tracks, frames, parents, unfamiliar, known)
    model = model or learn(evidence, names, laws, trust)
    found = _Found.of(evidence.grid, len(names))
    for numbers in evidence.grid.batches():
        found.add(evidence, numbers, model, method)
    return found.result(evidence, model, minutes_per_frame)


@dataclass(eq=False)
class _Found:
    """What the batches give, collected; rows in the order of the grid, of M tracks."""

    phases: NDArray[np.int8]
    posterior: Floats
    borders: Ints  # (P + 1, M)
    low: Ints
    high: Ints
    born: Bools
    divided: Bools

    @classmethod
    def of(cls, grid: TrackGrid, n_phases: int) -> _Found:
        n_rows, n_tracks = len(grid.step), len(grid.names)
        borders, low, high = np.zeros((3, n_phases + 1, n_tracks), np.int64)
        born, divided = np.zeros((2, n_tracks), bool)
        return cls(np.zeros(n_rows, np.int8), np.zeros((n_rows, n_phases)), borders, low, high, born, divided)

    def add(self, evidence: Evidence, numbers: Ints, model: CycleModel, method: str) -> None:
        """Decode some tracks."""
        batch = evidence.batch(numbers, model)
        tables = model.tables(batch.sums.shape[2] - 1, evidence.grid.frames_per_step)
        known = posterior(batch, tables, model.log_first)
        if method == "viterbi":
            borders, _, divided = best_borders(batch, tables, model.log_first)
        else:
            borders, divided = likeliest_frames(known.phases, batch.n_steps), known.divided > 0.5
        rows, place = evidence.grid.rows_of(numbers)
        step = evidence.grid.step[rows]
        self.phases[rows] = (step >= borders[1:-1, place]).sum(axis=0)
        self.posterior[rows] = known.phases[place, step]
        self.borders[:, numbers] = borders
        self.born[numbers], self.divided[numbers] = known.born > 0.5, divided
        self._add_intervals(numbers, known)

    def _add_intervals(self, numbers: Ints, known: Posterior) -> None:
        passed = np.cumsum(known.borders, axis=2)
        total = passed[:, :, -1:]
        self.low[1:-1, numbers] = (passed < _LOW * total).sum(axis=2)
        self.high[1:-1, numbers] = (passed < _HIGH * total).sum(axis=2)

    def result(self, evidence: Evidence, model: CycleModel, minutes_per_frame: float | None) -> DecodedTracks:
        """All of it, in the user's order."""
        grid, order = evidence.grid, evidence.grid.order
        raw = np.where(evidence.weights > 0, evidence.probabilities.argmax(axis=1), -1)
        phases, sure = np.empty_like(self.phases), np.empty_like(self.posterior)
        phases[order], sure[order] = self.phases, self.posterior
        unit = grid.frames_per_step * (minutes_per_frame or 1)
        return DecodedTracks(
            model.phase_set,
            phases,
            sure,
            self._transitions(grid),
            self._stays(grid, unit),
            runs_back(raw, grid.track),
            runs_back(self.phases.astype(np.int64), grid.track),
            model,
            minutes_per_frame,
        )

    def _transitions(self, grid: TrackGrid) -> Transitions:
        lasts = np.diff(self.borders, axis=0) > 0
        after, track = np.nonzero(lasts[1:] & (self.borders[1:-1] > 0))
        after += 1
        found = np.lexsort((after, track))
        track, after = track[found], after[found]
        numbers = np.arange(len(lasts))[:, None]
        before = np.where(lasts[:, track] & (numbers < after), numbers, -1).max(axis=0)
        moments = (bounds[after, track] for bounds in (self.borders, self.low, self.high))
        return Transitions(grid.names[track], before, after, *(as_frames(grid, track, moment) for moment in moments))

    def _stays(self, grid: TrackGrid, unit: float) -> Stays:
        start, end = self.borders[:-1], self.borders[1:]  # (P, M)
        seen, ended = (end > start) & (start > 0), end < self.borders[-1]
        seen[0] |= (end > start)[0] & self.born
        ended[-1] |= self.divided
        phase, track = np.nonzero(seen)
        return Stays(phase, grid.names[track], (end - start)[seen] * np.float64(unit), ended[seen])
