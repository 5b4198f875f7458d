"""Phases for FlowJo and IDEAS: read back by other readers, they are what was called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_cellcycle.cells import Prediction
from napari_cellcycle.errors import WriteError
from napari_cellcycle.io.amnis.population_lists import read_object_numbers
from napari_cellcycle.io.writers.cytometry import write_fcs, write_object_lists
from napari_cellcycle.phases import PHASE_LABELS

IDS = np.array([0, 3, 7, 1, 2, 9])


@pytest.fixture
def calls() -> Prediction:
    """Three cells of each of two files: G1, S, unreadable; Telophase, unsure, G1."""
    chances = np.full((6, 7), 0.02, np.float32)
    for row, phase in enumerate((0, 1, 2, 6, 3, 0)):
        chances[row, phase] = 0.88
    chances[2] = np.nan
    chances[4] = 1 / 7
    sources = np.array(["a/run.cif"] * 3 + ["b/run.cif"] * 3)
    return Prediction(sources, IDS, chances, np.arange(6, dtype=np.float32), min_probability=0.5)


def test_fcs_files_hold_what_was_called(calls: Prediction, tmp_path: Path) -> None:
    flowio = pytest.importorskip("flowio")
    paths = write_fcs(calls, tmp_path)
    assert [path.name for path in paths] == ["a_run.fcs", "b_run.fcs"]
    first, second = (flowio.FlowData(str(path)) for path in paths)
    names = [first.channels[number]["pnn"] for number in sorted(first.channels)]
    assert names == ["Object Number", "phase", "probability", *(f"p_{name}" for name in PHASE_LABELS), "dna_content"]
    events = np.reshape(first.events, (-1, first.channel_count))
    np.testing.assert_allclose(events[:, 0], [0, 3, 7])
    np.testing.assert_allclose(events[:, 1], [1, 2, 0])
    np.testing.assert_allclose(events[:, 3:10], np.nan_to_num(calls.probabilities[:3]), atol=1e-6)
    assert np.reshape(second.events, (-1, second.channel_count))[:, 1].tolist() == [7, 8, 1]


def test_object_lists_are_read_back(calls: Prediction, tmp_path: Path) -> None:
    lists = {path.name: read_object_numbers(path).tolist() for path in write_object_lists(calls, tmp_path)}
    assert lists == {
        "a_run_G1.txt": [0],
        "a_run_S.txt": [3],
        "b_run_G1.txt": [9],
        "b_run_Telophase.txt": [1],
        "b_run_unsure.txt": [2],
    }
    before = (tmp_path / "a_run_S.txt").read_bytes()
    with pytest.raises(WriteError, match=r"a_run_S\.txt and others of an earlier run"):
        write_object_lists(replace(calls, ids=calls.ids + 1), tmp_path)
    assert (tmp_path / "a_run_S.txt").read_bytes() == before
    write_object_lists(replace(calls, ids=calls.ids + 1), tmp_path, overwrite=True)
    assert read_object_numbers(tmp_path / "a_run_S.txt").tolist() == [4]
