"""The seven phases: their order, names and colours. No other module writes "G1"."""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum

UNKNOWN = -1
"""Phase number of a cell whose phase is not known, in every array of phases."""

UNSURE = 7
"""Phase number, among the seven, of a cell whose most probable phase is less probable than the chosen minimum. Among
other phases it is `phase_sets.PhaseSet.unsure`."""


class Phase(IntEnum):
    """A cell-cycle phase; its value is the class index of every model and every metric."""

    G1 = 0
    S = 1
    G2 = 2
    PROPHASE = 3
    METAPHASE = 4
    ANAPHASE = 5
    TELOPHASE = 6

    @property
    def label(self) -> str:
        """The name as tables, figures and folders show it."""
        return self.name if self <= Phase.G2 else self.name.capitalize()


N_PHASES = len(Phase)
PHASE_LABELS = tuple(phase.label for phase in Phase)

# Okabe and Ito 2008: distinct for colour-blind readers
COLOURS = dict(zip(Phase, "#0072b2 #e69f00 #009e73 #56b4e9 #f0e442 #d55e00 #cc79a7".split(), strict=True))
UNSURE_COLOUR = "#999999"
UNSURE_LABEL = "unsure"
SYNTHETIC_COLOUR = "#aa00ff"
"""Of the mark of synthetic cells. For colour-blind readers too, it differs more from the colours above than some of
these differ from each other, and it is visible on the grey of brightfield and on the black of darkfield."""
SYNTHETIC_LABEL = "synthetic"
OWN_COLOURS = (
    *("#782d0f", "#c3f0b4", "#4b3c5a", "#3c2da5", "#00fff0", "#f0004b", "#8778f0", "#96ff78", "#87c378", "#785a69"),
    *("#4b783c", "#c3a54b", "#871e87", "#a53c00", "#c3c3b4", "#d20fb4", "#872dd2", "#0000ff", "#a5b4d2", "#5a3c3c"),
)
"""Of phases outside the cycle, such as dead cells, in the order in which a phase set names them. Each differs as much
as possible from all above and before it in CIE Lab, for eyes of all kinds of colour blindness (simulated as Machado et
al. 2009, :doi:`10.1109/TVCG.2009.113`)."""
_GREY = 0x77
_GREYED = 0.8


def greyed(colour: str) -> str:
    """`colour` as it is shown where phases mean nothing: hardly more than grey.

    Examples
    --------
    >>> greyed("#0072b2"), greyed("#d55e00")
    ('#5f7683', '#8a725f')
    """
    return f"#{bytes(round(_GREYED * _GREY + (1 - _GREYED) * value) for value in bytes.fromhex(colour[1:])).hex()}"


