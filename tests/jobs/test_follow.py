"""Films classified along tracks, from the command to the files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from lineages import Lineage, draw_film, lineages
from made import made_pixels

from napari_cellcycle import predict
from napari_cellcycle.cli import main
from napari_cellcycle.datasets.duplicates import find_duplicates
from napari_cellcycle.events import result_of
from napari_cellcycle.io.calls_table import read_calls
from napari_cellcycle.io.tracks import read_tracks
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.verdict import DOES_NOT_FIT, Verdict

DURATIONS = {"G1": 300.0, "S": 200.0, "G2": 150.0}


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    return lineages(6, 20, 30, durations=DURATIONS, apart=24, seed=3)


@pytest.fixture(scope="module")
def film(lineage: Lineage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made cells of three phases, some of them drawn as those of another phase; labels are the tracks and 1."""
    folder = tmp_path_factory.mktemp("film")
    random = np.random.default_rng(1)
    shown = np.where(random.random(len(lineage)) < 0.15, random.integers(0, 3, len(lineage)), lineage.phase)
    movie, labels = draw_film(lineage, made_pixels(shown)[:, :2], radius=19)
    metadata = {"axes": "TCYX", "Channel": {"Name": ["brightfield", "darkfield"]}, "PhysicalSizeX": 0.5}
    tifffile.imwrite(folder / "film.ome.tif", movie, metadata=metadata)
    tifffile.imwrite(folder / "film_labels.tif", labels, metadata={"axes": "TYX"})
    (folder / "tracks.csv").write_text(lineage.csv(labels=False))
    return folder / "film.ome.tif"


def classify(film: Path, out: Path, model: Path, *options: str) -> pd.DataFrame:
    given = ["classify", str(film), "-o", str(out), "--model", str(model), "--device", "cpu", *options]
    assert main(given) == 0
    return pd.read_csv(out / "phases.csv", keep_default_na=False)


def trackmate_of(lineage: Lineage) -> str:
    """As TrackMate saves it, in micrometres, with its own numbers for spots."""
    spots, edges, last = [], [], {}
    for row in np.lexsort((lineage.frame, lineage.track)):
        track, (y, x) = int(lineage.track[row]), lineage.position[row] / 2
        spots.append(f'<Spot ID="{row + 500}" FRAME="{lineage.frame[row]}" POSITION_X="{x}" POSITION_Y="{y}" />')
        before = last.get(track, last.get(lineage.parents.get(track, -1)))
        if before is not None:
            edges.append(f'<Edge SPOT_SOURCE_ID="{before}" SPOT_TARGET_ID="{row + 500}" />')
        last[track] = row + 500
    return (
        '<?xml version="1.0"?><TrackMate><Model spatialunits="µm"><FeatureDeclarations><SpotFeatures>'
        f"</SpotFeatures></FeatureDeclarations><AllSpots>{''.join(spots)}</AllSpots>"
        f'<AllTracks><Track TRACK_ID="0">{"".join(edges)}</Track></AllTracks></Model></TrackMate>'
    )


def test_a_film_with_a_table_of_tracks(
    film: Path, lineage: Lineage, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = film.with_name("tracks.csv")
    table = classify(film, tmp_path / "out", model_folder, "--tracks", str(tracks), "--minutes-per-frame", "30")
    order = np.lexsort((lineage.track, lineage.frame))
    assert table["track"].tolist() == lineage.track[order].tolist()
    assert table["frame"].tolist() == lineage.frame[order].tolist()
    assert table["parent"].tolist() == [lineage.parents.get(int(track), -1) for track in lineage.track[order]]
    truth = np.array(list(DURATIONS))[lineage.phase[order]]
    raw, decoded = ((table[name] == truth).mean() for name in ("phase", "phase_decoded"))
    assert (raw < decoded, decoded > 0.93) == (True, True)
    assert ((table["posterior"] > 0) & (table["posterior"] <= 1)).all()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())["tracks"]
    assert summary["n_tracks"] == len(np.unique(lineage.track))
    assert summary["n_divisions"] == len(set(lineage.parents.values()))
    assert (summary["impossible_before"] > 5, summary["impossible_after"]) == (True, 0)
    durations = pd.read_csv(tmp_path / "out" / "durations.csv").set_index("phase")
    assert durations.loc["S", "median"] == pytest.approx(200, abs=60)
    assert (durations["unit"] == "minutes").all()
    transitions = pd.read_csv(tmp_path / "out" / "transitions.csv")
    assert (
        (transitions["frame_low"] <= transitions["frame"]) & (transitions["frame"] <= transitions["frame_high"])
    ).all()
    assert set(transitions["track"]) <= set(lineage.track.tolist())
    said = capsys.readouterr().out
    assert f"tracks ({tracks}): {len(np.unique(lineage.track))};" in said
    assert "S           lasts" in said


