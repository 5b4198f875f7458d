"""The words of ``--augment``: how training cells are multiplied, as in the ``wgan-div+mixup`` of papers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from napari_cellcycle.errors import SettingError
from napari_cellcycle.settings_base import TextForm

GENERATORS = ("wgan-gp", "wgan-div", "cellgan")
"""Words for the generators that fill rare phases with synthetic cells."""
WORDS = ("none", "flips", "undersample", "mixup", "nonlinear-mixup", *GENERATORS)
"""All words; joined by '+' in any order."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What the words ask for; without any, everything is as the recipe says.

    Attributes
    ----------
    generator : str
        One of `GENERATORS`, or empty.
    none : bool
        Show cells unchanged, whatever the recipe says.
    flips, undersample, mixup, nonlinear_mixup : bool
        Do this, whatever the recipe says.
    text : str
        The words as the user wrote them, which is how files keep them. It does not count when two are compared.
    """

    generator: str = ""
    none: bool = False
    flips: bool = False
    undersample: bool = False
    mixup: bool = False
    nonlinear_mixup: bool = False
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        switches = [word for word in WORDS if getattr(self, word.replace("-", "_"), False)]
        return self.text or "+".join(filter(None, [*switches, self.generator]))


NO_WORDS = Augmentation()


def parse_augment(text: str) -> Augmentation:
    """Read words that are joined by '+', in capitals or not, with or without blanks between.

    Raises
    ------
    SettingError
        A word is unknown or there twice, two of them are generators, or ``none`` has company.

    Examples
    --------
    >>> found = parse_augment("wgan-div+mixup")
    >>> found.generator, found.mixup, found.flips
    ('wgan-div', True, False)
    """
    words = [word.strip().lower() for word in text.split("+")] if text.strip() else []
    if problem := _problem(words):
        raise SettingError(f"augment is {text!r}, but {problem}; its words, joined by '+', are {', '.join(WORDS)}")
    generators = [word for word in words if word in GENERATORS]
    switches = {word.replace("-", "_"): True for word in words if word not in GENERATORS}
    return Augmentation(generator="".join(generators), text=text, **switches)


AugmentWords = Annotated[Augmentation, TextForm(parse_augment, str)]
"""The type of a setting that is written in these words."""


def _problem(words: list[str]) -> str:
    """What is wrong with them; empty if nothing is."""
    for index, word in enumerate(words):
        if word not in WORDS:
            return f"{word!r} is unknown" if word else "a word is missing next to a '+'"
        if word in words[:index]:
            return f"{word} is there twice"
    if "none" in words and len(words) > 1:
        return "none must stand alone"
    if sum(word in GENERATORS for word in words) > 1:
        return "only one generator can fill phases"
    return ""
