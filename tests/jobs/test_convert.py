"""Convert: any cells to one stack, padded with their own background, with a table, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from made import finished_job

from napari_cellcycle.cell_images import ArrayImages, CellImage, Unreadable
from napari_cellcycle.cells import Cells, join_cells
from napari_cellcycle.datasets.groups import group_names
from napari_cellcycle.errors import ImageError, SettingError, WriteError
from napari_cellcycle.events import Note, Progress, result_of, run_job
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.jobs import convert
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.convert import Converted, convert_files

READING = ReadSettings()
SUFFIXES = ["ome.tif", "ome.zarr"]


class SomeImages:
    """Cells of different sizes, two channels; the third can't be read."""

    def __len__(self) -> int:
        return 5

    def read(self, indices: Iterable[int]) -> list[CellImage | Unreadable]:
        return [self._cell(index) for index in indices]

    def _cell(self, index: int) -> CellImage | Unreadable:
        if index == 2:
            return Unreadable("object 2 of plate.cif is damaged: a test")
        pixels = np.full((2, 4 + index, 9 - index), 50 + index, np.int16)
        pixels[1] -= 90
        pixels[:, 1:-1, 1:-1] = 200
        return CellImage(pixels, pixels[0] == 200)


@pytest.fixture
def some_cells(monkeypatch: pytest.MonkeyPatch) -> Cells:
    """What `convert_files` reads, whatever it is asked to read."""
    cells = Cells.build(
        SomeImages(), ("brightfield", "darkfield"), "plate/plate.cif", ids=[3, 5, 7, 11, 13], phases=np.arange(5),
        pixel_size_um=0.5,
    )  # fmt: skip
    give(cells, monkeypatch)
    return cells


