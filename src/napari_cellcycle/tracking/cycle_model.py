"""What is learned of a population of cells from its tracks: durations of phases, births, divisions, trust in calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from napari_cellcycle.tracking.durations import DurationCounts, DurationTables, Floats, PhaseDuration, fit_duration
from napari_cellcycle.tracking.semi_markov import Sweep, TrackBatch, first_segment, sweep, sweep_back

_PSEUDO = 0.5
"""Tracks of each kind that are taken for seen before any is."""


@dataclass(frozen=True, eq=False)
class CycleModel:
    """What the decoding knows of a population. It can be learned on some tracks and used on others.

    Attributes
    ----------
    phase_set : tuple of str
        The P phases in order.
    durations : tuple of P PhaseDuration
        In frames.
    first : ndarray, shape (P,)
        Share of each phase at the start of tracks that don't start with the birth of their cell.
    born : tuple of 2 float
        Share of tracks that start with the birth of their cell, where this is not given: of those that start in the
        first frame of the film, and of the others.
    cut_rate : float
        How often a track ends without division, per frame.
    trust : float
        Weight of a frame, from 0 to 1: neighbouring frames err together, so a frame is worth less than a fresh look.
    shares : ndarray, shape (P,)
        Share of each phase that the calls have built in: their mean probabilities.
    """

    phase_set: tuple[str, ...]
    durations: tuple[PhaseDuration, ...]
    first: Floats
    born: tuple[float, float]
    cut_rate: float
    trust: float
    shares: Floats

    def tables(self, n_steps: int, frames_per_step: int) -> tuple[DurationTables, ...]:
        """Duration tables of all phases on a time grid."""
        return tuple(DurationTables.of(law.scaled(1 / frames_per_step), n_steps) for law in self.durations)

    @property
    def log_first(self) -> Floats:
        """Logarithms of `first`."""
        return np.log(self.first)


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of a batch of N tracks when all frames are taken into account.

    Attributes
    ----------
    phases : ndarray, shape (N, T, P)
        Probability of each phase at each step.
    borders : ndarray, shape (P - 1, N, T + 1)
        Probability that phase j ends, and the next begins, at a moment.
    log_likelihood : ndarray, shape (N,)
        Of each track.
    born, divided : ndarray, shape (N,)
        Probability that a track starts with the birth of its cell, and that it ends by its division.
    """

    phases: Floats
    borders: Floats
    log_likelihood: Floats
    born: Floats
    divided: Floats


def posterior(batch: TrackBatch, tables: Sequence[DurationTables], log_first: Floats) -> Posterior:
    """Forward-backward: probabilities of phases and of the moments between them.

    Parameters
    ----------
    batch : TrackBatch
        N tracks of up to T steps.
    tables : sequence of P DurationTables
        At least T steps long.
    log_first : ndarray, shape (P,)
        Logarithms of `CycleModel.first`.

    Returns
    -------
    Posterior
    """
    forward, follows = sweep(batch, tables, log_first), sweep_back(batch, tables)
    total = logsumexp(forward.outcomes, axis=0)
    borders = np.exp(forward.ends[:-1] + follows[1:] - total[:, None])
    # a track starts in a phase up to j if it crosses the border j -> j + 1, or ends before it
    ended = np.cumsum(np.exp(forward.cut - total), axis=0)[:-1]
    over = np.cumsum(borders, axis=2)[:, :, :-1]
    reached = (ended + borders.sum(axis=2))[:, :, None] - over  # P(phase <= j)
    n_tracks, n_steps = reached.shape[1:] if len(tables) > 1 else (len(total), batch.sums.shape[2] - 1)
    upto = np.concatenate([np.zeros((1, n_tracks, n_steps)), reached, np.ones((1, n_tracks, n_steps))])
    phases = np.clip(np.diff(upto, axis=0), 0, 1).transpose(1, 2, 0)
    counts = DurationCounts.none(n_steps)
    _, born = _count_first(counts, batch, tables[0], 0, log_first, follows, total, len(tables) == 1)
    return Posterior(phases, borders, total, born, np.exp(forward.divided - total))


@dataclass(eq=False)
class Census:
    """Expected counts over tracks, from which the next model is learned."""

    durations: list[DurationCounts]
    first: Floats
    born: Floats
    not_born: Floats
    cut: float = 0.0
    n_steps: float = 0.0

    @classmethod
    def empty(cls, n_phases: int, n_steps: int) -> Census:
        """Of no tracks."""
        durations = [DurationCounts.none(n_steps) for _ in range(n_phases)]
        return cls(durations, np.zeros(n_phases), np.zeros(2), np.zeros(2))


