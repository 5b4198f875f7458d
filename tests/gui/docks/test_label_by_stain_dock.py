"""The dock Label by stain as users meet it, on a viewer without a window."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from discs import disc_field, stained
from qtpy.QtCore import QPoint, Qt
from shown import layer_showing, layers_showing
from stained import made_contents, stained_pixels

from napari_cellcycle.events import result_of
from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.gui.docks.label_by_stain import LabelByStainWidget
from napari_cellcycle.gui.docks.open import OpenWidget
from napari_cellcycle.gui.docks.train import SCRATCH, TrainWidget
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.gallery import open_gallery, show_gallery
from napari_cellcycle.gui.layers.source import LEFT_OUT, PHASE, STAIN_LABEL
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.stain import result
from napari_cellcycle.stain.histogram_fit import fit_histogram
from napari_cellcycle.stain.names import LABELS
from napari_cellcycle.store.models import load_card

N = 260


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of few draws, which takes less time."""
    monkeypatch.setattr(result, "fit_histogram", partial(fit_histogram, n_bootstrap=3))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cells with a DNA stain, as stacks."""
    content, _ = made_contents(N, (0.5, 0.25, 0.25), 0.03, seed=8)
    stain = stained_pixels(content)
    folder = tmp_path_factory.mktemp("control")
    for name, planes in (("Ch3", np.full_like(stain, 600)), ("Ch4", stain), ("Ch6", stain // 20)):
        tifffile.imwrite(folder / f"cells_{name}.tif", planes, metadata={"axes": "NYX"})
    return folder


@pytest.fixture
def dock(qtbot: Any, viewer: Any, files: Path, finished: Any) -> LabelByStainWidget:
    show_gallery(viewer, result_of(open_gallery([files], ReadSettings())))
    dock = LabelByStainWidget(viewer)
    qtbot.addWidget(dock)
    dock.resize(350, 1200)
    dock.show()
    finished(dock)
    return dock


def shown_numbers(dock: LabelByStainWidget, viewer: Any) -> np.ndarray:
    """The number of each cell in the layer, shape (N,)."""
    picture = layer_showing(viewer, STAIN_LABEL).data
    return dock.stained.cell_map.read_phases(picture)


def expected_numbers(dock: LabelByStainWidget) -> list[int]:
    gated = dock.found.gated
    names = [*LABELS]
    return [
        0 if not label else names.index(label) + 1 if sure else len(names) + 1
        for label, sure in zip(gated.labels, gated.sure, strict=True)
    ]


def drag(qtbot: Any, plot: Any, name: str, to: tuple[float, float]) -> None:
    """Press on the middle of a gate, move in two steps, and let go."""
    (gate,) = [gate for gate in plot.gates if gate.name == name]
    start = plot.pixels(gate.path)[len(gate.path) // 2] if len(gate.path) > 2 else plot.pixels(gate.path).mean(axis=0)
    end = plot.pixels(np.array([to]))[0]
    places = [QPoint(*np.round(start + share * (end - start)).astype(int).tolist()) for share in (0, 0.5, 1)]
    qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places[1:]:
        qtbot.mouseMove(plot, place)
    qtbot.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=places[-1])


def test_cells_of_a_control_are_measured_by_itself_and_shown_in_the_colours_of_their_labels(dock, viewer) -> None:
    assert dock.inputs.stain.value() == "dna"
    assert dock.found.counts.keys() >= {"G1", "S", "G2/M"}
    assert shown_numbers(dock, viewer).tolist() == expected_numbers(dock)
    assert "G1&nbsp;" in dock.counts.text()
    assert dock.fit_line.text().startswith("Fit: G1 ")
    assert dock.label_button.isEnabled()


def test_a_gate_that_is_dragged_takes_the_cells_along(dock, viewer, qtbot) -> None:
    before = dock.found.counts["G1"]
    place = dock.found.gates.g1_s
    drag(qtbot, dock.histogram, "g1_s", (place + 0.6, dock.histogram.y_axis.high / 2))
    assert dock.found.gates.g1_s == pytest.approx(place + 0.6, abs=0.05)
    assert dock.found.counts["G1"] > before
    assert shown_numbers(dock, viewer).tolist() == expected_numbers(dock)
    drag(qtbot, dock.histogram, "g1_s", (5.3, dock.histogram.y_axis.high / 2))  # past its neighbour
    assert dock.found.gates.g1_s < dock.found.gates.s_g2m
    dock.reset_button.click()
    assert dock.found.counts["G1"] == before
    assert shown_numbers(dock, viewer).tolist() == expected_numbers(dock)


def test_arrow_keys_move_a_gate_too(dock, qtbot) -> None:
    gates = dock.found.gates
    qtbot.keyClick(dock.histogram, Qt.Key.Key_Space)
    qtbot.keyClick(dock.histogram, Qt.Key.Key_Space)
    qtbot.keyClick(dock.histogram, Qt.Key.Key_Right)
    assert dock.found.gates == gates.moved(g1_s=1.01 * gates.g1_s)


def test_the_gate_of_doublets_is_dragged_up_and_down(dock, qtbot) -> None:
    dock.tabs.setCurrentIndex(1)
    before = dock.found.counts.get("doublet", 0)
    drag(qtbot, dock.scatter, "area_excess", (4.0, 10.0))
    assert dock.found.gates.area_excess < 0.1
    assert dock.found.counts["doublet"] > before


def test_the_margin_takes_effect_at_once_and_another_model_is_fitted(dock, finished) -> None:
    n_sure = int(dock.found.gated.sure.sum())
    dock.form.show_values({"margin": 0.2})
    assert dock.found.gated.sure.sum() < n_sure
    dock.form.show_values({"model": "watson"})
    finished(dock)
    assert dock.found.fit.model == "watson"


def test_labels_are_kept_with_the_data_and_train_counts_them(dock, viewer, qtbot, finished, files) -> None:
    dock.label_button.click()
    finished(dock)
    assert dock.next_button.isVisibleTo(dock)
    assert (files / "cellcycle_labels.jsonl").exists()
    labels = data_set_of(viewer.layers, dock.stained.data_set.source).labels
    assert labels.annotators == ["gate: dna"]
    sure = dock.found.gated.sure
    assert (labels.texts()["label"][sure] == dock.found.gated.labels[sure]).all()
    train = TrainWidget(viewer)
    qtbot.addWidget(train)
    assert train.labelled.phase_set.names == ("G1", "S", "G2/M")
    assert train.labelled.phase_counts.tolist() == [
        int((sure & (dock.found.gated.labels == label)).sum()) for label in ("G1", "S", "G2/M")
    ]
    dock.back_button.click()
    finished(dock)
    assert not labels.decided.any()


def test_where_the_stain_tells_nothing_cells_are_labelled_only_if_the_user_drags(
    qtbot, viewer, tmp_path, finished
) -> None:
    noise = np.random.default_rng(0).lognormal(0, 0.8, N)
    pixels = np.stack([np.full((N, 32, 32), 600, np.uint16), stained_pixels(noise)], axis=1)
    tifffile.imwrite(tmp_path / "cells.ome.tif", pixels, metadata={"axes": "NCYX"}, ome=False)
    reading = ReadSettings(channels={"brightfield": "0", "dna": "1"})
    show_gallery(viewer, result_of(open_gallery([tmp_path / "cells.ome.tif"], reading)))
    dock = LabelByStainWidget(viewer)
    qtbot.addWidget(dock)
    finished(dock)
    assert dock.words.text().startswith("No phase can be determined from this stain")
    assert dock.headline.text() == "No phase can be determined from this stain. Read more below the plot."
    assert not dock.label_button.isEnabled()
    dock.histogram.dragged.emit("g1_s", 2.4)
    assert dock.label_button.isEnabled()


def test_nuclei_of_a_field_without_labels_are_found_first_and_can_be_mended(qtbot, viewer, finished) -> None:
    field, truth = disc_field(3, size=300, n_discs=30, radius=9)
    brightness = np.r_[np.full(29, 400.0), 4000.0]
    viewer.add_image(field, name="control brightfield")
    viewer.add_image(stained(truth, brightness), name="control DAPI")
    dock = LabelByStainWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.inputs.stain.currentText() == "control DAPI"
    assert dock.inputs.cells.brightfield.currentText() == "control brightfield"
    assert dock.run_button.text() == "Find the nuclei"
    assert dock.job is None
    dock.run_button.click()
    finished(dock)
    qtbot.waitUntil(lambda: dock.found is not None, timeout=60_000)
    finished(dock)
    nuclei = viewer.layers["nuclei - control brightfield"]
    assert nuclei.data.max() == pytest.approx(29, abs=1)
    qtbot.waitUntil(lambda: bool(layers_showing(viewer, LEFT_OUT)))
    (left_out,) = layers_showing(viewer, LEFT_OUT)
    assert left_out.data[truth == 30].any()
    assert left_out.features["reason"].tolist() == ["bright"]
    assert dock.inputs.cells.labels.value() is nuclei
    assert "left out: 1 bright" in dock.status.text()
    assert shown_numbers(dock, viewer).tolist() == expected_numbers(dock)
    nuclei.fill((int(np.argwhere(nuclei.data == 1)[0][0]), int(np.argwhere(nuclei.data == 1)[0][1])), 0)
    assert not dock.label_button.isEnabled()
    assert dock.status.text() == "The nuclei were changed; press Measure the stain."
    n_before = len(dock.found.cells)
    dock.run_button.click()
    finished(dock)
    assert len(dock.found.cells) == n_before - 1


def test_a_film_of_a_control_is_labelled_frame_by_frame(qtbot, viewer, finished) -> None:
    frames = [disc_field(seed, size=240, n_discs=18, radius=9) for seed in (1, 2)]
    viewer.add_image(np.stack([field for field, _ in frames]), name="brightfield").axis_labels = ("t", "y", "x")
    viewer.add_image(np.stack([stained(truth) for _, truth in frames]), name="DAPI").axis_labels = ("t", "y", "x")
    dock = LabelByStainWidget(viewer)
    qtbot.addWidget(dock)
    dock.run_button.click()
    finished(dock)
    qtbot.waitUntil(lambda: dock.found is not None, timeout=60_000)
    finished(dock)
    assert viewer.layers["nuclei - brightfield"].data.shape == (2, 240, 240)
    assert len(dock.found.cells) == pytest.approx(36, abs=1)
    assert shown_numbers(dock, viewer).tolist() == expected_numbers(dock)


def test_fucci_cells_are_gated_by_two_thresholds(qtbot, viewer, tmp_path, finished) -> None:
    chance = np.random.default_rng(0)
    on = np.array([[1, 0], [1, 1], [0, 1]]).repeat(60, axis=0)
    strength = np.exp(chance.normal(np.where(on, 0.0, -3.0), 0.2))
    for number, name in enumerate(("Ch3", "Ch5", "Ch11")):
        planes = stained_pixels(strength[:, number - 1]) if number else np.full((180, 32, 32), 600, np.uint16)
        tifffile.imwrite(tmp_path / f"cells_{name}.tif", planes, metadata={"axes": "NYX"})
    reading = ReadSettings(channels={"brightfield": "Ch3"})
    show_gallery(viewer, result_of(open_gallery([tmp_path], reading)))
    dock = LabelByStainWidget(viewer)
    qtbot.addWidget(dock)
    assert dock.job is None  # nothing says which channel is the stain
    dock.inputs.second.choose("Ch11")
    dock.inputs.stain.choose("Ch5")
    finished(dock)
    qtbot.waitUntil(lambda: dock.found is not None and dock.found.channels == ("Ch5", "Ch11"))
    assert dock.found.gated.labels[::60].tolist() == ["G1", "S", "S/G2/M"]
    before = dock.found.counts["S"]
    threshold = dock.found.gates.g1
    drag(qtbot, dock.scatter, "g1", (20 * threshold, dock.scatter.y_axis.value(0.5)))
    assert dock.found.counts.get("S", 0) < before


def test_a_control_that_is_opened_leads_to_the_dock(qtbot, viewer, files, finished) -> None:
    dock = OpenWidget(viewer)
    qtbot.addWidget(dock)
    dock.look_into([str(files)])
    finished(dock)
    dock.open_button.click()
    finished(dock)
    assert dock.stain_button.isVisibleTo(dock)


def test_all_layers_can_be_removed_while_the_dock_is_open(dock, viewer, qtbot) -> None:
    viewer.layers.clear()
    assert not dock.results.isVisibleTo(dock)
    assert dock.empty.isVisibleTo(dock)


def test_of_other_cells_that_are_chosen_only_theirs_are_shown(dock, viewer, qtbot, finished, files) -> None:
    first = layer_showing(viewer, STAIN_LABEL)
    show_gallery(viewer, result_of(open_gallery([files], ReadSettings())))
    qtbot.waitUntil(lambda: first not in viewer.layers and dock.found is not None, timeout=60_000)
    finished(dock)
    assert len(layers_showing(viewer, STAIN_LABEL)) == 1


def test_page_and_gates_are_saved(dock, tmp_path, monkeypatch, finished) -> None:
    monkeypatch.setattr(
        "napari_cellcycle.gui.docks.label_by_stain.QFileDialog.getExistingDirectory", lambda *_a, **_k: str(tmp_path)
    )
    monkeypatch.setattr("napari_cellcycle.jobs.label_by_stain.render_stain_page", lambda _found: "")
    dock.save_button.click()
    finished(dock)
    assert {path.name for path in tmp_path.iterdir()} >= {"labels.csv", "gates.json", "labels.html"}


def test_a_model_of_the_labels_calls_g2m(dock, viewer, qtbot, finished) -> None:
    dock.label_button.click()
    finished(dock)
    train, classify = TrainWidget(viewer), ClassifyWidget(viewer)
    for widget in (train, classify):
        qtbot.addWidget(widget)
    train.start_from.setCurrentText(SCRATCH)
    train.network.setCurrentText("tiny")
    train.form.show_values({"epochs": 1, "batch_size": 64, "device": "cpu"})
    output = train.run_name.output()
    train.run_button.click()
    finished(train)
    assert load_card(output).phase_set.names == ("G1", "S", "G2/M")
    classify.model.add_folder(output)
    classify.run_button.click()
    finished(classify)
    assert layer_showing(viewer, PHASE).features["phase"].isin(["G1", "S", "G2/M"]).all()
    assert [classify.legend.item(row, 0).text() for row in range(3)] == ["G1", "S", "G2/M"]
