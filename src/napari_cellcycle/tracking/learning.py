"""Learn a population's model from its own tracks, by expectation and maximisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_cellcycle.tracking.cycle_model import Census, CycleModel, learned, posterior, take_census
from napari_cellcycle.tracking.durations import Floats, PhaseDuration
from napari_cellcycle.tracking.semi_markov import Ints
from napari_cellcycle.tracking.track_grid import Evidence

_MOST_ROUNDS = 30
_SETTLED = 0.01
"""Learning ends when no duration changes by more than this share of itself."""
_MOST_STEPS = 60_000
"""Learning looks at tracks of so many steps together; more would make no difference."""
_FIRST_TRUST, _LEAST_TRUST = 1.0, 0.01
_WIDE = 1.0
_FEWEST_PAIRS = 50
_FRAMES_COUNT_FROM_BIRTH = 0.7
"""If no fewer of the tracks that start in the first frame seem to start with a birth, somebody numbered frames from the
birth. In a film hardly any cell is born just then; the few that seem to be would only blur the duration of G1."""


def learn(
    evidence: Evidence, phase_set: Sequence[str], durations: Sequence[PhaseDuration] | None, trust: float | None
) -> CycleModel:
    """Durations of phases and all else that `CycleModel` holds.

    Parameters
    ----------
    evidence : Evidence
        Tracks; of very many, some are drawn.
    phase_set : sequence of P str
        Names in order.
    durations : sequence of P PhaseDuration, optional
        In frames, if they are known.
    trust : float, optional
        Weight of a frame, if it is known.

    Returns
    -------
    CycleModel
    """
    model = _first_guess(evidence, phase_set, durations, trust)
    chosen = _drawn(evidence.grid.n_steps)
    model = _settled(model, evidence, chosen, durations is not None, trust)
    if model.born[0] < _FRAMES_COUNT_FROM_BIRTH:
        model = _in_film(model) if durations else _with_first_phase_by_share(_in_film(model))
        model = _settled(model, evidence, chosen, durations is not None, trust)
    return model


def _settled(model: CycleModel, evidence: Evidence, chosen: Ints, fixed: bool, trust: float | None) -> CycleModel:
    """The model after as many rounds as it takes until it no longer changes."""
    per_step = evidence.grid.frames_per_step
    longest = int(evidence.grid.n_steps[chosen].max())
    never_born = model.born[0] == 0
    for _ in range(_MOST_ROUNDS):
        tables = model.tables(longest, per_step)
        census = Census.empty(len(model.phase_set), longest)
        for numbers in evidence.grid.batches(chosen):
            take_census(census, evidence.batch(numbers, model), tables, model.log_first, evidence.late[numbers])
        before, model = model, learned(model, census, per_step, fixed)
        model = _in_film(model) if never_born else model
        if trust is None:
            model = replace(model, trust=_worth_of_a_frame(evidence, chosen, model))
        if _change(before, model) < _SETTLED:
            break
    return model


def _in_film(model: CycleModel) -> CycleModel:
    """The same, where cells of the first frame were born before it."""
    return replace(model, born=(0.0, model.born[1]))


def _with_first_phase_by_share(model: CycleModel) -> CycleModel:
    """The first phase lasts as long as its share of the frames says: a start for learning from cells met within it."""
    others = model.durations[1:]
    if not others:
        return model
    median = sum(law.median for law in others) * float(model.shares[0] / model.shares[1:].sum())
    return replace(model, durations=(PhaseDuration(median), *others))


def _first_guess(
    evidence: Evidence, phase_set: Sequence[str], durations: Sequence[PhaseDuration] | None, trust: float | None
) -> CycleModel:
    """A model that knows next to nothing: durations in proportion to the calls, and wide."""
    known = evidence.weights > 0
    shares = np.maximum(evidence.probabilities[known].mean(axis=0) if known.any() else 1 / len(phase_set), 1e-3)
    shares = np.broadcast_to(shares / np.sum(shares), len(phase_set))
    span = float(evidence.grid.n_steps.mean()) * evidence.grid.frames_per_step
    wide = [PhaseDuration(max(share * span, 0.5), _WIDE) for share in shares]
    cut_rate = 1 / max(span, 1)
    first = np.full(len(phase_set), 1 / len(phase_set))
    laws = tuple(durations or wide)
    return CycleModel(tuple(phase_set), laws, first, (0.5, 0.5), cut_rate, trust or _FIRST_TRUST, shares)


def _drawn(n_steps: Ints) -> Ints:
    """Tracks to learn from: all, or as many as are enough, drawn at random."""
    order = np.random.default_rng(0).permutation(len(n_steps))
    return order[: max(1, int((np.cumsum(n_steps[order]) <= _MOST_STEPS).sum()))]


def _worth_of_a_frame(evidence: Evidence, chosen: Ints, model: CycleModel) -> float:
    """How many fresh looks a frame is worth: 1 / (1 + 2 x the sum of autocorrelations of the calls' errors).

    An error is the difference from the mean call of the phase: that a network is never quite sure is no error.
    """
    longest = int(evidence.grid.n_steps[chosen].max())
    tables = model.tables(longest, evidence.grid.frames_per_step)
    found = []
    for numbers in evidence.grid.batches(chosen):
        rows, place = evidence.grid.rows_of(numbers)
        step = evidence.grid.step[rows]
        phases = posterior(evidence.batch(numbers, model), tables, model.log_first).phases
        found.append((rows, place, step, phases[place, step], phases.shape[:2]))
    rows, known = np.concatenate([part[0] for part in found]), np.concatenate([part[3] for part in found])
    weighted = known * (evidence.weights[rows] > 0)[:, None]
    usual = weighted.T @ evidence.probabilities[rows] / np.maximum(weighted.sum(axis=0), 1e-9)[:, None]
    products, pairs = np.zeros(longest), np.zeros(longest)
    for rows, place, step, known, shape in found:
        counts = evidence.weights[rows] > 0
        errors, seen = np.zeros((*shape, known.shape[1])), np.zeros((*shape, 1))
        errors[place, step] = (evidence.probabilities[rows] - known @ usual) * counts[:, None]
        seen[place, step, 0] = counts
        products[: shape[1]] += _products_by_lag(errors)
        pairs[: shape[1]] += _products_by_lag(seen)
    return _effective_share(products, pairs)


def _products_by_lag(values: Floats) -> Floats:
    """Sums over tracks and columns of ``values[:, t] * values[:, t + lag]``, from (N, T, K) values."""
    n_steps = values.shape[1]
    spectrum = np.abs(np.fft.rfft(values, 2 * n_steps, axis=1)) ** 2
    return np.fft.irfft(spectrum.sum(axis=(0, 2)), 2 * n_steps)[:n_steps]


def _effective_share(products: Floats, pairs: Floats) -> float:
    """From sums of products of errors by lag, up to the lag at which they no longer go together."""
    usable = pairs > _FEWEST_PAIRS
    if not usable[0] or products[0] <= 0:
        return 1.0
    correlation = np.where(usable, products / np.maximum(pairs, 1) / (products[0] / pairs[0]), 0)[1:]
    together = np.cumprod(correlation > 0.05).astype(bool)
    lags_seen = (pairs / pairs[0])[1:]  # of a lag that only few frames have, as many pairs count
    worth = 1 / (1 + 2 * float((correlation * lags_seen)[together].sum()))
    return max(worth, _LEAST_TRUST)


def _change(before: CycleModel, after: CycleModel) -> float:
    laws = zip(before.durations, after.durations, strict=True)
    by_law = max(abs(np.log(new.median / old.median)) + abs(new.spread - old.spread) / 3 for old, new in laws)
    return float(max(by_law, abs(np.log(after.trust / before.trust)), *np.abs(np.subtract(before.born, after.born))))
