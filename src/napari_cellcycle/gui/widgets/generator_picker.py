"""The box that chooses what makes cells: a generator to train, or a finished one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from napari_cellcycle.errors import ModelError
from napari_cellcycle.store.generators import CARD, SHIPPED, find_generator, load_generator_card
from napari_cellcycle.training.gan.config import CELLGAN, METHODS

if TYPE_CHECKING:
    from napari_cellcycle.models.generator import GeneratorCard

GENERATOR = "generator"
"""Folder of a generator among what `jobs.augment.save_synthetic` writes."""


@dataclass(frozen=True)
class Choice:
    """A method to train a generator by, or the name or folder of a finished one; the other is empty."""

    method: str = ""
    generator: str = ""

    def card(self) -> GeneratorCard | None:
        """Of a finished generator."""
        return load_generator_card(find_generator(self.generator)) if self.generator else None


class GeneratorPicker(QWidget):
    """Methods first, then the generator that came with the package, then own ones, the newest first.

    Parameters
    ----------
    folder : Path
        Where made cells are kept, with the generators that made them.
    """

    changed = Signal()

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder, self._choices = folder, list[Choice]()
        self.box, self.choose = QComboBox(), QToolButton()
        self.box.setToolTip(
            "what makes cells: a generator that is trained on these cells, the one that came with the package, or an "
            "own one that is finished"
        )
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(12)
        self.choose.setText("...")
        self.choose.setToolTip("make cells with a finished generator out of another folder")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box)
        row.addWidget(self.choose)
        self.renew()
        self.box.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.choose.clicked.connect(self._on_choose)

    def value(self) -> Choice:
        """What is chosen."""
        return self._choices[self.box.currentIndex()]

    def renew(self) -> None:
        """Look for own generators again."""
        before = self.value() if self._choices else Choice(method=CELLGAN)
        offers = {Choice(method=method): f"train {_title(method)}" for method in METHODS}
        if (find_generator(SHIPPED) / CARD).is_file():
            offers[Choice(generator=SHIPPED)] = f"{SHIPPED.capitalize()} (shipped)"
        own = sorted(self._folder.glob(f"*/{GENERATOR}/{CARD}"), key=lambda card: card.stat().st_mtime, reverse=True)
        offers |= {Choice(generator=str(card.parent)): card.parent.parent.name for card in own}
        if before not in offers:
            offers[before] = Path(before.generator).name
        self._choices = list(offers)
        self.box.blockSignals(True)
        self.box.clear()
        self.box.addItems(list(offers.values()))
        self.box.setCurrentIndex(self._choices.index(before))
        self.box.blockSignals(False)

    def add_folder(self, folder: Path) -> None:
        """Offer the generator in `folder`, and choose it.

        Raises
        ------
        ModelError
            It holds none.
        """
        inside = folder / GENERATOR
        choice = Choice(generator=str(inside if (inside / CARD).is_file() else folder))
        choice.card()
        if choice not in self._choices:
            self._choices.append(choice)
            self.box.addItem(folder.name)
        self.box.setCurrentIndex(self._choices.index(choice))

    def _on_choose(self) -> None:
        from napari.utils.notifications import show_error

        folder = QFileDialog.getExistingDirectory(self, "Folder of a generator", str(self._folder))
        if folder:
            try:
                self.add_folder(Path(folder))
            except ModelError as error:
                show_error(str(error))


def _title(method: str) -> str:
    return f"{method} (ours)" if method == CELLGAN else method
