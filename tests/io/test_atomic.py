"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_cellcycle.errors import WriteError
from napari_cellcycle.io.atomic import atomic_path


def test_a_file_is_replaced_only_when_all_of_it_is_there(tmp_path: Path) -> None:
    target = tmp_path / "new" / "table.csv"
    with atomic_path(target) as temporary:
        temporary.write_text("old")
        assert not target.exists()
    with pytest.raises(KeyError):
        _write_half(target)
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def _write_half(target: Path) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        raise KeyError


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sentence = r"can't write to .*file .*choose another folder"
    with pytest.raises(WriteError, match=sentence), atomic_path(tmp_path / "file" / "x"):
        pass


def test_a_folder_that_holds_something_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "kept").write_text("mine")
    with pytest.raises(WriteError, match="can't write"), atomic_path(tmp_path / "run") as temporary:
        temporary.mkdir()
    assert (tmp_path / "run" / "kept").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1
