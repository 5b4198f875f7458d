"""Kaplan-Meier against a published example."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellcycle.tracking.survival import kaplan_meier

# weeks to relapse with 6-mercaptopurine, Freireich et al. 1963 (Gehan's leukaemia data; + is cut off)
WEEKS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSE = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_the_curve_of_freireich_1963() -> None:
    """Shares as in Kleinbaum and Klein, Survival Analysis, table 2.1; the band as R's survfit gives it (log-log)."""
    curve = kaplan_meier(WEEKS, RELAPSE)
    at = dict(zip(curve.times.tolist(), curve.share.tolist(), strict=True))
    expected = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
    assert {time: round(at[time], 4) for time in expected} == expected
    assert curve.median == 23
    low, high = (dict(zip(curve.times.tolist(), band.tolist(), strict=True)) for band in (curve.low, curve.high))
    assert (low[6], high[6]) == pytest.approx((0.6197, 0.9516), abs=1e-3)
    assert curve.median_interval[0] == 13
    assert np.isnan(curve.median_interval[1])
    assert (curve.n_ended, curve.n_cut) == (9, 12)


def test_without_an_end_nothing_is_known() -> None:
    curve = kaplan_meier([3, 4], [False, False])
    assert np.isnan(curve.median)
    assert (curve.n_ended, curve.n_cut, len(curve.times)) == (0, 2, 0)
