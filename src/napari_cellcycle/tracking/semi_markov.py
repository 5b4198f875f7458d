"""A hidden semi-Markov model of phases in a fixed order, for many tracks at once, in log space.

Moments are the borders of time steps: a track of T steps has the moments 0 to T. A segment of phase j from s to t has
the likelihood ``C[t, j] - C[s, j]`` of its steps (C sums them up from the first), and that of its length. Sums over all
ways to cut a track into phases are then one convolution per phase.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from napari_cellcycle.tracking.durations import DurationTables, Floats

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_BLOCK = 16
"""Steps that are summed by one matrix product; few enough that no exponential in it vanishes."""


@dataclass(frozen=True, eq=False)
class TrackBatch:
    """N tracks, padded to the longest.

    Attributes
    ----------
    sums : ndarray, shape (P, N, T + 1)
        Sums of the log-likelihoods of all steps before a moment, given that they belong to a phase.
    n_steps : ndarray of int, shape (N,)
        Length of each track.
    log_born, log_met : ndarray, shape (N,)
        Of the prior probability that a track starts with the birth of its cell, and that it does not.
    log_divides, log_cut : ndarray, shape (N,)
        Of the weights of an end by division, and of any other end.
    """

    sums: Floats
    n_steps: Ints
    log_born: Floats
    log_met: Floats
    log_divides: Floats
    log_cut: Floats

    @property
    def rows(self) -> Ints:
        """0 ... N - 1."""
        return np.arange(len(self.n_steps))

    @property
    def inside(self) -> Bools:
        """Moments between the first and the last step of each track, shape (N, T + 1)."""
        moments = np.arange(self.sums.shape[2])
        return (moments > 0) & (moments < self.n_steps[:, None])

    @property
    def left(self) -> Ints:
        """Steps from each moment to the end of its track, at least 0, shape (N, T + 1)."""
        return np.maximum(self.n_steps[:, None] - np.arange(self.sums.shape[2]), 0)

    @property
    def totals(self) -> Floats:
        """Log-likelihoods of whole tracks in one phase, shape (P, N)."""
        return self.sums[:, self.rows, self.n_steps]


@dataclass(frozen=True, eq=False)
class Sweep:
    """What is known of all ways to cut up a track, from its start.

    Attributes
    ----------
    ends : ndarray, shape (P, N, T + 1)
        Log-weight of all (or the best) ways in which a phase is over at a moment.
    cut : ndarray, shape (P, N)
        The same, of the track ending within a phase.
    divided : ndarray, shape (N,)
        The same, of the track ending with the last phase.
    """

    ends: Floats
    cut: Floats
    divided: Floats

    @property
    def outcomes(self) -> Floats:
        """Log-weights of the ends: cut off in each phase, and division; shape (P + 1, N)."""
        return np.concatenate([self.cut, self.divided[None]])


def sum_convolved(values: Floats, kernel: Floats) -> Floats:
    """``log(sum over s <= t of exp(values[n, s] + kernel[t - s]))`` for all t.

    Parameters
    ----------
    values : ndarray, shape (N, T)
        Logarithms.
    kernel : ndarray, shape (T,)
        Logarithms, by lag.

    Returns
    -------
    ndarray, shape (N, T)
    """
    n_tracks, n_moments = values.shape
    n_blocks = -(-n_moments // _BLOCK)
    padded = np.full((n_tracks, n_blocks * _BLOCK), -np.inf)
    padded[:, :n_moments] = values
    blocks = padded.reshape(n_tracks, n_blocks, _BLOCK)
    peaks = blocks.max(axis=2, keepdims=True)
    scaled = np.exp(blocks - np.where(np.isfinite(peaks), peaks, 0))
    lags = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK)).T  # row: from, column: to
    found = np.full_like(blocks, -np.inf)
    for apart in range(n_blocks):
        lag = apart * _BLOCK + lags
        known = (lag >= 0) & (lag < n_moments)
        slab = np.where(known, np.exp(kernel[np.where(known, lag, 0)]), 0)
        with np.errstate(divide="ignore"):
            part = np.log(scaled[:, : n_blocks - apart] @ slab) + peaks[:, : n_blocks - apart]
        np.logaddexp(found[:, apart:], part, out=found[:, apart:])
    return found.reshape(n_tracks, -1)[:, :n_moments]


def best_convolved(values: Floats, kernel: Floats) -> Floats:
    """``max over s <= t of values[n, s] + kernel[t - s]`` for all t.

    Parameters
    ----------
    values : ndarray, shape (N, T)
        Logarithms.
    kernel : ndarray, shape (T,)
        Logarithms, by lag.

    Returns
    -------
    ndarray, shape (N, T)
    """
    by_moment = np.ascontiguousarray(values.T)  # whole rows at a time
    found = by_moment + kernel[0]
    part = np.empty_like(found)
    for lag in range(1, len(by_moment)):
        if kernel[lag] > -np.inf:
            shifted = np.add(by_moment[:-lag], kernel[lag], out=part[lag:])
            np.maximum(found[lag:], shifted, out=found[lag:])
    return found.T


def sweep(batch: TrackBatch, tables: Sequence[DurationTables], log_first: Floats, best: bool = False) -> Sweep:
    """Go through the phases in order, for all moments and tracks at once.

    Parameters
    ----------
    batch : TrackBatch
        N tracks of up to T steps.
    tables : sequence of P DurationTables
        At least T steps long.
    log_first : ndarray, shape (P,)
        Of the share of each phase among the first steps of tracks without birth.
    best : bool
        The best way to cut up a track instead of the sum of all.

    Returns
    -------
    Sweep
    """
    convolved = best_convolved if best else sum_convolved
    either = np.maximum if best else np.logaddexp
    together: Callable[..., Floats] = np.max if best else logsumexp
    sums, n_phases, last = batch.sums, len(tables), batch.n_steps
    ends = np.full(sums.shape, -np.inf)
    cut = np.empty(sums.shape[:2])
    divided = np.full(len(last), -np.inf)
    for phase, table in enumerate(tables):
        weight = first_segment(batch, table, phase, log_first)
        ended = either(*weight[:2]) if phase == 0 else weight[1]
        cut[phase] = either(*weight[2:]) if phase == 0 else weight[3]
        if phase:
            begun = ends[phase - 1] - sums[phase]  # -inf where no phase can end
            ended = either(ended, convolved(begun, table.whole[: sums.shape[2]]))
            cut[phase] = either(cut[phase], together(begun + table.beyond[batch.left], axis=1))
        ended = ended + sums[phase]
        cut[phase] += batch.totals[phase] + batch.log_cut
        if phase == n_phases - 1:
            divided = ended[batch.rows, last] + batch.log_divides
        ends[phase] = np.where(batch.inside, ended, -np.inf)
    return Sweep(ends, cut, divided)


def first_segment(
    batch: TrackBatch, table: DurationTables, phase: int, log_first: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Log-weights of the length of the first segment: whole, and its end not seen, each after birth and without.

    Parameters
    ----------
    batch : TrackBatch
        N tracks of up to T steps.
    table : DurationTables
        Of this phase.
    phase : int
        Only the first one can start with the birth.
    log_first : ndarray, shape (P,)
        As in `sweep`.

    Returns
    -------
    born, met : ndarray, shape (N, T + 1)
        The segment is over at a moment.
    born_cut, met_cut : ndarray, shape (N,)
        The track ends within it.
    """
    n_moments = batch.sums.shape[2]
    seen = np.arange(n_moments) > 0
    born = batch.log_born if phase == 0 else np.full(len(batch.n_steps), -np.inf)
    met = batch.log_met + log_first[phase]
    return (
        np.where(seen, born[:, None] + table.whole[:n_moments], -np.inf),
        np.where(seen, met[:, None] + table.rest[:n_moments], -np.inf),
        born + table.beyond[batch.n_steps],
        met + table.rest_beyond[batch.n_steps],
    )


