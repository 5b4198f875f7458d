"""The pictures of the documentation show the docks as they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
import picture_sources

DOCS = picture_sources.DOCS
DRAWN = {"phases.png"}  # by a script that opens no window


def test_no_picture_is_older_than_its_dock() -> None:
    old = picture_sources.stale_pictures()
    assert not old, f"take {', '.join(old)} again with make pictures, and look at them"


def test_every_picture_is_checked_and_used() -> None:
    taken = {path.name for path in (DOCS / "images").glob("*.png")}
    assert taken == set(picture_sources.DOCKS) | DRAWN
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    assert {name for name in taken if f"images/{name}" not in pages} == set()


def test_a_new_button_makes_a_picture_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = picture_sources.fingerprint("evaluate")
    for path in picture_sources.modules_of("evaluate"):
        copy = tmp_path / path.relative_to(picture_sources.GUI)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(f"# a comment\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    monkeypatch.setattr(picture_sources, "GUI", tmp_path)
    assert picture_sources.fingerprint("evaluate") == before
    with (tmp_path / "docks" / "evaluate.py").open("a", encoding="utf-8") as dock:
        dock.write('\nQPushButton("Print it")\n')
    assert picture_sources.fingerprint("evaluate") != before
