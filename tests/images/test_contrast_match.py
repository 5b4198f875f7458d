"""Samples of other cameras get the contrast of the training cells; those of the same instrument are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.images.contrast_match import fit_contrast, match_contrast, median_contrast
from napari_cellcycle.images.model_input import InputSpec, Normalisation, prepare

PLAIN = InputSpec(("brightfield", "darkfield"), 24, 0.5, (Normalisation("ratio"), Normalisation("spread")))


def recorded(n_cells: int = 40, seed: int = 0) -> NDArray[np.float64]:
    """Raw counts (N, 2, 24, 24): dark and bright rings round cells of many sizes, on a background of 700."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:24, :24] - 11.5
    width = random.uniform(3, 6, (n_cells, 1, 1))
    cell = (
        (1 - (x**2 + y**2) / width**2) * np.exp(-(x**2 + y**2) / width**2) * random.uniform(150, 200, (n_cells, 1, 1))
    )
    noise = random.normal(0, 5, (n_cells, 2, 24, 24))
    return np.stack([700 + cell, 30 + np.abs(cell)], 1) + noise


def prepared(counts: NDArray[np.float64], spec: InputSpec) -> NDArray[np.float32]:
    return prepare([CellImage(cell) for cell in counts], spec)


@pytest.fixture(scope="module")
def fitted() -> InputSpec:
    return fit_contrast(PLAIN, prepared(recorded(), PLAIN))


def test_the_contrast_is_that_of_numpy() -> None:
    images = prepared(recorded(7), PLAIN)
    expected = np.median([np.ptp(np.percentile(image[0], [1, 99])) for image in images])
    assert median_contrast(images)[0] == pytest.approx(expected, rel=1e-5)


def test_only_channels_whose_contrast_counts_have_one(fitted: InputSpec) -> None:
    brightfield, darkfield = fitted.normalisation
    assert 0.1 < brightfield.contrast < 1
    assert darkfield.contrast == 0  # its own spread is taken out anyway


@given(gain=st.floats(0.05, 20), offset=st.floats(-0.5, 5))
def test_gain_and_offset_of_another_camera_cancel_out(gain: float, offset: float) -> None:
    fitted = fit_contrast(PLAIN, prepared(recorded(), PLAIN))
    counts = recorded(seed=1)
    other = gain * (counts + 700 * offset)
    matched, notes = match_contrast(fitted, prepared(other, fitted.unscaled))
    known, _ = match_contrast(fitted, prepared(counts, fitted.unscaled))
    changed = abs(1 / (1 + offset) - 1) > 0.15
    assert not changed or "the contrast of brightfield is" in notes[0]
    if changed:
        assert np.allclose(prepared(other, matched)[:, 0], prepared(counts, known)[:, 0], atol=0.06)


def test_other_cells_of_the_same_instrument_change_nothing(fitted: InputSpec) -> None:
    assert match_contrast(fitted, prepared(recorded(seed=2), fitted.unscaled)) == (fitted, ())


@pytest.mark.parametrize("n_cells", [0, 9])
def test_too_few_cells_tell_nothing(fitted: InputSpec, n_cells: int) -> None:
    other = prepared(recorded(10) + 2000, fitted.unscaled)
    assert match_contrast(fitted, other)[1]
    assert match_contrast(fitted, other[:n_cells]) == (fitted, ())


def test_blank_images_are_not_matched(fitted: InputSpec) -> None:
    blank = np.zeros((20, 2, 24, 24), np.float32)
    assert match_contrast(fitted, blank) == (fitted, ())
    assert match_contrast(fit_contrast(PLAIN, blank), prepared(recorded(), PLAIN))[1] == ()


def test_scales_can_be_taken_out_and_put_in(fitted: InputSpec) -> None:
    scaled = fitted.with_scales([2, 3])
    assert scaled.scales.tolist() == [2, 3]
    assert scaled.unscaled == fitted
    assert replace(fitted.normalisation[0], scale=2.0) == scaled.normalisation[0]
