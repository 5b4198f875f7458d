"""The dock *Train*: labelled cells in, a model of one's own out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from qtpy.QtWidgets import QCheckBox, QComboBox

from napari_cellcycle.errors import SettingError
from napari_cellcycle.events import Note, Progress
from napari_cellcycle.gui.docks.train_job import Trained, train_labelled
from napari_cellcycle.gui.docks.training_dock import Texts, TrainingDock
from napari_cellcycle.gui.layers.labelled_cells import Labelled
from napari_cellcycle.gui.widgets.labelled_input import LabelledInput
from napari_cellcycle.gui.widgets.layout import button, show_text, text_label
from napari_cellcycle.gui.widgets.model_picker import choose_model_everywhere
from napari_cellcycle.gui.widgets.picker import Picker
from napari_cellcycle.gui.widgets.run_name import RunName
from napari_cellcycle.gui.widgets.settings_form import Form
from napari_cellcycle.gui.widgets.training_curves import TrainingCurves
from napari_cellcycle.jobs.config import TrainSettings
from napari_cellcycle.jobs.steps.advice import (
    FINE_TUNE_BELOW,
    as_sentences,
    best_start,
    models_to_fine_tune,
    what_is_missing,
)
from napari_cellcycle.settings_base import settings_in
from napari_cellcycle.store.models import models_folder
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import RECIPES, networks_for_channels

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_cellcycle.training.classifier import EpochDone

SCRATCH = "from scratch"
_RUN_SETTINGS = ("device", "licence", "data_licence")
_SETTINGS = tuple(settings_in(TrainConfig))
_PLAIN = ("model", "epochs", "augment")
_TEXTS = Texts(
    run="Train",
    run_tip="train a model on these cells",
    cancel_tip="stop and write no model; the training can be resumed later",
    stop_tip="end the training now, and keep the best model so far",
    stopping="Stopping; the best model so far is kept.",
    next="Classify with it",
    next_tip="classify cells with the new model",
    next_dock="Classify",
)


class TrainWidget(TrainingDock):
    """Choose labelled cells, train on them, and watch how it goes. The result is a model's folder."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.cancelled_message = "Cancelled; no model was written."
        self.log: list[EpochDone] = []
        self._channels: set[str] = set()
        self._start_chosen = False
        self._start: tuple[str, str] | None = None  # whose settings are shown
        self._trained: Path | None = None
        self.labelled, self.run_name = LabelledInput(napari_viewer, any_phases=True), RunName(models_folder())
        self._build_settings()
        self.curves, self.figures = TrainingCurves(), text_label()
        tip = "make synthetic cells of phases with few cells, and train on them too"
        self.augment_button = button("Make cells of rare phases ...", tip, lambda: self.open_dock("Augment"))
        self.finds_cells = QCheckBox("learn to find these cells too")
        self.finds_cells.setToolTip(
            "train a finder on the labels of this field, in about 10 minutes, so that fields without labels can be "
            "classified"
        )
        self.build(
            _TEXTS,
            settings=(self.augment_button, self.form, self.finds_cells, self.problem),
            monitor=(self.curves, self.figures),
        )
        self.next_button.clicked.connect(self._choose_trained)
        self.labelled.changed.connect(self._on_cells)
        self.start_from.changed.connect(self._on_start)
        self.start_from.activated.connect(self._on_start_chosen)
        self.network.currentIndexChanged.connect(self._on_start)
        self.run_name.changed.connect(self.show_what_fits)
        self._on_start()
        self._on_cells()

    def _build_settings(self) -> None:
        self.start_from = Picker(
            self._starts,
            f"{_help('start_from')}; chosen for you: a trained model if fewer than {FINE_TUNE_BELOW:,} cells have a "
            "known phase, else from scratch",
        )
        self.problem = text_label()
        self.form = Form((TrainSettings, TrainConfig), ["model", *_SETTINGS, *_RUN_SETTINGS], plain=_PLAIN)
        self.form.insert_row(0, "Start", self.start_from)
        self.form.insert_row(2, "Name", self.run_name)
        self.network = cast("QComboBox", self.form.box("model"))
        for name, recipe in RECIPES.items():
            if recipe.reads_tracks:  # the command trains these
                self.network.removeItem(self.network.findText(name))

    def can_run(self) -> bool:
        """Whether there are cells of two phases."""
        counts, synthetic = self.labelled.phase_counts, self.labelled.synthetic_counts
        return counts is not None and not what_is_missing(counts, synthetic, self.labelled.phase_set)

    def can_resume(self) -> bool:
        """As for a new training."""
        return self.can_run()

    def run_job(self, labelled: Labelled, output: Path, *, resume: bool) -> None:
        """Train a model, and show how it goes."""
        try:
            run = self._run() if resume else replace(self._run(), overrides=self.form.values(*_SETTINGS))
        except SettingError as error:
            self.show_error(error)
            return
        self.log = []
        self.curves.show_log([])
        self.figures.clear()
        finds = self.finds_cells.isChecked()
        job = train_labelled(labelled, output, run, self.is_stopped, resume=resume, finds_cells=finds)
        self.begin(job, self._on_trained)

    def suggest_name(self) -> None:
        """Propose a name that says what the training starts from."""
        run = self._run()
        self.run_name.suggest(f"from-{Path(run.start_from).name}" if run.start_from else run.model)

    def show_what_fits(self) -> None:
        """Show only what the chosen cells allow, and why a name can't be used."""
        super().show_what_fits()
        self.finds_cells.setVisible(self.labelled.inputs.on_field)
        show_text(self.problem, self.run_name.problem())

    def on_event(self, event: object) -> None:
        """Show progress, and each epoch as it is done."""
        if isinstance(event, Progress | Note):
            super().on_event(event)
        else:  # by now the job has imported torch
            from napari_cellcycle.training.classifier import EpochDone

            if isinstance(event, EpochDone):  # other events come from a generator that fills phases
                self.log.append(event)
                self.curves.show_log(self.log)
                self.figures.setText(_figures(self.log))
                self.monitor.show()

    def _on_cells(self) -> None:
        """Offer what fits the chosen cells; a start is chosen by how many there are, unless the user chose one."""
        if self._channels != self.labelled.channels():
            self._channels, before = self.labelled.channels(), self.start_from.value()
            self.start_from.refresh()
            self._start_chosen &= self.start_from.value() == before
            networks = networks_for_channels(self._channels)
            if networks and self.network.currentText() not in networks:
                self.network.setCurrentText(networks[0])
        counts = self.labelled.phase_counts
        if counts is not None and not self._start_chosen:
            self.start_from.choose(best_start(counts, self.labelled.synthetic_counts, self._models))
        self.show_what_fits()

    def _starts(self) -> list[tuple[str, str]]:
        self._models = models_to_fine_tune(self._channels)
        return [(SCRATCH, ""), *((f"from {name}", name) for name in self._models)]

    def _on_start_chosen(self, _index: int) -> None:
        self._start_chosen = True

    def _on_start(self, _index: int = 0) -> None:
        """Show the settings that go with another start."""
        run = self._run()
        if self._start != (run.model, run.start_from):
            self._start = run.model, run.start_from
            self.form.set_shown("model", not run.start_from)
            self.form.show_values(vars(run.default_config))
            self.suggest_name()

    def _run(self) -> TrainSettings:
        values = self.form.values("model", *_RUN_SETTINGS)
        return TrainSettings(
            model=values["model"], start_from=self.start_from.value(), **{name: values[name] for name in _RUN_SETTINGS}
        )

    def _choose_trained(self, _checked: bool = False) -> None:
        """Choose the new model in the dock that was just opened with its button."""
        if self._trained is not None:
            choose_model_everywhere(self, self._trained)

    def _on_trained(self, trained: Trained) -> None:
        self._trained = trained.folder
        choose_model_everywhere(self, trained.folder)
        self.start_from.refresh()
        self.next_button.show()
        best = f"{trained.card.name} is trained; its best is {_best_in_words(self.log)} on the validation cells. They"
        test = "chose the best epoch, so this is no test result: use Evaluate with cells that the model has not seen."
        self.show_status(" ".join(filter(None, (best, test, as_sentences([trained.finder])))))


def _help(name: str) -> str:
    return str(settings_in(TrainSettings)[name].options["tooltip"])


def _figures(log: list[EpochDone]) -> str:
    """The newest epoch and the best one in words."""
    done = log[-1]
    return (
        f"Epoch {done.epoch} of {done.epochs}: loss {done.training_loss:.2f} in training, "
        f"{done.validation_loss:.2f} in validation; macro F1 {done.validation_macro_f1:.2f}.\n"
        f"Best so far: {_best_in_words(log)}."
    )


def _best_in_words(log: list[EpochDone]) -> str:
    """The best epoch, by the figure that it was chosen by."""
    best = max((done for done in log if done.is_best), key=lambda done: done.epoch, default=None)
    if best is None:
        return "none"
    return (
        f"epoch {best.epoch}, of the lowest loss ({best.validation_loss:.2f}; macro F1 {best.validation_macro_f1:.2f})"
    )
