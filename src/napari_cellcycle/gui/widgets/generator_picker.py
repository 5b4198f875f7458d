"""The box that chooses what makes cells: a generator to train, or a finished one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_cellcycle.gui.widgets.layout import fill_row
from napari_cellcycle.gui.widgets.trained_picker import FolderPicker
from napari_cellcycle.models.trained_generator import GeneratorCard
from napari_cellcycle.store.generators import CARD, SHIPPED, find_generator, load_generator_card
from napari_cellcycle.training.gan.config import CELLGAN, METHODS

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


class GeneratorPicker(FolderPicker):
    """Methods first, then the generator that came with the package, then the user's own, the newest first.

    Its value is a `Choice`. `folder` is where synthetic cells are kept, with the generators that made them.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(
            lambda: _offers(folder),
            _choice_in,
            "what makes the cells: a generator that is trained on your cells, the one that came with the plugin, or "
            "one that you trained before",
            "use a trained generator from another folder",
            folder,
        )
        fill_row(self, self.box, self.browse)

    def choose_trained(self) -> None:
        """Choose the first generator that is trained, if there is one."""
        trained = next((choice for _, choice in self._all_offers() if choice.generator), None)
        if trained is not None:
            self.box.choose(trained)


def _offers(folder: Path) -> Iterator[tuple[str, Choice]]:
    for method in METHODS:
        yield f"train {method} (ours)" if method == CELLGAN else f"train {method}", Choice(method=method)
    if (find_generator(SHIPPED) / CARD).is_file():
        yield f"{SHIPPED.capitalize()} (shipped)", Choice(generator=SHIPPED)
    own = sorted(folder.glob(f"*/{GENERATOR}/{CARD}"), key=lambda card: card.stat().st_mtime, reverse=True)
    for card in own:
        yield card.parent.parent.name, Choice(generator=str(card.parent))


def _choice_in(folder: Path) -> Choice:
    inside = folder / GENERATOR
    choice = Choice(generator=str(inside if (inside / CARD).is_file() else folder))
    choice.card()  # raises where there is none
    return choice
