"""The dock *Classify*: cells in, their phases in colour out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_cellcycle.events import Job
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.classify_work import (
    ClassifiedField,
    classify_field,
    classify_gallery,
    save_table,
    show_field_table,
    show_phases,
)
from napari_cellcycle.gui.docks.notices import NoCells
from napari_cellcycle.gui.layers.build import hidden_phases, phase_colormap
from napari_cellcycle.gui.layers.gallery import list_galleries
from napari_cellcycle.gui.layers.painted_phases import corrections
from napari_cellcycle.gui.layers.phase_table import prediction_of, prediction_of_real
from napari_cellcycle.gui.layers.source import PHASE, SYNTHETIC, GallerySource, find_layer
from napari_cellcycle.gui.widgets.cells_input import CellsInput
from napari_cellcycle.gui.widgets.form import Form
from napari_cellcycle.gui.widgets.layout import side_by_side, stacked
from napari_cellcycle.gui.widgets.legend import MADE, Legend
from napari_cellcycle.gui.widgets.model_picker import ModelPicker
from napari_cellcycle.jobs.config import ClassifySettings

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer

    from napari_cellcycle.gui.docks.classify_work import Classified
    from napari_cellcycle.gui.layers.source import Source


class ClassifyWidget(Dock):
    """Choose cells and a model, classify, see phases in colour with their counts."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self._build_inputs()
        self.form = Form(ClassifySettings, ["device", "min_probability", "batch_size"])
        self.run_button = QPushButton("Classify")
        self.run_button.clicked.connect(self._on_run)
        self.legend = Legend()
        self.legend.hidden_changed.connect(self._on_hidden)
        self.save_button, self.next_button = QPushButton("Save table ..."), QPushButton("Evaluate")
        self.save_button.clicked.connect(self._on_save)
        self.next_button.clicked.connect(lambda: self.open_dock("Evaluate"))
        self.results = stacked(self.legend, side_by_side(self.save_button, self.next_button))
        self.results.hide()
        for widget in (self.empty, self.inputs, self.form, self.run_button):
            self.column.addWidget(widget)
        self.add_results(self.results)
        self.locked_while_busy += [self.empty, self.inputs, self.form, self.run_button, self.results]
        self._on_choice()

    def _build_inputs(self) -> None:
        self.empty = NoCells(self)
        self.inputs = CellsInput(self.viewer, "classify", finds_cells=True)
        self.model = ModelPicker()
        self.inputs.rows.addRow("Model", self.model)
        self.inputs.changed.connect(self._on_choice)

    def _on_choice(self) -> None:
        """Show what fits the chosen cells, and results that are there already."""
        chosen = self.inputs.cells.value()
        self.empty.setVisible(chosen is None)
        for widget in (self.inputs, self.form, self.run_button):
            widget.setVisible(chosen is not None)
        self._show_result()

    def _phase_layer(self) -> Labels | None:
        return self._find(PHASE)

    def _find(self, role: str) -> Labels | None:
        source = self.inputs.source()
        return None if source is None else find_layer(self.viewer.layers, source.group, role)

    def _on_run(self) -> None:
        config = ClassifySettings(model=self.model.value(), **self.form.values())
        field = self.inputs.field()
        job: Job[Any, Classified]
        if field is not None:
            job = classify_field(field, config)
        else:
            job = classify_gallery(self.inputs.cells.value(), config)
        self.start(job, self._on_classified)

    def _on_classified(self, classified: Classified) -> None:
        if self._is_gone(classified.source):
            self.say("The cells were removed or renamed meanwhile, so there is nothing to colour; classify again.")
            return
        over: list[Layer] = []
        if isinstance(classified, ClassifiedField):
            over = self._field_layers(classified)
        layer = show_phases(self.viewer, classified, over)
        self._show_result()
        n_kept = np.count_nonzero(corrections(layer, classified.cell_map))
        kept = f"; {n_kept:,} keep the phase that was painted on them" if n_kept else ""
        unread = f"; {classified.n_unreadable} could not be read" if classified.n_unreadable else ""
        synthetic = classified.table["synthetic"]
        kind = "synthetic cells" if synthetic.all() else "cells"
        if synthetic.any() and not synthetic.all():
            unread += f"; {synthetic.sum():,} of them are synthetic and count in no share"
        how = f"with the model {classified.model!r} on {classified.device}"
        notes = "".join(f" {note[0].upper()}{note[1:]}." for note in classified.notes)
        self.say(f"{len(classified.table):,} {kind} classified {how}{unread}{kept}.{notes}")

    def _is_gone(self, source: Source) -> bool:
        if isinstance(source, GallerySource):
            return source not in list_galleries(self.viewer.layers)
        given = [] if self.inputs.labels.value() is None else [source.labels]
        return any(name not in self.viewer.layers for name in (source.brightfield, *given))

    def _field_layers(self, classified: ClassifiedField) -> list[Layer]:
        """The layers of a field, with the labels that were found for it."""
        source = classified.source
        if classified.labels is not None:
            below = self.viewer.layers[source.brightfield]
            self.viewer.add_labels(classified.labels, name=source.labels, scale=below.scale, visible=False)
        show_field_table(self.viewer.layers[source.labels], classified)
        names = (source.brightfield, source.darkfield, source.labels)
        return [layer for layer in self.viewer.layers if layer.name in names]

    def _show_result(self) -> None:
        layer = self._phase_layer()
        self.results.setVisible(layer is not None)
        if layer is not None:
            marks, hidden = self._find(SYNTHETIC), hidden_phases(layer)
            if marks is not None and not marks.visible:
                hidden.add(MADE)
            n_made = int(layer.features["synthetic"].sum())
            from napari_cellcycle.evaluation.phase_fractions import phase_fractions

            self.legend.show_fractions(phase_fractions(prediction_of_real(layer)), hidden, n_made)

    def _on_hidden(self, hidden: set[int]) -> None:
        layer, marks = self._phase_layer(), self._find(SYNTHETIC)
        if layer is not None:
            layer.colormap = phase_colormap(hidden)
        if marks is not None:
            marks.visible = MADE not in hidden

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the table of cells", "phases.csv", "Tables (*.csv)")
        layer = self._phase_layer()
        if path and layer is not None:
            self.start(save_table(prediction_of(layer), Path(path)), lambda saved: self.say(f"Saved {saved}."))
