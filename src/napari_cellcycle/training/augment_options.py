"""The words of ``--augment``: how training cells are multiplied, as in the ``wgan-div+mixup`` of papers."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cellcycle.errors import SettingError

GENERATORS = ("wgan-gp", "wgan-div", "cellgan")
"""Words for what makes cells to fill rare phases with."""
WORDS = ("none", "flips", "undersample", "mixup", "nonlinear-mixup", *GENERATORS)
"""All words; joined by '+' in any order."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What a text of words asks for; without any, everything is as the recipe says.

    Attributes
    ----------
    generator : str
        One of `GENERATORS`, or empty.
    none : bool
        Show cells as they are, whatever the recipe says.
    flips, undersample, mixup, nonlinear_mixup : bool
        Do this, whatever the recipe says.
    """

    generator: str = ""
    none: bool = False
    flips: bool = False
    undersample: bool = False
    mixup: bool = False
    nonlinear_mixup: bool = False


def parse_augment(text: str) -> Augmentation:
    """Read words that are joined by '+', in capitals or not, with or without blanks between.

    Raises
    ------
    SettingError
        A word is unknown or there twice, two of them are generators, or ``none`` has company.

    Examples
    --------
    >>> parse_augment("wgan-div+mixup")
    Augmentation(generator='wgan-div', none=False, flips=False, undersample=False, mixup=True, nonlinear_mixup=False)
    """
    words = [word.strip().lower() for word in text.split("+")] if text.strip() else []
    if problem := _problem(words):
        raise SettingError(f"augment is {text!r}, but {problem}; its words, joined by '+', are {', '.join(WORDS)}")
    generators = [word for word in words if word in GENERATORS]
    switches = {word.replace("-", "_"): True for word in words if word not in GENERATORS}
    return Augmentation(generator="".join(generators), **switches)


def _problem(words: list[str]) -> str:
    """What is wrong with them; empty if nothing is."""
    for place, word in enumerate(words):
        if word not in WORDS:
            return f"{word!r} is unknown" if word else "a word is missing beside a '+'"
        if word in words[:place]:
            return f"{word} is there twice"
    if "none" in words and len(words) > 1:
        return "none must stand alone"
    if sum(word in GENERATORS for word in words) > 1:
        return "only one generator can fill phases"
    return ""
