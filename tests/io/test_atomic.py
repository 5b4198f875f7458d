"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
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


@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT", "EIO", "EFBIG", "EROFS", "ENAMETOOLONG", "ESTALE"])
def test_whatever_the_system_says_while_writing_is_one_sentence(tmp_path: Path, code: str) -> None:
    number = getattr(errno, code)
    with pytest.raises(WriteError) as caught, atomic_path(tmp_path / "x"):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == (
        f"can't write {tmp_path / 'x'} ({os.strerror(number)}); choose another folder or free some space"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_wraps_the_reason_is_understood(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=re.escape("(No space left on device)")), atomic_path(tmp_path / "x"):
        raise OSError("Unable to synchronously create file (file write failed: errno = 28, buf = 0x5)")


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    code = "import os; from napari_cellcycle.io.atomic import atomic_path\n"
    code += f"with atomic_path({str(tmp_path / 'x')!r}) as path: path.write_text('half'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    assert [len(list(folder.iterdir())) for folder in tmp_path.iterdir()] == [1]
    with atomic_path(tmp_path / "y") as temporary:
        temporary.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["y"]


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    with atomic_path(tmp_path / ("x" * 255)) as temporary:
        temporary.write_text("whole")
    with pytest.raises(WriteError, match="File name too long"), atomic_path(tmp_path / ("x" * 256)) as temporary:
        temporary.write_text("whole")


def test_a_folder_that_holds_something_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "kept").write_text("mine")
    with pytest.raises(WriteError, match="can't write"), atomic_path(tmp_path / "run") as temporary:
        temporary.mkdir()
    assert (tmp_path / "run" / "kept").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1
