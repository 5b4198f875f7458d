"""A few failing writes of each kind of file; `make faults` lets 100 fail."""

from __future__ import annotations

import pytest
from broken_disk import GOOD, WRITERS, trials

SLOW = {"generator", "saved layers"}


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in SLOW])
def test_what_can_not_be_written_is_one_sentence_and_changes_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CELLCYCLE_HOME", "nowhere")  # restored after it
    for said in trials(name, 4, seed=1):
        assert said.endswith(GOOD)
