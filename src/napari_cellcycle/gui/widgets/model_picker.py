"""The box that chooses a model and shows its card."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QToolButton, QWidget

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.gui.preferences import preferences
from napari_cellcycle.gui.widgets.layout import fill_row, text_label
from napari_cellcycle.gui.widgets.trained_picker import FolderPicker
from napari_cellcycle.store.models import find_model, known_models, load_card


class ModelPicker(FolderPicker):
    """The models that came with the package, the user's own, and the card of the one chosen.

    Its value is a name or a folder, as `load_model` takes it. `card` is for the dock to place: in a row of a form, Qt
    would cut it.
    """

    def __init__(self) -> None:
        super().__init__(
            lambda: [(name, name) for name in known_models()],
            _name_in,
            "a model that came with the plugin, or one that you trained",
            "use a model from another folder",
        )
        self.card_button, self.card = QToolButton(), text_label()
        self.card_button.setText("card")
        self.card_button.setCheckable(True)
        self.card_button.setToolTip("what this model needs, what it was trained on, and how good it is")
        self.card.hide()
        fill_row(self, self.box, self.browse, self.card_button)
        self.card_button.toggled.connect(self.card.setVisible)
        self.changed.connect(self._show_card)
        self._choose_preferred(preferences().model)
        self._show_card()

    def _choose_preferred(self, model: str) -> None:
        """Choose the model of the preferences; what is wrong with it is shown, and the first one is left chosen."""
        if model in known_models():
            self.box.choose(model)
        elif model:
            try:
                self.add_folder(find_model(model))
            except CellCycleError as error:
                from napari.utils.notifications import show_warning

                show_warning(f"The model in Preferences can't be used: {error}")

    def _show_card(self) -> None:
        """The card with its lines joined: a dock is too narrow for its columns."""
        lines = load_card(find_model(self.value())).to_text().splitlines()
        self.card.setText("\n".join(" ".join(line.split()) for line in lines))


def choose_model_everywhere(widget: QWidget, folder: Path) -> None:
    """Choose a new model in all pickers of the window that `widget` is in, its floating docks too."""
    root: QObject = widget
    while (above := root.parent()) is not None:
        root = above
    for picker in root.findChildren(ModelPicker):
        picker.add_folder(folder)


def _name_in(folder: Path) -> str:
    load_card(folder)
    known = {str(path): name for name, path in known_models().items()}
    return known.get(str(folder), str(folder))
