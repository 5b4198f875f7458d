"""What the first axis of an image counts: asked, read in the file, or guessed; and images that are no field."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from made import field_of
from qtpy.QtWidgets import QWidget
from shown import layer_showing

from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.gui.docks.train import TrainWidget
from napari_cellcycle.gui.layers.field import find_field, image_layers
from napari_cellcycle.gui.layers.field_planes import CHANNELS, DEPTH, TIME, axis_of
from napari_cellcycle.gui.widgets.cells_input import CellsInput


@pytest.fixture
def inputs(qtbot, viewer) -> CellsInput:
    box = CellsInput(viewer, "classify", finds_cells=True)
    qtbot.addWidget(box)
    return box


def texts(picker) -> list[str]:
    return [picker.itemText(index) for index in range(picker.count())]


@pytest.mark.parametrize(
    ("shape", "labelled", "axis"),
    [((8, 8), False, ""), ((2, 8, 8), False, CHANNELS), ((2, 8, 8), True, TIME), ((9, 8, 8), False, TIME)],
)
def test_an_axis_that_nothing_is_known_of_is_guessed(viewer, shape, labelled, axis) -> None:
    layer = viewer.add_image(np.zeros(shape))
    if labelled:
        viewer.add_labels(np.zeros(shape, int))
    assert axis_of(layer, viewer.layers) == axis


@pytest.mark.parametrize(("axes", "axis"), [("CYX", CHANNELS), ("ZYX", DEPTH), ("TYX", TIME)])
def test_the_file_knows_its_axes(viewer, tmp_path, axes, axis) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((6, 32, 32), np.uint8), metadata={"axes": axes}, photometric="minisblack")
    from napari.layers._source import layer_source

    with layer_source(path=str(path)):
        layer = viewer.add_image(tifffile.imread(path))
    assert axis_of(layer, viewer.layers) == axis


def test_one_channel_is_brightfield_and_another_may_be_darkfield(viewer, inputs) -> None:
    planes = np.arange(2)[:, None, None] * np.ones((2, 8, 8))
    viewer.add_image(planes, name="both")
    assert inputs.axis.value() == CHANNELS
    assert texts(inputs.brightfield) == ["both [channel 0]", "both [channel 1]"]
    inputs.darkfield.setCurrentText("both [channel 1]")
    field = inputs.field()
    assert (field.brightfield.max(), field.darkfield.max()) == (0, 1)
    assert field.source.brightfield == "both"  # by which the layer is found again
    viewer.add_labels(np.ones((8, 8), int), name="mine")
    again = find_field(viewer, inputs.field().source)
    assert (again.brightfield.max(), again.darkfield.max(), again.source) == (0, 1, inputs.field().source)


def test_the_answer_is_kept_in_the_layer_for_all_docks(qtbot, viewer, inputs) -> None:
    layer = viewer.add_image(np.zeros((2, 8, 8)), name="film")
    other = CellsInput(viewer, "classify", finds_cells=True)
    qtbot.addWidget(other)
    inputs.axis.setCurrentText(TIME)
    inputs.axis.activated.emit(inputs.axis.currentIndex())
    assert layer.axis_labels[0] == "t"
    for box in (inputs, other):
        assert box.field().brightfield.shape == (2, 8, 8)
        assert texts(box.brightfield) == ["film"]


def test_of_focal_planes_the_sharpest_is_taken_unless_another_is_chosen(viewer, inputs) -> None:
    stack = np.zeros((5, 16, 16))
    stack[3] = np.indices((16, 16)).sum(axis=0) % 2
    layer = viewer.add_image(stack, name="stack")
    layer.axis_labels = ("z", "y", "x")
    assert inputs.brightfield.currentText() == "stack [sharpest plane]"
    np.testing.assert_array_equal(np.asarray(inputs.field().brightfield), stack[3])
    inputs.brightfield.setCurrentText("stack [z 1]")
    assert not np.asarray(inputs.field().brightfield).any()


def test_cells_of_a_two_channel_image_are_counted_once(qtbot, viewer, made_cells, model_folder, finished) -> None:
    planes, labels = field_of(made_cells)
    viewer.add_image(planes, name="both", scale=(1, 0.5, 0.5))
    viewer.add_labels(labels, name="mine", scale=(0.5, 0.5))
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    dock.model.add_folder(model_folder)
    dock.inputs.darkfield.setCurrentText("both [channel 1]")
    dock.run_button.click()
    finished(dock)
    layer = layer_showing(viewer, "phase")
    assert len(layer.features) == 30, dock.status.text()
    assert (layer.data.shape, layer.scale.tolist()) == (labels.shape, [0.5, 0.5])


@pytest.mark.parametrize(
    ("shape", "options", "reason"),
    [
        ((8, 8, 3), {"rgb": True}, "is a colour image (RGB)"),
        ((2, 3, 8, 8), {}, "has 4 axes (2 x 3 x 8 x 8)"),
    ],
)
def test_an_image_that_is_no_field_is_named_with_the_reason(qtbot, viewer, shape, options, reason) -> None:
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.empty.label.text() == "No cells yet."
    layer = viewer.add_image(np.zeros(shape), name="photo", **options)
    assert dock.empty.isVisibleTo(dock)
    assert dock.empty.label.text().startswith(f"No cells yet. The layer photo {reason}")
    viewer.layers.remove(layer)
    assert dock.empty.label.text() == "No cells yet."
    assert image_layers(viewer) == []


def test_a_field_without_labels_is_no_training_data_and_labels_that_come_later_are_welcome(qtbot, viewer) -> None:
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    viewer.add_image(np.zeros((8, 8)), name="bf")
    assert "The layer bf needs a Labels layer with its cells" in dock.empty.label.text()
    viewer.add_labels(np.ones((8, 8), int), name="mine")  # AttributeError, as the pickers did not know it yet
    field: QWidget = dock.labelled.inputs
    assert field.field().labels is not None
