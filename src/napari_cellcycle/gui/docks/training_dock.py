"""What *Train* and *Augment* share: labelled cells in, and a long training that can be paused, stopped and resumed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_cellcycle.events import Job
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.notices import NoCells, NoPhases, UnfinishedRun
from napari_cellcycle.gui.layers.labelled_cells import Labelled
from napari_cellcycle.gui.layers.source import cells_key
from napari_cellcycle.gui.widgets.labelled_input import LabelledInput
from napari_cellcycle.gui.widgets.layout import button, side_by_side, stacked
from napari_cellcycle.gui.widgets.run_name import RunName
from napari_cellcycle.store.checkpoints import note_cells


@dataclass(frozen=True)
class Texts:
    """What a training dock says: titles and tooltips of its buttons, and the sentence after Stop."""

    run: str
    run_tip: str
    cancel_tip: str
    stop_tip: str
    stopping: str
    next: str
    next_tip: str
    next_dock: str


class TrainingDock(Dock):
    """Children call `build`, and say in `can_run` and `run_job` what their button does.

    `labelled` holds the cells, `setup` all settings with the run button, `monitor` what shows the training's progress.
    """

    labelled: LabelledInput
    run_name: RunName

    def build(
        self, texts: Texts, settings: Sequence[QWidget], monitor: Sequence[QWidget], results: Sequence[QWidget] = ()
    ) -> None:
        """Lay out the dock, once `labelled` and `run_name` are set."""
        self._begun: tuple[Path, list[str]] | None = None  # what is trained, and by which cells
        self._stopping, self._stop_asked = texts.stopping, threading.Event()
        self.empty, self.unlabelled = NoCells(self), NoPhases(self)
        self.unfinished = UnfinishedRun(self._on_resume, self.show_what_fits)
        self.run_button = button(texts.run, texts.run_tip, self._on_run)
        self.setup = stacked(*settings, self.run_button)
        self.add_inputs(self.empty, self.unfinished)
        self.column.addWidget(self.labelled)
        self.add_inputs(self.unlabelled, self.setup)
        self.locked_while_busy += self.labelled.boxes
        self.labelled.label_clicked.connect(lambda: self.open_dock("Gallery"))
        self.progress.cancel.setToolTip(texts.cancel_tip)
        self.pause = button("Pause", "let the computer do other work for a while", self._on_pause)
        self.stop = button("Stop", texts.stop_tip, self._on_stop)
        self.controls, self.monitor = side_by_side(self.pause, self.stop), stacked(*monitor)
        self.next_button = button(texts.next, texts.next_tip, lambda: self.open_dock(texts.next_dock))
        for widget in (self.controls, self.monitor, *results, self.next_button):
            widget.hide()
        self.add_results(self.controls, self.monitor, *results, self.next_button)

    def can_run(self) -> bool:
        """Whether the settings and the chosen cells, whose phases are known, allow a run."""
        raise NotImplementedError

    def run_job(self, labelled: Labelled, output: Path, *, resume: bool) -> None:
        """Call `begin` with a new training, or with one that was interrupted."""
        raise NotImplementedError

    def suggest_name(self) -> None:
        """Propose a free name for the next run."""
        raise NotImplementedError

    def can_resume(self) -> bool:
        """Whether an interrupted training can be resumed with the chosen cells, whose phases are known."""
        return True

    def begin(self, job: Job[Any, Any], on_result: Callable[[Any], None]) -> None:
        """Start a training; its job asks `is_stopped`."""
        for widget in (self.unfinished, self.monitor, self.next_button):
            widget.hide()
        self._stop_asked.clear()
        self.start(job, on_result)
        self.pause.setText("Pause")
        self.stop.setEnabled(True)
        self.controls.show()

    def is_stopped(self) -> bool:
        """Whether Stop was clicked since the job began; any thread may ask."""
        return self._stop_asked.is_set()

    def show_what_fits(self) -> None:
        """Show only what the chosen cells allow."""
        chosen, counts = self.labelled.inputs.source(), self.labelled.phase_counts
        self.empty.setVisible(chosen is None)
        self.labelled.setVisible(chosen is not None)
        self.unlabelled.setVisible(chosen is not None and counts is None)
        self.setup.setVisible(counts is not None)
        idle = self.job is None and counts is not None
        self.run_button.setEnabled(idle and self.can_run() and not self.run_name.problem())
        key = [] if chosen is None else cells_key(chosen)
        self.unfinished.show_newest(self.run_name.folder, key, can_resume=idle and self.can_resume())

    def set_busy(self, busy: bool) -> None:
        """As in every dock; afterwards there may be an unfinished training, and names are taken."""
        super().set_busy(busy)
        if not busy:
            if self._begun is not None:
                note_cells(*self._begun)
                self._begun = None
            self.controls.hide()
            self.suggest_name()
            self.show_what_fits()

    def _on_run(self) -> None:
        self._run_in(self.run_name.output(), resume=False)

    def _on_resume(self, output: Path) -> None:
        self._run_in(output, resume=True)

    def _run_in(self, output: Path, *, resume: bool) -> None:
        labelled, source = self.labelled.labelled(), self.labelled.inputs.source()
        if labelled is not None and source is not None:
            self._begun = None if resume else (output, cells_key(source))
            self.run_job(labelled, output, resume=resume)

    def _on_pause(self) -> None:
        if self.job is None:
            return
        if self.job.paused:
            self.job.resume()
            self.progress.resume()
        else:
            self.job.pause()
            self.progress.pause()
        self.pause.setText("Continue" if self.job.paused else "Pause")

    def _on_stop(self) -> None:
        self._stop_asked.set()
        if self.job is not None and self.job.paused:
            self._on_pause()
        self.stop.setEnabled(False)
        self.show_status(self._stopping)
