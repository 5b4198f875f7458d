"""The dock *Augment*: real cells in, synthetic cells of rare phases out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.gui.docks.augment_job import (
    GanProgress,
    SamplesImage,
    SyntheticCells,
    SyntheticSaved,
    augment_labelled,
    keep_synthetic,
)
from napari_cellcycle.gui.docks.training_dock import Texts, TrainingDock
from napari_cellcycle.gui.layers.gallery import OpenedGallery, show_gallery
from napari_cellcycle.gui.layers.labelled_cells import Labelled, LabelledGallery
from napari_cellcycle.gui.layers.phase_layer import copy_phases
from napari_cellcycle.gui.layers.source import Source
from napari_cellcycle.gui.widgets.generator_settings import GeneratorSettings
from napari_cellcycle.gui.widgets.image_view import ImageView
from napari_cellcycle.gui.widgets.labelled_input import LabelledInput
from napari_cellcycle.gui.widgets.layout import show_text, text_label
from napari_cellcycle.gui.widgets.synthetic_counts import PhaseCounts
from napari_cellcycle.gui.widgets.synthetic_results import SyntheticResults
from napari_cellcycle.jobs.steps.advice import as_sentences, generator_advice
from napari_cellcycle.phase_sets import SEVEN
from napari_cellcycle.store.checkpoints import remove_checkpoint

if TYPE_CHECKING:
    import numpy as np
    from napari.components import ViewerModel
    from numpy.typing import NDArray


_TEXTS = Texts(
    run="Make cells",
    run_tip="make synthetic cells; you see them before anything is saved",
    cancel_tip="stop and make no cells; a training can be resumed later",
    stop_tip="end the training now, and make cells with the generator as it is",
    stopping="Stopping; cells are made with the generator as it is.",
    next="Train with them",
    next_tip="train a model on the real and the synthetic cells",
    next_dock="Train",
)


class AugmentWidget(TrainingDock):
    """Choose how many cells to make of each phase, watch a generator train, and keep the new cells or discard them."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.cancelled_message = "Cancelled; no cells were made."
        self.synthetic: SyntheticCells | None = None  # cells that the user has not yet kept or discarded
        self._run: tuple[Labelled, Path] | None = None  # the cells of the last run, and where it would be saved
        self._source: Source | None = None
        self._is_making = False
        self.labelled = LabelledInput(napari_viewer, generator_advice)
        self.labelled.counts.hide()  # the table shows more
        self.phases, self.settings = PhaseCounts(), GeneratorSettings()
        self.run_name = self.settings.name
        self.labelled.inputs.rows.addRow("Generator", self.settings.picker)
        self.about, self.figures, self.sheet = text_label(), text_label(), ImageView(zoom=2)
        self.sheet.setToolTip("real cells next to synthetic ones, one row for each channel")
        self.results = SyntheticResults(self._on_keep, self._on_drop)
        self.build(_TEXTS, (self.about, self.phases, self.settings), (self.figures, self.sheet), (self.results,))
        self.locked_while_busy.append(self.results)
        self.labelled.changed.connect(self._on_cells)
        self.settings.changed.connect(self._on_cells)
        self.phases.changed.connect(self.show_what_fits)
        self._on_cells()

    def can_run(self) -> bool:
        """Whether any cells are to be made."""
        return bool(self.phases.wanted())

    def can_resume(self) -> bool:
        """Whether no cells wait to be kept or discarded."""
        return self.synthetic is None

    def run_job(self, labelled: Labelled, output: Path, *, resume: bool) -> None:
        """Make cells, and show how the generator trains, if it does."""
        run, wanted = self.settings.run(), self.phases.wanted()
        self._run, self._is_making = (labelled, output), True
        show_text(self.figures, "")
        self.begin(augment_labelled(labelled, output, run, wanted, self.is_stopped, resume=resume), self._on_made)
        self.controls.setHidden(bool(run.generator) and not resume)  # nothing is trained
        self.show_what_fits()

    def suggest_name(self) -> None:
        """Propose a name that says which generator is used."""
        self.settings.suggest_name()

    def show_what_fits(self) -> None:
        """Show only what the chosen cells allow; while cells are made or wait, they need the room."""
        super().show_what_fits()
        counts = self._counts
        if self.synthetic is not None:
            self.labelled.hide()
        if self.synthetic is not None or self._is_making:
            self.setup.hide()
        if counts is not None:
            real = counts - self.labelled.synthetic_counts
            show_text(self.about, self.settings.about(real, self.phases.wanted()))

    def on_event(self, event: object) -> None:
        """Show progress, and what the generator makes."""
        if isinstance(event, SamplesImage):
            self.sheet.show_picture(event.picture)
            self.monitor.show()
        elif isinstance(event, GanProgress):
            show_text(self.figures, _in_words(event))
        elif isinstance(event, SyntheticSaved):
            self._forget_synthetic()
        else:
            super().on_event(event)

    def set_busy(self, busy: bool) -> None:
        """As in every dock; what was made stays in view."""
        self._is_making &= busy
        super().set_busy(busy)
        self.progress.cancel.show()
        if not busy:
            self.monitor.setHidden(self.synthetic is None)

    @property
    def _counts(self) -> NDArray[np.int64] | None:
        """Cells of each of the seven phases; None for cells of other phases, which no generator makes."""
        return self.labelled.phase_counts if self.labelled.phase_set == SEVEN else None

    def _on_cells(self) -> None:
        """Show the counts of the chosen cells; for other cells than before, numbers are proposed again."""
        counts, source = self._counts, self.labelled.inputs.source()
        if counts is not None:
            synthetic = self.labelled.synthetic_counts
            self.phases.show_cells(counts, synthetic, self.settings.why_not(counts - synthetic))
        if source != self._source:
            self._source = source
            if counts is not None:
                self.settings.choose_for(counts - synthetic)
            self.phases.reset()
        self.show_what_fits()

    def _on_made(self, synthetic: SyntheticCells) -> None:
        self.synthetic = synthetic
        self.figures.hide()
        self.sheet.show_picture(synthetic.picture)
        self.results.show_quality(synthetic.result.quality)
        self.monitor.show()
        self.results.show()
        n_cells = len(synthetic.result.cells)
        notes = [note for note in synthetic.notes if not note.endswith("...")]  # those say only what is being done
        self.show_status(as_sentences([f"{n_cells:,} synthetic cells are ready, and nothing is saved yet", *notes]))

    def _on_keep(self) -> None:
        if self.synthetic is not None and self._run is not None:
            labelled, output = self._run
            self.start(keep_synthetic(self.synthetic.result, output, labelled), self._on_kept)
            self.progress.cancel.hide()  # it would come too late

    def _on_kept(self, opened: OpenedGallery) -> None:
        labelled, output = self._run or (None, "")
        show_gallery(self.viewer, opened)
        if isinstance(labelled, LabelledGallery) and labelled.phases is not None:
            copy_phases(self.viewer, labelled.source, opened)
        self.settings.picker.refresh()
        self.next_button.show()
        shown = "next to the real ones" if opened.source.made else "alone, as a full-field image has no room for them"
        train = "Train uses both kinds of cells, and Evaluate tests real cells only"
        where = f"the cells are shown {shown} and marked as synthetic"
        self.show_status(as_sentences([f"Saved in {output}", where, train]))

    def _on_drop(self) -> None:
        if self._run is not None:
            remove_checkpoint(self._run[1])
        self._forget_synthetic()
        self.show_status("Discarded; nothing was saved.")

    def _forget_synthetic(self) -> None:
        self.synthetic = None
        self.results.hide()
        self.monitor.hide()
        self.suggest_name()
        self.show_what_fits()


def _in_words(progress: GanProgress) -> str:
    return (
        f"Step {progress.step:,} of {progress.steps:,}. The critic scores real cells {progress.critic_gap:.2f} higher "
        "than synthetic ones (0: it sees no difference)."
    )
