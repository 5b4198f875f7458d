"""Files without one of a model's channels: the job takes the model that stands in, and everything says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from napari_cellcycle.events import Note, result_of
from napari_cellcycle.jobs.classify import ClassifyConfig, classify_files
from napari_cellcycle.jobs.evaluate import EvaluateConfig, evaluate_files
from napari_cellcycle.jobs.reading import ReadConfig


@pytest.fixture
def bright_plate(plate: Path, tmp_path: Path) -> Path:
    """The same cells without their other channels."""
    return shutil.copytree(plate, tmp_path / "bright", ignore=shutil.ignore_patterns("*_Ch6*", "*_Ch4*"))


def test_the_stand_in_is_named_in_a_note_and_in_the_summary(
    bright_plate: Path, both_model_folder: Path, tmp_path: Path
) -> None:
    config = ClassifyConfig(model=str(both_model_folder))
    events = list(classify_files([bright_plate], tmp_path / "out", config, ReadConfig()))
    assert any("'bright' stands in for 'both'" in event.text for event in events if isinstance(event, Note))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["model"]["name"] == "bright"


def test_the_stand_in_is_what_is_evaluated(bright_plate: Path, both_model_folder: Path, tmp_path: Path) -> None:
    config = EvaluateConfig(model=str(both_model_folder))
    done = result_of(evaluate_files([bright_plate], tmp_path / "out", config, {}, ReadConfig()))
    (report,) = done.reports.values()
    assert (report.model, report.protocol, report.n_cells) == ("bright", "held-out", 90)
