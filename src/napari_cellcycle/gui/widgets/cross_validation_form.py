"""Boxes for a cross-validation: which network is trained, in how many folds, and how."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from qtpy.QtWidgets import QComboBox, QSpinBox, QWidget

from napari_cellcycle.errors import SettingError
from napari_cellcycle.gui.widgets.layout import fill_column
from napari_cellcycle.gui.widgets.settings_form import Form
from napari_cellcycle.jobs.config import EvaluateSettings
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.recipes import RECIPES, networks_for_channels

_FOLDS = 5
_OWN = ("cv", "group_by", "device", "seed")
_TRAINING = ("epochs", "batch_size")


class CrossValidationForm(QWidget):
    """The settings; those of the training are first those of the network's recipe."""

    def __init__(self) -> None:
        super().__init__()
        self.network = QComboBox()
        self.network.setToolTip("kind of network; each fold trains a new one")
        self.form = Form(
            (EvaluateSettings, TrainConfig), ["cv", "epochs", *_OWN[1:], "batch_size"], plain=("cv", "epochs")
        )
        self.form.insert_row(0, "Network", self.network)
        folds = cast("QSpinBox", self.form.box("cv"))
        folds.setMinimum(2)  # 0 means "no cross-validation" to the command
        folds.setValue(_FOLDS)
        fill_column(self, self.form)
        self.network.currentTextChanged.connect(self._on_network)

    def show_networks(self, channels: Collection[str]) -> None:
        """Offer what can be trained with cells that have these channels."""
        offers, chosen = networks_for_channels(channels), self.network.currentText()
        if offers != [self.network.itemText(row) for row in range(self.network.count())]:
            self.network.clear()
            self.network.addItems(offers)
            if chosen in offers:
                self.network.setCurrentText(chosen)

    def value(self) -> EvaluateSettings:
        """The settings as the command has them.

        Raises
        ------
        SettingError
            No network can be trained with these cells, or a setting is wrong.
        """
        network = self.network.currentText()
        if not network:
            raise SettingError(
                "no network can be trained with the channels of these cells; open them with their brightfield channel"
            )
        return EvaluateSettings(model=(network,), overrides=self.form.values(*_TRAINING), **self.form.values(*_OWN))

    def _on_network(self, name: str) -> None:
        if name in RECIPES:
            config = RECIPES[name].config
            self.form.show_values({setting: getattr(config, setting) for setting in _TRAINING})
