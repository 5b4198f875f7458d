"""How synthetic cells are generated: by which generator, how it is trained, and what to know about it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_cellcycle.errors import ModelError
from napari_cellcycle.gui.widgets.generator_picker import GeneratorPicker
from napari_cellcycle.gui.widgets.run_name import RunName
from napari_cellcycle.gui.widgets.settings_form import Form
from napari_cellcycle.jobs.config import AugmentSettings
from napari_cellcycle.jobs.steps.advice import as_sentences, cannot_generate, planned_steps, warning_of_few
from napari_cellcycle.models.trained_generator import GeneratorCard
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.store.generators import synthetic_folder
from napari_cellcycle.training.gan.config import CELLGAN, GanConfig, preset

_GAN_SETTINGS = tuple(AugmentSettings.overridable())
_RUN_SETTINGS = ("seed", "make", "judge", "device", "licence", "data_licence")
_PLAIN = ("steps", "epochs")
_PATIENCE = 20_000
"""Steps that take more than an hour without a GPU."""


class GeneratorSettings(QWidget):
    """Settings that belong to the generator chosen in `picker`, which the dock shows among its other choices.

    `name` is the folder that the synthetic cells are kept in.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.picker, self.name = GeneratorPicker(synthetic_folder()), RunName(synthetic_folder(), "the synthetic cells")
        self.form = Form((GanConfig, AugmentSettings), [*_GAN_SETTINGS, *_RUN_SETTINGS], plain=_PLAIN)
        self.form.insert_row(len(_PLAIN), "Name", self.name)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        column.addWidget(self.problem)
        self._preset: dict[str, Any] = {}
        self._card: GeneratorCard | None = None
        self._unusable = ""
        self.picker.changed.connect(self._on_generator)
        self.name.changed.connect(self._on_name)
        self.form.changed.connect(self._on_setting)
        self._on_generator()

    def run(self) -> AugmentSettings:
        """What the boxes ask for, but for phases and numbers."""
        values, choice = self.form.values(*_RUN_SETTINGS), self.picker.value()
        return AugmentSettings(
            **values, method=choice.method or CELLGAN, generator=choice.generator, overrides=self._overrides()
        )

    def _overrides(self) -> dict[str, Any]:
        """Settings of the training that the user has changed."""
        if not self.picker.value().method:
            return {}
        values = self.form.values()
        return {name: values[name] for name, before in self._preset.items() if values[name] != before}

    def why_not(self, real: NDArray[np.int64]) -> dict[int, str]:
        """Phases that this generator can't generate from these numbers of real cells, and why."""
        if self._unusable:
            return dict.fromkeys(range(len(PHASE_LABELS)), self._unusable)
        return cannot_generate(real, None if self._card is None else self._card.cells_per_phase)

    def about(self, real: NDArray[np.int64], phases: Collection[int]) -> str:
        """What to know about this generator, and about training on so few cells; often nothing."""
        if self._unusable or self._card is not None:
            return self._unusable or as_sentences([_about(self._card).removesuffix("."), *_what_to_do(phases)])
        if not real.any():
            return "There are no real cells to train a generator on: choose one that is trained."
        method, texts = self.picker.value().method, [warning_of_few(real, phases), *_what_to_do(phases)]
        steps = planned_steps(method, real, phases, self._overrides())
        if steps > _PATIENCE:
            each = "" if method == CELLGAN else ", one generator after the other"
            texts += [
                f"the training takes {steps:,} steps{each}, which take hours or days without a GPU",
                "the time left is shown meanwhile, and Stop keeps the generator as it is then",
            ]
        return as_sentences(texts)

    def choose_for(self, real: NDArray[np.int64]) -> None:
        """Without real cells no generator can be trained: choose the first one that is, if any."""
        if not real.any() and self.picker.value().method:
            self.picker.choose_trained()

    def suggest_name(self) -> None:
        """Propose a name that is free."""
        self.name.suggest(self.picker.value().method if self._card is None else self._card.name)

    def _on_generator(self) -> None:
        choice = self.picker.value()
        self._card, self._unusable = None, ""
        try:
            self._card = choice.card()
        except ModelError as error:
            self._unusable = str(error)
        for name in (*_GAN_SETTINGS, "make"):
            self.form.set_shown(name, bool(choice.method) and (name != "epochs" or choice.method != CELLGAN))
        if choice.method:
            source = vars(preset(choice.method))
            self.form.show_values({name: source[name] for name in _GAN_SETTINGS})
            self._preset = self.form.values(*_GAN_SETTINGS)
        self.suggest_name()
        self.changed.emit()

    def _on_setting(self, name: str) -> None:
        if name in ("steps", "epochs", "batch_size"):  # which tell how long it takes
            self.changed.emit()

    def _on_name(self) -> None:
        self.problem.setText(self.name.problem())
        self.problem.setVisible(bool(self.name.problem()))
        self.changed.emit()


def _what_to_do(phases: Collection[int]) -> list[str]:
    return [] if phases else ["choose how many cells to make"]


def _about(card: GeneratorCard | None) -> str:
    if card is None:
        return ""
    n_real = sum(card.cells_per_phase.values())
    return f"{card.name} was trained on {n_real:,} real cells; it makes {' and '.join(card.encoding.channels)}."
