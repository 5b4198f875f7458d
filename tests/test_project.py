"""A project: what is written, what is found again, and what is said where something is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from old_projects import write_project_1

from napari_cellcycle.errors import ReadError
from napari_cellcycle.project import Called, OpenData, missing_places, read_calls, read_project, save_project
from napari_cellcycle.store.csv_tables import from_csv, to_csv


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": ["7", "b,c.tif"],
            "cell": [0, 1],
            "phase": ["G1", "unsure"],
            "probability": np.array([0.1, 1 / 3], np.float32),
            "dna_content": [np.nan, 2.5],
            "synthetic": [False, True],
            "truth": ["", "S"],
            "note": ["", "theirs"],
        }
    )


@pytest.fixture
def saved(tmp_path, table) -> Path:
    (tmp_path / "data" / "plate").mkdir(parents=True)
    data = OpenData("plate", [str(tmp_path / "data" / "plate")], 2, called=Called(table, "default", 0.5))
    (tmp_path / "mine").mkdir()
    return save_project(tmp_path / "mine" / "screen", [data], {"camera": {"zoom": 2.0}})


def test_a_table_comes_back_with_its_types(table) -> None:
    again = from_csv(to_csv(table))
    assert [again[name].dtype.kind for name in again] == ["O", "i", "O", "f", "f", "b", "O", "O"]
    np.testing.assert_array_equal(again["probability"].astype(np.float32), table["probability"])
    assert again["source"].tolist() == ["7", "b,c.tif"]
    assert again["truth"].tolist() == ["", "S"]
    assert np.isnan(again["dna_content"][0])
    assert again["note"].tolist() == ["", "theirs"]


def test_it_is_one_small_file_with_a_table_beside_it(saved) -> None:
    assert sorted(path.name for path in saved.parent.iterdir()) == [
        "screen.cellcycle.calls.csv",
        "screen.cellcycle.json",
    ]
    project = read_project(saved)
    assert project.data[0].paths[0].relative == "../data/plate"
    assert project.view == {"camera": {"zoom": 2.0}}
    called = read_calls(saved, project.data[0].calls)
    assert (called.model, called.min_probability, len(called.table)) == ("default", 0.5, 2)


def test_it_moves_with_its_data(saved, tmp_path) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("data", "mine"):
        (tmp_path / name).rename(moved / name)
    path = moved / "mine" / saved.name
    project = read_project(path)
    assert missing_places(path, project, {}) == []
    assert project.data[0].paths[0].find(path.parent, {}).resolve() == (moved / "data" / "plate").resolve()


def test_data_that_went_elsewhere_are_asked_for_once(tmp_path) -> None:
    paths = [tmp_path / "data" / name for name in ("a", "b")]
    for path in paths:
        path.mkdir(parents=True)
    project_file = save_project(tmp_path / "p", [OpenData("both", [str(path) for path in paths], 2)])
    (tmp_path / "data").rename(tmp_path / "archive")
    project = read_project(project_file)
    assert missing_places(project_file, project, {}) == paths
    assert missing_places(project_file, project, {paths[0]: tmp_path / "archive" / "a"}) == []


@pytest.mark.parametrize("change", ["gone", "edited"])
def test_calls_of_another_project_are_refused_in_one_sentence(saved, change) -> None:
    calls = saved.with_name("screen.cellcycle.calls.csv")
    if change == "gone":
        calls.unlink()
    else:
        calls.write_bytes(calls.read_bytes().replace(b"G1", b"G2"))
    with pytest.raises(ReadError, match=r"screen\.cellcycle\.calls\.csv is not .*classify again$"):
        read_calls(saved, read_project(saved).data[0].calls)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"napari_cellcycle_project": 2, "new": 1}', "was saved by a later version"),
        ("[]", "is no project of napari-cellcycle"),
        ("{", "is no project of napari-cellcycle"),
        ('{"napari_cellcycle_project": 1}', "it has no data"),
        ('{"napari_cellcycle_project": 1, "data": [], "x": 1}', "unknown key x"),
    ],
)
def test_what_is_no_project_is_one_sentence(tmp_path, text, said) -> None:
    path = tmp_path / "x.cellcycle.json"
    path.write_text(text)
    with pytest.raises(ReadError, match=said):
        read_project(path)


def test_a_table_of_calls_is_looked_for_beside_the_project_only(saved) -> None:
    known = json.loads(saved.read_text())
    known["data"][0]["calls"]["file"] = "../../data/secret.csv"
    saved.write_text(json.dumps(known))
    with pytest.raises(ReadError, match=r"secret\.csv is not next to"):
        read_calls(saved, read_project(saved).data[0].calls)


def test_version_1_opens(tmp_path) -> None:
    path = write_project_1(tmp_path)
    project = read_project(path)
    assert project.data[0].view == {"visible": ["darkfield", "phase"], "hidden": ["S"]}
    assert read_calls(path, project.data[0].calls).table["phase"].value_counts().to_dict() == {"G1": 89, "Telophase": 1}
