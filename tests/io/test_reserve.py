"""An output is claimed before the work starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_cellcycle.errors import WriteError
from napari_cellcycle.io.processes import mark
from napari_cellcycle.io.reserve import check_free, reserved


def test_what_is_there_is_replaced_only_if_the_user_says_so(tmp_path: Path) -> None:
    check_free(tmp_path, ["phases.csv"], overwrite=False)
    (tmp_path / "phases.csv").touch()
    with pytest.raises(WriteError, match=r"has phases\.csv of an earlier run; .*--overwrite"):
        check_free(tmp_path, ["phases.csv", "summary.json"], overwrite=False)
    check_free(tmp_path, ["phases.csv", "summary.json"], overwrite=True)
    with pytest.raises(WriteError, match="is an input"):
        check_free(tmp_path, ["phases.csv"], [tmp_path / "phases.csv"], overwrite=True)


def test_an_input_is_known_by_any_path(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    (tmp_path / "b.tif").symlink_to("a.tif")
    with pytest.raises(WriteError, match="is an input"):
        check_free(tmp_path / "b.tif", inputs=[tmp_path / "x" / ".." / "a.tif"], overwrite=True)


def test_the_second_of_two_runs_is_told_at_the_start(tmp_path: Path) -> None:
    with reserved(tmp_path / "new" / "run"):
        assert not (tmp_path / "new").exists()
        with pytest.raises(WriteError, match="is being written by another run"), reserved(tmp_path / "new" / "run"):
            pass
        with reserved(tmp_path / "new" / "other"):
            pass
    with reserved(tmp_path / "new" / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_claim_of_a_killed_run_is_void(tmp_path: Path) -> None:
    code = "import os; from napari_cellcycle.io.reserve import reserved; from pathlib import Path\n"
    code += f"with reserved(Path({str(tmp_path / 'run')!r})): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with reserved(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_not_be_written_is_found_out_first(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sentence = r"can't write to .*choose another folder"
    with pytest.raises(WriteError, match=sentence), reserved(tmp_path / "file" / "run"):
        pytest.fail("the work began")


def test_a_mark_names_this_process(tmp_path: Path) -> None:
    from napari_cellcycle.io.processes import is_left_over

    assert not is_left_over(tmp_path, mark())
    assert not is_left_over(tmp_path, "anything")
