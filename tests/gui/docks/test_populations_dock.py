"""The dock Populations as users meet it, on a viewer without a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from shown import layer_showing

from napari_cellcycle.events import Progress
from napari_cellcycle.gui.docks.populations import TABS, PopulationsWidget
from napari_cellcycle.gui.layers.phase_layer import phase_layer
from napari_cellcycle.gui.layers.phase_table import result_table
from napari_cellcycle.gui.layers.source import SELECTED, find_layer
from napari_cellcycle.phases import N_PHASES
from napari_cellcycle.population.embedding import Embedding


@pytest.fixture
def coloured(viewer: Any, gallery: Any, predict: Any) -> Any:
    """A gallery of 90 cells whose phases were called, in two wells."""
    from napari.layers import Layer

    calls = predict(np.repeat(np.arange(3), 30).astype(np.int8), skill=9.0, dna_content=np.linspace(2, 4, 90))
    table = result_table(calls, np.full(90, -1, np.int8), np.zeros(90, bool))
    table["source"], table["cell"] = gallery.table["source"], gallery.table["cell"]
    table["well"] = ["A01"] * 45 + ["B02"] * 45
    picture = gallery.source.grid.draw_outlines((calls.phases + 1).astype(np.uint8))
    data = phase_layer(picture, table, gallery.source, model="nobody", min_probability=0.0)
    viewer.add_layer(Layer.create(*data))
    return calls


@pytest.fixture
def settled(qtbot: Any) -> Callable[[Any], None]:
    """Waits until a dock neither counts nor draws."""

    def wait(dock: PopulationsWidget) -> None:
        qtbot.waitUntil(lambda: not (dock.job or dock.drawing or dock._wider.isActive()), timeout=60_000)

    return wait


@pytest.fixture
def dock(qtbot: Any, viewer: Any, coloured: Any, settled: Any) -> PopulationsWidget:
    dock = PopulationsWidget(viewer)
    dock.gathered = []
    dock.gather = lambda rows, title: dock.gathered.append((rows.tolist(), title))
    qtbot.addWidget(dock)
    dock.resize(350, 900)
    dock.show()
    settled(dock)
    return dock


def place(view: Any, panel: Any, x: float, y: float) -> QPoint:
    """Where on the screen a place of the data is."""
    left, top, right, bottom = panel.box
    x0, x1, y0, y1 = panel.limits
    across, down = left + (x - x0) / (x1 - x0) * (right - left), top + (y - y0) / (y1 - y0) * (bottom - top)
    return QPoint(round(across * view.width()), round(down * view.height()))


def test_it_begins_by_itself_with_the_most_telling_samples(dock: PopulationsWidget) -> None:
    assert dock.by.value() == "well"
    assert [sample.name for sample in dock.counted.populations.samples] == ["A01", "B02"]
    assert not dock.views["populations"]._pixmap.isNull()
    assert dock.status.text().startswith("The model 'nobody' is not known here")
    assert not dock.corrected.isVisibleTo(dock)
    assert not dock.of.isVisibleTo(dock)


def test_one_bar_lies_below_the_legend(dock: PopulationsWidget, settled: Any) -> None:
    dock.by.setCurrentText("all cells together")
    settled(dock)
    (panel,) = dock.views["populations"].picture.panels
    _, top, _, bottom = panel.box
    assert top > 0.35  # the title, and three lines of phases
    assert (bottom - top) * dock.views["populations"].height() > 40


def test_a_click_on_a_segment_gathers_its_cells(dock: PopulationsWidget, coloured: Any, qtbot: Any) -> None:
    view = dock.views["populations"]
    (panel,) = view.picture.panels
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=place(view, panel, 0.8, 1.38))
    ((rows, title),) = dock.gathered
    assert rows == [row for row in range(45, 90) if coloured.phases[row] == 2]
    assert title == "G2 in B02"
    assert dock.status.text() == f"G2 in B02: {len(rows)} cells."


def test_a_click_on_a_bin_gathers_its_cells(dock: PopulationsWidget, coloured: Any, qtbot: Any, settled: Any) -> None:
    dock.tabs.setCurrentIndex(1)
    settled(dock)
    view = dock.views["dna_content"]
    panel = view.picture.panels[0]
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=place(view, panel, 2.2, 0.3))
    ((rows, title),) = dock.gathered
    assert rows
    assert all(row < 45 and abs(coloured.dna_content[row] - 2.2) < 0.1 for row in rows)
    assert "in A01" in title


def test_a_lasso_on_the_map_gathers_the_cells_inside(dock: PopulationsWidget, qtbot: Any, settled: Any) -> None:
    positions = np.stack([np.arange(90), np.arange(90) % 2], axis=1).astype(np.float32)
    dock.embedding = Embedding(positions, "pca", (0.6, 0.2))
    dock.tabs.setCurrentIndex(2)
    settled(dock)
    view = dock.views["embedding"]
    (panel,) = view.picture.panels
    corners = [place(view, panel, x, y) for x, y in ((9.5, 0.5), (20.5, 0.5), (20.5, 1.02), (9.5, 1.02))]
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=corners[0])
    for corner in corners[1:]:
        qtbot.mouseMove(view, corner)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=corners[-1])
    assert [rows for rows, _ in dock.gathered] == [[11, 13, 15, 17, 19]]
    dock.sample.setCurrentText("B02")
    settled(dock)
    view.lassoed.emit(np.array([[40.5, -1], [47.5, -1], [47.5, 2], [40.5, 2]]))
    assert dock.gathered[-1] == ([45, 46, 47], "part of the map, B02")


def test_samples_come_from_a_table_too(dock: PopulationsWidget, tmp_path: Any, monkeypatch: Any, settled: Any) -> None:
    (tmp_path / "samples.csv").write_text("well;drug\na1;none\nB2;nocodazole\n")
    monkeypatch.setattr(
        "napari_cellcycle.gui.docks.populations.QFileDialog.getOpenFileName",
        lambda *_: (str(tmp_path / "samples.csv"), ""),
    )
    dock.table_button.click()
    settled(dock)
    assert dock.by.value() == "drug"
    assert [sample.name for sample in dock.counted.populations.samples] == ["nocodazole", "none"]
    dock.by.setCurrentText("all cells together")
    settled(dock)
    assert [len(sample.rows) for sample in dock.counted.populations.samples] == [90]
    dock.by.setCurrentText("drug")
    settled(dock)
    assert dock.counted.populations.by == "drug"


def test_a_table_that_does_not_fit_is_one_sentence_and_changes_nothing(
    dock: PopulationsWidget, tmp_path: Any, monkeypatch: Any, settled: Any
) -> None:
    (tmp_path / "samples.csv").write_text("donor;drug\n1;none\n")
    monkeypatch.setattr(
        "napari_cellcycle.gui.docks.populations.QFileDialog.getOpenFileName",
        lambda *_: (str(tmp_path / "samples.csv"), ""),
    )
    dock.table_button.click()
    settled(dock)
    assert dock.status.text().startswith("samples.csv does not say which cells its rows are about")
    dock.by.setCurrentText("folder")
    settled(dock)
    assert dock.counted.populations.by == "folder"


@pytest.mark.parametrize("kind", ["png", "svg", "csv"])
def test_the_figure_in_front_is_saved(
    dock: PopulationsWidget, tmp_path: Any, monkeypatch: Any, settled: Any, kind: str
) -> None:
    path = tmp_path / f"figure.{kind}"
    monkeypatch.setattr(
        "napari_cellcycle.gui.docks.populations.QFileDialog.getSaveFileName", lambda *_: (str(path), "")
    )
    dock._on_save()
    settled(dock)
    assert dock.status.text() == f"Saved {path}."
    if kind == "csv":
        assert pd.read_csv(path)["count"].sum() == 90
        assert len(pd.read_csv(path)) == 2 * N_PHASES


def test_cells_classified_again_are_counted_again(dock: PopulationsWidget, viewer: Any, settled: Any) -> None:
    layer = layer_showing(viewer, "phase")
    dock.embedding = Embedding(np.zeros((90, 2), np.float32), "pca")
    table = layer.features.copy()
    table["well"] = ["A01"] * 10 + ["C03"] * 80
    layer.features = table
    settled(dock)
    assert [len(sample.rows) for sample in dock.counted.populations.samples] == [10, 80]
    assert dock.embedding is None


def test_labels_are_counted_as_soon_as_they_are_made(
    dock: PopulationsWidget, gallery: Any, qtbot: Any, settled: Any
) -> None:
    gallery.data_set.labels.decide(range(10), "Metaphase")
    qtbot.waitUntil(lambda: dock.of.isVisibleTo(dock), timeout=60_000)
    settled(dock)
    dock.of.choose("labels")
    settled(dock)
    counts = {sample.name: sample.called for sample in dock.counted.populations.samples}
    assert counts["B02"] is None
    assert counts["A01"].counts.tolist() == [0, 0, 0, 0, 10, 0, 0]


def test_without_the_gallery_the_other_cells_are_dimmed(dock: PopulationsWidget, viewer: Any) -> None:
    dock._gather_in_gallery(np.array([3, 4]), "two cells")
    group = dock.cells.value()
    veil = find_layer(viewer.layers, group, SELECTED).data
    grid = dock.counted.calls.source.grid
    assert [int(veil[grid.box([row])[0] + 2, grid.box([row])[1] + 2]) for row in (2, 3, 4)] == [1, 0, 0]


def test_an_empty_dock_says_what_to_do_and_every_tab_what_it_lacks(
    qtbot: Any, viewer: Any, dock: PopulationsWidget, settled: Any
) -> None:
    dock.tabs.setCurrentIndex([*TABS].index("over_time"))
    settled(dock)
    assert dock.hint.text() == "These cells are not of several frames of a film."
    viewer.layers.clear()
    assert dock.empty.isVisibleTo(dock)
    assert not dock.results.isVisibleTo(dock)


def test_the_map_is_drawn_as_chosen(qtbot: Any, dock: PopulationsWidget, settled: Any, monkeypatch: Any) -> None:
    asked: list[str] = []

    def drawn(_calls: Any, config: Any) -> Any:
        asked.append(config.embedding)
        yield Progress(1, 1, "computing")
        return Embedding(np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32), config.embedding)

    monkeypatch.setattr("napari_cellcycle.gui.docks.populations.map_cells", drawn)
    monkeypatch.setattr("napari_cellcycle.gui.docks.populations.has_umap", lambda: True)
    dock.tabs.setCurrentIndex([*TABS].index("embedding"))
    dock.method.refresh()
    dock._draw()
    assert dock.method.isVisible()
    for method in ("pca", "umap"):
        dock.method.choose(method)
        settled(dock)
        assert dock.map_button.isVisible()
        dock.map_button.click()
        settled(dock)
        assert dock.embedding is not None
        assert not dock.map_button.isVisible()
    assert asked == ["pca", "umap"]
