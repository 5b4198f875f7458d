"""Classify shows what it found, whatever else is open."""

from __future__ import annotations

import numpy as np
from shown import layer_showing, layers_showing, visible_roles

from napari_cellcycle.events import result_of
from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.gui.layers.gallery import list_galleries, open_gallery, show_gallery
from napari_cellcycle.gui.layers.source import source_of
from napari_cellcycle.jobs.config import ReadSettings


def test_the_phases_lie_above_layers_of_the_users_own(qtbot, viewer, gallery, model_folder, finished) -> None:
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.model.add_folder(model_folder)
    filled = viewer.add_labels(np.ones(gallery.source.grid.shape, int), name="mine")
    for _ in range(2):  # the first time, and again
        dock.run_button.click()
        finished(dock)
        assert viewer.layers[-1] is layer_showing(viewer, "phase")
        assert viewer.layers[-1].visible
        assert filled.visible
        viewer.layers.move(viewer.layers.index(filled), -1)


def test_the_first_of_two_galleries_is_shown_with_its_own_phases(
    qtbot, viewer, gallery, plate, model_folder, finished
) -> None:
    show_gallery(viewer, result_of(open_gallery([plate], ReadSettings())))
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.model.add_folder(model_folder)
    new, old = list_galleries(viewer.layers)
    assert [dock.inputs.cells.itemText(index) for index in range(2)] == [
        f"{plate.name} [1] (90 cells)",  # else both would read alike
        f"{plate.name} (90 cells)",
    ]
    assert (dock.inputs.cells.value(), old) == (new, gallery.source)
    dock.inputs.cells.setCurrentIndex(1)
    dock.run_button.click()
    finished(dock)
    assert {source_of(layer).group for layer in viewer.layers if layer.visible} == {old.group}
    assert visible_roles(viewer) == ["brightfield", "phase"]
    assert len(layers_showing(viewer, "phase")) == 1
