"""Projects and saved layers in the viewer: what is opened again is as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from example_files import write_tiff
from napari.layers._source import layer_source
from old_projects import write_project_1
from shown import layer_showing, layers_showing, visible_roles

from napari_cellcycle.events import result_of
from napari_cellcycle.gui.dock_tabs import PLUGIN
from napari_cellcycle.gui.docks import project_buttons
from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.gui.docks.open import OpenWidget
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.field import find_field
from napari_cellcycle.gui.layers.gallery import list_galleries, open_gallery, show_gallery
from napari_cellcycle.gui.layers.phase_layer import hidden_phases
from napari_cellcycle.gui.layers.saved_layers import save_layers
from napari_cellcycle.gui.layers.source import source_of
from napari_cellcycle.gui.layers.view_fit import camera_of
from napari_cellcycle.gui.readers import get_saved_reader
from napari_cellcycle.gui.writers import write_layers, write_svg
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.phases import COLOURS


@pytest.fixture
def own_plate(plate, tmp_path) -> Path:
    """A copy, to be moved."""
    return Path(shutil.copytree(plate, tmp_path / "data" / "plate"))


@pytest.fixture
def dock(qtbot, viewer) -> OpenWidget:
    widget = OpenWidget(viewer)
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def classified(qtbot, viewer, own_plate, model_folder, finished) -> None:
    show_gallery(viewer, result_of(open_gallery([own_plate], ReadSettings())))
    classify = ClassifyWidget(viewer)
    qtbot.addWidget(classify)
    classify.model.add_folder(model_folder)
    classify.run_button.click()
    finished(classify)
    classify.legend.cellClicked.emit(1, 0)
    data_set_of(viewer.layers, list_galleries(viewer.layers)[0]).labels.decide([5], "Anaphase")


@pytest.fixture
def project(dock, classified, tmp_path, viewer, finished) -> Path:
    viewer.layers[0].visible = True
    camera_of(viewer).zoom, camera_of(viewer).center = 3.0, (0, 7, 8)
    path = tmp_path / "projects" / "screen.cellcycle.json"
    dock.project.save_as(path)
    finished(dock)
    assert dock.status.text() == f"Saved {path}."
    return path


def opened_again(dock, viewer, path, finished) -> str:
    viewer.layers.clear()
    dock.project.open_from(path)
    finished(dock)
    return dock.status.text()


def test_a_project_opens_cells_calls_labels_and_view_again(dock, project, viewer, finished) -> None:
    before = layer_showing(viewer, "phase")
    roles, picture, table = visible_roles(viewer), before.data.copy(), before.features.copy()
    camera_of(viewer).zoom = 1
    assert opened_again(dock, viewer, project, finished).startswith("90 cells opened. ")
    after = layer_showing(viewer, "phase")
    np.testing.assert_array_equal(after.data, picture)
    assert after.features["phase"].tolist() == table["phase"].tolist()
    np.testing.assert_allclose(after.features["probability"], table["probability"])
    assert hidden_phases(after) == {1}
    assert visible_roles(viewer) == roles
    assert (camera_of(viewer).zoom, tuple(camera_of(viewer).center)) == (3.0, (0, 7, 8))
    assert data_set_of(viewer.layers, source_of(after)).labels.phases[5] == 5


def test_data_that_were_moved_are_asked_for(dock, project, viewer, own_plate, finished, monkeypatch, qtbot) -> None:
    new = own_plate.parent.with_name("archive")
    own_plate.parent.rename(new)
    monkeypatch.setattr(project_buttons, "_ask_where", lambda _parent, missing: new / missing.name)
    viewer.layers.clear()
    dock.project.open_from(project)
    qtbot.waitUntil(lambda: layers_showing(viewer, "phase") != [], timeout=60_000)
    assert source_of(layer_showing(viewer, "phase")).paths == [str(new / "plate")]


def test_data_that_are_gone_are_one_sentence(dock, project, viewer, own_plate, finished, monkeypatch, qtbot) -> None:
    shutil.rmtree(own_plate)
    monkeypatch.setattr(project_buttons, "_ask_where", lambda _parent, missing: missing)
    viewer.layers.clear()
    dock.project.open_from(project)
    qtbot.waitUntil(lambda: "is missing, so its cells are not open" in dock.status.text(), timeout=60_000)
    assert len(viewer.layers) == 0


def test_other_cells_under_the_same_name_are_opened_without_the_calls(
    dock, project, viewer, own_plate, finished
) -> None:
    shutil.rmtree(own_plate / "S")
    said = opened_again(dock, viewer, project, finished)
    assert "Plate held 90 cells when the project was saved and holds 60 now, so the phases are not shown" in said
    assert visible_roles(viewer) != []
    assert layers_showing(viewer, "phase") == []


def test_version_1_opens_as_it_was(dock, viewer, plate, tmp_path, finished) -> None:
    shutil.copytree(plate, tmp_path / "plate")
    path = write_project_1(tmp_path)
    dock.look_into([str(path)])  # as when it is dropped
    finished(dock)
    assert visible_roles(viewer) == ["darkfield", "phase"], dock.status.text()
    phases = layer_showing(viewer, "phase")
    assert phases.features["phase"].tolist()[-1] == "Telophase"
    assert hidden_phases(phases) == {1}
    assert camera_of(viewer).zoom == 2.5


def test_napari_opens_a_project_too(qapp, plate, tmp_path) -> None:
    shutil.copytree(plate, tmp_path / "plate")
    path = str(write_project_1(tmp_path))
    layers = get_saved_reader(path)(path)
    assert [options["name"] for _, options, _ in layers][-1] == "phase - plate"
    assert [options["visible"] for _, options, _ in layers].count(True) == 2


# --- full-field images ---


@pytest.fixture
def field(viewer, made_cells, qtbot, model_folder, finished, tmp_path) -> Path:
    """A classified field of four cells, whose image is a file; the file."""
    image, labels = np.full((2, 50, 190), [[[680]], [[27]]], np.uint16), np.zeros((50, 190), np.int32)
    for number, cell in enumerate(made_cells.read(range(0, 84, 21))):
        left = 5 + 45 * number
        image[:, 5:45, left : left + 40] = cell.pixels[:2]
        labels[15:35, left + 10 : left + 30] = number + 1
    path = write_tiff(tmp_path / "dish" / "field.tif", image[0])
    with layer_source(path=str(path)):
        viewer.add_image(image[0], name="field")
    viewer.add_image(image[1], name="darkfield")
    viewer.add_labels(labels, name="mine")
    classify = ClassifyWidget(viewer)
    qtbot.addWidget(classify)
    classify.model.add_folder(model_folder)
    classify.run_button.click()
    finished(classify)
    return path


def hover(layer, *position: int) -> str:
    return layer.get_status(position, view_direction=None, dims_displayed=[0, 1])["coordinates"]


def test_a_project_keeps_a_field_with_its_labels_and_phases(dock, field, viewer, tmp_path, finished, qtbot) -> None:
    before = layer_showing(viewer, "phase")
    said, names = hover(before, 20, 20), [layer.name for layer in viewer.layers]
    assert "field.tif cell 1" in said
    path = tmp_path / "dish.cellcycle.json"
    dock.project.save_as(path)
    finished(dock)
    assert opened_again(dock, viewer, path, finished) == "Field opened."
    assert [layer.name for layer in viewer.layers] == names
    after = layer_showing(viewer, "phase")
    np.testing.assert_array_equal(after.data, before.data)
    assert after.features["phase"].tolist() == before.features["phase"].tolist()
    assert hover(after, 20, 20) == hover(viewer.layers["mine"], 20, 20) == said
    again = find_field(viewer, source_of(after))
    assert again.path == field  # beside which its labels lie
    assert (tmp_path / "dish.cellcycle.field-1.cellcycle").is_file()


def test_a_field_whose_file_is_gone_is_one_sentence(dock, field, viewer, tmp_path, finished) -> None:
    dock.project.save_as(tmp_path / "dish.cellcycle.json")
    finished(dock)
    (tmp_path / "dish.cellcycle.field-1.cellcycle").unlink()
    said = opened_again(dock, viewer, tmp_path / "dish.cellcycle.json", finished)
    assert said.startswith("the field field is not open: ")
    assert said.endswith("dish.cellcycle.field-1.cellcycle is not there; put it back, or choose another file")


# --- layers that napari saves ---


def test_the_status_bar_describes_cells_of_layers_that_napari_opened(dock, classified, viewer, tmp_path, qtbot) -> None:
    layers = [layer.as_layer_data_tuple() for layer in viewer.layers]
    said = hover(layer_showing(viewer, "phase"), 5, 5)
    viewer.layers.clear()
    path = save_layers(tmp_path / "mine", layers)
    for data in get_saved_reader(str(path))(str(path)):
        viewer._add_layer_from_data(*data)
    qtbot.waitUntil(lambda: hover(layer_showing(viewer, "brightfield"), 5, 5) == said, timeout=5000)
    assert hover(layer_showing(viewer, "phase"), 5, 5) == said


def test_saved_layers_open_as_they_were(classified, viewer, tmp_path) -> None:
    import npe2

    manager = npe2.PluginManager.instance()
    if PLUGIN not in manager:
        manager.register(npe2.PluginManifest.from_distribution(PLUGIN))
    before = [layer.as_layer_data_tuple() for layer in viewer.layers]
    path = str(tmp_path / "mine.cellcycle")
    assert viewer.layers.save(path, plugin=PLUGIN) == [path]
    viewer.layers.clear()
    viewer.open(path, plugin=PLUGIN)
    assert [layer.name for layer in viewer.layers] == [options["name"] for _, options, _ in before]
    for layer, (data, options, kind) in zip(viewer.layers, before, strict=True):
        np.testing.assert_array_equal(layer.data, data)
        assert (layer._type_string, layer.visible, layer.metadata) == (kind, options["visible"], options["metadata"])
        assert layer.scale.tolist() == list(options["scale"])
        assert layer.units == options["units"]
    phases = layer_showing(viewer, "phase")
    assert hidden_phases(phases) == {1}
    assert len(phases.features) == 90
    assert layer_showing(viewer, "brightfield").contrast_limits == before[2][1]["contrast_limits"]


def test_saved_layers_are_classified_again(classified, viewer, tmp_path, qtbot, finished) -> None:
    path = save_layers(tmp_path / "mine", [layer.as_layer_data_tuple() for layer in viewer.layers])
    viewer.layers.clear()
    for data in get_saved_reader(str(path))(str(path)):
        viewer._add_layer_from_data(*data)
    dock = ClassifyWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.results.isVisibleTo(dock)
    dock.run_button.click()
    finished(dock)
    assert "90 cells classified" in dock.status.text()
    assert len(layers_showing(viewer, "phase")) == 1


def test_a_damaged_file_of_layers_is_one_sentence(tmp_path) -> None:
    import tifffile

    from napari_cellcycle.errors import ReadError
    from napari_cellcycle.gui.layers.saved_layers import load_layers

    path = tmp_path / "a.cellcycle"
    for write in (lambda: path.write_bytes(b"II*\0junk"), lambda: tifffile.imwrite(path, np.zeros((4, 4)))):
        write()
        with pytest.raises(ReadError, match=r"a\.cellcycle holds no layers that this program saved"):
            load_layers(path)


def test_the_phase_layer_is_drawn_in_its_colours_with_a_legend(classified, viewer, tmp_path) -> None:
    phases = layer_showing(viewer, "phase")
    [path] = write_svg(str(tmp_path / "a"), [layer.as_layer_data_tuple() for layer in viewer.layers])
    text = Path(path).read_text()
    assert text.count("<image ") == 2  # what is visible
    for phase, colour in COLOURS.items():
        count = int((phases.features["phase"] == phase.label).sum())
        assert (f">{phase.label} {count}</text>" in text) == (count > 0)
        assert (f'fill="{colour}"' in text) == (count > 0)
    assert write_layers(str(tmp_path / "b"), [phases.as_layer_data_tuple()]) == [str(tmp_path / "b.cellcycle")]
