"""The dock *Label by stain*: a stained control in, labels by gates that can be dragged out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QFileDialog, QTabWidget, QWidget

from napari_cellcycle.cells import DNA
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.label_by_stain_job import (
    NucleiFound,
    Stained,
    find_nuclei,
    gate_again,
    gate_field,
    gate_gallery,
    save_page,
    take_back,
    write_labels,
)
from napari_cellcycle.gui.docks.notices import NoCells
from napari_cellcycle.gui.docks.show_classified import with_known_labels
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.source import STAIN_LABEL, GallerySource, find_layer
from napari_cellcycle.gui.layers.stain_layer import StainLayer, add_left_out, add_nuclei
from napari_cellcycle.gui.widgets.layout import button, show_text, side_by_side, stacked, text_label
from napari_cellcycle.gui.widgets.settings_form import Form
from napari_cellcycle.gui.widgets.stain_input import StainInput
from napari_cellcycle.gui.widgets.stain_plots import HistogramPlot, ScatterPlot
from napari_cellcycle.jobs.config import LabelSettings
from napari_cellcycle.jobs.steps.advice import as_sentences
from napari_cellcycle.stain.gate_lines import move_gate
from napari_cellcycle.stain.names import FUCCI_ROLES, LABEL_COLOURS, PARTS

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_cellcycle.stain.result import StainLabels

_CV_OF_G1 = "CV of the G1 peak"
_PAINT_MS = 50
"""Between two layers that are added, so that the window is drawn and answers."""


class LabelByStainWidget(Dock):
    """Choose stained cells, see them by their stain, drag the gates, and give the labels to the cells."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.stained: Stained | None = None
        self.found: StainLabels | None = None
        self._tried: Any = None
        self._nuclei_words = ""
        self._layer: StainLayer | None = None
        self._watched: Any = None
        self.empty, self.inputs = NoCells(self), StainInput(napari_viewer)
        self.form = Form(LabelSettings, ["margin", "model", "s_g2m", "seed"], plain=["margin"])
        self.run_button = button("Measure the stain", "measure the stain of each cell, and set gates", self._on_run)
        self.setup = stacked(self.inputs, self.form, self.run_button)
        self.add_inputs(self.empty, self.setup)
        self.add_results(self._build_results())
        self.locked_while_busy.append(self.results)
        self.inputs.changed.connect(self._on_choice)
        self.form.changed.connect(self._on_setting)
        self._on_choice()

    def _build_results(self) -> QWidget:
        self.headline, self.words = text_label(warning=True), text_label()
        self.histogram, self.scatter = HistogramPlot(), ScatterPlot()
        self.tabs = QTabWidget()
        for plot, title in ((self.histogram, "Histogram"), (self.scatter, "Doublets")):
            self.tabs.addTab(plot, title)
            plot.dragged.connect(self._on_dragged)
        self.counts, self.fit_line = text_label(), text_label()
        self.separates = QCheckBox("tell S from G2/M")
        self.separates.setToolTip("label S and G2/M apart even if the stain can't tell them; look at the gates first")
        self.separates.toggled.connect(self._on_separates)
        self.label_button = button("Label the cells", "keep these labels with the data, for Train", self._on_label)
        self.back_button = button("Take back", "take the labels of this stain back from all cells", self._on_take_back)
        self.reset_button = button("Reset gates", "set the gates by the fit again", self._on_reset)
        self.save_button = button("Save page ...", "save labels, gates and histogram to a folder", self._on_save)
        self.next_button = button("Train", "train a model on these labels", lambda: self.open_dock("Train"))
        self.next_button.hide()
        self.results = stacked(
            self.headline,
            self.tabs,
            self.counts,
            side_by_side(self.label_button, self.next_button),
            self.words,
            self.separates,
            self.fit_line,
            side_by_side(self.reset_button, self.back_button, self.save_button),
        )
        self.results.hide()
        return self.results

    # --- what is chosen ---

    def _on_choice(self) -> None:
        """Measure cells that are outlined as soon as they are chosen; nuclei are found when the user asks."""
        source = self.inputs.cells.source()
        self.empty.setVisible(source is None)
        self.setup.setVisible(source is not None)
        self._watch(self.inputs.cells.labels.value() if self.inputs.cells.on_field else None)
        if source is None or (self.stained is not None and self._chosen() != self._tried):
            self._forget()
        self.run_button.setText("Find the nuclei" if self._lacks_labels() else "Measure the stain")
        self._run_by_itself()

    def _chosen(self) -> Any:
        source = self.inputs.cells.source()
        return None if source is None else (source.group, *self.inputs.stains())

    def _lacks_labels(self) -> bool:
        return self.inputs.cells.on_field and self.inputs.cells.labels.value() is None

    def _run_by_itself(self) -> None:
        chosen, is_ready = self._chosen(), self.inputs.is_likely and not self._lacks_labels()
        if self.job is None and is_ready and chosen not in (None, self._tried):
            self._on_run()

    def _forget(self) -> None:
        """Let go of the cells that were shown."""
        stained, self.stained = self.stained, None
        self.found = self._layer = self._tried = None
        self.results.hide()
        if stained is not None:  # later, as this may be while napari removes other layers
            QTimer.singleShot(0, partial(_remove_layer, self.viewer, stained.data_set.source.group))

    def _watch(self, labels: Any) -> None:
        """Follow the labels, which the user may mend."""
        if labels is not self._watched and labels is not None:
            labels.events.paint.connect(self._on_mended)
        self._watched = labels

    def _on_mended(self, _event: Any = None) -> None:
        if self.stained is not None and self.job is None:
            self.label_button.setEnabled(False)
            self.show_status("The nuclei were changed; press Measure the stain.")

    # --- measuring ---

    def _settings(self) -> LabelSettings:
        names = self._names()
        fucci = dict(zip(FUCCI_ROLES, names, strict=True)) if len(names) == 2 else None
        dna = names[0] if fucci is None else None
        return LabelSettings(dna=dna, fucci=fucci, **self.form.values("margin", "model", "s_g2m", "seed"))

    def _names(self) -> list[str]:
        """Channels of the stains; in a field, one stain is the DNA channel, and two have the names of their images."""
        stains = self.inputs.stains()
        if not self.inputs.cells.on_field:
            return stains
        return [DNA] if len(stains) == 1 else [stain.title for stain in stains]

    def _on_run(self) -> None:
        source, field, stains = self.inputs.cells.source(), self.inputs.cells.field(), self.inputs.stains()
        if source is None or not stains:
            return
        if field is not None and field.labels is None:
            self.start(find_nuclei(stains[0].data), self._on_nuclei)
            return
        self._tried = self._chosen()
        settings = self._settings()
        if field is not None:
            images = dict(zip(self._names(), (stain.data for stain in stains), strict=True))
            self.start(gate_field(field, images, settings), self._on_stained)
        else:
            assert isinstance(source, GallerySource)
            known = data_set_of(self.viewer.layers, source)
            self.start(gate_gallery(source, known, settings), self._on_stained)

    def _on_nuclei(self, found: NucleiFound) -> None:
        """Show nuclei as labels of the user's own, which are chosen and measured then."""
        if not found.nuclei.any():
            self.show_status("No nuclei were found in this stain; choose another image, or a Labels layer.")
            return
        image = self.inputs.cells.brightfield.value()
        if image is not None:
            layer = add_nuclei(self.viewer, image.layer, image.title, found.nuclei)
            if found.others.any():  # later, as napari needs a fifth of a second or more for each layer
                shown = self.viewer, image.layer, layer, image.title, found.others, found.why
                QTimer.singleShot(_PAINT_MS, partial(add_left_out, *shown))
            self._nuclei_words = f"{found.words}; mend {layer.name} with napari's tools before you label."

    def on_end(self) -> None:
        """Measure what was chosen meanwhile."""
        super().on_end()
        self._run_by_itself()

    def _on_stained(self, stained: Stained) -> None:
        if self._chosen() != self._tried:  # others were chosen meanwhile, and are measured next
            return
        data_set = with_known_labels(self.viewer, stained.data_set)
        self.stained = Stained(data_set, stained.cell_map, stained.stain, stained.found)
        self._layer = StainLayer(self.viewer, data_set, stained.cell_map)
        self._show_new(stained.found)

    def _show_new(self, found: StainLabels) -> None:
        """Show cells whose gates were set by the fit."""
        self.found = found
        is_dna = found.fit is not None
        self.tabs.setTabVisible(0, is_dna)
        self.tabs.setTabText(1, "Doublets" if is_dna else "Both stains")
        self.tabs.tabBar().setVisible(is_dna)
        self.tabs.setCurrentIndex(0 if is_dna else 1)
        if is_dna:
            self.histogram.show_cells(found)
        self.scatter.show_cells(found)
        show_text(self.headline, _headline(found.words))
        show_text(self.words, as_sentences(found.words))
        show_text(self.fit_line, _fit_in_words(found))
        self.separates.blockSignals(True)
        self.separates.setChecked(bool(getattr(found.gates, "separates_s", True)))
        self.separates.blockSignals(False)
        self.separates.setVisible(is_dna)
        self.reset_button.setEnabled(False)
        self.next_button.hide()
        self.results.show()
        n_cells, nuclei, self._nuclei_words = len(found.cells), self._nuclei_words, ""
        self.show_status(
            nuclei or f"{n_cells:,} cells measured. Drag the gates if they lie wrong, then label the cells."
        )
        self._show_counts()
        self._recolour()

    # --- gates ---

    def _show_moved(self, found: StainLabels) -> None:
        """Show the same cells with other gates."""
        self.found = found
        self.histogram.show_labels(found)
        self.scatter.show_labels(found)
        self.reset_button.setEnabled(True)
        self._show_counts()
        self._recolour()  # at once, so that the window is drawn once a step

    def _on_dragged(self, name: str, place: float) -> None:
        if self.found is not None:
            self._show_moved(self.found.with_gates(move_gate(self.found.gates, name, place)))

    def _on_separates(self, separates: bool) -> None:
        if self.found is not None:
            gates: Any = self.found.gates
            self._show_moved(self.found.with_gates(gates.moved(separates_s=separates)))

    def _on_setting(self, name: str) -> None:
        """The margin takes effect at once; another model is fitted."""
        if self.found is None or self.stained is None:
            return
        if name == "margin":
            gates: Any = self.found.gates
            self._show_moved(self.found.with_gates(gates.moved(**self.form.values("margin"))))
        else:
            self.start(gate_again(self.stained, self._settings()), self._on_stained)

    def _on_reset(self) -> None:
        if self.stained is not None:
            self._show_new(self.stained.found)

    def _recolour(self) -> None:
        if self._layer is not None and self.found is not None:
            self._layer.show(self.found.gated)

    def _show_counts(self) -> None:
        if self.found is not None:
            self.counts.setText(_counts(self.found))
            self.label_button.setEnabled(bool(self.found.gated.sure.any()))

    # --- labels ---

    def _on_label(self) -> None:
        if self.found is None or self.stained is None:
            return
        found, table = self.found, self.stained.data_set.labels

        def show(rows: NDArray[np.intp]) -> None:
            table.tell(rows)
            n_sure = int(found.gated.sure.sum())
            self.next_button.show()
            self.show_status(f"{n_sure:,} cells have a label by {found.annotator} now; train on them.")

        self.start(write_labels(found, table), show)

    def _on_take_back(self) -> None:
        if self.found is None or self.stained is None:
            return
        table = self.stained.data_set.labels

        def show(rows: NDArray[np.intp]) -> None:
            table.tell(rows)
            self.next_button.hide()
            self.show_status(f"The labels of {len(rows):,} cells were taken back.")

        self.start(take_back(self.found.annotator, table), show)

    def _on_save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for labels, gates and page")
        if folder and self.found is not None:
            job = save_page(self.found, Path(folder), self._settings())
            self.start(job, lambda saved: self.show_status(f"Saved labels.csv, gates.json and labels.html in {saved}."))


