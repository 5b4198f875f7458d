"""Objects are matched one to one by their overlap."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellcycle.errors import ImageError
from napari_cellcycle.evaluation.object_f1 import ObjectMatch, match_objects, object_f1


def strip(*runs: tuple[int, int]) -> np.ndarray:
    """Labels on one line: (number, length), one after the other."""
    return np.concatenate([np.full(length, number) for number, length in runs])[None]


def test_counts_of_a_case_made_by_hand() -> None:
    truth = strip((1, 10), (0, 5), (2, 10), (0, 5), (3, 10), (0, 5), (4, 4))
    # one shifted to an IoU of 0.67, one cut in halves, one missed, the last exact
    found = strip((0, 2), (7, 10), (0, 3), (9, 5), (5, 5), (0, 5), (0, 11), (8, 3), (0, 1), (6, 4))
    assert match_objects(found, truth) == ObjectMatch(n_found=5, n_true=4, n_matched=3)
    assert object_f1(found, truth) == pytest.approx(2 * 3 / 9)
    assert match_objects(found, truth, iou=0.7).n_matched == 1


def test_half_of_an_object_has_an_overlap_of_exactly_one_half_and_counts_once() -> None:
    truth = strip((1, 10))
    assert match_objects(strip((1, 5), (2, 5)), truth) == ObjectMatch(2, 1, 1)


def test_numbers_don_t_matter_and_nothing_matches_nothing() -> None:
    truth = strip((1, 3), (0, 2), (2, 3))
    assert object_f1(truth * 1000, truth) == 1
    assert object_f1(truth * 0, truth) == 0
    assert object_f1(truth * 0, truth * 0) == 1


def test_counts_of_fields_add_up() -> None:
    assert (ObjectMatch(3, 4, 2) + ObjectMatch(1, 0, 0)).f1 == pytest.approx(4 / 8)


def test_labels_of_another_image_are_refused() -> None:
    with pytest.raises(ImageError, match="can't be compared"):
        object_f1(np.zeros((2, 3), int), np.zeros((3, 2), int))
