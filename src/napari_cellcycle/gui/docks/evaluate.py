"""The dock *Evaluate*: how right the calls are, where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QFileDialog, QTabWidget, QWidget

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.evaluation.checks import DEMONSTRATION
from napari_cellcycle.evaluation.protocol_caveats import PROTOCOLS
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.evaluate_job import (
    FIGURES,
    Evaluated,
    FigureStyle,
    cross_validate_source,
    draw_figures,
    evaluate_calls,
    field_cells,
    save_report,
    snapshot_calls,
)
from napari_cellcycle.gui.docks.gather import gather_cells
from napari_cellcycle.gui.docks.notices import Notice
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.figure_theme import figure_theme
from napari_cellcycle.gui.layers.highlight import highlight_cells, highlight_none
from napari_cellcycle.gui.layers.labelled_cells import settled_labels
from napari_cellcycle.gui.layers.phase_layer import channels_of, list_sources
from napari_cellcycle.gui.layers.source import PHASE, GallerySource, Source, find_layer
from napari_cellcycle.gui.widgets.confusion_table import ConfusionTable
from napari_cellcycle.gui.widgets.cross_validation_form import CrossValidationForm
from napari_cellcycle.gui.widgets.image_view import ImageView
from napari_cellcycle.gui.widgets.layout import button, form_rows, side_by_side, stacked, text_label
from napari_cellcycle.gui.widgets.models_table import ModelsTable
from napari_cellcycle.gui.widgets.picker import Picker
from napari_cellcycle.gui.widgets.purity_view import PurityView
from napari_cellcycle.phases import UNKNOWN

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

CALLS, CROSS_VALIDATION = "the calls in the viewer", "a new network, by cross-validation"
_EVALUATE_TIP = "compare the called phases with the true ones"
_CROSS_VALIDATE_TIP = "train a network on a part of these cells and test it on the rest, in turn, until all are tested"
_FIGURE_PX = (310, 270)


class EvaluateWidget(Dock):
    """Compare called phases with the true ones; it begins by itself with what was classified last."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.evaluated: Evaluated | None = None
        self._entry: tuple[NDArray[np.intp], str] | None = None
        self.models: dict[str, Evaluated] = {}  # on the same cells, the newest last
        self.empty = Notice(
            "No cells of known phase yet. Label some cells, or open folders that are named after phases.",
            {
                "Classify cells": ("let a model call the phases first", lambda: self.open_dock("Classify")),
                "Label cells": ("look at the cells, and label them by key", lambda: self.open_dock("Gallery")),
            },
        )
        self.cells = Picker(self._offers, "cells of known phase; the newest are chosen for you", napari_viewer)
        method_tip = "what is tested: the calls in the viewer, or a way of training"
        self.method = Picker(self._methods, method_tip, eager=lambda method: bool(method == CALLS))
        self.inputs, self.folds = QWidget(), CrossValidationForm()
        rows = form_rows(self.inputs)
        rows.addRow("Cells", self.cells)
        rows.addRow("Test", self.method)
        rows.addRow(self.folds)
        self.run_button = button("Evaluate", _EVALUATE_TIP, self._on_run)
        self.add_inputs(self.empty, self.inputs, self.run_button)
        self.add_results(self._build_results())
        self.locked_while_busy += [self.models_table, self.save_button]
        self.cells.changed.connect(self._on_choice)
        self.method.changed.connect(self._on_method)
        napari_viewer.events.theme.connect(self._on_theme)
        self._on_choice()

    def _build_results(self) -> QWidget:
        self.banner, self.summary = text_label(warning=True), text_label()
        self.tabs = QTabWidget()
        self.tabs.addTab(self._build_confusion(), "Confusion")
        self.figures = {name: ImageView(_FIGURE_PX) for name in FIGURES}
        for name, title in FIGURES.items():
            self.tabs.addTab(self.figures[name], title)
        self.models_table, self.models_hint = ModelsTable(), text_label()
        self.models_table.model_clicked.connect(self._on_model)
        self.models_hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.models_page = stacked(self.models_table, self.models_hint)
        self.tabs.addTab(self.models_page, "Models")
        self.purity = PurityView()
        self.tabs.addTab(self.purity, "Purity")
        self.save_button = button("Save report ...", "save all tables and figures, with an HTML page", self._on_save)
        self.next_button = button("Train", "train a model on cells of your own", lambda: self.open_dock("Train"))
        buttons = side_by_side(self.save_button, self.next_button)
        self.results = stacked(self.banner, self.summary, self.tabs, buttons)
        self.results.hide()
        return self.results

    def _build_confusion(self) -> QWidget:
        self.table, self.percent = ConfusionTable(), QCheckBox("percent of the true phase")
        self.percent.setToolTip("show the share of each row, not the number of cells")
        self.table.entry_clicked.connect(self._on_entry)
        self.percent.toggled.connect(lambda _on: self._fill_table())
        self.show_all = button("Show all cells", "show all cells again after a click on the matrix", self._on_show_all)
        self.side_by_side = button(
            "Show them in the Gallery", "see just these cells side by side, and correct them", self._on_side_by_side
        )
        self.side_by_side.hide()
        hint = text_label("rows: true phase, columns: called phase; click an entry to see its cells")
        return stacked(self.table, hint, self.percent, self.side_by_side, self.show_all)

    def _offers(self) -> list[tuple[str, Source]]:
        sources = list_sources(self.viewer.layers)
        return [(source.title, source) for source in sources if self._is_known(source)]

    def _is_known(self, source: Source) -> bool:
        """Whether there is something to test: phases of real cells, or of called cells of which none is real."""
        data_set = data_set_of(self.viewer.layers, source)
        if data_set is None:
            return isinstance(source, GallerySource) and source.n_known > 0
        known = settled_labels(data_set).phases != UNKNOWN
        is_called = self._phase_layer(source.group) is not None
        return bool(known.any() if is_called else (known & ~data_set.cells.synthetic).any())

    def _methods(self) -> list[tuple[str, str]]:
        source = self.cells.value()
        called = [] if source is None or self._phase_layer(source.group) is None else [(CALLS, CALLS)]
        return [*called, (CROSS_VALIDATION, CROSS_VALIDATION)]

    def _phase_layer(self, group: str) -> Labels | None:
        return find_layer(self.viewer.layers, group, PHASE)

    def _on_choice(self) -> None:
        chosen = self.cells.value()
        self.empty.setVisible(chosen is None)
        for widget in (self.inputs, self.run_button):
            widget.setVisible(chosen is not None)
        self.method.refresh()
        if chosen is None:
            self.results.hide()
        elif self.evaluated is None or self.evaluated.group != chosen.group:
            self.results.hide()
            if self.method.value() == CALLS:
                self._on_run()

    def _on_method(self) -> None:
        is_trained = self.method.value() == CROSS_VALIDATION
        self.folds.setVisible(is_trained)
        if is_trained and self.cells.value() is not None:
            self.folds.show_networks(channels_of(self.viewer.layers, self.cells.value()))
        self.run_button.setText("Cross-validate" if is_trained else "Evaluate")
        self.run_button.setToolTip(_CROSS_VALIDATE_TIP if is_trained else _EVALUATE_TIP)

    def on_labels(self, group: str) -> None:
        """Cells of known phase may be there only now; figures are computed when asked for."""
        source = self.cells.value()
        if source is None:
            self.cells.refresh()
        elif source.group == group and self.evaluated is not None and self.job is None:
            self.show_status(f"Labels were changed; click {self.run_button.text()} for new figures.")

    def _on_called(self, _event: Any = None) -> None:
        """Cells were classified again."""
        if self.method.value() == CALLS:
            self._on_run()

    def _on_run(self) -> None:
        source = self.cells.value()
        if source is None:
            return
        layer, data_set = self._phase_layer(source.group), data_set_of(self.viewer.layers, source)
        earlier = [*self.models.values()]
        if self.method.value() == CROSS_VALIDATION:
            try:
                settings = self.folds.value()
            except CellCycleError as error:
                self.show_error(error)
                return
            job = cross_validate_source(source, field_cells(data_set), settings, self._style(), earlier)
            self.start(job, self._on_evaluated)
        elif layer is not None:
            layer.events.features.connect(self._on_called)
            self.start(evaluate_calls(snapshot_calls(layer, data_set), self._style(), earlier), self._on_evaluated)

    def _on_evaluated(self, evaluated: Evaluated) -> None:
        self.models = {name: self.models[name] for name in evaluated.comparisons}
        self.models[evaluated.report.model] = evaluated
        reports = [model.report for model in reversed(self.models.values())]
        self.models_table.show_models(reports, evaluated.comparisons)
        self.models_hint.setText(_models_hint(reports))
        self.tabs.setTabVisible(self.tabs.indexOf(self.models_page), len(reports) > 1)
        self._show(evaluated, evaluated.pictures)

    def _on_model(self, number: int) -> None:
        """Show an earlier model again; its figures are drawn anew, as the theme may have changed since."""
        evaluated = [*reversed(self.models.values())][number]
        self.tabs.setCurrentIndex(0)
        self.start(draw_figures(evaluated.report, self._style()), lambda pictures: self._show(evaluated, pictures))

    def _show(self, evaluated: Evaluated, pictures: dict[str, bytes]) -> None:
        self.evaluated, self._entry = evaluated, None
        self.side_by_side.hide()
        report = evaluated.report
        protocol = PROTOCOLS[report.protocol]
        self.banner.setText(f"{protocol.title}. {protocol.summary}")
        self.banner.setVisible(not protocol.estimates)
        self.summary.setText(_summary(report))
        self._fill_table()
        self._show_purity(report)
        self._show_pictures(pictures)
        self.models_table.mark([*reversed(self.models)].index(report.model))
        self.results.show()
        newest = [*self.models][-1]
        other = () if newest == report.model else (f"the gallery still has the colours of {Path(newest).name}",)
        self.show_status("; ".join([*report.notes, *other]))

    def _fill_table(self) -> None:
        if self.evaluated is not None:
            self.table.set_phases(self.evaluated.report.phase_set)
            self.table.show_counts(
                self.evaluated.report.confusion, figure_theme(self.viewer), percent=self.percent.isChecked()
            )

    def _show_purity(self, report: Report) -> None:
        """Purity can be told from held-out calls only, so the tab is hidden where the figures are no estimate."""
        estimates = PROTOCOLS[report.protocol].estimates
        self.tabs.setTabVisible(self.tabs.indexOf(self.purity), estimates)
        if estimates:
            self.purity.show_calls(report.prediction, report.truth)

    def _show_pictures(self, pictures: dict[str, bytes]) -> None:
        for name, content in pictures.items():
            self.figures[name].show_picture(content)

    def _style(self) -> FigureStyle:
        return FigureStyle(figure_theme(self.viewer), _FIGURE_PX, self.devicePixelRatioF())

    def _on_theme(self, _event: Any = None) -> None:
        if self.evaluated is not None:
            self._fill_table()
            status = self.status.text()

            def show(pictures: dict[str, bytes]) -> None:
                self._show_pictures(pictures)
                self.show_status(status)

            self.start(draw_figures(self.evaluated.report, self._style()), show)

    def _on_entry(self, true: int, called: int) -> None:
        if self.evaluated is None:
            return
        evaluated, report = self.evaluated, self.evaluated.report
        selected = (report.truth == true) & (report.prediction.phases == called)
        n_shown, n_cells = highlight_cells(self.viewer, evaluated.group, selected), int(selected.sum())
        unseen = f"; {n_shown:,} of them are in the layers" if n_shown < n_cells else ""
        names = report.phase_set.names
        title = f"{n_cells:,} {names[true]} cells called {names[called]}"
        self.show_status(f"{title}{unseen}.")
        self._entry = np.flatnonzero(selected), title
        self.side_by_side.show()
        gather_cells(self.viewer, evaluated.group, *self._entry)

    def _on_side_by_side(self) -> None:
        """Show the cells of the entry that was clicked last, large enough to judge them."""
        if self.evaluated is not None and self._entry is not None:
            gather_cells(self.viewer, self.evaluated.group, *self._entry, opens=True)

    def _on_show_all(self) -> None:
        if self.evaluated is not None:
            highlight_none(self.viewer, self.evaluated.group)
            self.viewer.reset_view()
            self.show_status("")

    def _on_save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the report")
        if folder and self.evaluated is not None:
            self.start(save_report(self.evaluated, Path(folder)), lambda saved: self.show_status(f"Saved {saved}."))