def test_positions_in_the_cycle_with_tracks_and_without(
    film: Path, plate: Path, lineage: Lineage, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = str(film.with_name("tracks.csv"))
    order = np.lexsort((lineage.track, lineage.frame))
    true = (
        np.cumsum([0, 6, 4])[lineage.phase[order]] / 13
        + lineage.progress[order] * np.diff([0, 6, 10, 13])[lineage.phase[order]] / 13
    )
    for options, least in (["--tracks", tracks], 0.95), (["--cycle-position"], 0.75):
        table = classify(film, tmp_path / options[0], model_folder, *options)
        assert np.corrcoef(table["cycle_position"].astype(float), true)[0, 1] > least
        assert table["cycle_position"].between(0, 1).all()
    assert "cycle_position" not in classify(plate, tmp_path / "few", model_folder, "--cycle-position")
    assert "needs at least 100 cells, but there are 90" in capsys.readouterr().err


def test_our_table_can_be_read_again_as_calls_and_as_tracks(film: Path, model_folder: Path, tmp_path: Path) -> None:
    table = classify(film, tmp_path / "out", model_folder, "--tracks", "auto")
    calls = read_calls(tmp_path / "out" / "phases.csv").prediction
    assert calls.columns["track"].tolist() == table["track"].tolist()
    assert calls.columns["posterior"].dtype.kind == "f"
    assert calls.columns["phase_decoded"].tolist() == table["phase_decoded"].tolist()
    again = classify(film, tmp_path / "again", model_folder, "--tracks", str(tmp_path / "out" / "phases.csv"))
    pd.testing.assert_frame_equal(table, again)
    populations = ["populations", str(tmp_path / "out" / "phases.csv"), "-o", str(tmp_path / "by"), "--by", "frame"]
    assert main([*populations, "--embedding", "none"]) == 0


def test_labels_that_persist_are_tracks_and_others_are_linked(
    film: Path, lineage: Lineage, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("laptrack")
    table = classify(film, tmp_path / "labels", model_folder, "--tracks", "auto")
    assert (table["track"] == table["cell"]).all()
    assert "its labels are the same cells in all frames" in capsys.readouterr().err
    linked = classify(film, tmp_path / "linked", model_folder, "--tracks", "link")
    both = pd.DataFrame({"linked": linked["track"], "true": table["track"]}).drop_duplicates()
    assert len(both) == len(np.unique(lineage.track))
    assert (linked.groupby("track")["parent"].first() >= 0).sum() == len(lineage.parents)


def test_durations_of_several_films_stand_side_by_side(
    film: Path, lineage: Lineage, model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "films").mkdir()
    for name in ("control", "drug"):
        shutil.copy(film, tmp_path / "films" / f"{name}.ome.tif")
        shutil.copy(film.with_name("film_labels.tif"), tmp_path / "films" / f"{name}_labels.tif")
    table = classify(tmp_path / "films", tmp_path / "out", model_folder, "--tracks", "labels")
    assert len(table) == 2 * len(lineage)
    found = pd.read_csv(tmp_path / "out" / "durations.csv").set_index(["source", "phase"])
    assert set(found.index.levels[0]) == {"all films", "control.ome.tif", "drug.ome.tif"}
    one, other, both = (found.loc[name] for name in ("control.ome.tif", "drug.ome.tif", "all films"))
    pd.testing.assert_frame_equal(one, other)
    assert both["n_ended"].tolist() == (2 * one["n_ended"]).tolist()


def test_durations_by_condition(
    film: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, name in (("control", "a"), ("drug", "b"), ("drug", "c")):
        (tmp_path / "films" / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(film, tmp_path / "films" / folder / f"{name}.ome.tif")
        shutil.copy(film.with_name("film_labels.tif"), tmp_path / "films" / folder / f"{name}_labels.tif")
    own = ["--tracks", "labels"]
    classify(tmp_path / "films", tmp_path / "out", model_folder, *own, "--by", "folder")
    found = pd.read_csv(tmp_path / "out" / "durations.csv", keep_default_na=False)
    ended = found.groupby(["source", "folder"])["n_ended"].sum()
    one = ended["control/a.ome.tif", "control"]
    assert ended["all films", "control"] == one
    assert (ended["all films", "drug"], ended["all films", ""]) == (2 * one, 3 * one)
    assert ended["drug/c.ome.tif", "drug"] == one
    curves = pd.read_csv(tmp_path / "out" / "duration_curves.csv")
    assert set(curves["folder"].dropna()) == {"control", "drug"}

    table = tmp_path / "conditions.csv"
    table.write_text("file,dose\na.ome.tif,0 uM\nb.ome.tif,5 uM\n")
    classify(tmp_path / "films", tmp_path / "by", model_folder, *own, "--table", str(table))
    assert "1 of 3 films have no row in conditions.csv" in capsys.readouterr().err
    found = pd.read_csv(tmp_path / "by" / "durations.csv", keep_default_na=False)
    assert set(found["dose"][found["source"] == "all films"]) == {"", "0 uM", "5 uM", "(none)"}

    given = ["classify", str(film), "-o", str(tmp_path / "no"), "--by", "folder"]
    assert main(given) == 2
    assert "give tracks too, or leave them out" in capsys.readouterr().err


def test_a_folder_with_a_file_for_each_frame_is_a_film(
    film: Path, lineage: Lineage, model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "frames").mkdir()
    labels = tifffile.imread(film.with_name("film_labels.tif"))
    for frame, image in enumerate(tifffile.imread(film)):
        for plane, channel in zip(image, ("BF", "DF"), strict=True):
            tifffile.imwrite(tmp_path / "frames" / f"dish_t{frame + 1:02d}_{channel}.tif", plane)
        tifffile.imwrite(tmp_path / "frames" / f"dish_t{frame + 1:02d}_BF_labels.tif", labels[frame])
    tracks = ["--tracks", str(film.with_name("tracks.csv"))]
    whole = classify(film, tmp_path / "whole", model_folder, *tracks)
    reading = ["--channels", "brightfield=BF,darkfield=DF", "--pixel-size-um", "0.5"]
    one_by_one = classify(tmp_path / "frames", tmp_path / "out", model_folder, *tracks, *reading)
    pd.testing.assert_frame_equal(one_by_one.drop(columns="source"), whole.drop(columns="source"))
    assert one_by_one["source"][0] == "dish_t01_BF.tif"
    transitions = pd.read_csv(tmp_path / "out" / "transitions.csv")
    assert set(transitions["source"]) == {"dish_t*_BF.tif"}


def test_trackmate_gets_the_phases_back(film: Path, lineage: Lineage, model_folder: Path, tmp_path: Path) -> None:
    original = tmp_path / "lineage.xml"
    original.write_text(trackmate_of(lineage), encoding="utf-8")
    table = classify(film, tmp_path / "out", model_folder, "--tracks", str(original))
    spots = pd.read_xml(tmp_path / "out" / "lineage_phases.xml", xpath=".//Spot").set_index("ID")
    row = lineage.track.astype(str).astype(object) + "@" + lineage.frame.astype(str).astype(object)
    true = {name: int(spots.loc[number + 500, "CELLCYCLE_PHASE"]) for number, name in enumerate(row)}
    assert original.read_text(encoding="utf-8") == trackmate_of(lineage)
    assert read_tracks(tmp_path / "out" / "lineage_phases.xml").track.tolist() == read_tracks(original).track.tolist()
    names = (table["cell"] - 1).astype(str) + "@" + table["frame"].astype(str)
    numbers = table["phase_decoded"].map({"G1": 1, "S": 2, "G2": 3})
    assert [true[name] for name in names] == numbers.tolist()


def test_what_does_not_fit_is_one_sentence(
    film: Path, plate: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def complaint(where: Path, tracks: str) -> str:
        given = ["classify", str(where), "-o", str(tmp_path / "out"), "--model", str(model_folder), "--tracks", tracks]
        assert main(given) == 2
        return capsys.readouterr().err.strip().splitlines()[-1]

    assert "these cells are of no film" in complaint(plate, "auto")
    assert "missing.xml" in complaint(film, "missing.xml")
    (tmp_path / "far.csv").write_text("track,frame,x,y\n1,0,5000,5000\n")
    assert "none of the 1 cells of the tracks is in film.ome.tif" in complaint(film, str(tmp_path / "far.csv"))
    assert not (tmp_path / "out" / "phases.csv").exists()


def test_a_film_of_known_phases_is_evaluated_along_its_tracks(
    film: Path, lineage: Lineage, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = tmp_path / "true.csv"
    tracks.write_text(lineage.csv(truth=True))
    given = ["evaluate", str(film), "-o", str(tmp_path / "out"), "--model", str(model_folder), "--tracks", str(tracks)]
    assert main([*given, "--minutes-per-frame", "30"]) == 0
    found = json.loads((tmp_path / "out" / "track_scores.json").read_text())
    raw, decoded = found["single_frames"], found["along_tracks"]
    table = classify(film, tmp_path / "calls", model_folder, "--tracks", str(tracks), "--minutes-per-frame", "30")
    order = np.lexsort((lineage.track, lineage.frame))
    truth = np.array(list(DURATIONS))[lineage.phase[order]]
    assert raw["right_frames"] == pytest.approx((table["phase"] == truth).mean())
    assert decoded["right_frames"] == pytest.approx((table["phase_decoded"] == truth).mean())
    assert (raw["impossible"] > 5, decoded["impossible"], found["n_known"]) == (True, 0, len(lineage))
    page = (tmp_path / "out" / "tracks.html").read_text(encoding="utf-8")
    assert "transitions found within 1 h" in page
    assert "steps back, which no cell takes" in capsys.readouterr().out
    assert main(given) == 2
    assert "of an earlier run" in capsys.readouterr().err
    assert main([*given[:3], str(tmp_path / "cv"), *given[4:], "--cv", "5"]) == 2
    assert "no kind of network is called" in capsys.readouterr().err
    (tmp_path / "none.csv").write_text(lineage.csv())
    assert main([*given[:3], str(tmp_path / "none"), *given[4:-1], str(tmp_path / "none.csv")]) == 2
    assert "no cell in a track has a known phase" in capsys.readouterr().err


def test_tracks_that_the_model_was_trained_on_are_not_tested(
    film: Path, lineage: Lineage, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    knows = shutil.copytree(model_folder, tmp_path / "knows")
    cells = result_of(open_cells([film], ReadSettings()))
    first = int(np.flatnonzero(np.asarray(cells.ids) == lineage.track[0] + 1)[0])
    fingerprints = find_duplicates(cells).fingerprints
    np.save(knows / "trained_on.npy", np.vstack([np.load(knows / "trained_on.npy"), fingerprints[[first]]]))
    (tmp_path / "true.csv").write_text(lineage.csv(truth=True))
    given = ["evaluate", str(film), "--tracks", str(tmp_path / "true.csv"), "--model"]

    def scores(model: Path, name: str) -> dict[str, Any]:
        assert main([*given, str(model), "-o", str(tmp_path / name)]) == 0
        return json.loads((tmp_path / name / "track_scores.json").read_text())

    told, before = scores(knows, "seen"), scores(model_folder, "unseen")
    n_tracks, n_frames = len(np.unique(lineage.track)), int((lineage.track == lineage.track[0]).sum())
    note = f"the model was trained on frames of 1 of {n_tracks} tracks, which are left out"
    assert (told["protocol"], before["protocol"]) == ("held-out", "held-out")
    assert told["n_known"] == before["n_known"] - n_frames
    assert note in told["notes"]
    assert note[1:] in (tmp_path / "seen" / "tracks.html").read_text(encoding="utf-8")
    assert note in capsys.readouterr().err
    np.save(knows / "trained_on.npy", fingerprints)
    assert scores(knows, "all")["protocol"] == "trained-on"


def test_tracks_whose_phases_mean_nothing_are_marked_in_every_file(
    film: Path, lineage: Lineage, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Verdict(answer=DOES_NOT_FIT, share_unlike=1.0, reliable=False, reason="size", text="it does not fit")
    monkeypatch.setattr(predict, "judge_fit", lambda *_: bad)
    (tmp_path / "lineage.xml").write_text(trackmate_of(lineage), encoding="utf-8")
    classify(film, tmp_path / "out", model_folder, "--tracks", str(tmp_path / "lineage.xml"))
    for name in ("phases.csv", "transitions.csv", "durations.csv", "duration_curves.csv"):
        table = pd.read_csv(tmp_path / "out" / name)
        assert len(table), name
        assert not table["reliable"].any(), name
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["tracks"]["durations"] is None
    spots = pd.read_xml(tmp_path / "out" / "lineage_phases.xml", xpath=".//Spot")
    assert not spots["CELLCYCLE_RELIABLE"].any()