def take_census(
    census: Census, batch: TrackBatch, tables: Sequence[DurationTables], log_first: Floats, late: Floats
) -> None:
    """Add the segments of a batch to the expected counts.

    Parameters
    ----------
    census : Census
        Counts that grow.
    batch : TrackBatch
        N tracks.
    tables : sequence of P DurationTables
        Of the model so far.
    log_first : ndarray, shape (P,)
        Of the model so far.
    late : ndarray, shape (N,)
        1 for tracks that start later than the film; 0 for others; NaN for those whose start is known.
    """
    forward, follows = sweep(batch, tables, log_first), sweep_back(batch, tables)
    total = logsumexp(forward.outcomes, axis=0)
    census.cut += float(np.exp(forward.cut - total).sum())
    census.n_steps += float(batch.n_steps.sum())
    born_tracks = np.zeros(len(total))
    for phase, table in enumerate(tables):
        counts = census.durations[phase]
        met, born = _count_first(counts, batch, table, phase, log_first, follows, total, phase == len(tables) - 1)
        census.first[phase] += met
        born_tracks += born
        if phase:
            _count_later(counts, batch, table, phase, forward, follows, total, phase == len(tables) - 1)
    for group in (0, 1):
        here = late == group
        census.born[group] += born_tracks[here].sum()
        census.not_born[group] += (1 - born_tracks[here]).sum()


def _count_first(
    counts: DurationCounts,
    batch: TrackBatch,
    table: DurationTables,
    phase: int,
    log_first: Floats,
    follows: Floats,
    total: Floats,
    last: bool,
) -> tuple[float, Floats]:
    """Count first segments; tracks without birth that start in this phase, and probability of birth of each track."""
    born, met, born_cut, met_cut = first_segment(batch, table, phase, log_first)
    end = batch.n_steps
    if last:
        ending = (batch.totals[phase] + batch.log_divides)[:, None]
        after = np.where(np.arange(batch.sums.shape[2]) == end[:, None], ending, -np.inf)
    else:
        after = batch.sums[phase] + follows[phase + 1]
    open_end = batch.totals[phase] + batch.log_cut - total
    whole, rest = (np.exp(weight + after - total[:, None]) for weight in (born, met))
    beyond, rest_beyond = np.exp(born_cut + open_end), np.exp(met_cut + open_end)
    counts.whole[: whole.shape[1]] += whole.sum(axis=0)
    counts.rest[: rest.shape[1]] += rest.sum(axis=0)
    np.add.at(counts.beyond, end, beyond)
    np.add.at(counts.rest_beyond, end, rest_beyond)
    return float(rest.sum() + rest_beyond.sum()), whole.sum(axis=1) + beyond


def _count_later(
    counts: DurationCounts,
    batch: TrackBatch,
    table: DurationTables,
    phase: int,
    forward: Sweep,
    follows: Floats,
    total: Floats,
    last: bool,
) -> None:
    """Count segments that begin within their tracks."""
    begun = forward.ends[phase - 1] - batch.sums[phase] - total[:, None]
    to_end = begun + batch.totals[phase][:, None]
    np.add.at(counts.beyond, batch.left, np.exp(to_end + table.beyond[batch.left] + batch.log_cut[:, None]))
    if last:
        divided = np.exp(to_end + table.whole[batch.left] + batch.log_divides[:, None])
        np.add.at(counts.whole, batch.left, divided)
        return
    after = np.ascontiguousarray((batch.sums[phase] + follows[phase + 1]).T)
    begun = np.ascontiguousarray(begun.T)
    for lag in range(len(begun)):
        counts.whole[lag] += np.exp(begun[: len(begun) - lag] + after[lag:] + table.whole[lag]).sum()


def learned(model: CycleModel, census: Census, frames_per_step: int, fixed: bool) -> CycleModel:
    """The model that explains the counts best.

    Parameters
    ----------
    model : CycleModel
        The model so far.
    census : Census
        Counts under it.
    frames_per_step : int
        Of the time grid.
    fixed : bool
        Whether the durations are given and stay.

    Returns
    -------
    CycleModel
    """
    durations = model.durations
    if not fixed:
        durations = tuple(
            fit_duration(counts, law.scaled(1 / frames_per_step)).scaled(frames_per_step)
            for counts, law in zip(census.durations, durations, strict=True)
        )
    first = census.first + _PSEUDO
    born = (census.born + _PSEUDO) / (census.born + census.not_born + 2 * _PSEUDO)
    return replace(
        model,
        durations=durations,
        first=first / first.sum(),
        born=(float(born[0]), float(born[1])),
        cut_rate=(census.cut + _PSEUDO) / census.n_steps / frames_per_step,
    )
