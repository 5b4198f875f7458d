"""The documentation site builds without a warning: every page is in its menu, and every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import napari_cellcycle

ROOT = Path(__file__).parents[1]


def test_it_builds_and_holds_what_the_code_says(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "-d", str(tmp_path), "-f", "mkdocs.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    commands = (tmp_path / "commands.html").read_text(encoding="utf-8")
    assert "--min-probability" in commands
    assert "matches no file or folder" in (tmp_path / "messages.html").read_text(encoding="utf-8")
    functions = (tmp_path / "api.html").read_text(encoding="utf-8")
    public = [name for name in napari_cellcycle.__all__ if name != "__version__"]
    assert [name for name in public if f">{name}<" not in functions] == []
    assert "minutes_per_frame" in functions
    assert "doctest" not in functions
    assert ">labels.md<" not in (tmp_path / "files.html").read_text(encoding="utf-8")
    loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="https?://[^"]*', commands)
    assert [address for address in loaded if "canonical" not in address] == []  # it can be read without a network
    assert (tmp_path / "search" / "search_index.json").stat().st_size > 100_000
