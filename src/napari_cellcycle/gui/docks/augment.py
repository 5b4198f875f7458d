"""The dock *Augment*: real cells in, made ones of rare phases beside them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton

from napari_cellcycle.events import Job
from napari_cellcycle.gui.docks.augment_work import (
    GanProgress,
    SamplesImage,
    SyntheticSaved,
    advice,
    keep_labelled,
    make_labelled,
    resume_making,
)
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.notices import BrokenOff, NoCells, NoPhases
from napari_cellcycle.gui.layers.gallery import show_gallery
from napari_cellcycle.gui.layers.phase_transfer import copy_phases
from napari_cellcycle.gui.widgets.generator_settings import GeneratorSettings
from napari_cellcycle.gui.widgets.image_view import SheetView
from napari_cellcycle.gui.widgets.labelled_input import LabelledInput
from napari_cellcycle.gui.widgets.layout import stacked
from napari_cellcycle.gui.widgets.phase_counts import PhaseCounts
from napari_cellcycle.gui.widgets.synthetic_results import SyntheticResults
from napari_cellcycle.gui.widgets.training_controls import TrainingControls
from napari_cellcycle.store.checkpoints import remove_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari.components import ViewerModel

    from napari_cellcycle.gui.docks.augment_work import SyntheticCells
    from napari_cellcycle.gui.layers.gallery import OpenedGallery
    from napari_cellcycle.gui.layers.labelled import Labelled
    from napari_cellcycle.gui.layers.source import Source


class AugmentWidget(Dock):
    """Choose cells and how many to make of each phase, watch a generator learn, and keep what it makes or drop it."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.cancelled_message = "Cancelled; no cells were made."
        self.made: SyntheticCells | None = None  # waits to be kept or dropped
        self._begun: tuple[Labelled, Path] | None = None  # what it is made of, and where it would be kept
        self._source: Source | None = None
        self._is_making = False
        self._build_notices()
        self.labelled = LabelledInput(napari_viewer, advice)
        self.phases, self.settings = PhaseCounts(), GeneratorSettings()
        self.labelled.counts.hide()  # the table says more
        self.labelled.inputs.rows.addRow("Generator", self.settings.picker)
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.run_button = QPushButton("Make cells")
        self.run_button.clicked.connect(self._on_run)
        self.order = stacked(self.about, self.phases, self.settings, self.run_button)
        for widget in (self.empty, self.unfinished, self.labelled, self.unlabelled, self.order):
            self.column.addWidget(widget)
        self._build_foot()
        self.locked_while_busy += [self.empty, self.unfinished, *self.labelled.boxes, self.order, self.results]
        self.labelled.changed.connect(self._on_cells)
        self.settings.changed.connect(self._on_cells)
        self.phases.changed.connect(self._show_what_fits)
        self._on_cells()

    def _build_notices(self) -> None:
        self.empty = NoCells(self)
        self.unlabelled = NoPhases(
            self,
            "No phase of these cells is known, so none can be learnt. Open folders that are named after phases; or "
            "classify the cells, and correct there what is wrong.",
        )
        self.unfinished = BrokenOff(self._on_resume, self._show_what_fits)

    def _build_foot(self) -> None:
        self.progress.cancel.setToolTip("give it up; no cells are made, but a training can be resumed later")
        self.steering = TrainingControls(
            self,
            "end the training now, and make cells with the generator as it is",
            "Stopping; cells are made with the generator as it is.",
        )
        self.learning, self.sheet, self.results = QLabel(), SheetView(), SyntheticResults()
        self.learning.setWordWrap(True)
        self.learning.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.sheet.setToolTip("real cells beside made ones, a row for each channel")
        self.state = stacked(self.learning, self.sheet)
        self.results.keep.clicked.connect(self._on_keep)
        self.results.drop.clicked.connect(self._on_drop)
        self.next_button = QPushButton("Train with them")
        self.next_button.clicked.connect(lambda: self.open_dock("Train"))
        for widget in (self.state, self.results, self.next_button):
            widget.hide()
        self.add_results(self.steering, self.state, self.results, self.next_button)

    def _on_cells(self) -> None:
        """Show the counts of the chosen cells; for other cells than before, numbers are proposed again."""
        counts, made, source = self.labelled.phase_counts, self.labelled.synthetic_counts, self.labelled.inputs.source()
        if counts is not None:
            self.phases.show_cells(counts - made, made, self.settings.why_not(counts - made))
        if source != self._source:
            self._source = source
            self.phases.forget_choice()
        self._show_what_fits()

    def _show_what_fits(self) -> None:
        chosen, counts, wanted = self._source, self.labelled.phase_counts, self.phases.wanted()
        self.empty.setVisible(chosen is None)
        self.labelled.setVisible(chosen is not None and self.made is None)
        self.unlabelled.setVisible(chosen is not None and counts is None)
        self.order.setVisible(counts is not None and self.made is None and not self._is_making)
        if counts is not None:
            self.about.setText(self.settings.about(counts - self.labelled.synthetic_counts, wanted))
        self.about.setVisible(bool(self.about.text()))
        self.run_button.setEnabled(self.job is None and bool(wanted) and not self.settings.name.problem())
        can_resume = self.job is None and self.made is None and counts is not None
        self.unfinished.look(self.settings.name.folder, fits=can_resume)

    def _on_run(self) -> None:
        labelled, wanted, output = self.labelled.labelled(), self.phases.wanted(), self.settings.name.output()
        if labelled is not None and wanted:
            run, stop = self.settings.run(), self.steering.is_stopped
            self._begin(labelled, output, make_labelled(labelled, output, run, wanted, stop))
            self.steering.setHidden(bool(run.generator))  # nothing is trained

    def _on_resume(self, output: Path) -> None:
        labelled = self.labelled.labelled()
        if labelled is not None:
            run, wanted = self.settings.run(), self.phases.wanted()
            self._begin(labelled, output, resume_making(labelled, output, run, wanted, self.steering.is_stopped))

    def _begin(self, labelled: Labelled, output: Path, job: Job[Any, Any]) -> None:
        self._begun, self._is_making = (labelled, output), True  # so that there is room for what is watched
        self.learning.clear()
        for widget in (self.unfinished, self.learning, self.state, self.next_button):
            widget.hide()
        self.start(job, self._on_made)
        self.steering.begin()
        self._show_what_fits()

    def _on_event(self, event: object) -> None:
        if isinstance(event, SamplesImage):
            self.sheet.show_picture(event.picture)
            self.state.show()
        elif isinstance(event, GanProgress):
            self.learning.setText(_in_words(event))
            self.learning.show()
        elif isinstance(event, SyntheticSaved):
            self._forget_made()
        else:
            super()._on_event(event)

    def _on_made(self, made: SyntheticCells) -> None:
        self.made = made
        self.learning.hide()
        self.sheet.show_picture(made.picture)
        self.results.show_quality(made.made.quality)
        for widget in (self.state, self.results):
            widget.show()
        self.say(_joined([f"{len(made.made.cells):,} cells are made, and nothing of them is written yet", *made.notes]))

    def _on_keep(self) -> None:
        if self.made is not None and self._begun is not None:
            labelled, output = self._begun
            self.start(keep_labelled(self.made.made, output, labelled), self._on_kept)
            self.progress.cancel.hide()  # it would come too late

    def _on_kept(self, opened: OpenedGallery) -> None:
        labelled, output = self._begun or (None, "")
        show_gallery(self.viewer, opened)
        copy_phases(self.viewer, labelled, opened)
        self.settings.picker.renew()
        self.next_button.show()
        place = "beside the others" if opened.source.made else "alone, as they have no place in a full-field image"
        self.say(
            _joined(
                [
                    f"Kept in {output}",
                    f"They are shown {place}, marked as synthetic",
                    "Train learns from both, and Evaluate tests real cells only",
                ]
            )
        )

    def _on_drop(self) -> None:
        if self._begun is not None:
            remove_checkpoint(self._begun[1])
        self._forget_made()
        self.say("Discarded; nothing was written.")

    def _forget_made(self) -> None:
        self.made = None
        for widget in (self.results, self.state):
            widget.hide()
        self.settings.suggest_name()
        self._show_what_fits()

    def _set_busy(self, busy: bool) -> None:
        super()._set_busy(busy)
        self.progress.cancel.show()
        if not busy:
            self._is_making = False
            self.steering.hide()
            self.state.setHidden(self.made is None)
            self.settings.suggest_name()
            self._show_what_fits()


def _in_words(learning: GanProgress) -> str:
    return (
        f"Step {learning.step:,} of {learning.steps:,}. Its critic tells made cells from real ones by "
        f"{learning.distance:.2f} (0: not at all)."
    )


def _joined(sentences: Iterable[str]) -> str:
    """Notes as sentences; those that only say what is being done are gone by now."""
    said = [text for text in sentences if text and not text.endswith("...")]
    return " ".join(f"{text[0].upper()}{text[1:].rstrip('.')}." for text in said)
