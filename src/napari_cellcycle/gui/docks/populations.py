"""The dock *Populations*: cells by sample, well, condition or frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QFileDialog, QTabWidget, QVBoxLayout, QWidget

from napari_cellcycle.events import Job
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.gather import gather_cells
from napari_cellcycle.gui.docks.notices import Notice
from napari_cellcycle.gui.docks.populations_job import (
    CallsOnScreen,
    Counted,
    count_calls,
    draw_figure,
    embedding_figure,
    map_cells,
    only_sample,
    save_all,
    save_figure,
)
from napari_cellcycle.gui.job_thread import JobThread
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.field import find_field
from napari_cellcycle.gui.layers.figure_theme import figure_theme
from napari_cellcycle.gui.layers.highlight import highlight_cells
from napari_cellcycle.gui.layers.source import KEY, PHASE, FieldSource, GallerySource, find_layer, role_of, source_of
from napari_cellcycle.gui.widgets.figure_view import FigureView
from napari_cellcycle.gui.widgets.layout import button, form_rows, show_text, side_by_side, stacked, text_label
from napari_cellcycle.gui.widgets.picker import Picker
from napari_cellcycle.jobs.config import PopulationsSettings
from napari_cellcycle.jobs.steps.advice import as_sentences
from napari_cellcycle.population.embedding import PCA, UMAP, has_umap
from napari_cellcycle.population.words import ALL_SAMPLES, DNA, EMBEDDING, FRACTIONS, OVER_TIME, WAYS

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_cellcycle.population.drawing import Picked, Picture, PopulationFigure
    from napari_cellcycle.population.embedding import Embedding

METHODS = [("main directions (PCA)", PCA), ("neighbours (UMAP)", UMAP)]
TABS = {FRACTIONS: "Fractions", DNA: "DNA content", EMBEDDING: "Map", OVER_TIME: "Over time"}
_MISSING = {
    DNA: "The model that called these phases estimates no DNA content.",
    OVER_TIME: "These cells are not of several frames of a film.",
}
_PX_PER_IN = 72
_LOWEST_PX = 200  # in a narrow dock the legend alone takes three lines
_WIDER_MS = 250
_PAUSE_MS = 1000
_FRAME_PX = 16
"""Around the pages of tabs, in napari's themes."""


