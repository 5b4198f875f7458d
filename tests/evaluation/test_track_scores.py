"""Scores of phases along tracks, against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellcycle.errors import SettingError
from napari_cellcycle.evaluation.track_scores import score_tracks

TRACKS = [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
FRAMES = [0, 1, 2, 3, 4, 5, 0, 2, 4, 6, 0, 1]
TRUTH = [0, 0, 1, 1, 1, 2, 0, 0, 1, 1, 0, 0]
CALLS = [0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1]


def test_scores_are_those_counted_by_hand() -> None:
    scores = score_tracks(TRUTH, CALLS, TRACKS, FRAMES, minutes_per_frame=40)
    assert scores.right_frames == 8 / 12
    assert (scores.n_transitions, scores.n_missed, scores.n_added) == (3, 1, 1)
    assert scores.mean_error_frames == pytest.approx((1 + 2) / 2)  # 2 -> 3 in track 1, 4 -> 2 in track 2
    assert scores.median_error_minutes == pytest.approx(60)
    assert scores.within_hour == pytest.approx(1 / 3)
    assert scores.impossible == 0
    assert scores.to_dict()["n_missed"] == 1


def test_the_order_of_rows_does_not_matter_and_unknown_rows_do_not_count() -> None:
    order = np.random.default_rng(0).permutation(len(TRACKS))
    mixed = score_tracks(*(np.array(column)[order] for column in (TRUTH, CALLS, TRACKS, FRAMES)))
    assert mixed == score_tracks(TRUTH, CALLS, TRACKS, FRAMES)
    assert mixed.within_hour is None
    fewer = score_tracks([*TRUTH, -1], [*CALLS, 0], [*TRACKS, 3], [*FRAMES, 2])
    assert (fewer.right_frames, fewer.impossible) == (8 / 12, 0)


def test_without_truth_there_are_no_scores() -> None:
    with pytest.raises(SettingError, match="no phase is known"):
        score_tracks([-1], [0], [0], [0])
    with pytest.raises(SettingError, match="one entry for each row"):
        score_tracks([0, 1], [0], [0], [0])
    assert np.isnan(score_tracks([0], [0], [0], [0]).mean_error_frames)
