"""Classify: another model replaces one whose channel is missing; synthetic cells are marked in the image."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import recorded
from numpy.typing import NDArray

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.errors import SettingError, WriteError
from napari_cellcycle.events import Note, result_of
from napari_cellcycle.images.classified_montage import draw_montage
from napari_cellcycle.io.writers import packages, results
from napari_cellcycle.io.writers.results import write_table
from napari_cellcycle.jobs.classify import classify_files
from napari_cellcycle.jobs.config import ClassifySettings, EvaluateSettings, ReadSettings
from napari_cellcycle.jobs.evaluate import evaluate_files
from napari_cellcycle.phases import COLOURS, SYNTHETIC_COLOUR, Phase
from napari_cellcycle.verdict import DOES_NOT_FIT, Verdict

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


@pytest.mark.usefixtures("without_figures")
def test_the_stand_in_is_what_is_evaluated(bright_plate: Path, both_model_folder: Path, tmp_path: Path) -> None:
    config = EvaluateSettings(model=(str(both_model_folder),))
    done = result_of(evaluate_files([bright_plate], tmp_path / "out", config, ReadSettings()))
    (report,) = done.reports.values()
    assert (report.model, report.protocol, report.n_cells) == ("bright", "held-out", 90)


class TestExports:
    """Further files with the phases, where they are asked for."""

    def _run(self, plate: Path, model: Path, out: Path, *export: str) -> tuple[Prediction, list[Note]]:
        config = ClassifySettings(model=str(model), device="cpu", export=export)
        done, events = recorded(classify_files([plate], out, config, ReadSettings()))
        return done.prediction, [event for event in events if isinstance(event, Note)]

    def test_without_a_word_there_are_three_files(self, plate: Path, model_folder: Path, tmp_path: Path) -> None:
        self._run(plate, model_folder, tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["montage.png", "phases.csv", "summary.json"]

    def test_object_lists_and_fcs_have_folders_of_their_own(
        self, plate: Path, model_folder: Path, tmp_path: Path
    ) -> None:
        pytest.importorskip("flowio")
        calls, _ = self._run(plate, model_folder, tmp_path, "fcs", "object-lists")
        assert len(list((tmp_path / "fcs").glob("*.fcs"))) == 3
        lists = [path.read_text().splitlines()[1:] for path in (tmp_path / "object_lists").glob("*.txt")]
        assert sum(map(len, lists)) == len(calls)

    def test_parquet_is_the_same_table(self, plate: Path, model_folder: Path, tmp_path: Path) -> None:
        calls, _ = self._run(plate, model_folder, tmp_path, "parquet")
        table = pd.read_parquet(tmp_path / "phases.parquet")
        assert list(table.columns) == list(pd.read_csv(tmp_path / "phases.csv").columns)
        np.testing.assert_array_equal(table["p_S"].to_numpy(), calls.probabilities[:, 1])

    @pytest.mark.filterwarnings("ignore")  # of anndata's own
    def test_anndata_holds_table_card_and_features(
        self, plate: Path, paired_model_folder: Path, tmp_path: Path
    ) -> None:
        anndata = pytest.importorskip("anndata")
        calls, _ = self._run(plate, paired_model_folder, tmp_path, "h5ad-features")
        found = anndata.read_h5ad(tmp_path / "phases.h5ad")
        np.testing.assert_array_equal(found.X, calls.probabilities)
        assert found.obs["phase"].tolist() == calls.to_table()["phase"].tolist()
        assert json.loads(found.uns["card"])["architecture"] == "paired"
        assert found.obsm["features"].shape[0] == len(calls)
        assert np.isfinite(found.obsm["features"]).all()

    @pytest.mark.filterwarnings("ignore")  # of anndata's own
    def test_anndata_takes_wells_and_cells_without_a_phase(self, tmp_path: Path) -> None:
        anndata = pytest.importorskip("anndata")
        probabilities = np.eye(7, dtype=np.float32)[[5, 1, 0]]
        probabilities[2] = np.nan
        verdict = Verdict(answer=DOES_NOT_FIT, share_unlike=0.9, reliable=False, reason="size", text="it does not fit")
        sources, wells = np.array(["a é.tif", "b.tif", "b.tif"]), {"well": np.array(["A1", "", "B1"])}
        calls = Prediction(sources, np.arange(3), probabilities, columns=wells, verdict=verdict)
        results.write_anndata(calls, tmp_path / "phases.h5ad", "{}")
        found = anndata.read_h5ad(tmp_path / "phases.h5ad")
        assert found.obs["well"].tolist() == ["A1", "", "B1"]
        assert found.obs["phase"].cat.codes.tolist() == [5, 1, -1]  # the order of the phases; unreadable is missing
        colours = dict(zip(found.obs["phase"].cat.categories, found.uns["phase_colors"], strict=True))
        assert colours["Anaphase"] == COLOURS[Phase.ANAPHASE]
        assert found.uns["verdict"]["reason"] == "size"
        assert found.obs_names.tolist() == ["a é.tif:0", "b.tif:1", "b.tif:2"]

    def test_long_tables_are_always_written_as_parquet_too(
        self, plate: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(results, "PARQUET_ROWS", 89)
        calls, _ = self._run(plate, model_folder, tmp_path)
        assert (tmp_path / "phases.csv").exists()
        assert len(pd.read_parquet(tmp_path / "phases.parquet")) == len(calls) == 90

    def test_a_missing_package_is_said_before_the_work(
        self, plate: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(packages, "find_spec", lambda name: None)
        with pytest.raises(WriteError, match=r"fcs files need the package flowio; .*napari-cellcycle\[cytometry\]"):
            self._run(plate, model_folder, tmp_path / "out", "fcs")
        assert not (tmp_path / "out").exists()

    def test_other_words_are_refused(self) -> None:
        with pytest.raises(SettingError, match="export is 'excel', but must be some of parquet, h5ad"):
            ClassifySettings(export=("excel",))
        assert ClassifySettings.from_dict({"export": "fcs,parquet"}).export == ("fcs", "parquet")

    def test_a_file_name_that_is_not_utf8_loses_no_table(self, tmp_path: Path) -> None:
        calls = Prediction(np.array(["caf\udce9.tif"]), np.arange(1), np.full((1, 7), 1 / 7, np.float32))
        write_table(calls, tmp_path / "phases.csv")
        assert pd.read_csv(tmp_path / "phases.csv")["source"].tolist() == ["caf?.tif"]


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
