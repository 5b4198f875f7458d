"""Purity: what is left of a call at a threshold, counted by hand, and what classify makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_cellcycle as cc
from napari_cellcycle.cli import main
from napari_cellcycle.errors import SettingError
from napari_cellcycle.evaluation.purity import parse_purities, purity_of, thresholds, write_purities
from napari_cellcycle.phase_sets import NAMED_SETS, SEVEN


def rows(chances: list[float]) -> np.ndarray:
    return np.array([[1 - chance, chance] for chance in chances])


def test_a_hand_count() -> None:
    # called 1: 0.95 right, 0.9 right, 0.9 wrong, 0.8 right, 0.7 wrong, 0.6 wrong; 0.3 is called 0; the last is unknown
    chances, truth = [0.95, 0.9, 0.9, 0.8, 0.7, 0.6, 0.3, 0.99], [1, 1, 0, 1, 0, 0, 1, -1]
    found = [purity_of(rows(chances), truth, 1, wanted) for wanted in (1.0, 0.75, 0.6, 0.5)]
    assert [(one.n_cells, one.min_probability) for one in found] == [(1, 0.95), (4, 0.8), (5, 0.7), (6, 0.6)]
    assert [one.value for one in found] == [1.0, 0.75, 0.6, 0.5]
    assert {one.n_called for one in found} == {6}
    # R: binom.test(3, 4)$conf.int
    assert (found[1].low, found[1].high) == (pytest.approx(0.1941204, abs=1e-6), pytest.approx(0.9936905, abs=1e-6))


def test_what_can_not_be_had_is_said() -> None:
    found = purity_of(rows([0.9, 0.8]), [0, 1], 1, 0.9)
    assert found.n_cells == 0
    assert found.min_probability == float("inf")
    assert str(found) == "no threshold gives 90% purity on 2 tested cells of this call"
    assert purity_of(rows([0.1]), [0], 1, 0.9).n_called == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40), st.floats(0.01, 1))
def test_kept_cells_are_as_pure_as_wanted_and_none_more_could_be_kept(
    cells: list[tuple[float, bool]], wanted: float
) -> None:
    table, truth = rows([chance for chance, _ in cells]).reshape(-1, 2), np.array([int(right) for _, right in cells])
    found = purity_of(table, truth, 1, wanted)
    called = [(chance, right) for chance, right in cells if chance > 1 - chance]
    kept = [right for chance, right in called if chance >= found.min_probability]
    assert len(kept) == found.n_cells
    assert not kept or np.mean(kept) >= wanted - 1e-6
    for chance, _ in called:
        wider = [right for other, right in called if other >= chance]
        assert len(wider) <= len(kept) or np.mean(wider) < wanted


def test_thresholds_are_in_the_set_of_the_calls() -> None:
    chances = np.eye(7, dtype=np.float32)[[4, 5, 2, 0]] * 0.6 + 0.4 / 7
    tested = cc.Prediction(np.array(["a"] * 4), np.arange(4), chances)
    truth = np.array([4, 4, 2, 0], np.int8)
    assert thresholds(tested, truth, {"Metaphase": 0.9}, SEVEN)[4].n_cells == 1
    coarse = thresholds(tested, truth, {"G2/M": 0.9}, NAMED_SETS["g1-s-g2m"])
    assert coarse[2].n_cells == 3
    with pytest.raises(SettingError, match="min-purity names Mitosis, but the phases are G1, S and G2/M"):
        thresholds(tested, truth, {"Mitosis": 0.9}, NAMED_SETS["g1-s-g2m"])


def test_texts_of_purities() -> None:
    assert write_purities(parse_purities("metafase = .9, dead=1")) == "Metaphase=0.9,dead=1"
    for wrong in ("Metaphase", "=0.9", "G1=0", "G1=1.2", "G1=nan", "G1=much"):
        with pytest.raises(SettingError, match=r"must read like Metaphase=0\.9"):
            parse_purities(wrong)


class TestClassify:
    """``classify --min-purity``."""

    @pytest.fixture
    def report(self, tmp_path: Path) -> Path:
        """Calls of 40 held-out cells in G1, of which those under 0.8 are wrong."""
        chance = np.linspace(0.5, 0.99, 40)
        table = pd.DataFrame({"source": "a", "cell": range(40), "truth": np.where(chance < 0.8, "S", "G1")})
        table["phase"], table["probability"] = "G1", chance
        for name in SEVEN.names:
            table[f"p_{name}"] = chance if name == "G1" else (1 - chance) / 6
        folder = tmp_path / "report"
        folder.mkdir()
        table.to_csv(folder / "calls.csv", index=False)
        (folder / "metrics.json").write_text(json.dumps({"protocol": "clean", "model": "quick"}))
        return folder

    def classify(self, plate: Path, model: Path, out: Path, *flags: str) -> int:
        return main(["classify", str(plate), "-o", str(out), "--model", str(model), "--device", "cpu", *flags])

    def test_cells_that_are_not_pure_enough_are_unsure(
        self, plate: Path, model_folder: Path, report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.classify(plate, model_folder, tmp_path / "all") == 0
        flags = ("--min-purity", "G1=1", "--held-out", str(report))
        assert self.classify(plate, model_folder, tmp_path / "pure", *flags) == 0
        before, after = (pd.read_csv(tmp_path / name / "phases.csv") for name in ("all", "pure"))
        threshold = pd.read_csv(report / "calls.csv").query("truth == 'G1'")["probability"].min()
        unsure = (before["phase"] == "G1") & (before["probability"] < threshold)
        assert ((after["phase"] == "unsure") == unsure).all()
        said = capsys.readouterr().err
        n_kept = int(((before["phase"] == "G1") & ~unsure).sum())
        assert f"G1: {n_kept} cells, and {int(unsure.sum())} left unsure; 16 of 40 tested cells at 100% purity" in said

    def test_without_held_out_calls_it_is_one_sentence(
        self, plate: Path, model_folder: Path, report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.classify(plate, model_folder, tmp_path / "out", "--min-purity", "G1=0.9") == 2
        assert "give the report of evaluate, as in --held-out REPORT" in capsys.readouterr().err
        (report / "metrics.json").write_text(json.dumps({"protocol": "trained-on", "model": "quick"}))
        flags = ("--min-purity", "G1=0.9", "--held-out", str(report))
        assert self.classify(plate, model_folder, tmp_path / "out", *flags) == 2
        assert "are no estimate (protocol trained-on), so they tell no purity" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