def _remove_layer(viewer: ViewerModel, group: str) -> None:
    """Remove the layer with the labels of some cells, if it is still there."""
    layer = find_layer(viewer.layers, group, STAIN_LABEL)
    if layer is not None:
        viewer.layers.remove(layer)


def _headline(words: Sequence[str]) -> str:
    """What the stain can't show, in a line, so that the plot under it is in sight; empty if it shows all."""
    if not words:
        return ""
    return as_sentences([re.split(r"[:,(]", words[0])[0].rstrip(), "read more below the plot"])


def _counts(found: StainLabels) -> str:
    """Labels in their colours with their counts, and how many are not sure, as rich text."""
    entries = []
    for label, count in found.counts.items():
        n_sure = int(((found.gated.labels == label) & found.gated.sure).sum())
        unsure = f" ({count - n_sure:,} unsure)" if n_sure < count else ""
        entries.append(f'<span style="color:{LABEL_COLOURS[label]}">■</span>&nbsp;{label}&nbsp;{count:,}{unsure}')
    return "&nbsp;&nbsp; ".join(entries) or "No cell has a label. Drag a gate to label the cells in spite of this."


def _fit_in_words(found: StainLabels) -> str:
    """What the fit found, in one line."""
    fit = found.fit
    if fit is None:
        return ""
    shares = zip(PARTS, fit.fractions, fit.low, fit.high, strict=True)
    parts = [f"{name} {share:.0%} ({low:.0%} to {high:.0%})" for name, share, low, high in shares]
    return f"Fit: {', '.join(parts)}; {_CV_OF_G1} {fit.cv:.1%}, G2/M at {fit.ratio:.2f} times G1"
