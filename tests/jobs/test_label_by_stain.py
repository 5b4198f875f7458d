"""From a stained control to labels, on the command line and in Python."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from discs import disc_field, stained
from stained import made_contents, stained_pixels

import napari_cellcycle as cc
from napari_cellcycle.annotate.label_file import read_decisions
from napari_cellcycle.cli import main
from napari_cellcycle.images.field_crops import cut_by_border
from napari_cellcycle.jobs import label_by_stain
from napari_cellcycle.stain import result
from napari_cellcycle.stain.histogram_fit import fit_histogram

N = 260


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A stack of cells with brightfield, DNA stain and darkfield, and the true part of each."""
    content, part = made_contents(N, (0.5, 0.25, 0.25), 0.03, seed=8)
    stain = stained_pixels(content)
    light = np.full_like(stain, 600)
    folder = tmp_path_factory.mktemp("control")
    for name, planes in (("Ch3", light), ("Ch4", stain), ("Ch6", light // 20)):
        tifffile.imwrite(folder / f"cells_{name}.tif", planes, metadata={"axes": "NYX"}, imagej=False)
    return folder, part


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of few draws, which takes less time."""
    monkeypatch.setattr(result, "fit_histogram", partial(fit_histogram, n_bootstrap=6))


@pytest.fixture
def control(plate: tuple[Path, np.ndarray]) -> tuple[Path, np.ndarray]:
    (plate[0] / "cellcycle_labels.jsonl").unlink(missing_ok=True)
    return plate


def label(folder: Path, out: Path, *options: str) -> int:
    return main(["label", str(folder), "-o", str(out), *options])


def test_labels_are_written_beside_the_data_and_to_the_folder(
    control: tuple[Path, np.ndarray],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(label_by_stain, "render_stain_page", lambda _found: "")
    folder, part = control
    assert label(folder, tmp_path / "out", "--dna", "Ch4") == 0
    assert "cells labelled by dna" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "out" / "labels.csv", keep_default_na=False)
    parts = table["label"].map({"G1": 0, "S": 1, "G2/M": 2})
    assert (parts == part).mean() > 0.9
    assert table.loc[table["label"] == "G1", "dna_content"].astype(float).median() == pytest.approx(2, abs=0.03)
    gates = json.loads((tmp_path / "out" / "gates.json").read_text())
    assert gates["fit"]["cv"] == pytest.approx(0.03, abs=0.015)
    cells = cc.read_cells(folder)
    sure = table["sure"].to_numpy()
    assert (cells.columns["label"][sure] == table["label"][sure]).all()
    assert set(cells.columns["label"][~sure]) <= {"unsure"}
    assert set(cells.columns["annotator"]) == {"gate: dna"}
    g1 = sure & (table["label"] == "G1").to_numpy()
    assert (cells.phases[g1] == cc.Phase.G1).all()


def test_another_run_replaces_the_labels_of_the_same_stain_and_only_adds_to_the_file(
    control: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_by_stain, "render_stain_page", lambda _found: "")
    folder, _ = control
    file = folder / "cellcycle_labels.jsonl"
    assert label(folder, tmp_path / "out") == 0
    before = file.read_bytes()
    assert label(folder, tmp_path / "out") == 2  # it would replace what the first one wrote
    assert label(folder, tmp_path / "out", "--overwrite") == 0
    assert file.read_bytes() == before
    gates = json.loads((tmp_path / "out" / "gates.json").read_text())
    gates["gates"]["s_g2m"] = 3.0
    (tmp_path / "mine.json").write_text(json.dumps(gates))
    gated = ("--gates", str(tmp_path / "mine.json"), "--overwrite")
    assert label(folder, tmp_path / "out", *gated) == 0
    assert file.read_bytes().startswith(before)
    decisions, notes = read_decisions(file)
    assert notes == []
    assert N < len(decisions) < 1.5 * N
    table = pd.read_csv(tmp_path / "out" / "labels.csv", keep_default_na=False)
    assert ((table["label"] == "G2/M") == (table["dna_content"] >= 3.0)).all()


def test_the_page_is_one_file_that_loads_nothing(control: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    assert label(control[0], tmp_path / "out", "--model", "watson") == 0
    page = (tmp_path / "out" / "labels.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert page.count("data:image/svg+xml;base64,") == 6
    assert "http" not in page.split("</head>")[1].replace("http-equiv", "")
    assert "10.1002/cyto.990080101" in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dna", "Ch9"], "has no channel 'Ch9'; choose one of Ch3, Ch4, Ch6"),
        (["--dna", "Ch4", "--fucci", "g1=a,s-g2m=b"], "dna and fucci are both given"),
        (["--fucci", "g1=Ch3"], "fucci is 'g1=Ch3', but must read like g1=Cdt1,s-g2m=Geminin"),
        (["--gates", "none.json"], "the gates in none.json can't be read"),
        (["--dna", "Ch3"], "nothing was labelled, as no phase can be determined|can't be fitted"),
    ],
)
def test_what_a_user_can_mend_is_a_sentence(
    control: tuple[Path, np.ndarray],
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert label(control[0], tmp_path / "out", *options) == 2
    errors = capsys.readouterr().err
    assert any(part in errors for part in message.split("|")), errors
    assert not (control[0] / "cellcycle_labels.jsonl").exists()


def test_python_labels_cells_and_finds_a_channel_by_its_name_in_the_files(control: tuple[Path, np.ndarray]) -> None:
    with pytest.warns(cc.CellCycleWarning, match="Ch4 read as dna"):
        cells = cc.read_cells(control[0])
    found = cc.label_by_stain(cells, dna="ch4")
    assert found.channels == ("dna",)
    assert sum(found.counts.values()) == N
    assert not (control[0] / "cellcycle_labels.jsonl").exists()
    with pytest.raises(cc.SettingError, match="'epochs' is no setting of label_by_stain"):
        cc.label_by_stain(cells, epochs=3)


def test_fucci_cells_are_labelled_by_two_channels(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    on = np.array([[1, 0], [1, 1], [0, 1]]).repeat(60, axis=0)
    strength = np.exp(chance.normal(np.where(on, 0.0, -3.0), 0.2))
    pixels = np.stack([stained_pixels(strength[:, 0]), stained_pixels(strength[:, 1])], axis=1)
    cells = cc.read_cells(pixels, channels=["Cdt1", "Geminin"])
    found = cc.label_by_stain(cells, fucci={"g1": "Cdt1", "s-g2m": "Geminin"})
    assert found.gated.labels[::60].tolist() == ["G1", "S", "S/G2/M"]
    assert found.annotator == "gate: Cdt1 + Geminin"
    assert list(found.to_table())[:6] == ["source", "cell", "label", "sure", "g1", "s_g2m"]


@pytest.mark.parametrize("n_frames", [1, 2])
def test_nuclei_of_fields_without_labels_are_found_in_the_stain_and_written(
    tmp_path: Path, n_frames: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_by_stain, "render_stain_page", lambda _found: "")
    frames = [disc_field(seed, size=240, n_discs=32 // n_frames, radius=9) for seed in range(n_frames)]
    planes = np.stack([np.stack([field, stained(truth)]) for field, truth in frames])
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "film.ome.tif"
    tifffile.imwrite(path, planes, metadata={"axes": "TCYX", "Channel": {"Name": ["brightfield", "DAPI"]}}, ome=True)
    assert label(path, tmp_path / "out", "--dna", "DAPI", "--force") == 0
    messages = capsys.readouterr().err
    assert "32 cells found by the finder stain, as there is no label image" in messages
    assert "32 nuclei; look at nuclei/film_labels.tif, and mend what is wrong" in messages
    found = tifffile.imread(tmp_path / "out" / "nuclei" / "film_labels.tif").reshape(n_frames, 240, 240)
    assert [int(frame.max()) for frame in found] == [32 // n_frames] * n_frames
    truths = np.stack([truth for _, truth in frames])
    assert (truths[found > 0] > 0).mean() > 0.95
    (tmp_path / "out" / "nuclei" / "film_labels.tif").rename(tmp_path / "data" / "film_labels.tif")
    again = cc.read_cells(path)
    labelled = again.columns["annotator"] == "gate: dna"  # the labels are those of the same nuclei
    assert labelled.tolist() == (~cut_by_border(again.images)).tolist()
