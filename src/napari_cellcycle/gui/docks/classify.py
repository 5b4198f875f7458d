"""The dock *Classify*: cells in, their phases in colour out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QFileDialog

from napari_cellcycle.annotate.agreement import in_words
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.evaluation.phase_fractions import phase_fractions
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.classify_job import Classified, classify_field, classify_gallery, save_table
from napari_cellcycle.gui.docks.gather import gather_cells
from napari_cellcycle.gui.docks.notices import NoCells
from napari_cellcycle.gui.docks.show_classified import CELLS_GONE, show_classified
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.dock_words import IN_OPEN_CELLS, OF_LAYERS, in_dock_words
from napari_cellcycle.gui.layers.labelled_phases import HOW_TO_LABEL, shown_phases
from napari_cellcycle.gui.layers.phase_layer import hidden_phases, phase_colormap
from napari_cellcycle.gui.layers.phase_table import prediction_of
from napari_cellcycle.gui.layers.source import KEY, PHASE, SYNTHETIC, find_layer, phase_set_of
from napari_cellcycle.gui.widgets.cells_input import CellsInput
from napari_cellcycle.gui.widgets.layout import button, show_text, side_by_side, stacked, text_label
from napari_cellcycle.gui.widgets.legend import Legend
from napari_cellcycle.gui.widgets.model_picker import ModelPicker
from napari_cellcycle.gui.widgets.settings_form import Form
from napari_cellcycle.jobs.config import ClassifySettings, ReadSettings
from napari_cellcycle.jobs.steps.advice import as_sentences
from napari_cellcycle.verdict import FITS

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels


_PLAIN = ("device", "min_probability")
_DIAMETER = "cell_diameter_px"


class ClassifyWidget(Dock):
    """Choose cells and a model, classify, see phases in colour with their counts."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.empty, self.model = NoCells(self), ModelPicker()
        self.inputs = CellsInput(self.viewer, "classify", finds_cells=True)
        self.inputs.rows.addRow("Model", self.model)
        self.form = Form(
            (ClassifySettings, ReadSettings), [*_PLAIN, _DIAMETER, "batch_size", "force"], [*_PLAIN, _DIAMETER]
        )
        self.run_button = button("Classify", "find the phase of each cell, and show it in colour", self._on_run)
        self.setup = stacked(self.inputs, self.model.card, self.form, self.run_button)
        self.verdict, self.legend, self.labelled = text_label(), Legend(), text_label()
        self.legend.hidden_changed.connect(self._on_hidden)
        self.legend.phase_asked.connect(self._on_phase)
        self.save_button = button("Save table ...", "save the phase of each cell as a CSV table", self._on_save)
        self.next_button = button(
            "Evaluate",
            "compare these phases with the true ones, where they are known",
            lambda: self.open_dock("Evaluate"),
        )
        self.label_button = button("Label cells", HOW_TO_LABEL, lambda: self.open_dock("Gallery"))
        buttons = side_by_side(self.label_button, self.save_button, self.next_button)
        self.results = stacked(self.verdict, self.legend, self.labelled, buttons)
        self.results.hide()
        self.add_inputs(self.empty, self.setup)
        self.add_results(self.results)
        self.locked_while_busy.append(self.results)
        self.inputs.changed.connect(self._on_choice)
        self._on_choice()

    def _on_choice(self) -> None:
        """Show what fits the chosen cells, and results that are there already."""
        chosen = self.inputs.cells.value()
        self.empty.setVisible(chosen is None)
        self.setup.setVisible(chosen is not None)
        self.form.set_shown(_DIAMETER, self.inputs.on_field and self.inputs.labels.value() is None)
        self._show_result()

    def _find(self, role: str) -> Labels | None:
        source = self.inputs.source()
        return None if source is None else find_layer(self.viewer.layers, source.group, role)

    def _on_run(self) -> None:
        config = ClassifySettings(model=self.model.value(), **self.form.values(*_PLAIN, "batch_size", "force"))
        field = self.inputs.field()
        cells = self.inputs.cells.value()
        diameter = self.form.values(_DIAMETER)[_DIAMETER]
        job = classify_gallery(cells, config) if field is None else classify_field(field, config, diameter)
        self.start(job, self._on_classified)

    def _on_classified(self, classified: Classified) -> None:
        data_set = show_classified(self.viewer, classified)
        if data_set is None:
            self.show_status(CELLS_GONE)
            return
        self._show_result()
        self.show_status(_in_words(classified, data_set.labels))

    def on_labels(self, group: str) -> None:
        """Count again."""
        source = self.inputs.source()
        if source is not None and source.group == group:
            self._show_result()

    def _show_result(self) -> None:
        layer = self._find(PHASE)
        self.results.setVisible(layer is not None)
        if layer is not None:
            marks, hidden = self._find(SYNTHETIC), hidden_phases(layer)
            phases = phase_set_of(layer)
            self.legend.set_phases(phases)
            if marks is not None and not marks.visible:
                hidden.add(self.legend.synthetic_row)
            n_synthetic = int(layer.features["synthetic"].sum())
            prediction, known = prediction_of(layer), layer.metadata[KEY]
            verdict, boxes = prediction.verdict, OF_LAYERS if self.inputs.on_field else IN_OPEN_CELLS
            warning = "" if verdict is None or verdict.answer == FITS else as_sentences([verdict.text])
            show_text(self.verdict, in_dock_words(warning, boxes))
            is_shown = prediction.is_reliable or known.get("force", False)
            data_set = data_set_of(self.viewer.layers, self.inputs.source())
            labels = None if data_set is None else data_set.labels
            shown = prediction.phases if labels is None else shown_phases(prediction.phases, labels)
            fractions = phase_fractions(prediction, phases=shown) if is_shown else None
            self.legend.show_fractions(fractions, hidden, n_synthetic, is_greyed=not prediction.is_reliable)
            show_text(self.labelled, "" if labels is None else in_words(prediction.phases, labels))

    def _on_hidden(self, hidden: set[int]) -> None:
        layer, marks = self._find(PHASE), self._find(SYNTHETIC)
        if layer is not None:
            layer.colormap = phase_colormap(phase_set_of(layer), hidden, is_greyed=not prediction_of(layer).is_reliable)
        if marks is not None:
            marks.visible = self.legend.synthetic_row not in hidden

    def _on_phase(self, phase: int) -> None:
        """Show the cells that are called a phase side by side."""
        layer, source = self._find(PHASE), self.inputs.source()
        if layer is not None and source is not None:
            rows, name = np.flatnonzero(prediction_of(layer).phases == phase), phase_set_of(layer).label(phase)
            gather_cells(self.viewer, source.group, rows, f"{len(rows):,} cells called {name}", opens=True)

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the table of cells", "phases.csv", "Tables (*.csv)")
        layer = self._find(PHASE)
        if path and layer is not None:
            data_set = data_set_of(self.viewer.layers, self.inputs.source())
            prediction = prediction_of(layer, None if data_set is None else data_set.labels)
            self.start(save_table(prediction, Path(path)), lambda saved: self.show_status(f"Saved {saved}."))


def _in_words(classified: Classified, labels: LabelTable) -> str:
    """What was classified, and what to know of it."""
    n_labelled = int(labels.decided.sum())
    synthetic = classified.table["synthetic"]
    kind = "synthetic cells" if synthetic.all() else "cells"
    parts = [
        f"{len(classified.table):,} {kind} classified with the model {classified.model!r} on {classified.device}",
        f"{classified.n_unreadable} got no phase" if classified.n_unreadable else "",
        f"{synthetic.sum():,} are synthetic and not in the percentages" if 0 < synthetic.sum() < len(synthetic) else "",
        f"{n_labelled:,} have a label, and are shown in its phase" if n_labelled else "",
    ]
    done = as_sentences(["; ".join(filter(None, parts))])
    return f"{done} {as_sentences(classified.notes)}".strip()
