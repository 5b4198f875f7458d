"""Gates: where they are put, and what they say of cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stained import made_contents

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import SettingError
from napari_cellcycle.stain.fucci import FucciGates, find_groups
from napari_cellcycle.stain.gates import Gates, find_gates
from napari_cellcycle.stain.histogram_fit import fit_histogram
from napari_cellcycle.stain.measure import Measures
from napari_cellcycle.stain.names import S_G2M_GATES
from napari_cellcycle.stain.quality import ALL_PHASES, G1_ONLY, NOTHING, judge
from napari_cellcycle.stain.result import HALFWAY, gate_dna

GATES = Gates(g1_place=1000, g1_s=2.3, s_g2m=3.6, debris=1.4, clumps=4.8)


def measures_of(dna: np.ndarray, area: object = None, width: float = 30.0) -> Measures:
    n = len(dna)
    area = 400 * np.sqrt(np.abs(dna) / np.median(dna)) if area is None else np.asarray(area, float)
    return Measures(dna, area, dna / 50, np.full(n, width), np.full(n, 0.5), dna / 50, np.ones(n))


def test_gates_are_where_a_cell_is_as_likely_of_both_phases() -> None:
    dna, part = made_contents(20_000, (0.5, 0.3, 0.2), 0.04, seed=0)
    fit = fit_histogram(1000 * dna, n_bootstrap=1)
    gates = find_gates(fit, measures_of(1000 * dna))
    found = gates.apply(measures_of(1000 * dna))
    called = np.array([{"G1": 0, "S": 1, "G2/M": 2}.get(label, 3) for label in found.labels])
    errors = [(called != part).mean()]
    for shift in (-0.06, 0.06):  # no other place of a gate makes clearly fewer mistakes
        for name in ("g1_s", "s_g2m"):
            moved = gates.moved(**{name: getattr(gates, name) + shift}).apply(measures_of(1000 * dna)).labels
            errors.append((np.array([{"G1": 0, "S": 1, "G2/M": 2}.get(label, 3) for label in moved]) != part).mean())
    assert errors[0] < min(errors[1:]) + 0.002
    assert errors[0] < 0.1  # no gates can do better, as S begins in the peaks


def test_the_gate_halfway_between_the_peaks_divides_what_a_wide_peak_hides() -> None:
    dna, part = made_contents(1500, (0.5, 0.3, 0.2), 0.12, seed=0)
    measures = measures_of(1000 * dna)
    cells = Cells.build(ArrayImages(np.zeros((1500, 1, 1, 1))), ("dna",), "a.tif")
    by_fit, halfway = (gate_dna(cells, "dna", measures, s_g2m=where) for where in S_G2M_GATES)
    assert set(by_fit.gated.labels) <= {"G1", "S/G2/M", "debris", "doublet"}
    assert {"G1", "S", "G2/M"} <= set(halfway.gated.labels)
    assert halfway.gates.s_g2m == pytest.approx(1 + halfway.fit.ratio)  # G1 is at 2
    assert halfway.words == (*by_fit.words, HALFWAY)
    assert (halfway.gated.labels[part == 2] == "G2/M").mean() > 0.9


def test_each_cell_gets_its_label_and_its_distance() -> None:
    dna = np.array([300.0, 1000, 1140, 1160, 1500, 1790, 1810, 2000, 5000, np.nan])
    found = GATES.apply(measures_of(dna, np.full(10, 400.0)))
    expected = ["debris", "G1", "G1", "S", "S", "S", "G2/M", "G2/M", "doublet", ""]
    assert found.labels.tolist() == expected
    assert found.sure.tolist() == [True, True, False, False, True, False, False, True, True, False]
    assert found.distance[1] == pytest.approx(1 - 2 / 2.3)
    assert np.isnan(found.distance[[0, 8, 9]]).all()
    assert replace(GATES, margin=0.0).apply(measures_of(dna, np.full(10, 400.0))).sure[:9].all()
    assert GATES.moved(separates_s=False).apply(measures_of(dna)).labels.tolist()[3:8] == ["S/G2/M"] * 5


def test_saturated_cells_are_unsure() -> None:
    measures = measures_of(np.array([1000.0, 2000.0]))
    bright = replace(measures, highest=np.array([50.0, 4095.0]), n_highest=np.array([1.0, 30.0]))
    assert GATES.apply(bright).sure.tolist() == [True, False]


def test_two_cells_of_g1_together_are_a_doublet_but_g2_is_not() -> None:
    dna, _ = made_contents(2000, (0.5, 0.3, 0.2), 0.04, seed=1)
    area = 400 * np.sqrt(dna)
    pairs = np.full(40, 2.0)
    both, areas = np.append(dna, pairs), np.append(area, np.full(40, 1000.0))
    measures = measures_of(1000 * both, areas)
    labels = find_gates(fit_histogram(measures.dna, n_bootstrap=1), measures).apply(measures).labels
    assert (labels[2000:] == "doublet").all()
    assert (labels[:2000] == "doublet").mean() < 0.005


def test_condensed_chromatin_is_mitosis_where_nuclei_are_large_enough() -> None:
    dna, part = made_contents(2000, (0.5, 0.3, 0.2), 0.04, seed=2)
    area, late = 400 * np.sqrt(dna), np.flatnonzero(part == 2)[:20]
    area[late] /= 3
    for width, expected in ((30.0, "M"), (12.0, "G2/M")):
        measures = measures_of(1000 * dna, area, width)
        labels = find_gates(fit_histogram(measures.dna, n_bootstrap=1), measures).apply(measures).labels
        assert (labels[late] == expected).mean() > 0.9


@pytest.mark.parametrize("places", [{"g1_s": 4.0}, {"g1_place": 0.0}, {"debris": float("nan")}, {"clumps": 3.0}])
def test_gates_in_no_order_are_refused(places: dict[str, float]) -> None:
    with pytest.raises(SettingError, match="gates must"):
        GATES.moved(**places)


@pytest.mark.parametrize(
    ("cv", "fractions", "tells", "word"),
    [
        (0.04, (0.5, 0.3, 0.2), ALL_PHASES, ""),
        (0.11, (0.6, 0.2, 0.2), G1_ONLY, "S can't be separated from G1: the peak of G1 has a CV of 1"),
        (0.04, (1.0, 0.0, 0.0), G1_ONLY, "no peak of G2/M stands out"),
    ],
)
def test_the_words_say_what_the_stain_can_tell(
    cv: float, fractions: tuple[float, float, float], tells: str, word: str
) -> None:
    dna, _ = made_contents(3000, fractions, cv, seed=5)
    quality = judge(fit_histogram(dna, n_bootstrap=8))
    assert quality.tells == tells
    assert word in " ".join(quality.words)
    assert bool(quality.words) == bool(word)


def test_a_stain_without_peaks_tells_nothing_and_few_or_saturated_cells_are_said() -> None:
    dna = np.random.default_rng(0).gamma(3, 1, 150)
    quality = judge(fit_histogram(dna, n_bootstrap=1), saturated_share=0.5)
    assert quality.tells == NOTHING
    assert quality.words[0].startswith("no phase can be determined from this stain")
    outside = judge(fit_histogram(made_contents(500, (0.5, 0.3, 0.2), 0.04, 0)[0], n_bootstrap=1), 0.0, 0.6)
    assert outside.tells == NOTHING
    assert "as 60% of the cells have far less or more of it" in outside.words[0]
    assert any("150 cells are few" in words for words in quality.words)
    assert any("50% of the cells are brighter" in words for words in quality.words)


def test_fucci_cells_are_gated_by_both_stains() -> None:
    chance = np.random.default_rng(3)
    g1_on, later_on = np.repeat([True, True, False, False], 500), np.repeat([False, True, True, False], 500)
    g1, later = (np.exp(chance.normal(np.where(on, 9, 6), 0.3)) for on in (g1_on, later_on))
    groups = [find_groups(signal) for signal in (g1, later)]
    assert [group.words("Cdt1") for group in groups] == [[], []]
    assert [group.share for group in groups] == pytest.approx([0.5, 0.5], abs=0.02)
    found = FucciGates(g1=groups[0].threshold, s_g2m=groups[1].threshold).apply(g1, later)
    assert found.labels[::500].tolist() == ["G1", "S", "S/G2/M", "G1"]
    assert found.sure.reshape(4, 500).mean(axis=1).round(1).tolist() == [1, 1, 1, 0]


def test_a_stain_of_one_group_is_said() -> None:
    one = np.exp(np.random.default_rng(4).normal(6, 0.3, 400))
    assert "Cdt1 does not divide the cells" in find_groups(one).words("Cdt1")[0]


@pytest.mark.parametrize("change", [{"g1_place": np.inf}, {"area_excess": np.nan}, {"g1_s": np.nan}])
def test_a_gate_is_a_finite_number(change: dict[str, float]) -> None:
    with pytest.raises(SettingError, match="gates must"):
        replace(GATES, **change)
