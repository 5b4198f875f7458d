"""A few damaged files of each kind; `make faults` tries 20,000."""

from __future__ import annotations

from pathlib import Path

import pytest
from damaged_files import GOOD, Original, damaged
from file_kinds import KINDS

KEPT = Path(__file__).with_name("kept.txt")
"""What broke something once: a kind of file, and the seeds of the changes."""
SLOW = {"unfinished training", "shipped model", "saved layers", "field and labels"}


@pytest.mark.parametrize("name", [name for name in KINDS if name not in SLOW])
def test_a_damaged_file_is_read_or_is_one_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    original = Original(KINDS[name], tmp_path / "original")
    kept = [line.rsplit(":", 1)[1] for line in KEPT.read_text().splitlines() if line.startswith(f"{name}:")]
    recipes = [tuple(map(int, recipe.split("."))) for recipe in kept] + [(seed,) for seed in range(3)]
    for recipe in recipes:
        verdict, _ = original.verdict(damaged(original.changed, recipe))
        assert verdict in GOOD, f"python tests/faults/damaged_files.py --again '{name}:{'.'.join(map(str, recipe))}'"
