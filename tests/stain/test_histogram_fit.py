"""Fits of DNA histograms whose fractions are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stained import made_contents

from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.stain.histogram_fit import fit_histogram
from napari_cellcycle.stain.names import MODELS, WATSON


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fractions", [(0.5, 0.3, 0.2), (0.2, 0.2, 0.6), (0.85, 0.1, 0.05)])
def test_known_fractions_are_found(model: str, fractions: tuple[float, float, float]) -> None:
    dna, _ = made_contents(5000, fractions, 0.05, seed=1)
    fit = fit_histogram(1e5 * dna, model, n_bootstrap=1)
    assert fit.fractions == pytest.approx(fractions, abs=0.04)
    assert fit.g1_place == pytest.approx(1e5, rel=0.01)
    assert fit.cv == pytest.approx(0.05, abs=0.006)
    assert fit.ratio == pytest.approx(1.95, abs=0.03)
    assert fit.fractions.sum() == pytest.approx(1)


@settings(max_examples=5, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    cv=st.floats(0.025, 0.075),
    ratio=st.floats(1.85, 2.05),
    g1=st.floats(0.3, 0.7),
    of_rest=st.floats(0.3, 0.7),
)
def test_dean_jett_fox_finds_the_fractions_of_any_usual_culture(
    seed: int, cv: float, ratio: float, g1: float, of_rest: float
) -> None:
    fractions = (g1, (1 - g1) * of_rest, (1 - g1) * (1 - of_rest))
    dna, _ = made_contents(4000, fractions, cv, seed, ratio=ratio)
    fit = fit_histogram(dna, n_bootstrap=1)
    assert fit.fractions == pytest.approx(fractions, abs=0.07)
    assert (fit.g1_place, fit.ratio) == (pytest.approx(1, rel=0.02), pytest.approx(ratio, abs=0.06))


def test_two_peaks_without_s_agree_with_a_gaussian_mixture() -> None:
    from sklearn.mixture import GaussianMixture

    dna, _ = made_contents(3000, (0.7, 0.0, 0.3), 0.05, seed=3)
    fit = fit_histogram(dna, n_bootstrap=1)
    outside = GaussianMixture(2, random_state=0).fit(dna[:, None])
    means = outside.means_.ravel()
    assert fit.g1_place == pytest.approx(means.min(), rel=0.005)
    assert fit.g2_place == pytest.approx(means.max(), rel=0.005)
    assert fit.fractions[0] == pytest.approx(outside.weights_[means.argmin()], abs=0.01)


def test_a_wave_through_s_is_told_from_the_peaks() -> None:
    chance = np.random.default_rng(0)
    dna, _ = made_contents(4000, (0.6, 0.1, 0.3), 0.03, seed=0)
    wave = chance.normal(1.45, 0.08, 3000) * (1 + 0.03 * chance.standard_normal(3000))
    fit = fit_histogram(np.append(dna, wave), n_bootstrap=1)
    assert fit.fractions == pytest.approx([2400 / 7000, 3400 / 7000, 1200 / 7000], abs=0.03)


def test_debris_and_clumps_are_in_no_fraction() -> None:
    chance = np.random.default_rng(1)
    dna, _ = made_contents(3000, (0.5, 0.3, 0.2), 0.05, seed=2)
    dirt = np.concatenate([chance.exponential(0.25, 600), chance.uniform(3, 5, 100), [np.nan, -3.0, 0.0]])
    fit = fit_histogram(np.append(dna, dirt), n_bootstrap=1)
    assert fit.fractions == pytest.approx([0.5, 0.3, 0.2], abs=0.04)
    assert fit.curves.debris.sum() > 20


@pytest.mark.parametrize("model", MODELS)
def test_intervals_hold_the_value_are_wider_for_fewer_cells_and_repeat_with_the_seed(model: str) -> None:
    dna, _ = made_contents(3000, (0.5, 0.3, 0.2), 0.05, seed=4)
    many, few = (fit_histogram(each, model, n_bootstrap=4) for each in (dna, dna[:150]))
    for fit in (many, few):
        assert (fit.low <= fit.fractions).all()
        assert (fit.fractions <= fit.high).all()
    assert (few.high - few.low).sum() > 1.5 * (many.high - many.low).sum()
    np.random.default_rng().random(7)
    again = fit_histogram(dna[:150], model, n_bootstrap=4)
    assert (again.low == few.low).all()
    assert (fit_histogram(dna[:150], model, seed=1, n_bootstrap=4).low != few.low).any()


def test_too_few_cells_are_a_sentence() -> None:
    with pytest.raises(TooFewCellsError, match="a DNA histogram of 19 cells can't be fitted; give at least 20"):
        fit_histogram(np.append(np.ones(19), [np.nan, 0]), WATSON)


def test_few_cells_are_not_taken_for_debris_of_a_second_peak() -> None:
    dna, _ = made_contents(45, (0.6, 0.25, 0.15), 0.1, seed=4)  # by likelihood alone G1 would be at 1.67
    assert fit_histogram(dna, n_bootstrap=1).g1_place == pytest.approx(1, abs=0.15)