def _summary(report: Report) -> str:
    """The figures that one line can hold, with their intervals."""
    overall = report.scores.overall
    agree = overall["accuracy"]
    if report.protocol == DEMONSTRATION and not np.isnan([agree.value, agree.low, agree.high]).any():
        return (  # an accuracy of 0.51 would read as if the model were poor
            f"{report.n_cells:,} synthetic cells, {report.model}\n{agree.value:.0%} of the calls "
            f"({agree.low:.0%} to {agree.high:.0%}) are the phase that the cell was made for. That says how well the "
            "generator keeps phases apart; the card of the model says how good it is on real cells."
        )
    named = {"Accuracy": overall["accuracy"], "Macro F1": overall["macro_f1"]}
    lines = [f"{name} {estimate}" for name, estimate in named.items()]
    return "\n".join([f"{report.n_cells:,} cells, {report.model}", *lines])


def _models_hint(reports: list[Report]) -> str:
    """How to read the table of models."""
    marked = list(dict.fromkeys(report.protocol for report in reports if not PROTOCOLS[report.protocol].estimates))
    warning = (
        f"\nFigures marked {' or '.join(marked)} estimate nothing and don't show which is better." if marked else ""
    )
    return (
        "Click a model to see its matrix.\nvs newest: accuracy minus that of the newest model, on the cells that both "
        f"were tested on, with paired 95 % interval and McNemar's p.{warning}"
    )
