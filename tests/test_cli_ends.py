"""How a command ends that is interrupted, or that nobody listens to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from napari_cellcycle import cli
from napari_cellcycle.cli import main

PROGRAM = [sys.executable, "-m", "napari_cellcycle"]
posix = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of Unix")


def test_ctrl_c_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_models", interrupted)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "napari-cellcycle: stopped; nothing half-done was left behind\n"


@posix
@pytest.mark.parametrize("interrupts", [signal.default_int_handler, signal.SIG_IGN])  # as behind & in a script
def test_a_polite_request_to_end_is_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], interrupts: Any
) -> None:
    def ended(_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(cli, "_models", ended)
    at_first = signal.signal(signal.SIGINT, interrupts)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["models"]) == 130
    finally:
        signal.signal(signal.SIGINT, at_first)
    assert signal.getsignal(signal.SIGTERM) is before
    assert "nothing half-done was left behind" in capsys.readouterr().err


@posix
@pytest.mark.parametrize("order", ["{} models | true", "{} models >&-", "{} models >&- 2>&-", "{} --help | true"])
def test_closed_pipes_are_silent_and_right(order: str) -> None:
    shell = ["bash", "-c", f"set -o pipefail; {order.format(' '.join(PROGRAM))}"]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@posix
def test_work_goes_on_when_nobody_reads_the_notes(plate: Path, tmp_path: Path) -> None:
    order = f"{' '.join(PROGRAM)} convert {plate} -o {tmp_path}/x.ome.tif 2> >(true)"
    assert subprocess.run(["bash", "-c", order], capture_output=True, check=False).returncode == 0
    assert (tmp_path / "x.csv").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_behind_the_output_is_one_sentence() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([*PROGRAM, "models"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("napari-cellcycle: the output can't be used (No space left on device)")
    assert done.stderr.count("\n") == 1


def test_what_another_user_keeps_from_us_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_: object) -> None:
        raise PermissionError(13, "Permission denied", "/home/anna/plate")

    monkeypatch.setattr(cli, "_models", refused)
    assert main(["models"]) == 2
    assert capsys.readouterr().err.startswith("napari-cellcycle: /home/anna/plate can't be used (Permission denied); ")