class PopulationsWidget(Dock):
    """Fractions, DNA content, a map and curves of what was classified; a click gathers the cells behind a part."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.gather: Callable[[NDArray[np.intp], str], None] = self._gather_in_gallery
        self.counted: Counted | None = None
        self.embedding: Embedding | None = None
        self.table: Path | None = None
        self.drawing: JobThread | None = None
        self._drawn: dict[str, PopulationFigure] = {}
        self.empty = Notice(
            "No classified cells yet.",
            {"Classify cells": ("let a model call the phases first", lambda: self.open_dock("Classify"))},
        )
        self.add_inputs(self.empty, self._build_inputs())
        self.add_results(self._build_results())
        self.locked_while_busy.append(self.buttons)
        self._labelled = QTimer(self)
        self._labelled.setSingleShot(True)
        self._labelled.timeout.connect(self._on_run)
        self.cells.changed.connect(self._on_choice)
        napari_viewer.events.theme.connect(self._on_theme)
        self._on_choice()

    def _build_inputs(self) -> QWidget:
        self.cells = Picker(self._offers, "classified cells; the newest are chosen for you", self.viewer)
        self.by = Picker(self._ways, "what the samples are")
        self.of = Picker(lambda: [("calls of the model", "calls"), ("labels", "labels")], "which phases are counted")
        self.table_button = button(
            "Table ...", "a CSV table with a column file, folder or well, and others to group by", self._on_table
        )
        self.inputs = QWidget()
        self.rows = form_rows(self.inputs)
        self.rows.addRow("Cells", self.cells)
        self.rows.addRow("Group by", side_by_side(self.by, self.table_button))
        self.rows.addRow("Count", self.of)
        for picker in (self.by, self.of):
            picker.currentIndexChanged.connect(lambda _index: self._on_run())
        return self.inputs

    def _build_results(self) -> QWidget:
        self.sample = Picker(self._samples, "the sample that is shown in colour")
        self.sample.currentIndexChanged.connect(lambda _index: self._draw())
        self.corrected = QCheckBox("corrected for the model's confusion")
        self.corrected.setToolTip("undo how often the model takes one phase for another; its card says that")
        self.corrected.setChecked(True)
        self.corrected.toggled.connect(lambda _on: self._draw())
        self.tabs = QTabWidget()
        self.views = {name: FigureView(lasso=name == EMBEDDING) for name in TABS}
        self.hint = text_label()  # outside of the tabs, as with a text that wraps Qt makes these too low
        self.map_button = button("Draw the map", "compute the features of all cells with the model", self._on_map)
        self.method = Picker(lambda: METHODS if has_umap() else METHODS[:1], "how cells are laid out on the map")
        self.method.currentIndexChanged.connect(lambda _index: self._on_method())
        for name, title in TABS.items():
            more = [side_by_side(self.method, self.map_button)] if name == EMBEDDING else []
            self.tabs.addTab(_on_top(*more, self.views[name]), title)
            self.views[name].clicked.connect(self._on_click)
            self.views[name].widened.connect(self._on_wider)
        self.views[EMBEDDING].lassoed.connect(self._on_lasso)
        self.tabs.currentChanged.connect(lambda _number: self._draw())
        self._wider = QTimer(self)
        self._wider.setSingleShot(True)
        self._wider.timeout.connect(self._draw)
        self.buttons = side_by_side(
            button("Save this ...", "save this figure as PNG or SVG, or the data behind it as CSV", self._on_save),
            button("Save all ...", "save all figures with their data, and the coloured gallery", self._on_save_all),
        )
        self.results = stacked(self.sample, self.corrected, self.tabs, self.hint, self.buttons)
        self.results.hide()
        return self.results

    # --- what is chosen ---

    def _offers(self) -> list[tuple[str, str]]:
        found = {}
        for layer in self.viewer.layers:
            source = source_of(layer)
            if source is not None and role_of(layer) == PHASE:
                found[source.group] = source.title
        return [(title, group) for group, title in reversed(found.items())]

    def _ways(self) -> list[tuple[str, str]]:
        return [] if self.counted is None else [(WAYS.get(way, way), way) for way in self.counted.ways]

    def _samples(self) -> list[tuple[str, str | None]]:
        names = [] if self.counted is None else [sample.name for sample in self.counted.populations.samples]
        return [(ALL_SAMPLES, None), *((name, name) for name in names)]

    @property
    def name(self) -> str:
        """The figure in front."""
        return [*TABS][self.tabs.currentIndex()]

    def figure(self) -> PopulationFigure | None:
        """The figure in front as it is to be drawn, None if these cells have none."""
        counted, only = self.counted, self.sample.value()
        if counted is None:
            return None
        if self.name == EMBEDDING:
            return None if self.embedding is None else embedding_figure(counted.populations, self.embedding, only)
        figure = counted.figures.get(self.name)
        if figure is None or self.name == FRACTIONS:
            return None if figure is None else replace(figure, corrected=self.corrected.isChecked())  # type: ignore[type-var]
        return only_sample(figure, only)

    def _layer(self) -> Labels | None:
        group = self.cells.value()
        return None if group is None else find_layer(self.viewer.layers, group, PHASE)

    def _snapshot(self, layer: Labels) -> CallsOnScreen:
        """What the layer holds, and the images of a field that its cells were cut out of."""
        source, field = source_of(layer), None
        assert source is not None
        if isinstance(source, FieldSource):
            field = find_field(self.viewer, source)
        features, data_set = layer.features.copy(deep=False), data_set_of(self.viewer.layers, source)
        if data_set is not None and data_set.labels.decided.any():
            features = features.assign(**data_set.labels.texts())
        return CallsOnScreen(source, features, {KEY: dict(layer.metadata[KEY])}, field)

    def on_labels(self, group: str) -> None:
        """Count again, once the user pauses."""
        if self.counted is not None and self.counted.calls.source.group == group:
            self._labelled.start(_PAUSE_MS)

    # --- counting ---

    def _on_choice(self) -> None:
        chosen = self.cells.value()
        self.empty.setVisible(chosen is None)
        self.inputs.setVisible(chosen is not None)
        if chosen is None:
            self.counted = None
            self.results.hide()
        elif self.counted is None or self.counted.calls.source.group != chosen:
            self.embedding, self.table = None, None
            self._on_run()

    def _on_run(self, _event: Any = None) -> None:
        layer = self._layer()
        if layer is None or self.job is not None:
            return
        layer.events.features.connect(self._on_new_calls)
        config = PopulationsSettings(by=self.by.value() or "", of=self.of.value(), table=self.table)
        self.start(count_calls(self._snapshot(layer), config), self._on_counted)

    def _on_new_calls(self, _event: Any = None) -> None:
        """The cells were classified again."""
        self.embedding = None
        self._on_run()

    def _on_counted(self, counted: Counted) -> None:
        self.counted = counted
        for picker, value in ((self.by, counted.populations.by), (self.sample, self.sample.value())):
            picker.blockSignals(True)
            picker.refresh()
            if value in [offer for _, offer in (self._ways() if picker is self.by else self._samples())]:
                picker.choose(value)
            picker.blockSignals(False)
        self.rows.setRowVisible(self.of, counted.has_labels)
        self.results.show()
        self.show_status(as_sentences(counted.notes))
        self._draw()

    def _on_table(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Table of samples", "", "Tables (*.csv *.tsv *.txt)")
        layer = self._layer()
        if path and layer is not None:
            config = PopulationsSettings(of=self.of.value(), table=Path(path))
            self.start(count_calls(self._snapshot(layer), config), lambda counted: self._on_joined(counted, Path(path)))

    def _on_joined(self, counted: Counted, table: Path) -> None:
        self.table = table  # only now, as a table that does not fit would be refused at every choice
        self._on_counted(counted)

    def _on_map(self) -> None:
        layer = self._layer()
        if layer is not None:
            config = PopulationsSettings(embedding=self.method.value())
            self.start(map_cells(self._snapshot(layer), config), self._on_mapped)

    def _on_method(self) -> None:
        """Another way of laying out needs another map."""
        self.embedding = None
        self._draw()

    def _on_mapped(self, embedding: Embedding) -> None:
        self.embedding = embedding
        self._draw()

    # --- drawing ---

    def _draw(self) -> None:
        """Draw the figure in front for the width that it has; the newest wish counts."""
        if self.counted is None or self.drawing is not None:
            self._wider.start(_WIDER_MS) if self.drawing is not None else None
            return
        name, figure = self.name, self.figure()
        self._show_what_fits(name, figure)
        if figure is None:
            return
        self._drawn[name] = figure
        width = max(200, self.views[name].width())
        height = max(_LOWEST_PX, round(figure.size[1] * _PX_PER_IN))
        height = min(height, round(1.1 * width)) if name == EMBEDDING else height
        theme, zoom = figure_theme(self.viewer), self.devicePixelRatioF()
        job: Job[Any, Any] = draw_figure(figure, theme, (width, height), zoom)
        self.drawing = JobThread(job, lambda _event: None, self._on_drawn(name), self.show_error, self._on_drawing_end)
        self.destroyed.connect(self.drawing.abandon)

    def _show_what_fits(self, name: str, figure: PopulationFigure | None) -> None:
        """Hide what says nothing about the figure in front."""
        assert self.counted is not None
        has_several = len(self.counted.populations.samples) > 1
        self.sample.setVisible(name != FRACTIONS and has_several and figure is not None)
        self.corrected.setVisible(name == FRACTIONS and self.counted.populations.is_corrected)
        missing = "" if figure is not None else _MISSING.get(name, "")
        if name == EMBEDDING and figure is None:
            missing = "Cells that the network sees as alike lie side by side. All cells are read again for this map."
        show_text(self.hint, missing)
        self.map_button.setVisible(self.embedding is None)
        self.method.setVisible(self.method.count() > 1)
        for other, view in self.views.items():
            view.setVisible(other != name or figure is not None)
            if other != name:
                view.setFixedHeight(1)  # else the tabs are as high as the highest

    def _on_drawn(self, name: str) -> Callable[[tuple[Picture, int]], None]:
        def show(drawn: tuple[Picture, int]) -> None:
            self.views[name].show_picture(*drawn)
            page, bar = self.tabs.currentWidget(), self.tabs.tabBar()
            if page is not None and bar is not None and name == self.name:
                # Qt keeps the height of before when the theme changes, and cuts the figure off
                self.tabs.setMinimumHeight(page.sizeHint().height() + bar.sizeHint().height() + _FRAME_PX)

        return show

    def _on_drawing_end(self) -> None:
        self.drawing = None

    def _on_wider(self) -> None:
        if self.counted is not None:
            self._wider.start(_WIDER_MS)

    def _on_theme(self, _event: Any = None) -> None:
        self._draw()

    # --- cells behind a part ---

    def _on_click(self, panel: str, x: float, y: float) -> None:
        figure = self._drawn.get(self.name)
        self._hand_over(None if figure is None else figure.pick(panel, x, y))

    def _on_lasso(self, outline: NDArray[np.float64]) -> None:
        figure: Any = self._drawn.get(EMBEDDING)
        self._hand_over(None if figure is None else figure.inside(outline))

    def _hand_over(self, picked: Picked | None) -> None:
        if picked is None or not len(picked.rows):
            self.show_status("No cells there.")
            return
        self.show_status(f"{picked.title}: {len(picked.rows):,} cells.")
        self.gather(picked.rows, picked.title)

    def _gather_in_gallery(self, rows: NDArray[np.intp], title: str) -> None:
        """Show the cells in the dock *Gallery*; in a viewer without a window, dim the others in the mosaic."""
        if self.counted is None:
            return
        source = self.counted.calls.source
        gallery = gather_cells(self.viewer, source.group, rows, title, opens=True)
        if gallery is None and isinstance(source, GallerySource):
            chosen = np.zeros(source.n_cells, bool)
            chosen[rows] = True
            highlight_cells(self.viewer, source.group, chosen)

    # --- saving ---

    def _on_save(self) -> None:
        figure = self.figure()
        if figure is None:
            self.show_status("There is no figure here to save.")
            return
        kinds = "Pictures (*.png);;Vector graphics (*.svg);;Data (*.csv)"
        path, kind = QFileDialog.getSaveFileName(self, "Save this figure", f"{self.name}.png", kinds)
        if path:
            chosen = Path(path) if Path(path).suffix else Path(f"{path}{kind[-5:-1]}")
            self.start(save_figure(figure, chosen), lambda saved: self.show_status(f"Saved {saved}."))

    def _on_save_all(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the figures")
        if folder and self.counted is not None:
            job = save_all(self.counted, self.embedding, Path(folder))
            self.start(job, lambda saved: self.show_status(f"Saved all figures in {saved}."))


def _on_top(*widgets: QWidget) -> QWidget:
    """Widgets one under the other, with what room is left under them."""
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 4, 0, 0)
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch()
    return page
