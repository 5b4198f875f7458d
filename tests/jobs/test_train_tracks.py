"""Networks that read whole tracks, from the command that trains one to the calls of a film."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from lineages import Lineage, draw_film, lineages
from made import made_pixels

import napari_cellcycle as cc
from napari_cellcycle.cli import main
from napari_cellcycle.errors import ModelError, SettingError
from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.config import FollowSettings, ReadSettings, TrainSettings
from napari_cellcycle.jobs.steps.pretrained import PretrainedModel
from napari_cellcycle.jobs.train_tracks import train_on_tracks
from napari_cellcycle.models.sequence import CellTracks
from napari_cellcycle.store.models import load_card, load_model
from napari_cellcycle.training.classifier import EpochDone

DURATIONS = {"G1": 300.0, "S": 200.0, "G2": 150.0}
QUICK = ["--device", "cpu", "--epochs", "30", "--learning-rate", "0.02"]


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    return lineages(9, 16, 30, durations=DURATIONS, apart=24, gaps=0.05, seed=4)


def write_film(folder: Path, lineage: Lineage, seed: int) -> Path:
    """Made cells of three phases, a third of them drawn as those of any phase: only their neighbours can tell."""
    random = np.random.default_rng(seed)
    shown = np.where(random.random(len(lineage)) < 0.3, random.integers(0, 3, len(lineage)), lineage.phase)
    movie, labels = draw_film(lineage, made_pixels(shown)[:, :2], radius=19)
    metadata = {"axes": "TCYX", "Channel": {"Name": ["brightfield", "darkfield"]}, "PhysicalSizeX": 0.5}
    tifffile.imwrite(folder / "film.ome.tif", movie, metadata=metadata)
    tifffile.imwrite(folder / "film_labels.tif", labels, metadata={"axes": "TYX"})
    (folder / "tracks.csv").write_text(lineage.csv(truth=True))
    return folder / "film.ome.tif"


@pytest.fixture(scope="module")
def film(lineage: Lineage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film"), lineage, 1)


def train(film: Path, out: Path, model: str, *options: str) -> int:
    tracks = ["--tracks", str(film.with_name("tracks.csv")), "--minutes-per-frame", "30"]
    return main(["train", str(film), "-o", str(out), "--model", model, *tracks, *options])


@pytest.fixture(scope="module")
def two_sided(film: Path, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "two"
    assert train(film, out, "two-sided", "--features-of", str(model_folder), *QUICK) == 0
    return out


def right(film: Path, out: Path, model: Path, lineage: Lineage) -> float:
    """Share of right calls by the network."""
    tracks = ["--tracks", str(film.with_name("tracks.csv"))]
    assert main(["classify", str(film), "-o", str(out), "--model", str(model), "--device", "cpu", *tracks]) == 0
    table = pd.read_csv(out / "phases.csv", keep_default_na=False)
    order = np.lexsort((lineage.track, lineage.frame))
    return float((table["phase"] == np.array(list(DURATIONS))[lineage.phase[order]]).mean())


def test_a_network_on_features_calls_better_than_the_frames_alone(
    two_sided: Path, model_folder: Path, lineage: Lineage, tmp_path: Path
) -> None:
    others = lineages(6, 16, 30, durations=DURATIONS, apart=24, gaps=0.05, seed=5)
    film = write_film(tmp_path, others, 2)
    alone, along = (right(film, tmp_path / path.name, path, others) for path in (model_folder, two_sided))
    assert (alone < 0.85, along > alone + 0.05) == (True, True), (alone, along)
    card = load_card(two_sided)
    assert card.training["features_of"]["name"] == model_folder.name
    assert card.training["n_cells"] == len(lineage)
    assert card.training["minutes_per_frame"] == 30


def test_python_takes_tracks_too(two_sided: Path, film: Path, model_folder: Path, tmp_path: Path) -> None:
    cells = cc.read_cells(film)
    with pytest.raises(ModelError, match="reads whole tracks; give them"):
        cc.classify(cells, two_sided, device="cpu")
    frame = np.array([int(source.rpartition("=")[2][:-1]) for source in cells.sources])
    calls = cc.classify(cells, two_sided, device="cpu", tracks=CellTracks(cells.ids, frame))
    tracks = ["--tracks", "labels", "--minutes-per-frame", "5"]
    given = ["classify", str(film), "-o", str(tmp_path / "out"), "--model", str(two_sided), "--device", "cpu", *tracks]
    assert main(given) == 0
    table = pd.read_csv(tmp_path / "out" / "phases.csv", keep_default_na=False)
    assert table["phase"].tolist() == calls.phase_set.labels(calls.phases).tolist()
    how = {"tracks": film.with_name("tracks.csv"), "features_of": two_sided.parent / "none", "minutes_per_frame": 30}
    with pytest.raises(ModelError, match="no model is called"):
        cc.train(cells, tmp_path / "mine", "causal", **how)
    model = cc.train(
        cells, tmp_path / "mine", "causal", **(how | {"features_of": model_folder}), epochs=1, device="cpu"
    )
    assert model.card.training["minutes_per_frame"] == 30


def test_an_interrupted_training_is_resumed_to_the_same_weights(film: Path, model_folder: Path, tmp_path: Path) -> None:
    run = TrainSettings(
        model="two-sided", features_of=str(model_folder), device="cpu", overrides={"epochs": 3, "learning_rate": 0.02}
    )
    following = FollowSettings(tracks=str(film.with_name("tracks.csv")))
    whole = result_of(train_on_tracks([film], tmp_path / "whole", run, following, ReadSettings()))
    begun = train_on_tracks([film], tmp_path / "part", run, following, ReadSettings())
    with closing(begun):
        next(event for event in begun if isinstance(event, EpochDone))
    assert not (tmp_path / "part").exists()
    other = replace(run, resume=True, features_of="default")
    with pytest.raises(SettingError, match="was begun with other cells"):
        result_of(train_on_tracks([film], tmp_path / "part", other, following, ReadSettings()))
    resumed = train_on_tracks([film], tmp_path / "part", replace(run, resume=True), following, ReadSettings())
    for name, values in result_of(resumed).network.state_dict().items():
        torch.testing.assert_close(values, whole.network.state_dict()[name], rtol=0, atol=0, equal_nan=True)


def test_another_pace_is_said(two_sided: Path, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["classify", str(film), "-o", str(tmp_path / "out"), "--model", str(two_sided), "--device", "cpu"]
    assert main([*given, "--tracks", "labels", "--minutes-per-frame", "5"]) == 0
    assert "learned from films of 30 minutes a frame, and this one has 5" in capsys.readouterr().err


def test_whole_lineages_are_held_back(two_sided: Path, lineage: Lineage) -> None:
    split = pd.read_csv(two_sided / "split.csv")
    held_back = set(split["cell"][split["part"] == "validation"] - 1)
    assert held_back
    assert all((child in held_back) == (mother in held_back) for child, mother in lineage.parents.items())


def test_the_network_of_jose_is_trained_and_loaded(film: Path, tmp_path: Path) -> None:
    assert train(film, tmp_path / "jose", "jose2023", "--device", "cpu", "--epochs", "1") == 0
    model = load_model(tmp_path / "jose")
    assert model.card.architecture == "jose2023"
    assert {"log.csv", "split.csv"} <= {path.name for path in (tmp_path / "jose").iterdir()}


def test_cross_validation_divides_no_lineage(
    film: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = ["--tracks", str(film.with_name("tracks.csv")), "--minutes-per-frame", "30"]
    given = ["evaluate", str(film), *tracks, "--cv", "3", *QUICK]
    own = ["-o", str(tmp_path / "cv"), "--model", "causal", "--features-of", str(model_folder)]
    assert main([*given, *own]) == 0
    found = json.loads((tmp_path / "cv" / "track_scores.json").read_text())
    assert found["single_frames"]["right_frames"] > 0.75
    assert found["along_tracks"]["impossible"] == 0
    assert main([*given, "-o", str(tmp_path / "no"), "--model", "default"]) == 2
    assert "model default sees single frames; leave out tracks, or choose jose2023" in capsys.readouterr().err


def test_what_does_not_go_together_is_one_sentence(
    film: Path, two_sided: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def complaint(command: str, *options: str) -> str:
        assert main([command, str(film), "-o", str(tmp_path / "out"), *options]) == 2
        assert not (tmp_path / "out").exists()
        return capsys.readouterr().err.strip().splitlines()[-1]

    tracks = ["--tracks", str(film.with_name("tracks.csv"))]
    assert "'two' reads whole tracks; give them" in complaint("classify", "--model", str(two_sided))
    assert "learns from tracks; give them" in complaint("train", "--model", "causal")
    assert "sees single frames; leave out tracks" in complaint("train", "--model", "features", *tracks)
    assert main(["export", str(two_sided), "-o", str(tmp_path / "two.onnx")]) == 2
    assert "only models of single cells can be exported" in capsys.readouterr().err
    assert "give a kind of network as model" in complaint("train", "--start-from", "default", *tracks)
    with pytest.raises(SettingError, match="networks that read tracks can't be trained further"):
        PretrainedModel.load(str(two_sided))
    assert "choose another model than one that" in complaint(
        "train", "--model", "causal", "--features-of", str(two_sided), *tracks
    )
    assert "which tracks don't have" in complaint("train", "--model", "jose2023", "--augment", "mixup", *tracks)
    (tmp_path / "one.csv").write_text("track,frame,cell,truth\n1,0,1,G1\n1,1,1,S\n")
    one = ["--tracks", str(tmp_path / "one.csv")]
    assert "of one lineage" in complaint("train", "--model", "causal", *one)
    (tmp_path / "one.csv").write_text("track,frame,cell\n1,0,1\n1,1,1\n")
    assert "no cell in a track has a known phase" in complaint("train", "--model", "causal", *one)
