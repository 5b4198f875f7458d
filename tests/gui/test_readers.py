"""What napari gets when it offers us files, and what samples give."""

from __future__ import annotations

import time

import numpy as np
import pytest
import tifffile

from napari_cellcycle.errors import CellCycleError, ReadError
from napari_cellcycle.events import Note, Progress, result_of
from napari_cellcycle.gui.dock_tabs import PLUGIN
from napari_cellcycle.gui.progress_dialog import StoppedError, wait_for
from napari_cellcycle.gui.readers import get_file_reader, get_folder_reader
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.convert import convert_files


def test_a_folder_of_phases_is_read_as_a_gallery(qapp, plate) -> None:
    layers = get_folder_reader(str(plate))(str(plate))
    assert [(options["name"], kind) for _, options, kind in layers][-1] == (f"brightfield - {plate.name}", "image")
    assert all(pixels.dtype == np.uint16 for pixels, *_ in layers)


def test_napari_opens_files_and_folders_with_us(qapp, plate) -> None:
    import npe2

    manager = npe2.PluginManager.instance()
    if PLUGIN not in manager:
        manager.register(npe2.PluginManifest.from_distribution(PLUGIN))
    for path in (plate, plate / "S" / "cells_Ch3.tif"):
        layers = npe2.read([str(path)], stack=False, plugin_name=PLUGIN)
        assert layers[-1][1]["name"] == f"brightfield - {path.name.removesuffix('.tif')}"


def test_single_files_named_after_channels_are_read_together(qapp, plate) -> None:
    paths = [str(plate / "S" / f"cells_{channel}.tif") for channel in ("Ch3", "Ch6")]
    layers = get_file_reader(paths)(paths)
    assert {options["name"] for _, options, _ in layers} == {"brightfield - S, 2 files", "darkfield - S, 2 files"}


@pytest.mark.parametrize("name", ["scan.tif", "photo.png", "notes_Ch3.txt"])
def test_other_files_are_left_to_others(name, tmp_path) -> None:
    (tmp_path / name).touch()
    assert get_file_reader(str(tmp_path / name)) is None
    assert get_folder_reader(str(tmp_path)) is None


def test_cells_that_we_converted_to_zarr_are_read_as_a_gallery(qapp, plate, tmp_path) -> None:
    pytest.importorskip("ome_zarr")
    path = str(tmp_path / "cells.zarr")
    result_of(convert_files([plate / "S"], path, ReadSettings()))
    layers = get_folder_reader(path)(path)
    assert {options["name"] for _, options, _ in layers} >= {"brightfield - cells", "darkfield - cells"}


@pytest.mark.parametrize("metadata", ["", "[]", '{"attributes": null}', '{"attributes": {"ome": {}}}'])
def test_zarrs_of_others_and_a_missing_folder_are_left_to_others(metadata, tmp_path) -> None:
    (tmp_path / "image.zarr" / "G1").mkdir(parents=True)
    assert get_folder_reader(str(tmp_path / "image.zarr")) is None
    (tmp_path / "image.zarr" / "zarr.json").write_text(metadata)
    assert get_folder_reader(str(tmp_path / "image.zarr")) is None
    assert get_folder_reader(str(tmp_path / "nothing")) is None


def test_a_damaged_file_is_one_sentence(qapp, tmp_path) -> None:
    path = tmp_path / "7_Ch3.tif"
    tifffile.imwrite(path, np.ones((40, 40), np.uint16))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CellCycleError, match=r"7_Ch3\.tif"):
        get_file_reader(str(path))(str(path))


def test_waiting_gives_the_result_and_keeps_the_window_alive(qapp) -> None:
    from qtpy.QtCore import QTimer

    beats = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(1))
    timer.start(5)

    def work():
        for done in range(20):
            time.sleep(0.01)
            yield Progress(done, 20, "working")
        return "done"

    assert wait_for(work(), "Work") == "done"
    assert len(beats) > 10


def test_waiting_passes_errors_on(qapp) -> None:
    def work():
        yield Note("x")
        raise ReadError("a.tif is empty")

    with pytest.raises(ReadError, match=r"a\.tif is empty"):
        wait_for(work(), "Work")


def test_waiting_can_be_cancelled(qapp) -> None:
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication, QProgressDialog

    def work():
        while True:
            time.sleep(0.001)
            yield Progress(1, 3, "on and on")

    def press() -> None:
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QProgressDialog):
                widget.canceled.emit()

    QTimer.singleShot(100, press)
    with pytest.raises(StoppedError, match="Work was stopped"):
        wait_for(work(), "Work")
