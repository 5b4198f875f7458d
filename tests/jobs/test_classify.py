"""Classify: another model replaces one whose channel is missing; synthetic cells are marked in the image."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.events import Note, result_of
from napari_cellcycle.images.phase_montage import draw_montage
from napari_cellcycle.jobs.classify import classify_files
from napari_cellcycle.jobs.config import ClassifySettings, EvaluateSettings, ReadSettings
from napari_cellcycle.jobs.evaluate import evaluate_files
from napari_cellcycle.phases import COLOURS, SYNTHETIC_COLOUR, Phase

N_CELLS = 24
CELLS_PX = 4 * 42
"""Four rows of tiles, each with its gap."""


@pytest.fixture
def bright_plate(plate: Path, tmp_path: Path) -> Path:
    """The same cells without their other channels."""
    return shutil.copytree(plate, tmp_path / "bright", ignore=shutil.ignore_patterns("*_Ch6*", "*_Ch4*"))


def test_the_stand_in_is_named_in_a_note_and_in_the_summary(
    bright_plate: Path, both_model_folder: Path, tmp_path: Path
) -> None:
    config = ClassifySettings(model=str(both_model_folder))
    events = list(classify_files([bright_plate], tmp_path / "out", config, ReadSettings()))
    assert any("'bright' is used instead of 'both'" in event.text for event in events if isinstance(event, Note))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["model"]["name"] == "bright"


def test_the_stand_in_is_what_is_evaluated(bright_plate: Path, both_model_folder: Path, tmp_path: Path) -> None:
    config = EvaluateSettings(model=(str(both_model_folder),))
    done = result_of(evaluate_files([bright_plate], tmp_path / "out", config, ReadSettings()))
    (report,) = done.reports.values()
    assert (report.model, report.protocol, report.n_cells) == ("bright", "held-out", 90)


def is_of(picture: NDArray[np.uint8], colour: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (picture == list(bytes.fromhex(colour[1:]))).all(axis=-1)
    return found


def drawn(synthetic: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Eight cells of each of three phases, in turn."""
    pixels = np.random.default_rng(0).normal(800, 60, (N_CELLS, 1, 40, 40)).clip(0).astype(np.uint16)
    cells = replace(Cells.build(ArrayImages(pixels), ["brightfield"], "plate.tif"), synthetic=synthetic)
    rows = np.eye(7, dtype=np.float32)[np.arange(N_CELLS) % 3]
    return draw_montage(cells, Prediction(cells.sources, cells.ids, rows, synthetic=synthetic))


def test_made_cells_are_marked_in_the_montage_and_no_others() -> None:
    synthetic = np.arange(N_CELLS) % 3 == Phase.S
    plain, marked = drawn(np.zeros(N_CELLS, bool)), drawn(synthetic)
    assert not is_of(plain, SYNTHETIC_COLOUR).any()
    with_mark, without = marked[-CELLS_PX:], plain[-CELLS_PX:]  # the legends differ in height
    corners = is_of(with_mark, SYNTHETIC_COLOUR)
    assert (with_mark == without)[~corners].all()
    framed = is_of(with_mark, COLOURS[Phase.S])
    assert corners.any()
    for y, x in np.argwhere(corners):
        assert framed[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7].any()
    assert is_of(marked[:-CELLS_PX], SYNTHETIC_COLOUR).any()
