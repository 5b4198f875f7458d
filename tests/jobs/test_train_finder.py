"""From labelled or stained fields to a finder that `classify` uses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.discs import disc_field, write_field

import napari_cellcycle as cc
from napari_cellcycle.cli import main
from napari_cellcycle.errors import ChannelError, ImageError, StoppedError, WriteError
from napari_cellcycle.evaluation.object_f1 import object_f1
from napari_cellcycle.events import result_of
from napari_cellcycle.io.labelled_fields import read_labelled_fields
from napari_cellcycle.jobs.classify import classify_files
from napari_cellcycle.jobs.config import ClassifySettings, FinderSettings, ReadSettings
from napari_cellcycle.jobs.train_finder import train_finder_files
from napari_cellcycle.store.finders import load_trained_finder
from napari_cellcycle.store.models import find_model

QUICK = {"steps": 30, "batch_size": 6, "patch_px": 64, "averaging": 0.8}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in QUICK.items()]


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("control")
    for seed in range(2):
        write_field(folder, f"f{seed}", seed)
    return folder


@pytest.fixture(scope="module")
def trained(control: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a finder, trained by the command."""
    folder = tmp_path_factory.mktemp("models") / "mine"
    shutil.copytree(find_model("default-brightfield"), folder)
    assert main(["train-finder", str(control), "-o", str(folder), "--device", "cpu", *FLAGS]) == 0
    return folder


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    folder = tmp_path / "unstained"
    write_field(folder, "g", 9, labels=False)
    return folder


def test_the_card_says_what_was_learned_and_how_good_it_is(trained: Path) -> None:
    card = json.loads((trained / "finder.json").read_text())
    assert card["figures"]["tested_on"] == "1 of 2 fields, held out"
    assert card["figures"]["true"] == 12
    assert card["figures"]["f1_at_iou_0.5"] > 0.8
    assert card["training"]["n_objects"] == 24
    assert card["training"]["steps_done"] == QUICK["steps"]
    assert (trained / "model.json").is_file()


def test_classify_finds_the_cells_of_a_field_without_labels_by_the_model_s_finder(
    trained: Path, unlabelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", str(unlabelled), "-o", str(tmp_path / "out"), "--model", str(trained)]) == 0
    assert "12 cells found by the finder mine, as there is no label image" in capsys.readouterr().err
    plain = ReadSettings(finder="none")
    done = result_of(classify_files([unlabelled], tmp_path / "plain", ClassifySettings(model=str(trained)), plain))
    assert any("by segmentation" in note for note in done.cells.notes)


def test_python_reads_cells_by_a_finder(trained: Path, unlabelled: Path) -> None:
    _, truth = disc_field(9)
    with pytest.warns(cc.CellCycleWarning, match="found by the finder mine"):
        cells = cc.read_cells(unlabelled, finder=str(trained))
    assert len(cells) == 12
    finder = cc.load_finder(trained)
    assert object_f1(finder.find(disc_field(9)[0]), truth) > 0.8
    with pytest.warns(cc.CellCycleWarning, match="found by the finder mine"):
        assert len(cc.classify(unlabelled, trained)) == 12
    with pytest.raises(cc.SettingError, match="finder goes with files"):
        cc.read_cells(np.zeros((3, 40, 40)), channels=["brightfield"], finder=str(trained))


def test_nuclei_in_a_stain_are_learned_from_without_a_label_image(tmp_path: Path) -> None:
    truth = write_field(tmp_path / "stained", "f", 0, labels=False, stain=True)
    (field,) = result_of(read_labelled_fields(tmp_path / "stained", dna="DAPI"))
    assert object_f1(field.labels, truth) > 0.9
    with pytest.warns(cc.CellCycleWarning, match="of the one field, held out"):
        finder = cc.train_finder(
            tmp_path / "stained", tmp_path / "mine", dna="DAPI", device="cpu", **QUICK | {"steps": 2}
        )
    assert finder.card.training["dna"] == "DAPI"
    assert finder.card.description == "finds in brightfield what was labelled by nuclei in a DNA stain"
    assert [path.name for path in sorted((tmp_path / "mine").iterdir())] == ["finder.json", "finder.safetensors"]


def test_a_finder_is_trained_further(trained: Path, control: Path, tmp_path: Path) -> None:
    run = FinderSettings(start_from=str(trained), device="cpu", overrides={**QUICK, "steps": 1, "learning_rate": 1e-7})
    finder = result_of(train_finder_files([control], tmp_path / "more", run, ReadSettings()))
    start = load_trained_finder(trained)
    weight = "maps.weight"
    assert finder.network.state_dict()[weight].allclose(start.network.state_dict()[weight], atol=1e-5)
    assert replace(run, overrides={}).config.steps == 300


def test_what_can_t_be_learned_from_is_one_sentence_and_leaves_nothing(
    control: Path, trained: Path, unlabelled: Path, tmp_path: Path
) -> None:
    run, reading, out = FinderSettings(overrides=QUICK), ReadSettings(), tmp_path / "out"
    with pytest.raises(ImageError, match=r"can't learn from .* with label images, or with a stain and --dna"):
        result_of(train_finder_files([unlabelled], out, run, reading))
    with pytest.raises(ChannelError, match="has no channel 'DAPI'"):
        result_of(train_finder_files([unlabelled], out, replace(run, dna="DAPI"), reading))
    with pytest.raises(WriteError, match="has a finder already"):
        result_of(train_finder_files([control], trained, run, reading))
    with pytest.raises(StoppedError, match="before anything was learned"):
        result_of(train_finder_files([control], out, run, reading, stop=lambda: True))
    job = train_finder_files([control], out, run, reading)
    for _ in range(6):
        next(job)
    job.close()
    assert not out.exists()


def test_a_time_lapse_is_one_field(tmp_path: Path) -> None:
    frames, labels = zip(*(disc_field(seed) for seed in range(3)), strict=True)
    tifffile.imwrite(tmp_path / "film.ome.tif", np.stack(frames), metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "film_labels.ome.tif", np.stack(labels), metadata={"axes": "TYX"})
    fields = result_of(read_labelled_fields(tmp_path / "film.ome.tif", labels=tmp_path / "film_labels.ome.tif"))
    assert [field.name for field in fields] == ["film.ome.tif"] * 3
    assert [int(field.labels.max()) for field in fields] == [12] * 3
