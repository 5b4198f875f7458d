"""Phases, settings and events: the words that every room uses."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from made import finished_job

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Note, map_events, result_of, run_job
from napari_cellcycle.phases import COLOURS, PHASE_LABELS, Phase, parse_phase, phase_label
from napari_cellcycle.settings import Checked, setting


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("G1", Phase.G1),
        ("g1_phase", Phase.G1),
        ("S", Phase.S),
        ("S_phase", Phase.S),
        ("S-Phase", Phase.S),
        ("g2", Phase.G2),
        ("PROPHASE", Phase.PROPHASE),
        ("Profase", Phase.PROPHASE),
        ("metafase", Phase.METAPHASE),
        ("Anafase", Phase.ANAPHASE),
        ("Telofase", Phase.TELOPHASE),
    ],
)
def test_usual_spellings_name_a_phase(text: str, phase: Phase) -> None:
    assert parse_phase(text) is phase


@pytest.mark.parametrize("text", ["", "M", "G1b", "plate3", "phase", "Anaphse", "sphere"])
def test_other_words_name_none(text: str) -> None:
    assert parse_phase(text) is None


def test_labels_are_read_back() -> None:
    assert [parse_phase(label) for label in PHASE_LABELS] == list(Phase)
    assert [phase_label(number) for number in (-1, 0, 6, 7)] == ["", "G1", "Telophase", "unsure"]


def test_each_phase_has_a_colour_of_its_own() -> None:
    assert len(set(COLOURS.values())) == len(Phase)


@dataclass(frozen=True)
class _Config(Checked):
    n_cells: int = setting(5, "cells", 1, 10)
    kind: str = setting("a", "kind", choices=("a", "b"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_cells": 0}, "n-cells is 0, but must lie in 1 to 10"),
        ({"n_cells": float("nan")}, "n-cells is nan"),
        ({"kind": "c"}, "kind is 'c', but must be one of a, b"),
    ],
)
def test_a_setting_outside_its_limits_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        _Config(**given)  # type: ignore[arg-type]


def test_a_part_of_a_job_passes_its_events_on_and_keeps_its_result() -> None:
    def job():  # type: ignore[no-untyped-def]
        found = yield from finished_job(3, Note("heard"))
        return found + 1

    events: list[object] = []
    assert run_job(job(), events.append) == 4
    assert events == [Note("heard")]
    assert result_of(job()) == 4


def test_a_job_can_report_other_events() -> None:
    job = map_events(finished_job(3, Note("a"), Note("b")), lambda note: () if note.text == "a" else (note.text, "c"))
    events: list[object] = []
    assert run_job(job, events.append) == 3
    assert events == ["b", "c"]
