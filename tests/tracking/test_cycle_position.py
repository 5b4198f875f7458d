"""Position in the cycle: of single cells on a closed curve, and of tracks along the mean course."""

from __future__ import annotations

import numpy as np
import pytest
from lineages import MINUTES, Lineage, lineages
from scipy.stats import spearmanr

from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.tracking.course import track_positions
from napari_cellcycle.tracking.cycle_curve import fit_cycle_curve
from napari_cellcycle.tracking.decode import DecodedTracks, decode_tracks


def on_a_loop(n_cells: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True places, features around a bent loop in 12 directions, and unsure calls of three phases."""
    random = np.random.default_rng(seed)
    place = random.random(n_cells)
    turn = 2 * np.pi * place
    loop = np.column_stack([np.cos(turn), np.sin(turn), 0.5 * np.cos(2 * turn)])
    features = loop @ random.normal(0, 1, (3, 12)) + random.normal(0, 0.15, (n_cells, 12))
    logits = -np.abs(place[:, None] * 3 - np.array([0.5, 1.5, 2.5])) * 2 + random.normal(0, 0.7, (n_cells, 3))
    calls = np.exp(logits)
    return place, features, calls / calls.sum(axis=1, keepdims=True)


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Distance around the cycle."""
    return np.abs((one - other + 0.5) % 1 - 0.5)


def test_cells_are_found_on_their_curve() -> None:
    place, features, calls = on_a_loop(1500)
    found = fit_cycle_curve(features, calls).positions(features, calls)
    by_calls = calls @ np.array([1, 3, 5]) / 6
    assert np.median(apart(found, place)) < 0.05 < np.median(apart(by_calls, place))
    assert ((found >= 0) & (found <= 1)).all()


def test_other_cells_are_placed_on_the_same_curve_and_missing_ones_nowhere() -> None:
    place, features, calls = on_a_loop(1500)
    calls[7], features[9] = np.nan, np.nan
    curve = fit_cycle_curve(features[:1000], calls[:1000])
    found = curve.positions(features, calls)
    assert np.flatnonzero(np.isnan(found)).tolist() == [7, 9]
    assert np.nanmedian(apart(found, place)[1000:]) < 0.06


def test_the_order_does_not_hang_on_the_scale_of_features() -> None:
    _, features, calls = on_a_loop(400)
    one, other = (fit_cycle_curve(table, calls).positions(table, calls) for table in (features, features * 1e3 + 7))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_few_cells_are_one_sentence() -> None:
    _, features, calls = on_a_loop(99)
    with pytest.raises(TooFewCellsError, match="at least 100 cells, but there are 99"):
        fit_cycle_curve(features, calls)


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    return lineages(20, 60, 30, gaps=0.05, seed=1)


def calls_of(lineage: Lineage) -> np.ndarray:
    random = np.random.default_rng(0)
    logits = -np.abs(np.arange(7) - lineage.phase[:, None]) * 1.5 + random.normal(0, 1.5, (len(lineage), 7))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def decode(lineage: Lineage, calls: np.ndarray) -> DecodedTracks:
    known = {"parents": lineage.parents, "durations": MINUTES, "minutes_per_frame": 30, "trust": 0.3}
    return decode_tracks(calls, lineage.track, lineage.frame, **known)


def true_places(lineage: Lineage) -> np.ndarray:
    shares = np.array(list(MINUTES.values())) / sum(MINUTES.values())
    return np.append(0, np.cumsum(shares))[lineage.phase] + shares[lineage.phase] * lineage.progress


def test_tracks_advance_from_birth_to_division(lineage: Lineage) -> None:
    calls = calls_of(lineage)
    decoded = decode(lineage, calls)
    found = track_positions(decoded, calls, lineage.track, lineage.frame, lineage.parents)
    assert spearmanr(found, true_places(lineage)).statistic > 0.97
    for track in np.unique(lineage.track):
        rows = np.flatnonzero(lineage.track == track)
        assert (np.diff(found[rows[np.argsort(lineage.frame[rows])]]) >= 0).all()
    whole = sorted(set(lineage.parents) & set(lineage.parents.values()))
    first = [found[lineage.track == track].min() for track in whole]
    last = [found[lineage.track == track].max() for track in whole]
    assert (len(whole) > 3, max(first) < 0.1, min(last) > 0.9) == (True, True, True)


def test_a_signal_that_rises_within_a_phase_tells_where_a_cell_is(lineage: Lineage) -> None:
    """Where a film shows S alone, borders say nothing, but the DNA content does."""
    dna = np.where(lineage.phase == 0, 0, np.where(lineage.phase == 1, np.log2(1 + lineage.progress), 1.0))
    calls = np.full((len(lineage), 7), 0.02) + 0.86 * np.eye(7)[lineage.phase]
    decoded = decode(lineage, calls)
    errors = [
        np.abs(track_positions(decoded, signals, lineage.track, lineage.frame, lineage.parents) - true_places(lineage))
        for signals in (calls, np.column_stack([calls, dna]))
    ]
    in_s = lineage.phase == 1
    assert errors[1][in_s].mean() < 0.8 * errors[0][in_s].mean()


def test_rows_may_have_any_order_and_lack_a_signal(lineage: Lineage) -> None:
    calls = calls_of(lineage)
    decoded = decode(lineage, calls)
    found = track_positions(decoded, calls, lineage.track, lineage.frame, lineage.parents)
    turned = np.random.default_rng(3).permutation(len(lineage))
    again = decode(lineage[turned], calls[turned])
    place = track_positions(again, calls[turned], lineage.track[turned], lineage.frame[turned], lineage.parents)
    np.testing.assert_allclose(place, found[turned])
    calls[::7] = np.nan
    gappy = track_positions(decoded, calls, lineage.track, lineage.frame, lineage.parents)
    assert np.isfinite(gappy).all()
    assert np.abs(gappy - found).mean() < 0.02
    with pytest.raises(SettingError, match="must have"):
        track_positions(decoded, calls[1:], lineage.track, lineage.frame)
