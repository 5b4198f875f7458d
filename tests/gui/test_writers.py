"""File > Save: tables, stacks and label images of cells, through napari."""

from __future__ import annotations

import npe2
import numpy as np
import pandas as pd
import pytest
import tifffile
from shown import layer_showing

from napari_cellcycle.errors import WriteError
from napari_cellcycle.events import result_of
from napari_cellcycle.gui.dock_tabs import PLUGIN
from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.read import open_cells

knows_long_suffixes = pytest.mark.skipif(
    tuple(map(int, npe2.__version__.split(".")[:2])) < (0, 10),
    reason="this npe2 looks at the last suffix only; there the type is chosen in the dialog",
)


@pytest.fixture(autouse=True)
def _registered() -> None:
    manager = npe2.PluginManager.instance()
    if PLUGIN not in manager:
        manager.register(npe2.PluginManifest.from_distribution(PLUGIN))


def test_the_table_of_a_cells_layer_is_saved_as_csv(gallery, viewer, qtbot, finished, model_folder, tmp_path) -> None:
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.model.add_folder(model_folder)
    dock.run_button.click()
    finished(dock)
    layer = layer_showing(viewer, "phase")
    path = str(tmp_path / "cells.csv")
    assert layer.save(path, plugin=PLUGIN) == [path]
    table = pd.read_csv(path)
    assert table["phase"].tolist() == layer.features["phase"].tolist()
    assert table["cell"].tolist() == layer.features["cell"].tolist()


def test_a_layer_without_a_table_is_one_sentence(viewer, tmp_path) -> None:
    layer = viewer.add_labels(np.ones((3, 3), np.uint8), name="nuclei")
    with pytest.raises(WriteError, match="nuclei has no table of cells; classify its cells"):
        layer.save(str(tmp_path / "a.csv"), plugin=PLUGIN)
    assert list(tmp_path.iterdir()) == []


@knows_long_suffixes
@pytest.mark.parametrize("suffix", [".cells.ome.tif", ".cells.zarr"])
def test_the_cells_of_a_gallery_are_saved_as_a_stack(gallery, viewer, plate, tmp_path, suffix) -> None:
    if suffix.endswith("zarr"):
        pytest.importorskip("ome_zarr")
    path = tmp_path / f"mine{suffix}"
    assert str(path) in viewer.layers.save(str(path), plugin=PLUGIN)
    saved = result_of(open_cells([path], ReadSettings()))
    before = result_of(open_cells([plate], ReadSettings()))
    assert saved.phases.tolist() == before.phases.tolist()
    np.testing.assert_array_equal(saved.read([0])[0].pixels.shape[0], before.read([0])[0].pixels.shape[0])


@knows_long_suffixes
def test_layers_of_others_are_no_stack(viewer, tmp_path) -> None:
    viewer.add_image(np.ones((3, 3)))
    with pytest.raises(WriteError, match="select layers of one"):
        viewer.layers.save(str(tmp_path / "a.cells.ome.tif"), plugin=PLUGIN)


def test_labels_are_saved_by_napari_itself(viewer, tmp_path) -> None:
    labels = viewer.add_labels(np.arange(9).reshape(3, 3), name="nuclei")
    path = tmp_path / "nuclei.tif"
    labels.save(str(path))
    np.testing.assert_array_equal(tifffile.imread(path), labels.data)
