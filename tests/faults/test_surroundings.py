"""The command line in odd surroundings: a locale, a user without rights, a share that hangs, a clock that jumps."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from napari_cellcycle.cli import main
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.io.processes import is_left_over, mark
from napari_cellcycle.io.reserve import reserved

posix = pytest.mark.skipif(os.name != "posix", reason="users, pipes and bytes in names are those of Unix")
as_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can become another user")
NOBODY = 65534


def command(*arguments: str | Path, **how: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **how.pop("env", {})}  # type: ignore[dict-item]
    return subprocess.run(
        [sys.executable, "-m", "napari_cellcycle", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
        **how,  # type: ignore[call-overload]
    )


LOCALES = ["C", "POSIX", "tr_TR.UTF-8", "de_DE.ISO-8859-1"] if os.environ.get("ALL_FAULTS") else ["C"]


@posix
@pytest.mark.parametrize("locale", LOCALES)
def test_any_locale_reads_any_name(plate: Path, tmp_path: Path, locale: str) -> None:
    folder = shutil.copytree(plate, tmp_path / "plate")
    (folder / "G1").rename(os.fsdecode(os.fsencode(folder) + b"/\xc3\xa9\xff"))
    env = {"LC_ALL": locale, "LANG": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = command("convert", folder, "-o", tmp_path / "out.ome.tif", env=env)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    cells = read_cells(tmp_path / "out.ome.tif")
    assert len(cells) == 90
    assert (cells.phases >= 0).sum() == 60


@posix
@as_root
def test_a_user_without_rights_is_told_what_can_not_be_read_or_written(plate: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plate, tmp_path / "plate")
    above = [path for path in tmp_path.parents if "pytest-" in str(path)]  # one more where tests run side by side
    for path in [*above, tmp_path, folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "S" / "cells_Ch3.tif").chmod(0o600)
    (folder / "G2").chmod(0o700)
    output = tmp_path / "out.ome.tif"
    for arguments in (["info", folder], ["convert", folder, "-o", output]):  # nobody can't read this Python
        assert main(list(map(str, arguments))) == 0
    for path in tmp_path.glob("out.*"):
        path.unlink()
    code, said = as_nobody(tmp_path, "info", folder)
    assert code == 0, said
    assert "cells_Ch3.tif can't be read (Permission denied)" in said
    assert "G2 can't be read (Permission denied)" in said
    code, said = as_nobody(tmp_path, "convert", folder, "-o", output)
    assert (code, said.count("\n")) == (2, 1), said
    assert "can't write to" in said


def as_nobody(folder: Path, *arguments: str | Path) -> tuple[int, str]:
    """Run a command in a forked process that has given up its rights; its exit code, and what it says."""
    (folder / "said.txt").touch()
    number = os.fork()
    if number == 0:
        code = 1
        signal.alarm(60)  # a lock that another thread held would never be free here
        try:
            with (folder / "said.txt").open("w", buffering=1) as sys.stdout:
                sys.stderr = sys.stdout
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                code = main(list(map(str, arguments)))
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    return code, (folder / "said.txt").read_text()


@posix
def test_a_share_that_hangs_lets_ctrl_c_through(plate: Path, tmp_path: Path) -> None:
    """A pipe that nobody writes to stands for a share that does not answer: opening it waits."""
    slow = "import os, signal, sys, threading; from napari_cellcycle.io.formats import tiff_pages\n"
    slow += "from napari_cellcycle.cli import main\n"
    slow += (
        f"def hangs(*a, **k):\n  print('hangs', flush=True); open({str(tmp_path / 'pipe')!r}); return real(*a, **k)\n"
    )
    slow += (
        f"tiff_pages.TiffFile = hangs; sys.exit(main(['convert', {str(plate)!r}, '-o', {str(tmp_path / 'o.zarr')!r}]))"
    )
    os.mkfifo(tmp_path / "pipe")
    process = subprocess.Popen([sys.executable, "-c", slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "hangs\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe"]


def test_a_clock_that_jumps_takes_no_running_work_for_a_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reserved(tmp_path / "run"), atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("half")
        for jump in (-(10**9), 10**9):
            real = time.time
            monkeypatch.setattr(time, "time", lambda real=real, jump=jump: real() + jump)
            assert not is_left_over(temporary, mark())
            with atomic_path(tmp_path / f"b{jump}") as other:
                other.write_text("whole")
            monkeypatch.setattr(time, "time", real)
    assert (tmp_path / "a").read_text() == "half"
    with atomic_path(tmp_path / "old") as temporary:
        temporary.write_text("of the year 1970")
        os.utime(temporary, (0, 0))
    assert (tmp_path / "old").read_text() == "of the year 1970"


def test_two_that_write_one_output_give_one_result_and_one_sentence(plate: Path, tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "napari_cellcycle", "convert", str(plate), "-o", str(tmp_path / "out.ome.tif")]
    both = [subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], said
    assert "written by another run" in said[codes.index(2)] or "exists already" in said[codes.index(2)]
    assert len(read_cells(tmp_path / "out.ome.tif")) == 90
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.ome.tif"]


def test_many_threads_reserve_one_output_once(tmp_path: Path) -> None:
    got: list[bool] = []
    barrier = threading.Barrier(8)

    def take() -> None:
        barrier.wait()
        try:
            with reserved(tmp_path / "run"):
                got.append(True)
                time.sleep(0.2)
        except OSError:
            got.append(False)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 1
