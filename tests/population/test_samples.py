"""Which sample a cell belongs to: from the path of its file, from columns, from a user's table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cellcycle.cells import Prediction
from napari_cellcycle.datasets.groups import groupings, in_order, sample_names
from napari_cellcycle.errors import ReadError, SettingError
from napari_cellcycle.phases import N_PHASES
from napari_cellcycle.population.sample_table import join_samples, read_sample_table


def calls_of(sources: list[str], **columns: list[str]) -> Prediction:
    chances = np.eye(N_PHASES, dtype=np.float32)[np.zeros(len(sources), int)]
    texts = {name: np.array(values, dtype=str) for name, values in columns.items()}
    return Prediction(np.array(sources, dtype=str), np.arange(len(sources)), chances, columns=texts)


FILM = ["d1/A01/film.tif[t=0]", "d1/A01/film.tif[t=1]", "d2/B12/film.tif[t=10]", "d2/B12/film.tif[t=2]"]


def test_files_that_are_frames_of_a_film_are_one() -> None:
    calls = calls_of(["A01_t1.tif", "A01_t10.tif", "B02_t1.tif", "B02_t10.tif", "single.tif"])
    assert sample_names(calls, "file").tolist() == ["A01_t*.tif"] * 2 + ["B02_t*.tif"] * 2 + ["single.tif"]
    assert sample_names(calls, "frame").tolist() == ["0", "9", "0", "9", "(none)"]
    assert groupings(calls_of(["A01_t1.tif", "A01_t10.tif"])) == ["frame", "all"]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("file", ["d1/A01/film.tif"] * 2 + ["d2/B12/film.tif"] * 2),
        ("frame", ["0", "1", "10", "2"]),
        ("well", ["A01", "A01", "B12", "B12"]),
        ("folder1", ["d1", "d1", "d2", "d2"]),
        ("all", ["all cells"] * 4),
    ],
)
def test_samples_come_from_the_path_of_the_file(by: str, names: list[str]) -> None:
    assert sample_names(calls_of(FILM), by).tolist() == names


def test_the_most_telling_way_comes_first_and_says_more_than_one_group() -> None:
    assert groupings(calls_of(FILM)) == ["well", "frame", "folder1", "folder", "file", "all"]
    assert groupings(calls_of(FILM, dose=["0", "0", "1", "1"], drawn=["", "a", "", ""]))[0] == "dose"
    assert groupings(calls_of(["a.tif", "a.tif"])) == ["all"]


def test_a_column_counts_before_the_name_of_a_file() -> None:
    assert sample_names(calls_of(FILM, well=["H1", "H1", "", "H2"]), "well").tolist() == ["H1", "H1", "(none)", "H2"]


@pytest.mark.parametrize("source", ["G1/Ch3_CP0001.tif", "G2.cif", "plate/A01_B02.tif", "Ch3.tif"])
def test_a_phase_a_channel_and_two_wells_are_no_well(source: str) -> None:
    with pytest.raises(SettingError, match="have no well; group them by"):
        sample_names(calls_of([source]), "well")


def test_what_cells_can_be_grouped_by_is_said() -> None:
    with pytest.raises(SettingError, match=r"can be grouped by file, folder, folder1, dose, well, frame, all"):
        sample_names(calls_of(FILM, dose=["0", "0", "0", "1"]), "donor")
    with pytest.raises(SettingError, match="they are of no film"):
        sample_names(calls_of(["a.tif"]), "frame")


def test_ten_comes_after_two_and_no_name_last() -> None:
    assert in_order(np.array(["10", "(none)", "2", "a"])) == ["2", "10", "a", "(none)"]


PARTS = st.sampled_from(["a", "b", "G1", "A01", "x y"])


@given(st.lists(st.tuples(PARTS, PARTS, st.integers(0, 3)), min_size=1, max_size=30), st.data())
def test_every_way_that_is_offered_divides_all_cells(parts: list[tuple[str, str, int]], data: st.DataObject) -> None:
    calls = calls_of([f"{folder}/{name}.tif[t={frame}]" for folder, name, frame in parts])
    by = data.draw(st.sampled_from(groupings(calls)))
    names = sample_names(calls, by)
    assert len(names) == len(calls)
    assert sum(Counter(names.tolist()).values()) == len(calls)
    assert (names != "").all()
    if by == "frame":
        assert names.tolist() == [str(frame) for *_, frame in parts]
    if by == "folder1":
        assert names.tolist() == [folder for folder, *_ in parts]


# --- a user's table ---

PLATE = ["p/A01_Ch3.tif", "p/A02_Ch3.tif", "p/B01_Ch3.tif"]


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "samples.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "well,condition\nA1,control\nA02,drug\nB01,drug\n",
        "Condition;WELL ID\ncontrol;a01\ndrug;A2\ndrug;b1\n",
        "sep=\t\nFile name\tCondition\nA01_Ch3.TIF\tcontrol\np/A02_Ch3.tif\tdrug\nB01\tdrug\n".replace("p/A02", "A02"),
        "source,condition\np\\A01_Ch3.tif,control\np/A02_Ch3.tif,drug\n./p/B01,drug\n",
    ],
    ids=["commas", "semicolons, other case and order", "tabs, file names with and without suffix", "paths"],
)
def test_a_table_is_matched_however_it_is_written(text: str, tmp_path: Path) -> None:
    joined = join_samples(calls_of(PLATE), read_sample_table(write(tmp_path, text)))
    ((_, values),) = joined.columns.items()
    assert values.tolist() == ["control", "drug", "drug"]
    assert joined.notes == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_tables_of_excel_are_read(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "well;Zellen\r\nA01;grün\r\nA02;blau\r\nB01;blau\r\n", encoding)
    assert join_samples(calls_of(PLATE), read_sample_table(path)).columns["Zellen"].tolist() == ["grün", "blau", "blau"]


def test_two_keys_must_both_agree(tmp_path: Path) -> None:
    calls = calls_of(["p1/A01.tif", "p2/A01.tif"])
    path = write(tmp_path, "folder,well,dose\np1,A1,5\np2,A1,7\n")
    assert join_samples(calls, read_sample_table(path)).columns["dose"].tolist() == ["5", "7"]


def test_the_longest_folder_counts(tmp_path: Path) -> None:
    calls = calls_of(["d/p1/x.tif", "d/p2/x.tif"])
    path = write(tmp_path, "folder,drug\nd,no\nd/p2,yes\n")
    assert join_samples(calls, read_sample_table(path)).columns["drug"].tolist() == ["no", "yes"]


def test_frames_of_a_film_belong_to_its_file(tmp_path: Path) -> None:
    path = write(tmp_path, "file,drug\nfilm.tif,yes\n")
    assert join_samples(calls_of(FILM), read_sample_table(path)).columns["drug"].tolist() == ["yes"] * 4


def test_what_does_not_match_is_said(tmp_path: Path) -> None:
    table = read_sample_table(write(tmp_path, "well,drug\nA01,no\nH12,yes\n"))
    joined = join_samples(calls_of(PLATE), table)
    assert joined.columns["drug"].tolist() == ["no", "", ""]
    assert joined.notes == ("samples.csv: no cell belongs to H12", "2 of 3 cells have no row in samples.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("well,drug\n", "no rows under a heading"),
        ("donor,drug\n1,2\n", "does not say which cells its rows are about"),
        ("well\nA01\n", "has no column besides well"),
        ("well,drug\nC03,2\n", "no row of samples.csv matches a cell: its column well has 'C03'"),
        ("well,drug\nA01,1\nB01,1\nA1,2\n", "lines 2 and 4 of samples.csv are about the same cells"),
    ],
)
def test_a_table_that_can_not_be_joined_is_one_sentence(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=message):
        join_samples(calls_of(PLATE), read_sample_table(write(tmp_path, text)))