def sweep_back(batch: TrackBatch, tables: Sequence[DurationTables]) -> Floats:
    """Log-weight of all that follows, if a phase begins at a moment.

    Parameters
    ----------
    batch : TrackBatch
        N tracks of up to T steps.
    tables : sequence of P DurationTables
        At least T steps long.

    Returns
    -------
    ndarray, shape (P, N, T + 1)
        -inf at the start and the end of tracks.
    """
    sums, n_phases = batch.sums, len(tables)
    follows = np.full(sums.shape, -np.inf)
    for phase in reversed(range(n_phases)):
        table = tables[phase]
        total = batch.totals[phase][:, None]
        after = batch.log_cut[:, None] + table.beyond[batch.left] + total
        if phase == n_phases - 1:
            after = np.logaddexp(after, batch.log_divides[:, None] + table.whole[batch.left] + total)
        else:
            later = (follows[phase + 1] + sums[phase])[:, ::-1]
            after = np.logaddexp(after, sum_convolved(later, table.whole[: sums.shape[2]])[:, ::-1])
        follows[phase] = np.where(batch.inside, after - sums[phase], -np.inf)
    return follows


def best_borders(batch: TrackBatch, tables: Sequence[DurationTables], log_first: Floats) -> tuple[Ints, Ints, Bools]:
    """The most probable way to cut up each track (Viterbi).

    Parameters
    ----------
    batch : TrackBatch
        N tracks of up to T steps.
    tables : sequence of P DurationTables
        At least T steps long.
    log_first : ndarray, shape (P,)
        As in `sweep`.

    Returns
    -------
    borders : ndarray of int, shape (P + 1, N)
        Phase j goes from moment ``borders[j]`` to ``borders[j + 1]``; a phase that does not occur has no steps.
    first : ndarray of int, shape (N,)
        Phase at the start.
    divided : ndarray of bool, shape (N,)
        Whether the track ends by division.
    """
    found = sweep(batch, tables, log_first, best=True)
    n_phases = len(tables)
    outcome = found.outcomes.argmax(axis=0)
    divided = outcome == n_phases
    now = np.minimum(outcome, n_phases - 1)
    borders = np.tile(batch.n_steps, (n_phases + 1, 1))
    borders[0] = 0
    until = batch.n_steps.copy()
    first = np.zeros(len(until), np.int64)
    open_ended = ~divided
    running = np.ones(len(until), bool)
    for phase in reversed(range(n_phases)):
        here = np.flatnonzero(running & (now == phase))
        borders[phase + 1, here] = until[here]
        start, starts_here = _best_start(
            batch, tables[phase], phase, log_first, found, here, until[here], open_ended[here]
        )
        first[here[starts_here]] = phase
        running[here[starts_here]] = False
        on = here[~starts_here]
        until[on], now[on], open_ended[on] = start[~starts_here], phase - 1, False
        borders[: phase + 1, here[starts_here]] = 0
    return borders, first, divided


def _best_start(
    batch: TrackBatch,
    table: DurationTables,
    phase: int,
    log_first: Floats,
    found: Sweep,
    rows: Ints,
    until: Ints,
    open_ended: Bools,
) -> tuple[Ints, Bools]:
    """Moment at which the segment that is over at `until` began, and whether that is the start of the track."""
    moments = np.arange(batch.sums.shape[2])
    born, met, born_cut, met_cut = (weight[rows] for weight in first_segment(batch, table, phase, log_first))
    each = np.arange(len(rows))
    at_start = np.where(open_ended, np.maximum(born_cut, met_cut), np.maximum(born, met)[each, until])
    if phase == 0 or not len(rows):
        return np.zeros(len(rows), np.int64), np.ones(len(rows), bool)
    lags = until[:, None] - moments
    length = np.where(open_ended[:, None], table.beyond[np.maximum(lags, 0)], table.whole[np.maximum(lags, 0)])
    weights = np.where(lags >= 0, found.ends[phase - 1, rows] - batch.sums[phase, rows] + length, -np.inf)
    start = weights.argmax(axis=1)
    return start, at_start > weights[each, start]
