"""The box that chooses a model and shows its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_cellcycle.store.models import find_model, known_models, load_card

if TYPE_CHECKING:
    from napari_cellcycle.models import ModelCard

_FOLDER = "from a folder ..."


class ModelPicker(QWidget):
    """The models that came with the package, own ones by name or folder, and the card of the one chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.box, self.about = QComboBox(), QToolButton()
        self.box.setToolTip("a model that came with the plugin, or one that you trained")
        self.box.addItems([*known_models(), _FOLDER])
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.setMinimumContentsLength(10)
        self.about.setText("card")
        self.about.setCheckable(True)
        self.about.setToolTip("what this model wants, was trained on, and can do")
        self.card = QLabel()
        self.card.setWordWrap(True)
        self.card.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.card.hide()
        row = QHBoxLayout()
        row.addWidget(self.box)
        row.addWidget(self.about)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.card)
        self.about.toggled.connect(self.card.setVisible)
        self.box.activated.connect(self._on_activated)
        self.box.currentTextChanged.connect(self._show_card)
        self._show_card()

    def value(self) -> str:
        """Name or folder, as `load_model` takes it."""
        return self.box.currentText()

    def renew(self, newest: Path) -> None:
        """Look for models again, and choose the one in the folder `newest`."""
        known = {str(folder): name for name, folder in known_models().items()}
        name = known.get(str(newest), str(newest))
        if self.box.findText(name) < 0:
            self.box.insertItem(0, name)
        self.box.setCurrentText(name)

    def add_folder(self, folder: Path) -> None:
        """Offer the model in `folder`, and choose it.

        Raises
        ------
        ModelError
            It holds no model.
        """
        load_card(folder)
        self.box.insertItem(0, str(folder))
        self.box.setCurrentIndex(0)

    def _on_activated(self, _index: int) -> None:
        if self.value() != _FOLDER:
            return
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model")
        self.box.setCurrentIndex(0)
        if folder:
            self.add_folder(Path(folder))

    def _show_card(self) -> None:
        if self.value() != _FOLDER:
            self.card.setText(_as_text(load_card(find_model(self.value()))))


def _as_text(card: ModelCard) -> str:
    """The card with its lines joined: a dock is too narrow for its columns."""
    return "\n".join(" ".join(line.split()) for line in card.to_text().splitlines())


def renew_pickers(widget: QWidget, newest: Path) -> None:
    """Choose a new model in all pickers of the window that `widget` is in, its floating docks too."""
    root: QObject = widget
    while (above := root.parent()) is not None:
        root = above
    for picker in root.findChildren(ModelPicker):
        picker.renew(newest)
