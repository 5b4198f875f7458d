"""Phase sets: ordered lists of phases, each one of the seven, the union of some of them, or a name of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.errors import ModelError, SettingError
from napari_cellcycle.phases import (
    COARSE_MEANINGS,
    COLOURS,
    OWN_COLOURS,
    UNKNOWN,
    UNSURE_COLOUR,
    UNSURE_LABEL,
    Phase,
    named_phases,
    plain_word,
)

MOST_PHASES = 20
"""In a phase set; their numbers and that of unsure cells fit any array of phases."""
_LONGEST_NAME = 40
_RESERVED = {UNSURE_LABEL, "unknown", "disputed", "synthetic", "not known", "none", "nan"}
"""What tables say of cells without a phase, and of synthetic ones."""
_NOT_IN_NAMES = set(",=+#;|\"'\\<>\r\n\t")

Part = frozenset[Phase]
Map = NDArray[np.int8]


@dataclass(frozen=True)
class PhaseSet:
    """An ordered list of phases; the number of each is its place in the list.

    The number after the last one, `unsure`, is that of cells whose most probable phase is less probable than the chosen
    minimum; `UNKNOWN` (-1) stands for no phase, as everywhere.

    Attributes
    ----------
    names : tuple of str
        What tables, figures and legends call the phases.
    parts : tuple of frozenset of Phase
        Which of the seven phases each one stands for; none for a name of its own, such as ``dead``.
    key : str
        Its name, such as ``g1-s-g2m``; empty for a set of the user's own.

    Examples
    --------
    >>> halves = phase_set("interphase-mitosis")
    >>> halves.names, len(halves), halves.unsure
    (('Interphase', 'Mitosis'), 2, 2)
    >>> halves.numbers(["S", "metaphase", "", "Mitosis"])
    [0, 1, -1, 1]
    """

    names: tuple[str, ...]
    parts: tuple[Part, ...]
    key: str = field(default="", compare=False)

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        return f"{', '.join(self.names[:-1])} and {self.names[-1]}"

    @property
    def unsure(self) -> int:
        """Phase number of cells whose most probable phase is less probable than the chosen minimum."""
        return len(self)

    @property
    def is_seven(self) -> bool:
        """Whether these are the seven phases."""
        return self == SEVEN

    @cached_property
    def colours(self) -> tuple[str, ...]:
        """Colour of each phase: of a union that of the first of its phases, so that colours never meet in a set."""
        own = iter(OWN_COLOURS)
        return tuple(COLOURS[min(part)] if part else next(own) for part in self.parts)

    @property
    def all_colours(self) -> tuple[str, ...]:
        """Colours by phase number, that of unsure cells included."""
        return (*self.colours, UNSURE_COLOUR)

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names by phase number, ``unsure`` included."""
        return (*self.names, UNSURE_LABEL)

    @property
    def short_names(self) -> tuple[str, ...]:
        """Names for narrow places."""
        return tuple(name.removesuffix("phase") if len(name) > len("phase") else name for name in self.names)

    def label(self, number: int) -> str:
        """Name of a phase number; ``unsure``, or an empty text for an unknown phase."""
        return "" if number == UNKNOWN else self.all_names[number]

    def labels(self, numbers: ArrayLike) -> NDArray[np.str_]:
        """Names of phase numbers, of the same shape."""
        return np.array([*self.all_names, ""])[np.asarray(numbers)]  # -1 is the last one

    def number_of(self, text: str) -> int:
        """Number of the phase that a text names, in any usual spelling; `UNKNOWN` if it names none, or several.

        Examples
        --------
        >>> [phase_set("g1-s-g2m").number_of(text) for text in ("G2M", "anaphase", "S/G2", "dead")]
        [2, 2, -1, -1]
        """
        if text in self._numbers:
            return self._numbers[text]
        part = frozenset(named_phases(text))
        return self._around(part) if part else self._own.get(_key(text), UNKNOWN)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def _own(self) -> dict[str, int]:
        return {
            _key(name): number
            for number, (name, part) in enumerate(zip(self.names, self.parts, strict=True))
            if not part
        }

    def _around(self, part: Part) -> int:
        """Number of the phase that is `part`, or else of the only one that includes it."""
        if part in self.parts:
            return self.parts.index(part)
        around = [number for number, own in enumerate(self.parts) if part <= own]
        return around[0] if len(around) == 1 else UNKNOWN

    def numbers(self, phases: Iterable[object]) -> list[int]:
        """Numbers of phases that are given as numbers or names.

        Parameters
        ----------
        phases : iterable of int or str
            Names in any usual spelling; an empty text, None, NaN or -1 where the phase is not known.

        Returns
        -------
        list of int
            From 0 to one less than the number of phases, and `UNKNOWN`.

        Raises
        ------
        SettingError
            One of them is no phase of this set.
        """
        known: dict[object, int] = {}  # there are few different ones
        found = []
        for given in phases:
            if given != given:  # NaN, which would never be found again
                found.append(UNKNOWN)
                continue
            if given not in known:
                known[given] = self._number(given)
            found.append(known[given])
        return found

    def _number(self, given: Any) -> int:
        if given is None or (isinstance(given, str) and not given.strip()):
            return UNKNOWN
        if isinstance(given, str):
            number = self.number_of(given)
            if number != UNKNOWN:
                return number
        elif isinstance(given, Real) and given in range(UNKNOWN, len(self)):
            return int(float(given))
        raise SettingError(
            f"{given!r} is no phase; give {', '.join(self.names)}, a number from 0 to {len(self) - 1}, or -1 where it "
            "is not known"
        )

    def numbers_in(self, other: PhaseSet) -> Map:
        """Where each phase of this set lies in another one.

        Parameters
        ----------
        other : PhaseSet
            For instance a coarser one.

        Returns
        -------
        ndarray of int8, shape (n + 2,)
            By the numbers of this set, then that of unsure cells, then `UNKNOWN`, which is the index -1. `UNKNOWN`
            where a phase is in none of the other set, or in several.

        Examples
        --------
        >>> SEVEN.numbers_in(phase_set("g1-s-g2m")).tolist()
        [0, 1, 2, 2, 2, 2, 2, 3, -1]
        """
        places = [
            other._around(part) if part else other._own.get(_key(name), UNKNOWN)
            for name, part in zip(self.names, self.parts, strict=True)
        ]
        return np.array([*places, other.unsure, UNKNOWN], np.int8)

    def refines(self, other: PhaseSet) -> bool:
        """Whether calls of this set tell those of another one, by adding up."""
        return bool((self.numbers_in(other)[: len(self)] != UNKNOWN).all())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for files: names, and the seven phases that each stands for."""
        return {
            "names": list(self.names),
            "parts": [[phase.label for phase in sorted(part)] for part in self.parts],
        }

    def to_text(self) -> str:
        """One line that `phase_set` reads again."""
        if self.key:
            return self.key
        return ", ".join(_line(name, part) for name, part in zip(self.names, self.parts, strict=True))


def _line(name: str, part: Part) -> str:
    if frozenset(named_phases(name)) == part:
        return name
    return f"{name} = {' + '.join(phase.label for phase in sorted(part))}"


SEVEN: Final = PhaseSet(
    tuple(phase.label for phase in Phase), tuple(frozenset([phase]) for phase in Phase), key="seven"
)
"""The seven phases."""
_M = frozenset(COARSE_MEANINGS["Mitosis"])
_G1, _S, _G2M = (frozenset(named_phases(name)) for name in ("G1", "S", "G2/M"))
NAMED_SETS: Final = {
    found.key: found
    for found in (
        SEVEN,
        PhaseSet(("G1", "S", "G2/M"), (_G1, _S, _G2M), key="g1-s-g2m"),
        PhaseSet(("G1", "S/G2/M"), (_G1, _S | _G2M), key="g1-sg2m"),
        PhaseSet(("Interphase", "Mitosis"), (frozenset(Phase) - _M, _M), key="interphase-mitosis"),
    )
}
"""Phase sets that have a name."""


def phase_set(given: PhaseSet | str | Sequence[str] | Mapping[str, Sequence[str]]) -> PhaseSet:
    """Read a phase set.

    Parameters
    ----------
    given : PhaseSet, str, sequence of str, or mapping
        The name of one (`NAMED_SETS`); its phases, in a sequence or joined by commas, each as in ``G1``, ``G2/M``,
        ``late = G2 + mitosis`` or ``dead``; or the phases of each name, none for a name of its own.

    Returns
    -------
    PhaseSet

    Raises
    ------
    SettingError
        It can't be read, or its phases overlap.

    Examples
    --------
    >>> phase_set("G1, S, late = G2 + mitosis, dead").to_dict()["parts"]
    [['G1'], ['S'], ['G2', 'Prophase', 'Metaphase', 'Anaphase', 'Telophase'], []]
    >>> phase_set(["G1", "S", "G2M"]).names, phase_set("G1,S,G2M").key
    (('G1', 'S', 'G2/M'), 'g1-s-g2m')
    """
    if isinstance(given, PhaseSet):
        return given
    if isinstance(given, str):
        key = given.strip().lower()
        if key in NAMED_SETS:
            return NAMED_SETS[key]
        if "," not in given:
            raise SettingError(
                f"phases is {given!r}, but must be one of {', '.join(NAMED_SETS)}, a file that lists phases, or a list "
                "such as G1,S,G2/M"
            )
        return parse_lines(given.split(","), "phases")
    if isinstance(given, Mapping):
        return parse_lines([f"{name} = {' + '.join(parts)}" if parts else name for name, parts in given.items()], "it")
    return parse_lines(list(given), "phases")


def parse_lines(lines: Iterable[str], where: str) -> PhaseSet:
    """Read the phases of a set, one a line.

    Parameters
    ----------
    lines : iterable of str
        ``G1``, ``late = G2 + mitosis``, ``dead``; what follows ``#`` and empty lines are passed over.
    where : str
        What to name in a message.

    Returns
    -------
    PhaseSet

    Raises
    ------
    SettingError
        A line can't be read, or phases overlap.
    """
    names: list[str] = []
    parts: list[Part] = []
    for line in lines:
        text = str(line).partition("#")[0].strip()
        if text:
            name, part = _phase_of_line(text, where)
            _check_name(name, part, names, parts, where)
            names.append(name)
            parts.append(part)
    if not 2 <= len(names) <= MOST_PHASES:
        raise SettingError(f"{where} names {len(names)} phases, but a phase set has 2 to {MOST_PHASES} of them")
    found = PhaseSet(tuple(names), tuple(parts))
    return next((named for named in NAMED_SETS.values() if named == found), found)


def _phase_of_line(text: str, where: str) -> tuple[str, Part]:
    """Name and parts in one line."""
    name, sign, listed = (side.strip() for side in text.partition("="))
    meaning = named_phases(name)
    if not sign:
        return (usual_name(frozenset(meaning)) or name if meaning else name), frozenset(meaning)
    part: set[Phase] = set()
    for word in listed.split("+"):
        phases = named_phases(word)
        if not phases:
            raise SettingError(
                f"{where}: {word.strip()!r} in {text!r} is no phase; join phases by +, as in late = G2 + mitosis"
            )
        part.update(phases)
    if meaning and set(meaning) != part:
        raise SettingError(f"{where}: {name!r} already stands for {_listed(meaning)}; choose another name for {listed}")
    return name, frozenset(part)


def _check_name(name: str, part: Part, names: Sequence[str], parts: Sequence[Part], where: str) -> None:
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or set(name) & _NOT_IN_NAMES:
        raise SettingError(f"{where}: {name[:60]!r} can't be the name of a phase; use 1 to {_LONGEST_NAME} letters")
    if _key(name) in map(_key, _RESERVED):
        raise SettingError(f"{where}: {name!r} can't be the name of a phase, as it has another meaning; change it")
    if _key(name) in map(_key, names):
        raise SettingError(f"{where} names {name} twice; give each phase its own name")
    for other, own in zip(names, parts, strict=True):
        if common := part & own:
            raise SettingError(
                f"{where}: {_listed(sorted(common))} is in both {other} and {name}; let each phase be in one of them"
            )


def _key(name: str) -> str:
    """What is the same in all spellings of a name that stands for none of the seven."""
    return plain_word(name) or name.strip().casefold()


def _listed(phases: Iterable[Phase]) -> str:
    return ", ".join(phase.label for phase in phases)


def usual_name(part: Part) -> str:
    """What some phases together are called, such as ``G2/M``; empty if nothing is usual."""
    if len(part) == 1:
        return min(part).label
    return next((name for name, meaning in COARSE_MEANINGS.items() if frozenset(meaning) == part), "")


def vocabulary(wanted: PhaseSet | None = None) -> PhaseSet:
    """Everything that a word in a file can mean, for readers: the seven, usual unions, and own names of `wanted`.

    Their phases overlap, so it is no set to train on. `settle` finds the set of cells in the end.
    """
    own = [] if wanted is None else [(n, p) for n, p in zip(wanted.names, wanted.parts, strict=True) if not p]
    unions = [(name, frozenset(meaning)) for name, meaning in COARSE_MEANINGS.items()]
    every = [*zip(SEVEN.names, SEVEN.parts, strict=True), *unions, *own]
    return PhaseSet(tuple(name for name, _ in every), tuple(part for _, part in every))


VOCABULARY: Final = vocabulary()


def settle(given: Iterable[Part], *, joins: bool = False) -> PhaseSet:
    """The finest set in which each of some words for phases means one phase.

    Parameters
    ----------
    given : iterable of frozenset of Phase
        What the words mean.
    joins : bool
        Whether one of the seven may be joined with the others of a coarser word, as FUCCI cells in early S (``S``) with
        those in ``S/G2/M``.

    Returns
    -------
    PhaseSet
        The seven, if no word is coarser. The seven too if one of them would be lost in a coarser word: then cells of
        that word have no phase.

    Examples
    --------
    >>> str(settle(frozenset(named_phases(word)) for word in ("G1", "S", "G2M")))
    'G1, S and G2/M'
    >>> settle(frozenset(named_phases(word)) for word in ("G1", "S", "Metaphase", "G2M")).key
    'seven'
    """
    words = {part for part in given if part}
    blocks = [frozenset([phase]) for phase in Phase]
    for word in words:
        if len(word) > 1:
            joined = frozenset[Phase]().union(*(block for block in blocks if block & word))
            blocks = [joined, *(block for block in blocks if not block & word)]
    told_apart = {phase for word in words if len(word) == 1 for phase in word}
    n_used = sum(any(word <= block for word in words) for block in blocks)
    if n_used < 2 or any(len(block) > 1 and len(block & told_apart) > int(joins) for block in blocks):
        return SEVEN
    ordered = sorted(blocks, key=min)
    names = tuple(usual_name(block) or "/".join(phase.label for phase in sorted(block)) for block in ordered)
    found = PhaseSet(names, tuple(ordered))
    return next((named for named in NAMED_SETS.values() if named == found), found)


def shared_phases(calls: PhaseSet, truth: PhaseSet) -> PhaseSet:
    """The set in which calls are compared with true phases: the coarser one of the two.

    Parameters
    ----------
    calls, truth : PhaseSet
        What a model tells, and what is known.

    Returns
    -------
    PhaseSet

    Raises
    ------
    ModelError
        Neither can be added up to the other.
    """
    if calls.refines(truth):
        return truth
    if truth.refines(calls):
        return calls
    raise ModelError(
        f"the model tells {calls}, and the true phases are {truth}, which can't be compared; choose phases that both "
        "can be added up to, such as interphase-mitosis"
    )


def check_seven(phases: PhaseSet, what: str) -> None:
    """Check that phases are the seven, for what is defined for these only.

    Parameters
    ----------
    phases : PhaseSet
        Of the cells.
    what : str
        What needs the seven, as the beginning of the message.

    Raises
    ------
    SettingError
        They are others.
    """
    if phases != SEVEN:
        raise SettingError(f"{what} of the seven phases, but the phases here are {phases}; choose phases seven")


class PhaselessNote(str):
    """A note on cells that have no phase, as `name` stands for several or for none: it is void in a set that has it."""

    name: str

    @classmethod
    def on(cls, name: str, text: str) -> PhaselessNote:
        """`text` on the cells that are called `name`."""
        note = cls(text)
        note.name = name
        return note
