"""What users read: `docs/print_messages.py` gathers all texts, and none of them has a word of the list below."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "docs" / "print_messages.py"

BANNED = {
    "told": "given, or passed to",
    "wished": "requested",
    "lent": "borrowed, or sampled",
    "learnt": "trained on",
    "made cells": "synthetic cells",
    "made ones": "synthetic ones",
    "prints": "fingerprints",
    "repeats": "duplicates, or follows",
    "repeated cells": "duplicates",
    "lessons": "training set, or batch",
    "shall": "should, or must",
    "whereof": "of which",
    "be they": "even if they are",
    "be it": "even if it is",
    "aloud": "(leave it out)",
    "go on from": "start from, or continue from",
    "goes on from": "starts from",
    "went on": "continued",
    "broken off": "interrupted",
    "beside": "next to",
    "anew": "again",
    "unless said": "unless you set it",
    "to the largest": "up to the size of the largest phase",
}
"""Words that a biologist stumbles over, each with what to write instead."""


@pytest.fixture(scope="module")
def messages():  # type: ignore[no-untyped-def]
    spec = spec_from_file_location("print_messages", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["print_messages"] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    yield module.all_messages()
    del sys.modules["print_messages"]


def test_the_script_prints_every_kind_of_text() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for kind in ("help", "setting", "error", "note", "progress", "shown", "page", "title"):
        assert f"[{kind}] " in done.stdout


def test_texts_come_with_their_place_and_their_fields(messages) -> None:  # type: ignore[no-untyped-def]
    source = SCRIPT.parents[1] / "src" / "napari_cellcycle"
    for message in messages:
        if message.line:
            assert message.line <= (source / message.file).read_text(encoding="utf-8").count("\n") + 1
    by_text = {message.text: message for message in messages}
    assert by_text["{flag} is {value}, but must be one of {choices}"].kind == "error"
    assert by_text["Synthetic Jurkat cells"].file == "napari.yaml"
    assert by_text["Confusion matrix"].room == "evaluation/reporting"


@pytest.mark.parametrize("word", BANNED)
def test_no_text_has_a_banned_word(word: str, messages) -> None:  # type: ignore[no-untyped-def]
    pattern = re.compile(rf"(?<![\w-]){word}(?![\w-])", re.IGNORECASE)  # --clean-beside is a name
    found = [str(item) for item in messages if pattern.search(re.sub(r"\{[^}]*\}", "", item.text))]
    assert not found, f"write {BANNED[word]!r} instead in\n" + "\n".join(found)