def give(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "open_cells", lambda *_: finished_job(cells))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_wells_and_other_columns_come_back(
    tmp_path: Path, some_cells: Cells, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    further = {"well": "A1 A1 A2 B1 B2".split(), "field": list("01234"), "Dose, nM": list("56789")}
    columns = {name: np.array(texts) for name, texts in further.items()}
    give(replace(some_cells, columns=columns), monkeypatch)
    result_of(convert_files(["plate"], tmp_path / f"out.{suffix}", READING))
    cells = read_cells(tmp_path / f"out.{suffix}")
    assert {name: texts.tolist() for name, texts in cells.columns.items()} == {
        "well": ["A1", "A1", "B1", "B2"],
        "field": ["0", "1", "3", "4"],
        "Dose, nM": ["5", "6", "8", "9"],
    }
    assert group_names(cells, "well").tolist() == ["A1", "A1", "B1", "B2"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cells_of_any_size_in_one_stack(tmp_path: Path, some_cells: Cells, suffix: str) -> None:
    output = tmp_path / f"out.{suffix}"
    events: list[object] = []
    converted = run_job(convert_files(["plate"], output, READING), events.append)
    assert Note("left out: object 2 of plate.cif is damaged: a test") in events
    assert converted == Converted(output, tmp_path / "out.csv", 4, (4, 2, 8, 9))
    assert Progress(4, 4, "writing") in events
    cells = read_cells(output)
    assert cells.channels == some_cells.channels
    np.testing.assert_allclose(cells.pixel_size_um, 0.5)
    readable = [0, 1, 3, 4]
    for number, found in zip(readable, cells.read(range(4)), strict=True):
        assert isinstance(found, CellImage)
        original = SomeImages().read([number])[0]
        assert isinstance(original, CellImage)
        height, width = original.pixels.shape[1:]
        top, left = (8 - height) // 2, (9 - width) // 2
        inside = (slice(None), slice(top, top + height), slice(left, left + width))
        np.testing.assert_array_equal(found.pixels[inside], original.pixels)
        assert found.pixels.dtype == np.int16
        outside = np.ones(found.pixels.shape, bool)
        outside[inside] = False
        assert set(found.pixels[0][outside[0]]) <= {50 + number}  # its own background
        assert set(found.pixels[1][outside[1]]) <= {number - 40}
        if suffix == "ome.zarr":
            np.testing.assert_array_equal(found.mask[inside[1:]], original.mask)
            assert found.mask.sum() == original.mask.sum()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_table_beside_the_stack(tmp_path: Path, some_cells: Cells, suffix: str) -> None:
    result_of(convert_files(["plate"], tmp_path / f"out.{suffix}", READING))
    table = pd.read_csv(tmp_path / "out.csv")
    assert table.columns.tolist() == ["cell", "source", "id", "phase", "synthetic"]
    assert table["id"].tolist() == [3, 5, 11, 13]
    assert table["phase"].tolist() == ["G1", "S", "Prophase", "Metaphase"]
    assert set(table["source"]) == {"plate/plate.cif"}
    assert read_cells(tmp_path / f"out.{suffix}").phases.tolist() == [0, 1, 3, 4]


def test_ome_tiff_as_others_read_it(tmp_path: Path, some_cells: Cells) -> None:
    result_of(convert_files(["plate"], tmp_path / "out.ome.tif", READING))
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as tiff:
        assert (tiff.series[0].axes, tiff.series[0].shape) == ("TCYX", (4, 2, 8, 9))
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (0.5, "µm")
    assert [channel["Name"] for channel in pixels["Channel"]] == ["brightfield", "darkfield"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_blocks_come_one_after_the_other(
    tmp_path: Path, made_cells: Cells, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr("napari_cellcycle.io.writers.stack._BLOCK_BYTES", 7 * 3 * 40 * 40 * 2)
    give(made_cells, monkeypatch)
    progress = [e for e in convert_files(["a"], tmp_path / f"out.{suffix}", READING) if isinstance(e, Progress)]
    assert [event.done for event in progress if event.what == "writing"][:2] == [7, 14]
    everyone = range(len(made_cells))
    found = read_cells(tmp_path / f"out.{suffix}").read(everyone)
    for one, other in zip(found, made_cells.read(everyone), strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_a_stack_too_large_for_classic_tiff(tmp_path: Path, made_cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_cellcycle.io.writers.stack._CLASSIC_TIFF_BYTES", 1000)
    give(made_cells, monkeypatch)
    result_of(convert_files(["a"], tmp_path / "out.ome.tif", READING))
    assert (tmp_path / "out.ome.tif").read_bytes()[2] == 43  # BigTIFF
    found = read_cells(tmp_path / "out.ome.tif").read([89])[0]
    np.testing.assert_array_equal(found.pixels, made_cells.read([89])[0].pixels)


def test_types_of_pixels_are_widened_and_pixel_sizes_that_differ_left_out(
    tmp_path: Path, made_cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ArrayImages(np.full((2, 3, 6, 6), 7, np.uint8))
    other = Cells.build(small, made_cells.channels, "b.tif", pixel_size_um=1.0)
    give(join_cells([made_cells, other]), monkeypatch)
    events = list(convert_files(["a"], tmp_path / "out.ome.tif", READING))
    assert Note("the cells differ in pixel size, so no pixel size is written") in events
    cells = read_cells(tmp_path / "out.ome.tif")
    assert np.isnan(cells.pixel_size_um).all()
    assert cells.read([91])[0].pixels.dtype == np.uint16


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_synthetic_cells_stay_marked(
    tmp_path: Path, made_cells: Cells, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    give(replace(made_cells, synthetic=np.ones(len(made_cells), bool)), monkeypatch)
    result_of(convert_files(["a"], tmp_path / f"out.{suffix}", READING))
    assert read_cells(tmp_path / f"out.{suffix}").synthetic.all()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_left_when_it_is_stopped(tmp_path: Path, some_cells: Cells, suffix: str) -> None:
    events = convert_files(["plate"], tmp_path / f"out.{suffix}", READING)
    for event in events:
        if isinstance(event, Progress) and event.what == "writing":
            break
    events.close()
    assert list(tmp_path.iterdir()) == []


def test_an_older_stack_stays_when_it_is_stopped(tmp_path: Path, some_cells: Cells) -> None:
    output = tmp_path / "out.ome.tif"
    result_of(convert_files(["plate"], output, READING))
    before = output.read_bytes(), (tmp_path / "out.csv").read_bytes()
    events = convert_files(["plate"], output, READING)
    next(event for event in events if isinstance(event, Progress) and event.what == "writing")
    events.close()
    assert (output.read_bytes(), (tmp_path / "out.csv").read_bytes()) == before
    result_of(convert_files(["plate"], output, READING))


def test_no_readable_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(Cells.build(SomeImages(), ("a", "b"), "x").subset([2]), monkeypatch)
    with pytest.raises(ImageError, match="none of these cells can be read, so there is nothing to convert"):
        result_of(convert_files(["a"], tmp_path / "out.ome.tif", READING))
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_can_not_be(tmp_path: Path, some_cells: Cells) -> None:
    with pytest.raises(SettingError, match=r"output is out\.png, but must end in \.ome\.tif .* or \.zarr"):
        result_of(convert_files(["a"], tmp_path / "out.png", READING))
    with pytest.raises(SettingError, match=r"output out\.tif is also an input; give it another name"):
        result_of(convert_files([tmp_path / "out.tif"], tmp_path / "out.tif", READING))
    (tmp_path / "full.zarr").mkdir()
    (tmp_path / "full.zarr" / "zarr.json").touch()
    with pytest.raises(WriteError, match=r"full\.zarr already exists; remove it, or give another name"):
        result_of(convert_files(["a"], tmp_path / "full.zarr", READING))
    (tmp_path / "mine.csv").write_text("precious")
    with pytest.raises(WriteError, match=r"mine\.csv already exists and would be replaced"):
        result_of(convert_files(["a"], tmp_path / "mine.ome.tif", READING))


def test_real_objects(tmp_path: Path, real_data: Path) -> None:
    done = result_of(convert_files([real_data / "cif" / "example.cif"], tmp_path / "out.ome.tif", READING))
    assert done.shape == (111, 6, 50, 52)
    reference = np.load(real_data / "cif" / "example_reference_first56.npz")["img_00004"]
    found = read_cells(tmp_path / "out.ome.tif").read([4])[0].pixels
    np.testing.assert_array_equal(found[:, 4:45, 5:47], reference)