_MITOSIS = (Phase.PROPHASE, Phase.METAPHASE, Phase.ANAPHASE, Phase.TELOPHASE)
_INTERPHASE = (Phase.G1, Phase.S, Phase.G2)
_MEANINGS: dict[str, tuple[Phase, ...]] = {
    **dict.fromkeys(("g1", "g0g1", "g1g0"), (Phase.G1,)),  # the DNA content of G0 is that of G1
    "s": (Phase.S,),
    "g2": (Phase.G2,),
    "pro": (Phase.PROPHASE,),
    **dict.fromkeys(("met", "meta"), (Phase.METAPHASE,)),
    "ana": (Phase.ANAPHASE,),
    **dict.fromkeys(("tel", "telo"), (Phase.TELOPHASE,)),
    "g1s": (Phase.G1, Phase.S),
    "sg2": (Phase.S, Phase.G2),
    "sg2m": (Phase.S, Phase.G2, *_MITOSIS),
    "g2m": (Phase.G2, *_MITOSIS),
    **dict.fromkeys(("inter", "g1sg2"), _INTERPHASE),
    **dict.fromkeys(("m", "mitosis", "mitotic", "mitose"), _MITOSIS),
    "prometa": (Phase.PROPHASE, Phase.METAPHASE),
    "anatelo": (Phase.ANAPHASE, Phase.TELOPHASE),
}
"""What words mean, without the ending "phase": one phase, or several."""
COARSE_MEANINGS = {
    "G1/S": (Phase.G1, Phase.S),
    "S/G2": (Phase.S, Phase.G2),
    "G2/M": (Phase.G2, *_MITOSIS),
    "S/G2/M": (Phase.S, Phase.G2, *_MITOSIS),
    "Interphase": _INTERPHASE,
    "Mitosis": _MITOSIS,
    "Prometaphase": (Phase.PROPHASE, Phase.METAPHASE),
    "Anatelophase": (Phase.ANAPHASE, Phase.TELOPHASE),
}
"""Usual names of several phases together."""
_SHORT = {"pro", "met", "meta", "ana", "tel", "telo"}
_ENDINGS = ("phase", "fase", "phases", "fases")
_FILLERS = {
    *("cell", "cells", "zellen", "celulas", "cellules", "population", "pop", "events", "tagged", "gated", "and"),
    *("early", "mid", "late", "phase", "fase", "phases", "fases", "stage", "transition"),
}
"""Words next to the name of a phase that don't change it."""


def phase_label(number: int) -> str:
    """Name of a phase number: the label of a phase, ``unsure``, or an empty text for an unknown phase.

    Examples
    --------
    >>> phase_label(4), phase_label(UNSURE), phase_label(UNKNOWN)
    ('Metaphase', 'unsure', '')
    """
    if number == UNKNOWN:
        return ""
    return UNSURE_LABEL if number == UNSURE else Phase(number).label


def parse_phase(text: str) -> Phase | None:
    """The one phase that `text` names, in any usual spelling, or None.

    Case, accents, spaces, hyphens and underscores don't matter, nor do a number in front and words such as "cells".
    Short forms (``Meta``) and Spanish, Portuguese, Italian and French spellings are understood too. G0/G1 is G1, as
    both have the same DNA content.

    Examples
    --------
    >>> parse_phase("S_phase"), parse_phase("Telofase"), parse_phase("plate 3")
    (<Phase.S: 1>, <Phase.TELOPHASE: 6>, None)
    >>> parse_phase("01_G1"), parse_phase("G0/G1 cells"), parse_phase("G2/M")
    (<Phase.G1: 0>, <Phase.G1: 0>, None)
    """
    named = named_phases(text)
    return named[0] if len(named) == 1 else None


def named_phases(text: str) -> tuple[Phase, ...]:
    """All phases that `text` stands for: several for a coarser word such as ``G2/M``, none for any other text.

    Examples
    --------
    >>> [phase.label for phase in named_phases("Mitosis")]
    ['Prophase', 'Metaphase', 'Anaphase', 'Telophase']
    >>> named_phases("G1 cells"), named_phases("Group1")
    ((<Phase.G1: 0>,), ())
    """
    word = plain_word(text)
    ending = next((ending for ending in _ENDINGS if word.endswith(ending)), "")
    return _MEANINGS.get(word.removesuffix(ending), ())


def is_short_form(text: str) -> bool:
    """Whether `text` names a phase by a word that may also mean something else, as the name *Ana* does.

    Examples
    --------
    >>> is_short_form("Ana"), is_short_form("Anaphase"), is_short_form("G1")
    (True, False, False)
    """
    return plain_word(text) in _SHORT


def plain_word(text: str) -> str:
    """What may name a phase in `text`, in small letters: ``g1`` for "01_G1 cells"."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    words = [word for word in re.split(r"[\s_()\[\].:-]+", plain.lower()) if word]
    if len(words) > 1 and words[0].isdecimal():
        words = words[1:]
    return re.sub(r"[/\\&|+\u2044\u2215]", "", "".join(word for word in words if word not in _FILLERS))
