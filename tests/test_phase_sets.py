"""Phase sets: what they are read from, how phases lie in one another, and which set some words ask for."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import napari_cellcycle as cc
from napari_cellcycle.errors import ModelError, ReadError, SettingError
from napari_cellcycle.io.phase_set_file import read_phase_set
from napari_cellcycle.phase_sets import (
    MOST_PHASES,
    NAMED_SETS,
    SEVEN,
    VOCABULARY,
    PhaseSet,
    phase_set,
    settle,
    shared_phases,
)
from napari_cellcycle.phases import COLOURS, OWN_COLOURS, SYNTHETIC_COLOUR, UNKNOWN, UNSURE, UNSURE_COLOUR, Phase

G1_S_G2M = NAMED_SETS["g1-s-g2m"]


def test_the_seven_are_as_they_always_were() -> None:
    assert SEVEN.names == tuple(phase.label for phase in Phase)
    assert SEVEN.colours == tuple(COLOURS.values())
    assert SEVEN.unsure == UNSURE == 7


@pytest.mark.parametrize("key", NAMED_SETS)
def test_named_sets_are_read_from_their_name_their_text_and_their_lists(key: str) -> None:
    named = NAMED_SETS[key]
    assert phase_set(key) is phase_set(named.to_text()) is named
    assert phase_set(list(named.names)) == named
    assert phase_set(dict(zip(named.names, named.to_dict()["parts"], strict=True))) == named
    assert {phase for part in named.parts for phase in part} == set(Phase)
    assert len(set(named.colours)) == len(named)


def test_a_set_of_ones_own_comes_back_from_its_text(tmp_path: Path) -> None:
    own = phase_set("G1, S, late = G2 + mitosis, dead, debris")
    assert own.names == ("G1", "S", "late", "dead", "debris")
    assert own.parts[2] == G1_S_G2M.parts[2]
    assert phase_set(own.to_text()) == own
    assert read_phase_set(own.to_text()) == own
    path = tmp_path / "mine.txt"
    path.write_text("# of our lab\nG1\nS\nlate = G2 + mitosis  # joined\n\ndead\ndebris\n")
    assert read_phase_set(str(path)) == own


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("G1", "a file that lists phases, or a list"),
        ("G1,", "names 1 phases, but a phase set has 2 to 20"),
        (",".join(f"kind {n}" for n in range(MOST_PHASES + 1)), "names 21 phases"),
        ("G1,G2/M,mitosis", "Prophase, Metaphase, Anaphase, Telophase is in both G2/M and Mitosis"),
        ("G1,dead,Dead cells", "names Dead cells twice"),
        ("G1,late=G2+dead", r"'dead' in 'late=G2\+dead' is no phase"),
        ("S,G1=G2", "'G1' already stands for G1"),
        ("G1,unsure", "'unsure' can't be the name of a phase, as it has another meaning"),
        ("G1,a|b", r"'a\|b' can't be the name of a phase"),
        ("G1," + "x" * 41, "can't be the name of a phase"),
    ],
)
def test_what_is_no_phase_set_is_one_sentence(text: str, why: str) -> None:
    with pytest.raises(SettingError, match=why):
        read_phase_set(text)


def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(b"\xff\xfe\x00G1")
    with pytest.raises(ReadError, match=r"mine\.txt is no text in UTF-8"):
        read_phase_set(str(path))
    path.write_bytes(b"G1\n" * 100_000)
    with pytest.raises(ReadError, match="can't be read as a phase set"):
        read_phase_set(str(path))


def test_numbers_are_found_in_another_set() -> None:
    places = SEVEN.numbers_in(G1_S_G2M)
    truth = np.array([Phase.G1, Phase.METAPHASE, SEVEN.unsure, UNKNOWN])
    assert places[truth].tolist() == [0, 2, G1_S_G2M.unsure, UNKNOWN]
    assert G1_S_G2M.numbers_in(SEVEN).tolist() == [0, 1, UNKNOWN, 7, UNKNOWN]
    assert SEVEN.refines(G1_S_G2M)
    assert not G1_S_G2M.refines(SEVEN)


def test_the_coarser_of_two_sets_is_that_of_a_test() -> None:
    assert shared_phases(SEVEN, G1_S_G2M) == shared_phases(G1_S_G2M, SEVEN) == G1_S_G2M
    with pytest.raises(ModelError, match="can't be compared; choose phases that both can be added up to"):
        shared_phases(G1_S_G2M, NAMED_SETS["interphase-mitosis"])


@pytest.mark.parametrize(
    ("words", "joins", "names"),
    [
        ("G1 S G2", False, SEVEN.names),
        ("G1 S G2M", False, ("G1", "S", "G2/M")),
        ("G1 S/G2/M", False, ("G1", "S/G2/M")),
        ("interphase mitosis", False, ("Interphase", "Mitosis")),
        ("G1 S G2 M", False, ("G1", "S", "G2", "Mitosis")),
        ("G1 G2/M M", False, ("G1", "S", "G2/M")),
        ("G1 S S/G2/M", False, SEVEN.names),
        ("G1 S S/G2/M", True, ("G1", "S/G2/M")),
        ("G1 S G2 S/G2/M", True, SEVEN.names),
        ("M", False, SEVEN.names),
        ("", False, SEVEN.names),
    ],
)
def test_words_ask_for_the_finest_set_in_which_each_is_one_phase(
    words: str, joins: bool, names: tuple[str, ...]
) -> None:
    parts = [VOCABULARY.parts[VOCABULARY.number_of(word)] for word in words.split()]
    assert settle(parts, joins=joins).names == names


def test_colours_of_a_set_differ_for_colour_blind_eyes_too() -> None:
    skimage = pytest.importorskip("skimage.color")
    own = phase_set([*SEVEN.names, *(f"kind {n}" for n in range(MOST_PHASES - 7))])
    shown = [*own.colours, UNSURE_COLOUR, SYNTHETIC_COLOUR]
    assert len(set(shown)) == len(shown)
    assert own.colours[:7] == SEVEN.colours
    # Machado et al. 2009, complete protanopia and deuteranopia
    kinds = {
        "all": np.eye(3),
        "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    }
    new = [*SEVEN.colours, *OWN_COLOURS[:5]]
    rgb = np.array([list(bytes.fromhex(colour[1:])) for colour in new]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for matrix in kinds.values():
        seen = np.clip(linear @ np.asarray(matrix).T, 0, 1)
        srgb = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
        lab = skimage.rgb2lab(srgb[None])[0]
        pairs = [np.linalg.norm(lab[a] - lab[b]) for a, b in combinations(range(len(new)), 2) if b >= 7]
        assert min(pairs) > 15


def test_a_coarse_phase_has_the_colour_of_its_first_one() -> None:
    assert G1_S_G2M.colours == (COLOURS[Phase.G1], COLOURS[Phase.S], COLOURS[Phase.G2])


class TestCalls:
    """Calls in one set and in another."""

    def calls(self, min_probability: float = 0.0) -> cc.Prediction:
        rows = np.array([[0.3, 0, 0.25, 0, 0.25, 0.2, 0], [0.9, 0.1, 0, 0, 0, 0, 0], [np.nan] * 7], np.float32)
        return cc.Prediction(np.array(["a"] * 3), np.arange(3), rows, min_probability=min_probability)

    def test_probabilities_are_added_up(self) -> None:
        coarse = self.calls().in_phases(G1_S_G2M)
        np.testing.assert_allclose(coarse.probabilities[0], [0.3, 0, 0.7], atol=1e-6)
        assert coarse.phases.tolist() == [2, 0, UNKNOWN]  # though G1 is the most probable of the seven
        assert self.calls().phases.tolist() == [0, 0, UNKNOWN]
        assert list(coarse.to_table())[4:7] == ["p_G1", "p_S", "p_G2/M"]
        assert coarse.to_table()["phase"].tolist() == ["G2/M", "G1", ""]

    def test_unsure_is_no_phase_in_a_set_of_any_size(self) -> None:
        assert self.calls(0.8).in_phases(G1_S_G2M).phases.tolist() == [3, 0, UNKNOWN]
        many = phase_set([*SEVEN.names, "dead", "debris", "doublet"])
        rows = np.eye(10, dtype=np.float32)[[7, 9, 0]]
        rows[2] = 0.1
        calls = cc.Prediction(np.array(["a"] * 3), np.arange(3), rows, min_probability=0.5, phase_set=many)
        assert calls.phases.tolist() == [7, 9, 10]
        assert calls.to_table()["phase"].tolist() == ["dead", "doublet", "unsure"]
        assert calls.is_unsure.tolist() == [False, False, True]

    def test_what_a_model_does_not_tell_is_one_sentence(self) -> None:
        coarse = self.calls().in_phases(G1_S_G2M)
        with pytest.raises(ModelError, match="tells G1, S and G2/M, which can't be added up to G1, S, G2, Prophase"):
            coarse.in_phases(SEVEN)

    @pytest.mark.parametrize("phases", [None, "g1-sg2m"])
    def test_calls_of_the_seven_are_tested_on_coarse_truth(self, phases: str | None) -> None:
        report = cc.evaluate(self.calls(), ["G2M", "G1", "S/G2/M" if phases else ""], phases=phases)
        assert report.phase_set.names == (("G1", "S/G2/M") if phases else ("G1", "S", "G2/M"))
        assert report.scores.overall["accuracy"].value == 1.0
        assert report.confusion.shape == (len(report.phase_set),) * 2
        assert any("were added up to" in note for note in report.notes)

    def test_true_phases_of_the_seven_are_joined_for_a_coarse_model(self) -> None:
        coarse = self.calls().in_phases(G1_S_G2M)
        report = cc.evaluate(coarse, ["Anaphase", "S", ""])
        assert report.confusion.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1]]
        assert set(report.to_dict()["per_phase"]) == {"G1", "S", "G2/M"}


class TestReading:
    """Cells in a set, from words."""

    def test_arrays_with_coarse_words_have_coarse_phases(self) -> None:
        with pytest.warns(cc.CellCycleWarning, match="the phases are G1, S and G2/M, as G2/M stands for several"):
            cells = cc.read_cells(np.ones((3, 1, 9, 9)), channels=["brightfield"], phases=["G1", "G2M", ""])
        assert cells.phase_set == G1_S_G2M
        assert cells.phases.tolist() == [0, 2, UNKNOWN]
        assert cells[1].phase == "G2/M"
        halves = cells.in_phases(NAMED_SETS["g1-sg2m"])
        assert halves.phases.tolist() == [0, 1, UNKNOWN]

    def test_cells_of_two_sets_are_joined_in_the_coarser_one(self) -> None:
        fine = cc.read_cells(np.ones((2, 1, 9, 9)), channels=["brightfield"], phases=["G1", "S"])
        coarse = fine.in_phases(NAMED_SETS["g1-sg2m"])
        from napari_cellcycle.cells import join_cells

        assert join_cells([fine, coarse]).phase_set == SEVEN
        coarse = cc.read_cells(np.ones((2, 1, 9, 9)), channels=["brightfield"], phases=["G1", "S"]).in_phases(
            phase_set("G1,S/G2")
        )
        joined = join_cells([fine[:1], coarse])
        assert joined.phase_set.names == ("G1", "S/G2", "Prophase", "Metaphase", "Anaphase", "Telophase")


def test_a_phase_set_is_seen_from_the_package() -> None:
    assert isinstance(cc.phase_set("g1-s-g2m"), PhaseSet)
