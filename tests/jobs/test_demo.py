"""The shipped sample: synthetic in the file and in every figure, and good for a first try."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_cellcycle as cc
from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.cli import main
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.io.sample_data import sample_path


def test_the_sample_says_that_it_is_synthetic() -> None:
    cells = cc.read_cells(sample_path())
    assert cells.synthetic.all()
    assert np.bincount(cells.phases).tolist() == [50] * 7
    assert cells.channels == ("brightfield", "darkfield")
    assert cells.pixel_size_um[0] == pytest.approx(0.5)
    with tifffile.TiffFile(sample_path()) as tiff:
        assert "synthetic" in (tiff.ome_metadata or "")
    assert sample_path().stat().st_size < 3e6


def test_sample_cells_differ_from_each_other() -> None:
    cells = cc.read_cells(sample_path())
    images = [cell.pixels for cell in cells.read(range(len(cells))) if isinstance(cell, CellImage)]
    assert len({image.tobytes() for image in images}) == len(images) == 350
    assert images[0].dtype == np.uint16


@pytest.mark.usefixtures("without_figures")
def test_scores_of_synthetic_cells_are_a_demonstration_everywhere(
    model_folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cells = cc.read_cells(sample_path())
    calls = cc.classify(cells, cc.load_model(model_folder))
    assert cc.evaluate(calls, cells).protocol == "demonstration"
    with pytest.raises(CellCycleError, match="350 of the cells to test are synthetic"):
        cc.evaluate(calls, cells, protocol="held-out")
    assert main(["evaluate", str(sample_path()), "-o", str(tmp_path / "out"), "--model", str(model_folder)]) == 0
    assert "demonstration on synthetic cells: no estimate of accuracy" in capsys.readouterr().out


def test_the_demo_is_the_whole_main_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "-o", str(tmp_path)]) == 0
    assert "demonstration on synthetic cells: no estimate of accuracy" in capsys.readouterr().out
    written = {path.name for path in tmp_path.iterdir()}
    assert {"phases.csv", "summary.json", "montage.png", "report.html", "metrics.json", "confusion.csv"} <= written
    summary = json.loads((tmp_path / "summary.json").read_text())
    for fractions in (summary["phases"], summary["phases_corrected_by_confusion"]):
        assert sum(found["fraction"] for found in fractions.values()) == pytest.approx(1)
    figures = json.loads((tmp_path / "metrics.json").read_text())
    assert figures["protocol"] == "demonstration"
    assert figures["accuracy"]["value"] > 0.4  # chance is 1 in 7
