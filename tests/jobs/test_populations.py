"""Populations as a command and from Python: the same numbers from images and from phases.csv."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import napari_cellcycle as cc
from napari_cellcycle.cells import Prediction
from napari_cellcycle.cli import main
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.calls_table import is_calls_table, read_calls
from napari_cellcycle.io.writers.results import write_table
from napari_cellcycle.verdict import DOES_NOT_FIT, Verdict

FIGURES = ["populations", "dna_content", "embedding", "embedding_by_sample", "gallery"]


@pytest.fixture(scope="module")
def done(plate: Path, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("populations")
    words = ["populations", str(plate), "-o", str(folder), "--by", "folder", "--model", str(model_folder)]
    assert main([*words, "--device", "cpu", "--force"]) == 0
    return folder


def test_images_give_all_figures_and_the_table_of_calls(done: Path) -> None:
    names = {path.name for path in done.iterdir()}
    found = [name for name in FIGURES if f"{name}.png" in names]
    assert names == {f"{name}.{kind}" for name in found for kind in ("png", "svg", "csv")} | {
        "phases.csv",
        "summary.json",
    }
    assert set(FIGURES) - set(found) <= {"dna_content"}
    table = pd.read_csv(done / "populations.csv")
    assert table["folder"].unique().tolist() == ["G1", "G2", "S"]
    calls = pd.read_csv(done / "phases.csv")
    counts = calls[calls["source"].str.startswith("S/")]["phase"].value_counts()
    own = table[table["folder"] == "S"].set_index("phase")["count"]
    assert own[own > 0].to_dict() == counts.to_dict()


def test_its_own_files_are_not_read_as_cells(done: Path, plate: Path, tmp_path: Path) -> None:
    from napari_cellcycle.errors import ImageError

    with pytest.raises((ImageError, ReadError)):
        cc.read_cells(done)
    shutil.copytree(plate, tmp_path / "plate")
    shutil.copytree(done, tmp_path / "plate" / "views")
    assert len(cc.read_cells(tmp_path / "plate")) == 90


def test_the_table_of_calls_gives_the_same_numbers(done: Path, tmp_path: Path, capsys) -> None:
    assert main(["populations", str(done / "phases.csv"), "-o", str(tmp_path), "--by", "folder", "--force"]) == 0
    assert "no embedding and no gallery" in capsys.readouterr().err
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "populations.csv"), pd.read_csv(done / "populations.csv"), rtol=1e-4
    )


def test_a_table_of_samples_is_grouped_by(done: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "samples.csv").write_text("folder;dose\nG1;low\nS;high\nG2;high\n")
    words = ["populations", str(done / "phases.csv"), "-o", str(tmp_path / "out"), "--force", "--json"]
    assert main([*words, "--table", str(tmp_path / "samples.csv")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["dose"], row["sample_cells"]) for row in rows} == {("low", 30), ("high", 60)}


def test_what_can_not_be_grouped_by_is_one_sentence(done: Path, tmp_path: Path, capsys) -> None:
    assert main(["populations", str(done / "phases.csv"), "-o", str(tmp_path), "--by", "donor"]) == 2
    assert "by is 'donor', but these cells can be grouped by" in capsys.readouterr().err


def test_python_gives_the_numbers_of_the_command(plate: Path, model_folder: Path, done: Path) -> None:
    model = cc.load_model(model_folder)
    calls = cc.classify(cc.read_cells(plate), model, device="cpu")
    found = cc.populations(calls, by="folder", model=model, force=True).to_table()
    pd.testing.assert_frame_equal(found, pd.read_csv(done / "populations.csv"), rtol=1e-4, check_dtype=False)


def made_calls(**more: object) -> Prediction:
    chances = np.random.default_rng(0).dirichlet(np.ones(7), 20).astype(np.float32)
    columns = {"well": np.array(["A01", "B02"] * 10), "label": np.array(["", "NA", "G1", "None"] * 5)}
    return Prediction(np.full(20, "a, b.tif"), np.arange(20), chances, columns=columns, **more)


@pytest.mark.parametrize("excel", [False, True])
def test_a_table_of_calls_is_read_as_it_was_written(tmp_path: Path, excel: bool) -> None:
    calls = made_calls(min_probability=0.4, synthetic=np.arange(20) > 15, dna_content=np.full(20, 2.5, np.float32))
    path = tmp_path / "phases.csv"
    write_table(calls, path)
    if excel:
        pd.read_csv(path, keep_default_na=False).to_csv(path, sep=";", decimal=",", index=False, encoding="utf-8-sig")
    assert is_calls_table(path)
    found = read_calls(path).prediction
    np.testing.assert_array_equal(found.phases, calls.phases)
    np.testing.assert_array_equal(found.synthetic, calls.synthetic)
    np.testing.assert_allclose(found.probabilities, calls.probabilities, atol=1e-6)
    assert found.dna_content.tolist() == [2.5] * 20
    assert {name: texts.tolist() for name, texts in found.columns.items()} == {
        name: texts.tolist() for name, texts in calls.columns.items()
    }
    assert found.unfamiliar is None


def test_calls_that_mean_nothing_stay_so(tmp_path: Path) -> None:
    verdict = Verdict(answer=DOES_NOT_FIT, share_unlike=1, reliable=False, reason="", text="no")
    write_table(made_calls(verdict=verdict, unfamiliar=np.ones(20, bool)), tmp_path / "phases.csv")
    assert not read_calls(tmp_path / "phases.csv").prediction.is_reliable


def test_a_damaged_table_of_calls_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "phases.csv"
    write_table(made_calls(), path)
    path.write_text(path.read_text().replace("0.", "zero,", 1))
    with pytest.raises(ReadError, match="can't be read as calls"):
        read_calls(path)
    write_table(made_calls(), path)
    good = path.read_text()
    path.write_text(good.replace('"a, b.tif",3,', '"a, b.tif",3.5,'))
    with pytest.raises(ReadError, match="cell must hold whole numbers"):
        read_calls(path)
    table = pd.read_csv(io.StringIO(good), keep_default_na=False).assign(p_G1=7.5)
    table.to_csv(path, index=False)
    with pytest.raises(ReadError, match="a probability is not in 0 to 1"):
        read_calls(path)
    (tmp_path / "other.csv").write_text("cell,phase\n1,G1\n")
    assert not is_calls_table(tmp_path / "other.csv")
