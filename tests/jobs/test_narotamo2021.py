"""A model of figures of nuclei is trained, tested, listed and used as every other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from stained import stained_pixels

import napari_cellcycle as cc
from napari_cellcycle.attribution import attributions
from napari_cellcycle.cli import main
from napari_cellcycle.errors import CellCycleError, ModelError, SettingError
from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.config import ReadSettings, TrainSettings
from napari_cellcycle.jobs.train import train_files
from napari_cellcycle.phase_sets import NAMED_SETS
from napari_cellcycle.predict import extract_features
from napari_cellcycle.store.models import load_model, remember_run
from napari_cellcycle.store.onnx_files import save_onnx
from napari_cellcycle.training.augment_flag import parse_augment

PER_PHASE = 60
CONTENTS = {"G1": (0.95, 1.05), "S": (1.15, 1.8), "G2": (1.85, 2.0)}


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stained cells, one an image, in folders of three phases, and no other channel."""
    folder = tmp_path_factory.mktemp("stained")
    for seed, (phase, (low, high)) in enumerate(CONTENTS.items()):
        content = np.random.default_rng(seed).uniform(low, high, PER_PHASE)
        (folder / phase).mkdir()
        pixels = stained_pixels(content, seed)
        tifffile.imwrite(folder / phase / "cells_DAPI.tif", pixels, metadata={"axes": "NYX"})
    return folder


@pytest.fixture(scope="module")
def model_folder(plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "svm"
    assert main(["train", str(plate), "-o", str(folder), "--model", "narotamo2021"]) == 0
    return folder


def test_it_tells_g1_from_the_others_and_its_card_says_so(
    model_folder: Path, plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = load_model(model_folder).card
    assert card.phase_set == NAMED_SETS["g1-sg2m"]
    assert card.training["cells_per_phase"] == {"G1": 60, "S/G2/M": 120}
    assert "needs      dna, figures of nuclei in the same image" in card.to_text()
    remember_run(model_folder)
    assert main(["models"]) == 0
    assert "svm" in capsys.readouterr().out
    calls = cc.classify(plate, model_folder)
    truth = cc.read_cells(plate).in_phases(card.phase_set).phases
    assert (calls.phases == truth).mean() > 0.95
    assert calls.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_each_fold_is_tested_on_the_coarse_truth(plate: Path, tmp_path: Path) -> None:
    flags = ["--cv", "3", "--model", "narotamo2021", "--keep-models"]
    assert main(["evaluate", str(plate), "-o", str(tmp_path / "report"), *flags]) == 0
    found = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert found["phases"] == ["G1", "S/G2/M"]
    assert np.sum(found["confusion"]) == 180
    assert np.trace(found["confusion"]) > 0.95 * 180
    assert load_model(tmp_path / "report" / "folds" / "1").card.architecture == "narotamo2021"


def test_a_field_is_classified_without_the_nuclei_that_its_border_cuts(model_folder: Path, tmp_path: Path) -> None:
    content = np.r_[np.full(15, 1.0), np.full(15, 1.95)]
    tiles = stained_pixels(content, 3).reshape(5, 6, 32, 32).transpose(0, 2, 1, 3).reshape(160, 192)
    labels = np.zeros((160, 192), np.uint16)
    y, x = np.mgrid[:160, :192]
    middles = [(16 + 32 * row, 16 + 32 * column) for row in range(5) for column in range(6)]
    for number, (row, column) in enumerate(middles, start=1):
        labels[(y - row) ** 2 + (x - column) ** 2 < 14**2] = number
    at_border = int(labels[80, 180])
    labels[80, 180:] = at_border
    for name, plane in (("DAPI", tiles), ("labels", labels)):
        tifffile.imwrite(tmp_path / f"field_{name}.tif", plane)
    flags = ["--model", str(model_folder), "-o", str(tmp_path / "out")]
    assert main(["classify", str(tmp_path / "field_DAPI.tif"), *flags]) == 0
    table = pd.read_csv(tmp_path / "out" / "phases.csv").set_index("cell")
    assert table["phase"].isna().sum() == 1
    assert pd.isna(table.loc[at_border, "phase"])
    called = table.drop(index=at_border)
    assert (called["phase"] == np.where(called.index <= 15, "G1", "S/G2/M")).all()


def test_what_it_cannot_do_is_one_sentence(model_folder: Path, plate: Path, tmp_path: Path) -> None:
    model, cells = load_model(model_folder), cc.read_cells(plate)
    with pytest.raises(ModelError, match="looks at no pixels that can be shown"):
        attributions(model, cells, [0])
    with pytest.raises(ModelError, match="has no features by which cells can be compared"):
        result_of(extract_features(model, cells))
    with pytest.raises(ModelError, match="can't be exported"):
        save_onnx(model, tmp_path / "x.onnx", None)
    for options, message in (
        ({"overrides": {"augment": parse_augment("wgan-gp")}}, "augment can't be used with narotamo2021"),
        ({"start_from": str(model_folder)}, "support vectors can't be trained further"),
    ):
        run = TrainSettings(**{"model": "narotamo2021", "device": "cpu", **options})
        with pytest.raises(SettingError, match=message):
            result_of(train_files([plate], tmp_path / "no", run, ReadSettings()))
    few = cells[np.r_[0:3, 60:63]]
    with pytest.raises(CellCycleError, match="6 whole nuclei, too few to compare them"):
        cc.train(few, tmp_path / "few", model="narotamo2021")
    halves = replace(cells, phase_set=NAMED_SETS["interphase-mitosis"], phases=cells.phases.clip(0, 1))
    with pytest.raises(SettingError, match="tells G1 and S/G2/M, but the phases of these cells are Interphase and"):
        cc.train(halves, tmp_path / "halves", model="narotamo2021")
