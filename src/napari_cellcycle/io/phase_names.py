"""The phases that folders and files are named after, seen among the other names around them.

``G1`` next to ``F12`` is a well of a plate, and ``Ana`` alone may be a person: so a name counts together with the names
of the files and folders in the same place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.name_patterns import split_channel, stem_of
from napari_cellcycle.phase_sets import VOCABULARY, PhaseSet
from napari_cellcycle.phases import UNKNOWN, Phase, is_short_form, named_phases

_SEPARATORS = " _.-"
_WORDS = re.compile(rf"[{_SEPARATORS}]+")
_FIRST_WORD = re.compile(rf"[^{_SEPARATORS}]*")
_WELL = re.compile(r"A?[A-P](?:0?[1-9]|1\d|2[0-4])", re.IGNORECASE)
_WELL_OR_PHASE = {"g1", "g2"}
_FIELD_OF_WELL = re.compile(r"(?:(?:f|s|p|t|z|w|site|field|pos|ch|c)\d+)?", re.IGNORECASE)
_G1_OR_G2 = re.compile("g[12]", re.IGNORECASE)
_N_SHOWN = 3
_ALL = Path()
"""Where names of the files of all folders are kept."""


@dataclass(frozen=True)
class Names:
    """Names that lie in one folder: the first words of files, and folders."""

    wells: frozenset[str]
    phases: frozenset[Phase]
    g1_and_g2: bool = False

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """What some names are."""
        words = set(names)
        wells = frozenset(word for word in words if _WELL.fullmatch(word))
        phases = {named[0] for word in words if len(named := _meaning(word)) == 1}
        phases |= {named[0] for word in words if len(named := _meaning(_first_word(word))) == 1}
        return cls(wells, frozenset(phases), {word.lower() for word in wells} >= _WELL_OR_PHASE)

    def is_well(self, name: str) -> bool:
        """Whether a name that may be a phase is that of a well here."""
        others = {word for word in self.wells if word.lower() not in _WELL_OR_PHASE}
        return name.lower() in _WELL_OR_PHASE and bool(others) and not self.phases - {Phase.G1, Phase.G2}

    def is_phase(self, name: str) -> bool:
        """Whether a name of a phase is one here."""
        return not self.is_well(name) and (not is_short_form(name) or bool(self.phases - set(_meaning(name))))


@dataclass(frozen=True, eq=False)
class PhaseNames:
    """Finds the phases that folders and files are named after.

    Attributes
    ----------
    files : dict of Path to (tuple of str, Pattern)
        Names of the images in each folder that was looked into, and the words that name a channel in them.
    notes : dict of str to None
        What was decided, in sentences for the user; filled as names are looked up.
    vocabulary : PhaseSet
        What words can mean: their numbers are in it.
    """

    files: dict[Path, tuple[tuple[str, ...], re.Pattern[str]]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    vocabulary: PhaseSet = VOCABULARY
    _around: dict[Path, Names] = field(default_factory=dict, repr=False)

    def of_folder(self, folder: Path, top: Path) -> int:
        """Number of the phase that a folder, or the nearest folder above it up to `top`, is named after.

        Parameters
        ----------
        folder : Path
            The folder of the images.
        top : Path
            The last folder to look at.

        Returns
        -------
        int
            In `vocabulary`; `UNKNOWN` if no folder is named after a phase, or several together.
        """
        for candidate in (folder, *folder.parents):
            phases = named_phases(candidate.name)
            if len(phases) != 1 and (number := self.vocabulary.number_of(candidate.name)) != UNKNOWN:
                return number
            if phases and self._names_in(candidate.parent).is_phase(candidate.name):
                self._note_meaning(candidate, phases[0])
                return int(phases[0])
            if phases:
                self._note_refusal(self._names_in(candidate.parent), candidate.name, phases[0])
            if candidate == top:
                break
        return UNKNOWN

    def in_stem(self, folder: Path, stem: str) -> int:
        """Number of the phase that a file name begins with.

        Parameters
        ----------
        folder : Path
            The folder of the file.
        stem : str
            File name without its suffixes.

        Returns
        -------
        int
            In `vocabulary`; `UNKNOWN` if it begins with none.

        Examples
        --------
        >>> names = PhaseNames()
        >>> found = [names.in_stem(Path("no folder"), stem) for stem in ("S_phase_12", "G1_123", "G2_M_4", "Group1")]
        >>> names.vocabulary.labels(found).tolist()
        ['S', 'G1', 'G2/M', '']
        """
        word, phases = _phases_in_stem(stem)
        if len(phases) != 1:
            return self.vocabulary.number_of(word or _first_word(stem))
        for names in (self._names_of_files(folder), self._names_in(folder.parent)):
            if names.is_well(word):
                self._note_refusal(names, word, phases[0])
                return UNKNOWN
        around = self._names_of_files(folder)
        is_lonely_s = word == "s" and folder in self.files and not around.phases - {Phase.S}  # as in s.tif
        if is_lonely_s or not around.is_phase(word):
            self._note_refusal(self._names_of_files(folder), word, phases[0])
            return UNKNOWN
        return int(phases[0])

    def add(self, folder: Path, names: tuple[str, ...], pattern: re.Pattern[str]) -> None:
        """Take the images of a folder into account.

        Parameters
        ----------
        folder : Path
            The folder.
        names : tuple of str
            Names of its images.
        pattern : Pattern
            From `channel_pattern`.

        Raises
        ------
        ReadError
            They are only called G1 and G2, which may be phases or wells.
        """
        self.files[folder] = names, pattern
        if not all(_G1_OR_G2.search(name) for name in names):
            return
        words = [_WORDS.split(key, maxsplit=1) for key in self.keys(folder)]
        firsts = {word[0].lower() for word in words}
        if firsts == _WELL_OR_PHASE and all(_FIELD_OF_WELL.fullmatch(word[1] if word[1:] else "") for word in words):
            raise ReadError(
                f"the files in {folder.name} are called G1 and G2, which may be phases or wells of a plate; call them "
                "G1_phase and G2_phase, or G01 and G02"
            )
        if firsts == _WELL_OR_PHASE:
            note = f"files in {folder.name} that begin with G1 and G2 are read as phases"
            self.notes[f"{note}; call them G01 and G02 if they are wells"] = None

    def keys(self, folder: Path) -> Iterator[str]:
        """Names of the images in a folder, without channel and suffix."""
        names, pattern = self.files.get(folder, ((), None))
        if pattern is not None:
            yield from (split_channel(stem_of(name), pattern)[0] for name in names)

    def _names_of_files(self, folder: Path) -> Names:
        """Names of the files in all folders, if `folder` is one of them."""
        if folder not in self.files:
            return Names.of(())
        if _ALL not in self._around:
            self._around[_ALL] = Names.of(_first_word(key) for each in self.files for key in self.keys(each))
        return self._around[_ALL]

    def _names_in(self, folder: Path) -> Names:
        if folder not in self._around:
            self._around[folder] = Names.of((*map(_first_word, self.keys(folder)), *_folders_in(folder)))
        return self._around[folder]

    def _note_meaning(self, folder: Path, phase: Phase) -> None:
        names = self._names_in(folder.parent)
        if "g0" in folder.name.lower():
            self.notes[f"{folder.name} is read as {phase.label}, as G0 and G1 have the same DNA content"] = None
        elif names.g1_and_g2 and folder.name.lower() in _WELL_OR_PHASE and names.phases <= {Phase.G1, Phase.G2}:
            self.notes["folders G1 and G2 are read as phases; call them G01 and G02 if they are wells"] = None

    def _note_refusal(self, names: Names, name: str, phase: Phase) -> None:
        if names.is_well(name):
            others = sorted(word for word in names.wells if word.lower() not in _WELL_OR_PHASE)[:_N_SHOWN]
            self.notes[
                f"{name} is read as a well, as {', '.join(others)} are there too; "
                f"call it {phase.label}_phase if it is a phase"
            ] = None
        else:
            shown, other = ("the S phase", "S_phase") if phase == Phase.S else (phase.label.lower(), phase.label)
            self.notes[
                f"{name} is not read as {shown}, as nothing else there is named after a phase; "
                f"call it {other} if it is one"
            ] = None


def coarse_phases(folder: Path, top: Path, stem: str) -> str:
    """The name of a folder or the word in a file name that stands for several phases, or an empty text.

    Parameters
    ----------
    folder, top : Path
        The folder of a file, and the last folder above it to look at.
    stem : str
        File name without its suffixes.

    Returns
    -------
    str
        As it is written in the name.
    """
    for candidate in (folder, *folder.parents):
        if len(named_phases(candidate.name)) > 1:
            return candidate.name
        if candidate == top:
            break
    word, phases = _phases_in_stem(stem)
    return word if len(phases) > 1 else ""


def _phases_in_stem(stem: str) -> tuple[str, tuple[Phase, ...]]:
    """The words at the start of a file name that name phases, and these phases."""
    first = _first_word(stem)
    if not first or first.isdecimal() or not _may_begin(first):
        return "", ()
    words = _WORDS.split(stem)
    for n_words in (len(words), 3, 2, 1):
        word = "_".join(words[:n_words])
        if phases := _meaning(word):
            return word, phases
    return "", ()


@lru_cache(maxsize=4096)
def _may_begin(first: str) -> bool:
    return bool(named_phases(first)) or first.lower() in ("g0", "early", "mid", "late")


@lru_cache(maxsize=4096)
def _meaning(word: str) -> tuple[Phase, ...]:
    return named_phases(word)


def _first_word(name: str) -> str:
    found = _FIRST_WORD.match(name)
    return found[0] if found else name


def _folders_in(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if entry.is_dir())
    except OSError:  # then nothing is known of its neighbours
        return
