"""Population exports of IDEAS: lists and tables of object numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.amnis.population_lists import read_object_numbers


@pytest.mark.parametrize(
    "text",
    [
        "3\n5\n70\n",
        "3\r\n5\r\n70",
        "\ufeffG1 cells\r\nplate3.daf\r\n\r\n3\r\n5\r\n70\r\n\r\n",
        "Object Number\tArea_M01\n3\t1.5\n5\t2.5\n70\t0\n",
        'exported 1/2/2026\nArea_M01,"object number"\n8,3\n9,5\n10,70\n',
    ],
    ids=["plain", "windows", "heading", "tabs", "commas"],
)
def test_object_numbers(tmp_path: Path, text: str) -> None:
    path = tmp_path / "G1.txt"
    path.write_bytes(text.encode())
    assert read_object_numbers(path).tolist() == [3, 5, 70]


@pytest.mark.parametrize("text", ["no numbers\n", "3\nfive\n", "3\n5.5\n", "Object Number\tArea\n\t3\n"])
def test_what_is_no_list(tmp_path: Path, text: str) -> None:
    (tmp_path / "G1.txt").write_text(text)
    with pytest.raises(ReadError, match=r"G1\.txt is not a list of object numbers; export the population from IDEAS"):
        read_object_numbers(tmp_path / "G1.txt")


def test_a_missing_list(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"G1\.txt can't be read .*; save it as text"):
        read_object_numbers(tmp_path / "G1.txt")


@pytest.mark.parametrize("text", ["", "Object Number\r\n", "G1 cells\nObject Number\tArea\n"])
def test_an_empty_population(tmp_path: Path, text: str) -> None:
    (tmp_path / "G1.txt").write_text(text)
    assert read_object_numbers(tmp_path / "G1.txt").tolist() == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_numbers_in_any_form(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "G1.csv").write_bytes('"Object Number"\r\n"3.0"\r\n5,0\r\n'.encode(encoding))
    assert read_object_numbers(tmp_path / "G1.csv").tolist() == [3, 5]
