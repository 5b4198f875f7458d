"""Labels beside data reach the cells, from whichever folder or file these are opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import napari_cellcycle as cc
from napari_cellcycle.annotate.data_labels import label_path, open_labels
from napari_cellcycle.cli import main
from napari_cellcycle.errors import ReadError
from napari_cellcycle.events import result_of
from napari_cellcycle.io.inputs import read_cells, root_of
from napari_cellcycle.io.own_outputs import LABELS_FILE
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.phases import UNKNOWN


@pytest.fixture
def two_folders(tmp_path: Path) -> Path:
    """A folder of two folders of cells, of which one is named after a phase."""
    random = np.random.default_rng(0)
    for folder in ("G1", "day2"):
        (tmp_path / "plate" / folder).mkdir(parents=True)
        pixels = random.integers(500, 900, (4, 30, 30), np.uint16)
        tifffile.imwrite(
            tmp_path / "plate" / folder / "cells.tif", pixels, metadata={"axes": "NYX"}, photometric="minisblack"
        )
    return tmp_path / "plate"


def label(path: Path, source: str, cell: int, phase: str) -> None:
    cells = read_cells(path)
    table = open_labels(cells, root_of(path), "anna")
    (row,) = np.flatnonzero((cells.sources == source) & (cells.ids == cell))
    table.decide([row], phase)


def phases_of(path: Path) -> dict[str, int]:
    cells = result_of(open_cells([path], ReadSettings()))
    return {
        f"{Path(s).parent.name or root_of(path).name}/{i}": int(p)
        for s, i, p in zip(cells.sources, cells.ids, cells.phases, strict=True)
    }


def test_labels_lie_in_the_folder_and_count_for_every_task(two_folders: Path) -> None:
    label(two_folders, "G1/cells.tif", 2, "Anaphase")
    label(two_folders, "day2/cells.tif", 0, "S")
    assert (two_folders / LABELS_FILE).exists()
    found = phases_of(two_folders)
    assert found["G1/2"] == 5
    assert found["G1/1"] == 0
    assert found["day2/0"] == 1
    assert found["day2/1"] == UNKNOWN
    with pytest.warns(cc.CellCycleWarning, match="labelled by anna: 2; with another phase in the files: 1"):
        cells = cc.read_cells(two_folders)
    assert cells.columns["annotator"].tolist().count("anna") == 2
    assert not [note for note in cells.notes if LABELS_FILE in note]  # the file itself is no news


def test_labels_of_a_folder_count_when_a_part_of_it_is_opened_and_the_other_way_round(two_folders: Path) -> None:
    label(two_folders, "day2/cells.tif", 0, "S")
    label(two_folders / "G1", "cells.tif", 3, "G2")
    label(two_folders / "G1" / "cells.tif", "cells.tif", 1, "Telophase")
    assert phases_of(two_folders / "day2")["day2/0"] == 1
    assert phases_of(two_folders / "day2" / "cells.tif")["day2/0"] == 1
    assert phases_of(two_folders)["G1/3"] == 2
    assert phases_of(two_folders)["G1/1"] == 6


def test_labels_of_a_folder_that_can_not_be_written_to_are_kept_by_the_user(
    two_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_CELLCYCLE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("os.access", lambda path, mode: not Path(path).is_relative_to(two_folders))
    label(two_folders, "day2/cells.tif", 0, "S")
    assert not (two_folders / LABELS_FILE).exists()
    assert label_path(two_folders).is_relative_to(tmp_path / "home")
    assert phases_of(two_folders)["day2/0"] == 1


def test_a_damaged_file_of_labels_is_said(two_folders: Path) -> None:
    (two_folders / LABELS_FILE).write_text("my notes")
    with pytest.raises(ReadError, match="no file of labels"):
        phases_of(two_folders)


def test_labels_of_cells_that_are_gone_are_said(two_folders: Path) -> None:
    label(two_folders, "day2/cells.tif", 0, "S")
    (two_folders / "day2" / "cells.tif").unlink()
    notes = result_of(open_cells([two_folders], ReadSettings())).notes
    assert f"{LABELS_FILE}: left out what was decided about 1 cells that are not in the input" in notes


def test_info_counts_phases_with_the_labels(two_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(two_folders)]) == 0
    assert "labelled" not in capsys.readouterr().out
    label(two_folders, "G1/cells.tif", 2, "Anaphase")
    assert main(["info", str(two_folders)]) == 0
    out = capsys.readouterr().out
    assert "note: labelled by anna: 1; with another phase in the files: 1" in out
    assert "phases with the labels: G1 3, Anaphase 1" in out


def test_the_table_of_classify_tells_who_labelled_what(two_folders: Path, tmp_path: Path) -> None:
    label(two_folders, "day2/cells.tif", 1, "S")
    main(
        [
            "classify",
            str(two_folders),
            "-o",
            str(tmp_path / "out"),
            "--model",
            "default-brightfield",
            "--channels",
            "brightfield=0",
        ]
    )
    table = pd.read_csv(tmp_path / "out" / "phases.csv", keep_default_na=False)
    (row,) = table[table["label"] != ""].to_dict("records")
    assert (row["source"], row["cell"], row["label"], row["annotator"]) == ("day2/cells.tif", 1, "S", "anna")
