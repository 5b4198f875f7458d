"""Other phases than the seven in the viewer: galleries, layers, widgets."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_cellcycle.browse.table import CellTable
from napari_cellcycle.cells import Prediction
from napari_cellcycle.events import result_of
from napari_cellcycle.gui.docks.classify_job import classify_gallery
from napari_cellcycle.gui.layers.gallery import OpenedGallery, open_gallery, reread_cells, show_gallery
from napari_cellcycle.gui.layers.phase_layer import hidden_phases, phase_colormap, show_phases
from napari_cellcycle.gui.layers.phase_table import called_phases, prediction_of
from napari_cellcycle.gui.layers.source import KEY, phase_set_of, source_of
from napari_cellcycle.gui.widgets.confusion_table import ConfusionTable
from napari_cellcycle.gui.widgets.label_buttons import LabelButtons
from napari_cellcycle.gui.widgets.legend import Legend
from napari_cellcycle.gui.widgets.purity_view import PurityView
from napari_cellcycle.jobs.config import ClassifySettings, ReadSettings
from napari_cellcycle.phase_sets import NAMED_SETS, SEVEN

G1_S_G2M = NAMED_SETS["g1-s-g2m"]


@pytest.fixture
def opened(plate: Path, tmp_path: Path) -> OpenedGallery:
    folder = shutil.copytree(plate, tmp_path / "plate")
    (folder / "G2").rename(folder / "G2M")
    return result_of(open_gallery([folder], ReadSettings()))


def test_a_gallery_has_the_set_of_its_folders(opened: OpenedGallery) -> None:
    assert opened.source.phase_set == G1_S_G2M
    assert opened.source.phase_counts == [30, 30, 30]
    assert any("the phases are G1, S and G2/M" in note for note in opened.notes)
    assert set(opened.table["truth"]) == {"G1", "S", "G2/M"}
    cells = result_of(reread_cells(opened.source))
    assert cells.phase_set == G1_S_G2M


def test_calls_of_the_seven_are_added_up_and_labels_by_digit_are_of_the_set(
    opened: OpenedGallery, model_folder: Path
) -> None:
    viewer = ViewerModel()
    show_gallery(viewer, opened)
    found = result_of(classify_gallery(opened.source, ClassifySettings(model=str(model_folder), device="cpu")))
    layer = show_phases(viewer, found.data_set, found.layer, found.cell_map)
    assert source_of(layer) == opened.source
    assert phase_set_of(layer) == prediction_of(layer).phase_set == G1_S_G2M
    assert layer.metadata[KEY]["phase_set"] == "g1-s-g2m"
    assert set(np.unique(layer.data)) <= {0, 1, 2, 3, 4}
    layer.colormap = phase_colormap(G1_S_G2M, {2, 3})
    assert hidden_phases(layer) == {2, 3}
    table = CellTable(found.data_set.cells, found.data_set.labels, layer.features)
    assert table.n_called.tolist() == [*np.bincount(called_phases(layer), minlength=4)]
    found.data_set.labels.decide([0, 1], "Metaphase")
    found.data_set.labels.decide([2], "dead")
    assert table.name_of(int(table.shown[0])) == "G2/M"
    assert table.name_of(int(table.shown[2])) == "dead"
    assert layer.features["truth"][0] == "G2/M"


def test_widgets_follow_a_set(qtbot: object) -> None:
    legend, matrix = Legend(), ConfusionTable()
    pressed: list[int] = []
    buttons = LabelButtons(pressed.append, lambda: pressed.append(-1))
    for phases in (G1_S_G2M, SEVEN, NAMED_SETS["interphase-mitosis"]):
        for widget in (legend, matrix, buttons):
            widget.set_phases(phases)
        names = [legend.item(row, 0).text() for row in range(legend.rowCount())]
        assert names == [*phases.all_names, "synthetic"]
        assert (matrix.rowCount(), matrix.columnCount()) == (len(phases), len(phases))
        assert len(buttons.buttons) == len(phases) + 1
    buttons.show_counts(np.arange(3), None)
    assert [one.text() for one in buttons.buttons] == ["1 Inter\n0", "2 Mitosis\n1", "U ?\n2"]
    buttons.buttons[1].click()
    assert pressed == [1]


def test_a_slider_says_how_many_calls_remain(qtbot: object) -> None:
    chance = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    calls = Prediction(
        np.array(["a"] * 4), np.arange(4), np.c_[chance, 1 - chance], phase_set=NAMED_SETS["interphase-mitosis"]
    )
    view = PurityView()
    view.show_calls(calls, np.array([0, 0, 1, 0], np.int8))
    assert [*view.sliders] == ["Interphase", "Mitosis"]
    assert view.texts["Interphase"].text().startswith("2 of 4 tested cells at 90% purity: 1.000")
    view.sliders["Interphase"].setValue(75)
    assert view.texts["Interphase"].text().startswith("4 of 4 tested cells at 75% purity: 0.750")
    assert view.texts["Mitosis"].text() == "no threshold gives 90% purity on 0 tested cells of this call"
