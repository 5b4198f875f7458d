"""Natural frequencies of the phases, as a user writes them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellcycle.errors import SettingError
from napari_cellcycle.evaluation.natural_prevalence import parse_prevalence


def test_named_prevalence_is_the_count_of_bbbc048() -> None:
    shares = parse_prevalence(" BBBC048 ")
    np.testing.assert_allclose(shares * 32266, [14333, 8616, 8601, 606, 68, 15, 27])


def test_a_list_in_any_order_and_spelling() -> None:
    np.testing.assert_allclose(parse_prevalence("telofase=1, G1=3"), [0.75, 0, 0, 0, 0, 0, 0.25])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bbbc047", "'bbbc047', which is neither a phase with a number nor a known name"),
        ("G1=3,Q=1", "'Q=1'"),
        ("G1=3,G1=1", "names G1 twice"),
        ("G1=three", "of G1 is 'three'"),
        ("G1=-1", "of G1 is '-1'"),
        ("G1=nan", "of G1 is 'nan'"),
        ("G1=0", "every phase the share 0"),
        ("", "''"),
    ],
)
def test_what_is_no_prevalence_is_said_in_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(SettingError, match=reason) as caught:
        parse_prevalence(text)
    assert "\n" not in str(caught.value)
