"""What errors say: one sentence on one line, whatever is in the names that it quotes."""

from __future__ import annotations

import pytest

from napari_cellcycle.errors import ReadError, reason_of


def test_a_name_in_a_sentence_is_short_and_does_nothing_on_a_terminal() -> None:
    assert str(ReadError("a\nb\x1b[2Jc.tif is damaged")) == "a b [2Jc.tif is damaged"
    assert str(ReadError(f"{'a' * 70_000} is damaged")) == f"{'a' * 300}... is damaged"
    many = str(ReadError(f"it has {', '.join(['column'] * 999)}; rename them"))
    assert len(many) < 1000
    assert many.endswith("; rename them")
    kept = b"caf\xe9.tif".decode(errors="surrogateescape")
    assert str(ReadError(kept)) == kept


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AssertionError(), "its content makes no sense"),
        (TypeError("Codec.__init__() got an unexpected keyword argument 'x'"), "its content makes no sense"),
        (TypeError("Expected dict, got <class 'bool'>"), "its content makes no sense"),
        (ValueError("invalid literal for int() with base 10: b'\\xff'"), "its content makes no sense"),
        (ValueError("3 samples\n  are there"), "3 samples are there"),
        (ReadError("a.tif (b) is damaged"), "a.tif (b) is damaged"),
    ],
)
def test_code_is_no_reason(error: Exception, said: str) -> None:
    assert reason_of(error) == said
