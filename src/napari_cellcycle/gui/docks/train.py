"""The dock *Train*: labelled cells in, a model of one's own out."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from qtpy.QtWidgets import QComboBox, QLabel, QPushButton

from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.notices import BrokenOff, NoCells, NoPhases
from napari_cellcycle.gui.docks.train_work import kinds_for, models_for, resume_labelled, train_labelled
from napari_cellcycle.gui.widgets.form import Form
from napari_cellcycle.gui.widgets.labelled_input import LabelledInput
from napari_cellcycle.gui.widgets.layout import stacked
from napari_cellcycle.gui.widgets.model_picker import renew_pickers
from napari_cellcycle.gui.widgets.run_name import RunName
from napari_cellcycle.gui.widgets.training_controls import TrainingControls
from napari_cellcycle.gui.widgets.training_curves import Curves
from napari_cellcycle.jobs.config import TrainRun, default_config
from napari_cellcycle.jobs.steps.advice import GO_ON_BELOW, what_is_missing
from napari_cellcycle.store.models import models_folder
from napari_cellcycle.training.config import TrainConfig

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_cellcycle.gui.docks.train_work import Trained
    from napari_cellcycle.training.classifier import EpochDone

SCRATCH = "from scratch"
_RUN_SETTINGS = ("device", "licence", "data_licence")
_SETTINGS = tuple(item.name for item in fields(TrainConfig))
_PLAIN = ("model", "epochs", "augment")


class TrainWidget(Dock):
    """Choose labelled cells, train on them, and watch how it goes. What lasts is a model's folder."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.cancelled_message = "Cancelled; no model was written."
        self.log: list[EpochDone] = []
        self._channels: set[str] | None = None
        self._start_chosen = False
        self._build_notices()
        self.labelled = LabelledInput(napari_viewer)
        self._build_settings()
        self.run_button = QPushButton("Train")
        self.run_button.clicked.connect(self._on_run)
        for widget in (self.empty, self.unfinished, self.labelled, self.unlabelled, self.settings, self.run_button):
            self.column.addWidget(widget)
        self._build_foot()
        self.locked_while_busy += [self.empty, self.unfinished, *self.labelled.boxes, self.settings, self.run_button]
        self.labelled.changed.connect(self._on_cells)
        self.start_from.currentIndexChanged.connect(self._on_start)
        self.start_from.activated.connect(self._on_start_chosen)
        self.network.currentIndexChanged.connect(self._on_start)
        self.name.changed.connect(self._show_what_fits)
        self._on_cells()

    def _build_notices(self) -> None:
        self.empty = NoCells(self)
        self.unlabelled = NoPhases(
            self,
            "No phase of these cells is known. Open folders that are named after phases; or classify the cells, and "
            "correct here what is wrong.",
        )
        self.unfinished = BrokenOff(self._on_resume, self._show_what_fits)

    def _build_settings(self) -> None:
        self.start_from = QComboBox()
        self.start_from.setToolTip(
            f"{_help('start_from')}; chosen for you: on from a model with fewer than {GO_ON_BELOW:,} cells of known "
            "phase, else from scratch"
        )
        self.name, self.problem = RunName(models_folder()), QLabel()
        self.problem.setWordWrap(True)
        self.form = Form((TrainRun, TrainConfig), ["model", *_SETTINGS, *_RUN_SETTINGS], plain=_PLAIN)
        self.form.insert_row(0, "Start", self.start_from)
        self.form.insert_row(2, "Name", self.name)
        self.network = cast("QComboBox", self.form.box("model"))
        self.settings = stacked(self.form, self.problem)

    def _build_foot(self) -> None:
        self.progress.cancel.setToolTip("give up this run; no model is written, but the run can be resumed later")
        self.steering = TrainingControls(
            self,
            "end the training now, and keep the best weights so far as a model",
            "Stopping; the best weights so far are kept.",
        )
        self.curves, self.figures = Curves(), QLabel()
        self.figures.setWordWrap(True)
        self.state = stacked(self.curves, self.figures)
        self.next_button = QPushButton("Classify with it")
        self.next_button.clicked.connect(lambda: self.open_dock("Classify"))
        for widget in (self.state, self.next_button):
            widget.hide()
        self.add_results(self.steering, self.state, self.next_button)

    def _on_cells(self) -> None:
        """Offer what fits the chosen cells; a start is chosen by how many there are, unless the user chose one."""
        if self._channels != self.labelled.channels():
            self._channels = self.labelled.channels()
            self._start_chosen &= self._offer_starts(self._channels)
            kinds = kinds_for(self._channels)
            if kinds and self.network.currentText() not in kinds:
                self.network.setCurrentText(kinds[0])
        counts = self.labelled.judged_counts()
        if counts is not None and not self._start_chosen:
            self.start_from.setCurrentIndex(1 if counts.sum() < GO_ON_BELOW and self.start_from.count() > 1 else 0)
        self._show_what_fits()

    def _offer_starts(self, channels: set[str]) -> bool:
        """Offer the models that fit these channels; returns whether the one that was chosen is among them."""
        before = self.start_from.currentText()
        self.start_from.blockSignals(True)
        self.start_from.clear()
        self.start_from.addItem(SCRATCH, "")
        for name in models_for(channels):
            self.start_from.addItem(f"on from {name}", name)
        self.start_from.setCurrentText(before)
        self.start_from.blockSignals(False)
        same = self.start_from.currentText() == before
        if not same:
            self._on_start()
        return same

    def _on_start_chosen(self, _index: int) -> None:
        self._start_chosen = True

    def _on_start(self, _index: int = 0) -> None:
        """Settings that go with this start; those of another one would not."""
        run = self._run()
        self.form.set_shown("model", not run.start_from)
        self.form.show_values(asdict(default_config(run)))
        self._suggest_name()

    def _suggest_name(self) -> None:
        run = self._run()
        self.name.suggest(f"from-{Path(run.start_from).name}" if run.start_from else run.model)

    def _run(self) -> TrainRun:
        values = self.form.values()
        return TrainRun(
            model=values["model"],
            start_from=self.start_from.currentData(),
            **{name: values[name] for name in _RUN_SETTINGS},
        )

    def _show_what_fits(self) -> None:
        chosen, counts = self.labelled.inputs.source(), self.labelled.judged_counts()
        self.empty.setVisible(chosen is None)
        self.labelled.setVisible(chosen is not None)
        self.unlabelled.setVisible(chosen is not None and counts is None)
        for widget in (self.settings, self.run_button):
            widget.setVisible(counts is not None)
        self.problem.setText(self.name.problem())
        self.problem.setVisible(bool(self.name.problem()))
        can_train = counts is not None and not what_is_missing(counts)
        self.run_button.setEnabled(self.job is None and can_train and not self.name.problem())
        self.unfinished.look(self.name.folder, fits=self.job is None and can_train)

    def _on_run(self) -> None:
        labelled = self.labelled.labelled()
        if labelled is None:
            return
        values = self.form.values()
        config = TrainConfig(**{name: values[name] for name in _SETTINGS})
        self._begin(train_labelled(labelled, self.name.output(), self._run(), config, self.steering.is_stopped))

    def _on_resume(self, output: Path) -> None:
        labelled = self.labelled.labelled()
        if labelled is not None:
            self._begin(resume_labelled(labelled, output, self._run(), self.steering.is_stopped))

    def _begin(self, job: Job[Any, Any]) -> None:
        self.log = []
        self.curves.show_log([])
        self.figures.clear()
        for widget in (self.unfinished, self.state, self.next_button):
            widget.hide()
        self.start(job, self._on_trained)
        self.steering.begin()

    def _on_event(self, event: object) -> None:
        if isinstance(event, Progress | Note):
            super()._on_event(event)
        else:  # by now the job has imported torch
            from napari_cellcycle.training.classifier import EpochDone

            if isinstance(event, EpochDone):  # else it is of a generator that fills phases
                self._on_epoch(event)

    def _on_epoch(self, done: EpochDone) -> None:
        self.log.append(done)
        self.curves.show_log(self.log)
        self.figures.setText(_figures(self.log))
        self.state.show()

    def _on_trained(self, trained: Trained) -> None:
        renew_pickers(self, trained.folder)
        self._offer_starts(self._channels or set())
        self.next_button.show()
        self.say(
            f"{trained.card.name} is trained; its best is {_best_in_words(self.log)} on the validation cells. They "
            "chose that epoch, so this is no test result: Evaluate gives one, on cells that it has not seen."
        )

    def _set_busy(self, busy: bool) -> None:
        super()._set_busy(busy)
        if not busy:
            self.steering.hide()
            self._suggest_name()
            self._show_what_fits()


def _help(name: str) -> str:
    return str(next(item for item in fields(TrainRun) if item.name == name).metadata["help"])


def _figures(log: list[EpochDone]) -> str:
    """The newest epoch and the best one in words."""
    done = log[-1]
    return (
        f"Epoch {done.epoch} of {done.epochs}: loss {done.training_loss:.2f} in training, "
        f"{done.validation_loss:.2f} in validation; macro F1 {done.validation_macro_f1:.2f}.\n"
        f"Best so far: {_best_in_words(log)}."
    )


def _best_in_words(log: list[EpochDone]) -> str:
    best = max((done for done in log if done.is_best), key=lambda done: done.epoch, default=None)
    return "none" if best is None else f"epoch {best.epoch} with a macro F1 of {best.validation_macro_f1:.2f}"
