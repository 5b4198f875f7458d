"""Inputs by name, by pattern and in a list; how much a command says; what the tab key offers."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_cellcycle.cli import main
from napari_cellcycle.cli.completion import model_names
from napari_cellcycle.cli.inputs import given_inputs
from napari_cellcycle.errors import ReadError, SettingError


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.cif", "a.cif", "c.rif", "[1].cif"):
        (tmp_path / name).touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "d.cif").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_patterns_that_the_shell_left_are_filled_in(files: Path) -> None:
    found = given_inputs([Path("c.rif"), Path("[ab].cif"), Path("**/d.cif")], [])
    assert [path.as_posix() for path in found] == ["c.rif", "a.cif", "b.cif", "deep/d.cif"]
    assert given_inputs([Path("[1].cif")], []) == [Path("[1].cif")]  # it is there, so it is no pattern
    with pytest.raises(ReadError, match=r"\*\.zarr matches no file or folder"):
        given_inputs([Path("*.zarr")], [])


def test_a_list_is_read_from_a_file_and_from_a_pipe(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (files / "list.txt").write_text("\ufeff# of Monday\n a.cif \n\n*.rif\n", encoding="utf-8")
    assert given_inputs([], ["list.txt"]) == [Path("a.cif"), Path("c.rif")]
    monkeypatch.setattr("sys.stdin", io.StringIO("b.cif\n"))
    assert given_inputs([Path("a.cif")], ["-"]) == [Path("a.cif"), Path("b.cif")]
    with pytest.raises(ReadError, match=r"none.txt is no readable list of inputs"):
        given_inputs([], ["none.txt"])


def test_no_input_is_an_error_unless_none_is_needed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert given_inputs([], [], needed=False) == []
    with pytest.raises(SettingError, match="no input was given"):
        given_inputs([], [])
    assert main(["classify", "-o", str(tmp_path / "out")]) == 2
    assert "no input was given; name files or folders" in capsys.readouterr().err


def test_a_command_takes_patterns_and_lists(plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.txt").write_text(f"{plate / 'S'}\n")
    assert main(["info", str(plate / "G[1]"), "--inputs-from", str(tmp_path / "list.txt"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_cells"] == 60


def test_a_command_says_as_much_as_it_was_asked(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {}
    for flag in ("-q", "-v"):
        assert main(["convert", str(plate), "-o", str(tmp_path / f"x{flag}.ome.tif"), flag]) == 0
        said[flag] = capsys.readouterr()
    assert said["-q"].err == ""
    assert "90 cells written" in said["-q"].out
    assert "note: Ch3 read as brightfield" in said["-v"].err
    assert " s  done" in said["-v"].err
    assert main(["info", str(tmp_path / "none"), "-v"]) == 2
    *trace, sentence = capsys.readouterr().err.splitlines()
    assert trace[0].startswith("Traceback")
    assert sentence.startswith("napari-cellcycle: ")


@pytest.mark.skipif(os.name != "posix", reason="argcomplete answers a Unix shell")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("napari-cellcycle cl", {"classify "}),
        ("napari-cellcycle classify x --dev", {"--device "}),
        ("napari-cellcycle classify x --device c", {"cpu", "cuda"}),
    ],
)
def test_the_tab_key_offers_commands_flags_and_values(line: str, offered: set[str], tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "_ARGCOMPLETE_IFS": "\n"}
    asked |= {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_SUPPRESS_SPACE": "0"}
    code = "from napari_cellcycle.cli import main; main()"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **asked}, check=True)
    assert {found.split("\v")[0] for found in answer.read_text().split("\n")} == offered


def test_models_are_offered_by_name() -> None:
    assert model_names()[:1] == ["default"]
