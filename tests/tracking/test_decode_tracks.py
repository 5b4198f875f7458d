"""`decode_tracks` as users call it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import napari_cellcycle as cc
from napari_cellcycle.errors import SettingError
from napari_cellcycle.tracking.decode import DecodedTracks, decode_tracks
from napari_cellcycle.tracking.durations import PhaseDuration

TWO = ("G1", "S/G2/M")
THREE = ("G1", "S", "G2/M")
MEDIANS = np.array([20.0, 15.0, 8.0])


def calls_of(phases: NDArray[np.int64], n_phases: int, seed: int = 0, right: float = 0.75) -> NDArray[np.float64]:
    """Calibrated calls of independent frames: as sure as they are often right."""
    random = np.random.default_rng(seed)
    wrong = random.random(len(phases)) > right
    said = np.where(wrong, (phases + random.integers(1, max(n_phases, 2), len(phases))) % n_phases, phases)
    return np.where(np.eye(n_phases, dtype=bool)[said], right, (1 - right) / max(n_phases - 1, 1))


def made_film(n_cells: int, n_frames: int, seed: int = 0) -> tuple[NDArray[np.int64], ...]:
    """Track, frame, phase and mother of cells that divide; most are met within their cycle and cut off by the end."""
    random = np.random.default_rng(seed)
    rows: list[tuple[int, int, int, int]] = []
    cells = [(-1, 0, True)] * n_cells
    for track, (mother, start, met) in enumerate(cells):
        ends = np.cumsum(MEDIANS * random.lognormal(0, 0.2, 3))
        begin = start - random.uniform(0, ends[-1]) if met else float(start)
        frames = np.arange(start, min(n_frames, int(np.ceil(begin + ends[-1]))))
        phases = np.minimum(np.searchsorted(ends, frames - begin, side="right"), 2)
        rows += [(track, frame, phase, mother) for frame, phase in zip(frames, phases, strict=True)]
        if len(frames) and frames[-1] + 1 < n_frames:
            cells += [(track, int(frames[-1]) + 1, False)] * 2
    return tuple(np.array(rows).T)


@cache
def decoded_film(**settings: Any) -> tuple[NDArray[np.int64], DecodedTracks]:
    track, frame, phase, mother = made_film(60, 60)
    return phase, decode_tracks(calls_of(phase, 3), track, frame, THREE, **{"parents": mother, **settings})


def test_more_frames_are_right_and_none_runs_back() -> None:
    phase, decoded = decoded_film()
    track, frame, *_ = made_film(60, 60)
    assert (calls_of(phase, 3).argmax(axis=1) == phase).mean() < 0.78
    assert (decoded.phases == phase).mean() > 0.95
    assert decoded.impossible_before > 500
    assert decoded.impossible_after == 0
    order = np.lexsort((frame, track))
    back = np.diff(decoded.phases[order].astype(int)) < 0
    assert not (back & (np.diff(track[order]) == 0)).any()


def test_durations_are_learned_from_cells_that_were_cut_off() -> None:
    _, decoded = decoded_film(minutes_per_frame=10)
    for law, median in zip(decoded.model.durations, MEDIANS, strict=True):
        assert law.median == pytest.approx(median, rel=0.12)
        assert law.spread == pytest.approx(0.2, abs=0.1)
    curve = decoded.durations["S"]
    assert curve.n_cut > 10
    assert curve.median_interval[0] <= 150 <= curve.median_interval[1]


def test_births_and_divisions_are_found_where_they_are_not_given() -> None:
    track, frame, phase, _ = made_film(60, 60)
    decoded = decode_tracks(calls_of(phase, 3), track, frame, THREE)
    assert decoded.model.born[0] == 0
    assert decoded.model.born[1] > 0.9
    assert (decoded.phases == phase).mean() > 0.95


def test_intervals_hold_the_true_transition_as_often_as_they_say() -> None:
    track, frame, phase, mother = made_film(150, 60, seed=1)
    decoded = decode_tracks(calls_of(phase, 3), track, frame, THREE, mother)
    found = decoded.transitions
    true = {
        (name, after): frame[(track == name) & (phase == after)].min(initial=10_000)
        for name in np.unique(found.track)
        for after in (1, 2)
    }
    frames = np.array([true[name, after] for name, after in zip(found.track, found.after, strict=True)])
    held = (found.low <= frames) & (frames <= found.high)
    assert 0.9 < held.mean() <= 1
    assert (found.low <= found.frame).mean() > 0.99


def test_the_order_of_rows_does_not_matter() -> None:
    track, frame, phase, mother = made_film(20, 40)
    calls = calls_of(phase, 3)
    order = np.random.default_rng(3).permutation(len(track))
    straight = decode_tracks(calls, track, frame, THREE, mother)
    mixed = decode_tracks(calls[order], track[order], frame[order], THREE, mother[order])
    np.testing.assert_array_equal(mixed.phases, straight.phases[order])
    np.testing.assert_allclose(mixed.posterior, straight.posterior[order], atol=1e-9)
    named = decode_tracks(calls, [f"cell {number}" for number in track], frame, THREE)
    assert named.transitions.track[0].startswith("cell ")


def test_a_division_ties_mother_and_daughters() -> None:
    unsure = np.full((9, 2), 0.5)
    tracks, frames = np.repeat([1, 2, 3], 3), np.array([0, 1, 2, 3, 4, 5, 3, 4, 5])
    for method in ("posterior", "viterbi"):
        decoded = decode_tracks(
            unsure, tracks, frames, TWO, {2: [1], 3: 1}, durations={"G1": 2, "S/G2/M": 2}, trust=1, method=method
        )
        assert decoded.phases[2] == 1
        assert decoded.phases[3] == decoded.phases[6] == 0
        assert decoded.posterior[2, 1] == pytest.approx(1)
        assert decoded.posterior[3, 0] == pytest.approx(1)


def test_mothers_and_daughters_outside_the_rows_count_too() -> None:
    settings = {"durations": {"G1": 2, "S/G2/M": 2}, "trust": 1}
    decoded = decode_tracks(np.full((4, 2), 0.5), [7] * 4, range(4), TWO, {7: 1, 8: 7, 9: 7}, **settings)  # type: ignore[arg-type]
    assert decoded.phases[[0, 3]].tolist() == [0, 1]
    np.testing.assert_allclose(decoded.posterior[[0, 3]], [[1, 0], [0, 1]], atol=1e-9)


def test_a_short_phase_is_skipped_only_where_frames_are_far_apart() -> None:
    calls = np.array([[0.98, 0.01, 0.01]] * 3 + [[0.01, 0.01, 0.98]] * 3)
    durations = {"G1": PhaseDuration(6), "S": PhaseDuration(4, 0.2), "G2/M": PhaseDuration(6)}
    near = decode_tracks(calls, [1] * 6, range(6), THREE, durations=durations, trust=1)
    far = decode_tracks(calls, [1] * 6, [0, 1, 2, 8, 9, 10], THREE, durations=durations, trust=1)
    assert near.phases.tolist() != [0, 0, 0, 2, 2, 2]
    assert far.phases.tolist() == [0, 0, 0, 2, 2, 2]
    assert far.transitions.before.tolist() == [0, 1]  # between the frames there was time for S
    assert ((far.transitions.frame > 2) & (far.transitions.frame <= 8)).all()


def test_frames_without_a_call_and_unfamiliar_ones_count_little() -> None:
    calls = np.array([[0.9, 0.1]] * 4 + [[0.001, 0.999]] + [[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 8)
    settings: Any = {"phase_set": TWO, "durations": {"G1": 8, "S/G2/M": 8}, "trust": 1}
    flagged = np.arange(17) == 4
    plain = decode_tracks(calls, [0] * 17, range(17), **settings)
    unfamiliar = decode_tracks(calls, [0] * 17, range(17), unfamiliar=flagged, **settings)
    missing = decode_tracks(np.where(flagged[:, None], np.nan, calls), [0] * 17, range(17), **settings)
    dropped = decode_tracks(calls[~flagged], [0] * 16, np.arange(17)[~flagged], **settings)
    assert plain.posterior[4, 0] < unfamiliar.posterior[4, 0] < missing.posterior[4, 0]
    np.testing.assert_allclose(missing.posterior[~flagged], dropped.posterior, atol=1e-9)
    assert (missing.impossible_before, plain.impossible_before) == (0, 1)


def test_frames_that_err_together_count_less() -> None:
    random = np.random.default_rng(0)
    track, frame, phase, mother = made_film(60, 60)
    alone = decode_tracks(calls_of(phase, 3), track, frame, THREE, mother)
    blocks = frame // 8 + 1000 * track  # all frames of a block err the same way
    _, block = np.unique(blocks, return_inverse=True)
    wrong = (random.random(block.max() + 1) > 0.75)[block]
    said = np.where(wrong, (phase + 1 + random.integers(0, 2, block.max() + 1)[block]) % 3, phase)
    together = decode_tracks(np.where(np.eye(3, dtype=bool)[said], 0.75, 0.125), track, frame, THREE, mother)
    assert alone.model.trust > 0.7
    assert together.model.trust < 0.4


def test_a_model_decodes_other_tracks() -> None:
    _, decoded = decoded_film()
    track, frame, phase, mother = made_film(30, 60, seed=5)
    again = decode_tracks(calls_of(phase, 3), track, frame, THREE, mother, model=decoded.model)
    assert again.model is decoded.model
    assert (again.phases == phase).mean() > 0.94
    with pytest.raises(cc.SettingError, match="not G1, S/G2/M; learn one for these"):
        decode_tracks(np.full((2, 2), 0.5), [0, 0], [0, 1], TWO, model=decoded.model)


def test_the_seven_phases_are_the_default_and_tables_have_their_names() -> None:
    phase = np.repeat(np.arange(7), [12, 9, 8, 2, 2, 2, 2])
    decoded = cc.decode_tracks(calls_of(phase, 7, right=0.9), [4] * 37, np.arange(37), minutes_per_frame=5)
    table = decoded.transition_table()
    assert list(decoded.names[[0, -1]]) == ["G1", "Telophase"]
    assert table.columns.tolist() == [
        "track", "before", "after", "frame", "frame_low", "frame_high", "minutes", "minutes_low", "minutes_high",
    ]  # fmt: skip
    assert (table["minutes"] == 5 * table["frame"]).all()
    np.testing.assert_allclose(decoded.posterior.sum(axis=1), 1)


@pytest.mark.parametrize("n_frames", [1, 2])
def test_the_shortest_tracks_are_decoded(n_frames: int) -> None:
    decoded = decode_tracks(np.full((n_frames, 2), 0.5), [1] * n_frames, range(n_frames), TWO, {1: 0, 2: 1})
    assert len(decoded.phases) == n_frames
    nothing = decode_tracks(np.full((n_frames, 2), np.nan), [1] * n_frames, range(n_frames), TWO)
    assert np.isfinite(nothing.posterior).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"probabilities": np.ones((4, 3))}, r"shape \(4, 3\), but must have one row .* and 2 columns \(G1, S/G2/M\)"),
        ({"probabilities": -np.ones((4, 2))}, "must not be negative"),
        ({"tracks": [1, 1, 1]}, r"tracks have the shape \(3,\), but there are 4 rows"),
        ({"frames": [0, 1, 1, 2]}, "track 1 has frame 1 twice"),
        ({"frames": [0, 1, 1.5, 2]}, "frames must be whole numbers"),
        ({"frames": ["a", "b", "c", "d"]}, "frames must be whole numbers"),
        ({"frames": [0, 1, 2, 10**9 + 1]}, "track 1 goes over 1000000002 frames"),
        ({"tracks": [1, 1, 2, 2], "parents": {1: 2}}, "track 1 starts before its parent 2 ends"),
        ({"durations": {"G1": 3}}, "durations must give a number above 0 for each of G1, S/G2/M"),
        ({"minutes_per_frame": 0}, "minutes_per_frame is 0"),
        ({"trust": 2}, "trust is 2"),
        ({"method": "best"}, "method is 'best'"),
        ({"phase_set": ("G1", "G1")}, "has a name twice"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, Any], message: str) -> None:
    given = {"probabilities": np.full((4, 2), 0.5), "tracks": [1] * 4, "frames": range(4), "phase_set": TWO, **changed}
    with pytest.raises(cc.SettingError, match=message):
        decode_tracks(**given)


def test_what_a_person_says_counts_more_than_all_calls() -> None:
    calls = np.tile([0.99, 0.01], (20, 1))
    known = np.full(20, -1)
    known[12] = 1
    decoded = decode_tracks(
        calls, [1] * 20, range(20), ("G1", "S/G2/M"), known=known, durations={"G1": 20, "S/G2/M": 20}, trust=0.05
    )
    assert decoded.phases.tolist()[12:] == [1] * 8
    assert decoded.posterior[12, 1] > 0.999
    with pytest.raises(SettingError, match="known has the phase 2"):
        decode_tracks(calls, [1] * 20, range(20), ("G1", "S/G2/M"), known=known * 2)
