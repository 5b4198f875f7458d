"""The semi-Markov model against the sum over all ways to cut up a track, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import logsumexp

from napari_cellcycle.tracking.cycle_model import Census, posterior, take_census
from napari_cellcycle.tracking.durations import DurationTables, PhaseDuration
from napari_cellcycle.tracking.semi_markov import TrackBatch, best_borders, best_convolved, sum_convolved


@dataclass(frozen=True)
class Way:
    """One way to cut up a track: moments between phases, how it starts and ends, and its log-weight."""

    borders: tuple[int, ...]
    born: bool
    divided: bool
    weight: float


def all_ways(
    batch: TrackBatch, tables: list[DurationTables], log_first: NDArray[np.float64], row: int
) -> Iterator[Way]:
    """All of them, by recursion over the phases, with no trick."""
    n_phases, n_steps = len(tables), int(batch.n_steps[row])
    sums = batch.sums[:, row]

    def onwards(phase: int, start: int, weight: float, borders: tuple[int, ...], born: bool) -> Iterator[Way]:
        def fits(end: int) -> float:
            return float(sums[phase, end] - sums[phase, start])

        first = start == 0
        whole = tables[phase].rest if first and not born else tables[phase].whole
        beyond = tables[phase].rest_beyond if first and not born else tables[phase].beyond
        rest = (n_steps,) * (n_phases - phase)
        left = n_steps - start
        cut = weight + fits(n_steps) + beyond[left] + batch.log_cut[row]
        yield Way((*borders, *rest), born, False, cut)
        if phase == n_phases - 1:
            yield Way((*borders, *rest), born, True, weight + fits(n_steps) + whole[left] + batch.log_divides[row])
            return
        for end in range(start + first, n_steps):
            yield from onwards(phase + 1, end, weight + fits(end) + whole[end - start], (*borders, end), born)

    yield from onwards(0, 0, float(batch.log_born[row]), (0,), True)
    for phase in range(n_phases):
        yield from onwards(phase, 0, float(batch.log_met[row] + log_first[phase]), (0,) * (phase + 1), False)


def made_batch(
    seed: int, n_phases: int, lengths: list[int]
) -> tuple[TrackBatch, list[DurationTables], NDArray[np.float64]]:
    random = np.random.default_rng(seed)
    sums = np.zeros((n_phases, len(lengths), max(lengths) + 1))
    sums[:, :, 1:] = np.cumsum(random.normal(0, 2, (n_phases, len(lengths), max(lengths))), axis=2)
    born = random.choice([0.0, 0.4, 1.0], len(lengths))
    cut = np.where(np.array(lengths) > 1, random.choice([0.0, 0.05, 0.3], len(lengths)), 0.05)
    divides = np.where(cut > 0, random.choice([0.0, 1.0], len(lengths)), 1.0)
    with np.errstate(divide="ignore"):
        ends = [np.log(values) for values in (born, 1 - born, divides, cut)]
    laws = [PhaseDuration(random.uniform(0.3, 4), random.uniform(0.2, 0.8)) for _ in range(n_phases)]
    first = random.dirichlet(np.ones(n_phases))
    tables = [DurationTables.of(law, max(lengths)) for law in laws]
    return TrackBatch(sums, np.array(lengths), *ends), tables, np.log(first)


CASES = given(
    seed=st.integers(0, 10_000), n_phases=st.integers(1, 4), lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3)
)


@settings(max_examples=40, deadline=None)
@CASES
def test_forward_backward_is_the_sum_over_all_ways(seed: int, n_phases: int, lengths: list[int]) -> None:
    batch, tables, log_first = made_batch(seed, n_phases, lengths)
    found = posterior(batch, tables, log_first)
    for row, n_steps in enumerate(lengths):
        ways = list(all_ways(batch, tables, log_first, row))
        weights = np.array([way.weight for way in ways])
        total = logsumexp(weights)
        assert found.log_likelihood[row] == pytest.approx(total)
        expected = np.zeros((n_steps, n_phases))
        for way, share in zip(ways, np.exp(weights - total), strict=True):
            for phase in range(n_phases):
                expected[way.borders[phase] : way.borders[phase + 1], phase] += share
        np.testing.assert_allclose(found.phases[row, :n_steps], expected, atol=1e-9)
        shares = np.exp(weights - total)
        assert found.divided[row] == pytest.approx(sum(shares[[way.divided for way in ways]]), abs=1e-9)
        assert found.born[row] == pytest.approx(sum(shares[[way.born for way in ways]]), abs=1e-9)


@settings(max_examples=40, deadline=None)
@CASES
def test_viterbi_finds_the_best_of_all_ways(seed: int, n_phases: int, lengths: list[int]) -> None:
    batch, tables, log_first = made_batch(seed, n_phases, lengths)
    borders, first, divided = best_borders(batch, tables, log_first)
    for row in range(len(lengths)):
        ways = list(all_ways(batch, tables, log_first, row))
        best = max(way.weight for way in ways)
        same = [way for way in ways if way.borders == tuple(borders[:, row]) and way.divided == divided[row]]
        assert max(way.weight for way in same) == pytest.approx(best)
        assert borders[first[row], row] == 0


@settings(max_examples=15, deadline=None)
@CASES
def test_the_census_counts_the_segments_of_all_ways(seed: int, n_phases: int, lengths: list[int]) -> None:
    batch, tables, log_first = made_batch(seed, n_phases, lengths)
    longest = max(lengths)
    census = Census.empty(n_phases, longest)
    take_census(census, batch, tables, log_first, np.zeros(len(lengths)))
    expected = np.zeros((n_phases, 4, longest + 1))
    born = cut = 0.0
    for row, n_steps in enumerate(lengths):
        ways = list(all_ways(batch, tables, log_first, row))
        shares = np.exp(np.array([way.weight for way in ways]) - logsumexp([way.weight for way in ways]))
        for way, share in zip(ways, shares, strict=True):
            born, cut = born + share * way.born, cut + share * (not way.divided)
            first = (
                0
                if way.born
                else max(phase for phase in range(n_phases) if way.borders[phase] == 0 and (way.borders[phase + 1] > 0))
            )
            for phase in range(first, n_phases):
                start, end = way.borders[phase], way.borders[phase + 1]
                if start == n_steps:
                    break
                is_last = end == n_steps
                kind = 2 * (phase == first and not way.born) + (is_last and not way.divided)
                expected[phase, kind, end - start] += share
    for phase, counts in enumerate(census.durations):
        kinds = (counts.whole, counts.beyond, counts.rest, counts.rest_beyond)
        np.testing.assert_allclose(np.stack(kinds), expected[phase], atol=1e-8)
    assert census.born[0] == pytest.approx(born)
    assert census.cut == pytest.approx(cut)


@pytest.mark.parametrize("n_moments", [1, 15, 16, 17, 50])
def test_convolutions_in_blocks_are_those_term_by_term(n_moments: int) -> None:
    random = np.random.default_rng(n_moments)
    values, kernel = random.normal(0, 100, (3, n_moments)), random.normal(0, 20, n_moments)
    values[:, ::3] = -np.inf
    sums, best = sum_convolved(values, kernel), best_convolved(values, kernel)
    for moment in range(n_moments):
        terms = values[:, : moment + 1] + kernel[moment::-1]
        np.testing.assert_allclose(sums[:, moment], logsumexp(terms, axis=1))
        np.testing.assert_allclose(best[:, moment], terms.max(axis=1))


def test_tables_of_durations_are_probabilities() -> None:
    tables = DurationTables.of(PhaseDuration(4, 0.3), 200)
    assert np.exp(tables.whole).sum() == pytest.approx(1, abs=1e-4)
    assert np.exp(tables.rest).sum() == pytest.approx(1, abs=1e-3)
    assert np.exp(tables.beyond[0]) == pytest.approx(1)
    assert np.exp(tables.rest_beyond[1]) == pytest.approx(1)
    assert (np.arange(201) * np.exp(tables.whole)).sum() == pytest.approx(PhaseDuration(4, 0.3).mean, rel=0.02)
