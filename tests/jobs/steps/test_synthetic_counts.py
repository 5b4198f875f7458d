"""How many synthetic cells of each phase are generated: ``--phase`` and ``-n``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_cellcycle.datasets.training_cells import count_cells
from napari_cellcycle.errors import SettingError
from napari_cellcycle.jobs.config import parse_phase_numbers
from napari_cellcycle.jobs.steps.synthetic_counts import phase_counts
from napari_cellcycle.phases import Phase

ALL = ["G1", "S", "Anaphase"]


@pytest.fixture
def cells(made_cells):
    """30 cells of G1, 20 of S, 5 of anaphase."""
    phases = np.r_[np.full(30, Phase.G1), np.full(20, Phase.S), np.full(5, Phase.ANAPHASE)].astype(np.int8)
    return replace(made_cells.subset(range(55)), phases=phases)


@pytest.mark.parametrize(
    ("run", "wanted"),
    [
        ({}, {Phase.S: 10, Phase.ANAPHASE: 25}),
        ({"n_cells": 7}, {Phase.S: 7, Phase.ANAPHASE: 7}),
        ({"phase": "Anaphase"}, {Phase.ANAPHASE: 25}),
        ({"phase": "anafase, S_phase", "n_cells": 7}, {Phase.ANAPHASE: 7, Phase.S: 7}),
        ({"phase": "Anaphase=500,S=200"}, {Phase.ANAPHASE: 500, Phase.S: 200}),
        ({"phase": "Anaphase = 500, S", "n_cells": 7}, {Phase.ANAPHASE: 500, Phase.S: 7}),
        ({"phase": "G1=3,S"}, {Phase.G1: 3, Phase.S: 10}),
    ],
)
def test_phases_are_made_in_the_numbers_that_were_asked_for_or_are_lacking(cells, run, wanted) -> None:
    phase = parse_phase_numbers(run["phase"]) if "phase" in run else None
    assert phase_counts(count_cells(cells), phase, run.get("n_cells", 0), None) == wanted


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        ("Anaphase=", "asks for '' cells of Anaphase, but must ask for 1 to 1,000,000"),
        ("Anaphase=0", "asks for '0' cells of Anaphase"),
        ("Anaphase=-5", "asks for '-5' cells of Anaphase"),
        ("Anaphase=some", "asks for 'some' cells of Anaphase"),
        ("Anaphase=1000001", "asks for '1000001' cells of Anaphase"),
        ("Anaphase=5,anafase=6", "names Anaphase twice"),
        ("anything=5", "phase is 'anything', but must be one of G1, S"),
        ("G1,S", "G1 has as many cells as the largest phase"),
    ],
)
def test_what_is_wrong_with_them_is_one_sentence(cells, phase: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        phase_counts(count_cells(cells), parse_phase_numbers(phase), 0, None)


def test_without_cells_the_numbers_must_be_said() -> None:
    assert phase_counts(None, {Phase.ANAPHASE: 5, Phase.S: 6}, 0, ALL) == {Phase.ANAPHASE: 5, Phase.S: 6}
    assert phase_counts(None, {Phase.S: 0}, 4, ALL) == {Phase.S: 4}
    assert phase_counts(None, None, 4, ALL) == {Phase.G1: 4, Phase.S: 4, Phase.ANAPHASE: 4}
    for phase in (None, {Phase.S: 0}, {Phase.S: 6, Phase.ANAPHASE: 0}):
        with pytest.raises(SettingError, match="without input there is nothing to fill up to"):
            phase_counts(None, phase, 0, ALL)


def test_a_finished_generator_fills_only_phases_that_it_knows(cells) -> None:
    assert phase_counts(count_cells(cells), None, 0, ["G1", "Anaphase"]) == {Phase.ANAPHASE: 25}


def test_synthetic_cells_that_are_there_count_too(cells) -> None:
    half = replace(cells, synthetic=np.arange(55) % 2 == 0)
    assert phase_counts(count_cells(half), None, 0, None) == {Phase.S: 10, Phase.ANAPHASE: 25}
