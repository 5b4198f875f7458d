"""Other phases than the seven, from files to a model and its test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from made import recorded
from trained import QUICK, TINY, using

import napari_cellcycle as cc
from napari_cellcycle.annotate.data_labels import open_labels
from napari_cellcycle.cli import main
from napari_cellcycle.events import Note, result_of
from napari_cellcycle.io.calls_table import read_calls
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs.config import EvaluateSettings, ReadSettings, TrainSettings
from napari_cellcycle.jobs.evaluate import evaluate_files
from napari_cellcycle.jobs.train import train_files
from napari_cellcycle.models import ARCHITECTURES, build
from napari_cellcycle.models.heads import with_phases
from napari_cellcycle.phase_sets import NAMED_SETS, SEVEN, phase_set
from napari_cellcycle.store.models import CARD, load_card, load_model

pytestmark = pytest.mark.usefixtures("without_figures")
G1_S_G2M = NAMED_SETS["g1-s-g2m"]


@pytest.fixture(scope="session")
def coarse_plate(plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plate with a folder G2M instead of G2."""
    folder = tmp_path_factory.mktemp("coarse") / "plate"
    shutil.copytree(plate, folder)
    (folder / "G2").rename(folder / "G2M")
    return folder


@pytest.fixture(scope="session")
def coarse_model(coarse_plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coarse models") / "coarse"
    result_of(train_files([coarse_plate], folder, using(TINY, QUICK), ReadSettings()))
    return folder


def test_folders_give_the_set_by_themselves_and_it_stands_in_the_card(coarse_model: Path) -> None:
    card = load_card(coarse_model)
    assert card.phase_set == G1_S_G2M
    assert card.training["cells_per_phase"] == {"G1": 30, "S": 30, "G2/M": 30}
    assert "tells      G1, S and G2/M" in card.to_text()
    assert load_model(coarse_model).network.phase_head.weight.shape[0] == 3


def test_a_card_of_before_is_one_of_the_seven(model_folder: Path) -> None:
    written = json.loads((model_folder / CARD).read_text())
    assert "phase_parts" not in written
    assert "n_phases" not in written["options"]
    assert load_card(model_folder).phase_set is SEVEN


def test_classify_writes_the_set_and_it_is_read_again(
    coarse_model: Path, model_folder: Path, plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, flags in {"own": ["--model", str(coarse_model)], "sum": ["--phases", "g1-s-g2m"]}.items():
        model = [] if "--model" in flags else ["--model", str(model_folder)]
        assert main(["classify", str(plate), "-o", str(tmp_path / name), "--device", "cpu", *flags, *model]) == 0
        table = pd.read_csv(tmp_path / name / "phases.csv")
        assert [column for column in table if column.startswith("p_")] == ["p_G1", "p_S", "p_G2/M"]
        assert set(table["phase"]) <= {"G1", "S", "G2/M"}
        np.testing.assert_allclose(table[["p_G1", "p_S", "p_G2/M"]].sum(axis=1), 1, atol=1e-5)
        saved = read_calls(tmp_path / name / "phases.csv").prediction
        assert saved.phase_set == G1_S_G2M
        assert (saved.phase_set.labels(saved.phases) == table["phase"]).all()
    assert "G2/M" in capsys.readouterr().out


def test_a_coarse_model_is_tested_on_the_seven_joined_and_one_of_the_seven_on_coarse_truth(
    coarse_model: Path, model_folder: Path, coarse_plate: Path, plate: Path, tmp_path: Path
) -> None:
    for number, (model, cells) in enumerate([(coarse_model, plate), (model_folder, coarse_plate)]):
        config = EvaluateSettings(model=(str(model),), device="cpu")
        (report,) = result_of(evaluate_files([cells], tmp_path / str(number), config, ReadSettings())).reports.values()
        assert report.phase_set == G1_S_G2M
        calls = cc.classify(read_cells(cells), str(model), device="cpu", phases="g1-s-g2m")
        right = (calls.phases == read_cells(cells).in_phases(G1_S_G2M).phases).mean()
        assert report.scores.overall["accuracy"].value == pytest.approx(right)
        found = json.loads((tmp_path / str(number) / "metrics.json").read_text())
        assert found["phases"] == ["G1", "S", "G2/M"]
        assert pd.read_csv(tmp_path / str(number) / "confusion.csv").shape == (3, 4)


def test_the_other_way_round_is_one_sentence(
    coarse_model: Path, plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--model", str(coarse_model), "--phases", "seven"]
    assert main(["classify", str(plate), "-o", str(tmp_path / "out"), *flags]) == 2
    assert "tells G1, S and G2/M, which can't be added up to G1, S, G2, Prophase" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["duque2024", "eulenberg2017", "jin2021", "rana2022", "compact", "paired", "features"])
def test_every_architecture_has_as_many_outputs_as_there_are_phases(name: str) -> None:
    assert name in ARCHITECTURES
    network = build(name, n_channels=2, n_phases=3).eval()
    if name == "features":
        assert network.start.shape == (4,)
        return
    size = 64 if name in ("duque2024", "jin2021", "rana2022") else 40
    with torch.inference_mode():
        assert network(torch.zeros(1, 2, size, size)).logits.shape == (1, 3)
    seven = build(name, n_channels=2).eval()
    carried = with_phases(seven, network, SEVEN, G1_S_G2M).state_dict()
    weights, before = carried[f"{network.head}.weight"], seven.state_dict()[f"{network.head}.weight"]
    torch.testing.assert_close(weights[:2], before[:2])
    torch.testing.assert_close(weights[2], before[2:].mean(0))


@pytest.mark.parametrize("model", ["features", "default"])
def test_cross_validation_in_a_set_that_is_asked_for(plate: Path, tmp_path: Path, model: str) -> None:
    changes = {"epochs": 2, "batch_size": 16} if model == "default" else {"epochs": 4}
    config = EvaluateSettings(model=(model,), cv=2, device="cpu", overrides=changes)
    reading = ReadSettings(phases=phase_set("G1,S/G2/M"))
    (report,) = result_of(evaluate_files([plate], tmp_path / "cv", config, reading)).reports.values()
    assert report.phase_set.names == ("G1", "S/G2/M")
    assert report.confusion.sum(axis=1).tolist() == [30, 60]


def test_a_model_of_the_seven_is_trained_further_to_a_coarse_set(
    model_folder: Path, coarse_plate: Path, tmp_path: Path
) -> None:
    run = using(TrainSettings(start_from=str(model_folder), device="cpu"), {"epochs": 1, "learning_rate": 1e-5})
    model = result_of(train_files([coarse_plate], tmp_path / "fine", run, ReadSettings()))
    assert model.card.phase_set == G1_S_G2M
    assert model.card.untrained_phases == ()
    calls = cc.classify(read_cells(coarse_plate), model, device="cpu")
    assert (calls.phases == read_cells(coarse_plate).phases).mean() > 0.8  # after one epoch: most of it is carried over


def test_a_phase_of_its_own_is_trained_and_called(plate: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plate, tmp_path / "plate")
    (folder / "G2").rename(folder / "Dead cells")
    (tmp_path / "mine.txt").write_text("G1\nS\ndead\n")
    reading = ReadSettings(phases=phase_set("G1,S,dead"))
    model = result_of(train_files([folder], tmp_path / "run", using(TINY, QUICK), reading))
    assert model.card.training["cells_per_phase"] == {"G1": 30, "S": 30, "dead": 30}
    assert load_card(tmp_path / "run").phase_set.parts[2] == frozenset()
    out = ["-o", str(tmp_path / "out"), "--model", str(tmp_path / "run"), "--device", "cpu", "--phases"]
    assert main(["classify", str(folder), *out, str(tmp_path / "mine.txt")]) == 0
    assert "dead" in set(pd.read_csv(tmp_path / "out" / "phases.csv")["phase"])
    assert read_calls(tmp_path / "out" / "phases.csv").prediction.phase_set.names == ("G1", "S", "dead")


class TestLabelsOfAControl:
    """Labels that a stained control wrote."""

    @pytest.fixture
    def control(self, plate: Path, tmp_path: Path) -> Path:
        """The plate in one folder that names no phase."""
        folder = shutil.copytree(plate, tmp_path / "control")
        for day, phase in enumerate(("G1", "G2", "S")):
            (folder / phase).rename(folder / f"day {day}")
        return folder

    @staticmethod
    def label(control: Path, names: list[str], sure: bool = True) -> None:
        cells = read_cells(control)
        labels = np.repeat(names, 30)
        open_labels(cells, control).replace_labels("gate: dna", labels, np.full(90, sure))

    @pytest.mark.parametrize(
        ("names", "phases"),
        [
            (["G1", "G2/M", "S"], ("G1", "S", "G2/M")),
            (["G1", "S/G2/M", "S/G2/M"], ("G1", "S/G2/M")),
            (["G1", "S/G2/M", "S"], ("G1", "S/G2/M")),  # FUCCI
            (["G1", "G2/M", "doublet"], ("G1", "S", "G2/M")),
        ],
    )
    def test_they_give_the_set_by_themselves_and_it_is_said(
        self, control: Path, tmp_path: Path, names: list[str], phases: tuple[str, ...]
    ) -> None:
        self.label(control, names)
        with pytest.warns(cc.CellCycleWarning, match="the phases are G1.*for several; change it with phases"):
            cells = cc.read_cells(control)
        assert cells.phase_set.names == phases
        assert (cells.phases >= 0).sum() == 90 - 30 * names.count("doublet")
        model, events = recorded(train_files([control], tmp_path / "run", using(TINY, QUICK), ReadSettings()))
        assert model.card.phase_set.names == phases
        said = " ".join(event.text for event in events if isinstance(event, Note))
        assert "cells of known phase only: on the" in said
        assert "its accuracy may be anything from" in said

    def test_the_user_can_ask_for_another_set(self, control: Path) -> None:
        self.label(control, ["G1", "G2/M", "S"])
        with pytest.warns(cc.CellCycleWarning):
            cells = cc.read_cells(control, phases="g1-sg2m")
        assert np.bincount(cells.phases).tolist() == [30, 60]

    def test_what_a_person_tells_apart_is_not_joined(self, control: Path) -> None:
        self.label(control, ["G1", "G2/M", "S"])
        table = open_labels(read_cells(control), control)
        table.decide([31], "Metaphase")
        table.decide([32], "Anaphase")
        with pytest.warns(cc.CellCycleWarning, match="28 cells are labelled G2/M, which stands for several of G1, S"):
            cells = cc.read_cells(control)
        assert cells.phase_set is SEVEN
        with pytest.warns(cc.CellCycleWarning):
            assert (cc.read_cells(control, phases="g1-s-g2m").phases >= 0).all()


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("augment", ["--phase", "S=3"]),
        ("train", ["--augment", "cellgan"]),
        ("evaluate", ["--cv", "2", "--protocol", "seed", "--model", "tiny", "--quoted-fold", "1", "--no-clean-beside"]),
    ],
)
def test_what_knows_the_seven_only_says_so(
    coarse_plate: Path, tmp_path: Path, command: str, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(coarse_plate), "-o", str(tmp_path / "out"), *flags]) == 2
    assert "of the seven phases, but the phases here are G1, S and G2/M; choose phases seven" in capsys.readouterr().err


def test_a_model_keeps_the_finder_of_the_one_that_it_started_from(
    model_folder: Path, plate: Path, tmp_path: Path
) -> None:
    from napari_cellcycle.images.object_cut import Cut
    from napari_cellcycle.models.finder import FinderNetwork
    from napari_cellcycle.models.trained_finder import Finder, FinderCard
    from napari_cellcycle.store.finders import has_finder, load_trained_finder, save_finder

    start = shutil.copytree(model_folder, tmp_path / "start")
    widths = (4, 8)
    card = FinderCard(name="f", channel="brightfield", widths=widths, diameter_px=12.0, cut=Cut(0.5, 0.5, 9.0, 0.5))
    save_finder(Finder(FinderNetwork(widths=widths), card, None), start)
    run = using(TrainSettings(start_from=str(start), device="cpu"), {"epochs": 1})
    result_of(train_files([plate], tmp_path / "next", run, ReadSettings()))
    assert has_finder(tmp_path / "next")
    assert load_trained_finder(tmp_path / "next").card.diameter_px == 12.0
