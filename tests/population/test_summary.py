"""Numbers by sample, against numbers from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.evaluation.phase_fractions import phase_fractions
from napari_cellcycle.events import result_of
from napari_cellcycle.phases import N_PHASES, Phase
from napari_cellcycle.population.embedding import embed, has_umap
from napari_cellcycle.population.summary import Populations, rows_of_phase, summarise_samples
from napari_cellcycle.verdict import DOES_NOT_FIT, Verdict


def calling(phases: Any, **more: Any) -> Prediction:
    chances = np.eye(N_PHASES, dtype=np.float32)[np.asarray(phases, int)]
    sources = np.array([f"a.tif[t={n % 2}]" for n in range(len(phases))])
    return Prediction(sources, np.arange(len(phases)), chances, **more)


def summarise(prediction: Prediction, names: Any, **options: Any) -> Populations:
    return result_of(summarise_samples(prediction, np.array(names), "well", **options))


NAMES = ["A"] * 10 + ["B"] * 4
CALLS = calling([0] * 6 + [1] * 4 + [0, 2, 2, 2], dna_content=np.r_[np.full(10, 2.0), 2, 4, 4, 5].astype(np.float32))


def test_each_sample_has_shares_with_wilson_intervals() -> None:
    first, second = summarise(CALLS, NAMES).samples
    assert (first.name, second.name) == ("A", "B")
    np.testing.assert_allclose(first.called.fractions[:3], [0.6, 0.4, 0])
    np.testing.assert_allclose(second.called.fractions[:3], [0.25, 0, 0.75])
    for sample, n, of, phase in ((first, 6, 10, 0), (second, 3, 4, 2)):
        outside = stats.binomtest(n, of).proportion_ci(method="wilson")
        found = (sample.called.low[phase], sample.called.high[phase])
        assert found == pytest.approx((outside.low, outside.high), abs=1e-6)


def test_dna_content_has_students_interval() -> None:
    sample = summarise(CALLS, NAMES).samples[1]
    outside = stats.ttest_1samp([2, 4, 4, 5], 0).confidence_interval(0.95)
    assert sample.dna_content == pytest.approx((3.75, outside.low, outside.high))


def test_corrected_shares_are_those_of_the_sample_alone() -> None:
    confusion = 90 * np.eye(N_PHASES, dtype=int)
    confusion[0, 1] = 30
    found = summarise(CALLS, NAMES, confusion=confusion, seed=3)
    alone = phase_fractions(calling([0] * 6 + [1] * 4), confusion, seed=3)
    assert found.is_corrected
    np.testing.assert_array_equal(found.samples[0].corrected.fractions, alone.fractions)
    np.testing.assert_array_equal(found.samples[0].corrected.low, alone.low)
    unsure = summarise(replace(CALLS, min_probability=0.5), NAMES, confusion=confusion)
    assert not unsure.is_corrected


def test_few_cells_get_a_wide_interval_and_a_word() -> None:
    found = summarise(calling([0, 0, 1]), ["A"] * 3)
    width = found.samples[0].called.high - found.samples[0].called.low
    assert width[:2].min() > 0.5
    assert "fewer than 30 cells; look at the intervals" in " ".join(found.notes)


@pytest.mark.parametrize("n_cells", [1, 3])
def test_correction_makes_nobody_surer_of_few_cells(n_cells: int) -> None:
    (sample,) = summarise(calling([0] * n_cells), ["A"] * n_cells, confusion=90 * np.eye(N_PHASES, dtype=int)).samples
    outside = stats.binomtest(n_cells, n_cells).proportion_ci(method="wilson")
    assert sample.corrected.fractions[0] == pytest.approx(1)
    assert sample.corrected.low[0] == pytest.approx(outside.low, abs=1e-6)
    assert sample.corrected.high[1] == pytest.approx(1 - outside.low, abs=1e-6)


def test_synthetic_and_unreadable_cells_do_not_count() -> None:
    calls = calling([0, 0, 1, 1], synthetic=np.array([False, True, False, False]))
    calls.probabilities[3] = np.nan
    (sample,) = summarise(calls, ["A"] * 4).samples
    assert sample.called.counts.tolist()[:2] == [1, 1]
    assert sample.called.n_unreadable == 1
    assert sample.rows.tolist() == [0, 2, 3]
    assert any("synthetic cells that are not counted: 1" in note for note in summarise(calls, ["A"] * 4).notes)


def test_a_sample_without_a_phase_has_no_numbers_and_the_others_have() -> None:
    calls = calling([0, 1])
    calls.probabilities[1] = np.nan
    found = summarise(calls, ["A", "B"])
    assert [sample.called is None for sample in found.samples] == [False, True]
    assert found.to_table().query("well == 'B'")["fraction"].isna().all()


@pytest.mark.parametrize("force", [False, True])
def test_where_phases_mean_nothing_shares_are_withheld(force: bool) -> None:
    verdict = Verdict(answer=DOES_NOT_FIT, share_unlike=0.9, reliable=False, reason="", text="it does not fit")
    found = summarise(replace(CALLS, verdict=verdict), NAMES, force=force)
    assert [sample.called is None for sample in found.samples] == [not force] * 2
    assert ("withheld" in found.notes[0]) is not force
    assert found.is_greyed
    assert found.to_table()["fraction"].isna().all() is np.bool_(not force)


def test_labels_can_be_counted_and_it_is_said_which_are_counted() -> None:
    labels = ["Metaphase", "", "unsure", "dead"] + [""] * 10
    drawn = ["by hand", "", "random", "random"] + [""] * 10
    calls = replace(CALLS, columns={"label": np.array(labels), "drawn": np.array(drawn)})
    of_calls, of_labels = summarise(calls, NAMES), summarise(calls, NAMES, of="labels")
    assert of_calls.notes[0] == "3 cells have labels; these fractions are of the calls of the model"
    assert of_labels.samples[0].called.counts[Phase.METAPHASE] == 1
    assert of_labels.samples[1].called is None
    assert of_labels.notes[1].startswith("1 of 3 labelled cells were not drawn at random")
    with pytest.raises(SettingError, match="no cell has a label"):
        summarise(CALLS, NAMES, of="labels")


def test_the_table_has_a_row_for_each_sample_and_phase() -> None:
    found = summarise(CALLS, NAMES)
    table = found.to_table()
    assert table.shape[0] == 2 * N_PHASES
    for sample in found.samples:
        counts = table[table["well"] == sample.name]["count"].tolist()
        assert counts == [len(rows_of_phase(found, sample, phase)) for phase in range(N_PHASES)]
    assert table.query("well == 'B' and phase == 'G2'")["dna_content"].item() == pytest.approx(13 / 3)


# --- the map ---


def clouds(n_cells: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(3 * (np.arange(n_cells) % 3)[:, None], 1, (n_cells, 8)).astype(np.float32)


def test_pca_is_that_of_scikit_learn() -> None:
    from sklearn.decomposition import PCA

    features = clouds(60)
    found = result_of(embed(features))
    outside = PCA(2).fit(features)
    np.testing.assert_allclose(found.positions, outside.transform(features), atol=1e-4)
    assert found.explained == pytest.approx(outside.explained_variance_ratio_, rel=1e-4)
    assert found.axes[0].startswith("PC 1 (")


def test_more_cells_are_placed_on_the_map_of_some() -> None:
    from sklearn.decomposition import PCA

    features = clouds(60)
    outside = PCA(2).fit(features[np.linspace(0, 59, 20).round().astype(int)])
    np.testing.assert_allclose(result_of(embed(features, most=20)).positions, outside.transform(features), atol=1e-4)


def test_cells_that_could_not_be_read_have_no_place() -> None:
    features = clouds(9)
    features[4] = np.nan
    found = result_of(embed(features)).positions
    assert np.isnan(found[4]).all()
    assert np.isfinite(np.delete(found, 4, axis=0)).all()
    with pytest.raises(TooFewCellsError, match="2 cells could be read"):
        result_of(embed(features[3:6]))


@pytest.mark.skipif(has_umap(), reason="umap-learn is installed")
def test_umap_says_what_to_install() -> None:
    with pytest.raises(SettingError, match="pip install"):
        result_of(embed(clouds(9), "umap"))
