"""What is passed on names no folders of a user's computer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.classify import classify_files
from napari_cellcycle.jobs.config import ClassifySettings, EvaluateSettings, ReadSettings
from napari_cellcycle.jobs.evaluate import evaluate_files
from napari_cellcycle.jobs.steps.shared_settings import shared_settings


@pytest.mark.parametrize("place", ["/home/anna/plate", "C:\\Users\\anna\\plate", "../anna/plate", "~anna/plate"])
def test_only_the_name_is_left(place: str) -> None:
    shared = shared_settings({"input": [place, "plate"], "model": f"default,{place}"})
    assert shared == {"input": ["plate", "plate"], "model": "default,plate"}


@pytest.mark.usefixtures("without_figures")
def test_files_of_results_have_no_folders(plate: Path, model_folder: Path, tmp_path: Path) -> None:
    config = ClassifySettings(model=str(model_folder))
    result_of(classify_files([plate], tmp_path / "out", config, ReadSettings()))
    result_of(
        evaluate_files([plate], tmp_path / "report", EvaluateSettings(model=(str(model_folder),)), ReadSettings())
    )
    written = [path for path in tmp_path.rglob("*") if path.suffix in (".json", ".html", ".csv", ".svg")]
    assert {"summary.json", "metrics.json", "report.html"} <= {path.name for path in written}
    for path in written:
        text = path.read_text()
        assert str(plate.parent) not in text, path.name
        assert str(model_folder.parent) not in text, path.name
    card = json.loads((model_folder / "model.json").read_text())
    assert "/tmp" not in json.dumps(card)
