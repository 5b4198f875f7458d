"""Phases, settings and events: the words that every room uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from made import finished_job

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Note, map_events, result_of, run_job
from napari_cellcycle.phases import COLOURS, PHASE_LABELS, Phase, parse_phase, phase_label
from napari_cellcycle.settings_base import OPTIONAL_PATH, WORDS, Settings, setting


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


@dataclass(frozen=True, kw_only=True)
class _Config(Settings):
    n_cells: Annotated[int, setting("cells", 1, 10)] = 5
    share: Annotated[float, setting("part of them", 0, 1)] = 1  # an int, for a float
    size_um: Annotated[float | None, setting("if known", 0.01, 10)] = None
    kind: Annotated[str, setting("kind", choices=("a", "b"))] = "a"
    loud: Annotated[bool, setting("say more")] = False
    folder: Annotated[Path | None, OPTIONAL_PATH, setting("where")] = None
    words: Annotated[tuple[str, ...], WORDS, setting("some words")] = ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_cells": 0}, "n-cells is 0, but must lie in 1 to 10"),
        ({"share": float("nan")}, "share is nan, but must lie in 0 to 1"),
        ({"size_um": float("nan")}, "size-um is nan, but must lie in 0.01 to 10"),
        ({"size_um": 0}, "size-um is 0, but must lie in 0.01 to 10"),
        ({"kind": "c"}, "kind is 'c', but must be one of a, b"),
        ({"n_cells": 2.0}, "n-cells is 2.0, but must be a whole number"),
        ({"n_cells": True}, "n-cells is True, but must be a whole number"),
        ({"n_cells": "2"}, "n-cells is '2', but must be a whole number"),
        ({"share": "0.5"}, "share is '0.5', but must be a number"),
        ({"share": True}, "share is True, but must be a number"),
        ({"size_um": "big"}, "size-um is 'big', but must be a number or None"),
        ({"kind": 3}, "kind is 3, but must be a text"),
        ({"loud": 1}, "loud is 1, but must be True or False"),
        ({"folder": "here"}, "folder is 'here', but must be of type Path or None"),
        ({"words": "a,b"}, r"words is 'a,b', but must be of type tuple\[str, ...\]"),
        ({"words": ["a"]}, r"words is \['a'\], but must be of type tuple"),
        ({"words": ("a", 1)}, r"words is \('a', 1\), but must be of type tuple"),
        ({"words": ("a,b",)}, "a name in it must have no comma and no blanks around it"),
    ],
)
def test_a_setting_outside_its_limits_or_of_another_type_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        _Config(**given)  # type: ignore[arg-type]


def test_a_setting_has_the_type_of_its_annotation_whatever_the_default_is() -> None:
    config = _Config(n_cells=np.int64(3), size_um=2)  # type: ignore[arg-type]
    assert [type(value) for value in (config.n_cells, config.share, config.size_um)] == [int, float, float]


def test_settings_are_written_as_plain_values_and_read_back() -> None:
    config = _Config(folder=Path("a/b"), words=("x", "y"), size_um=0.5)
    written = config.to_dict()
    assert (written["folder"], written["words"], written["size_um"]) == (str(Path("a/b")), "x,y", 0.5)
    assert _Config.from_dict({**written, "of_another": 3}) == config
    assert _Config.from_dict({}) == _Config()
    with pytest.raises(SettingError, match="n-cells is 99"):
        _Config.from_dict({"n_cells": 99})


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
