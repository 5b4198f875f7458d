"""Populations of the objects of an Amnis file: from an IDEAS analysis (.daf), or exported by IDEAS as text.

A list lies in the folder of its .cif or .rif file and is named after its phase: ``G1.txt`` if the folder has one such
file, or ``plate3_G1.txt`` for ``plate3.cif``. It has one object number per line, or is a table with tabs or commas and
a column ``Object Number``, as in the feature exports of IDEAS. Lines above the first number are a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import ReadError, SettingError
from napari_cellcycle.io.amnis.daf import IdeasAnalysis, read_daf
from napari_cellcycle.io.folder_scan import shorten
from napari_cellcycle.io.name_patterns import AMNIS_SUFFIXES, folded, stem_of
from napari_cellcycle.io.phase_names import PhaseNames
from napari_cellcycle.io.phase_table import coarse_note, read_text
from napari_cellcycle.phase_sets import SEVEN, VOCABULARY, PhaselessNote, PhaseSet
from napari_cellcycle.phases import UNKNOWN, Phase, named_phases

_OBJECT_NUMBER = "object number"
_NUMBER = re.compile(r"(\d{1,18})(?:[.,]0*)?")
_LIST_SUFFIXES = (".txt", ".csv", ".tsv")
_N_LISTED = 40

Members = NDArray[np.bool_]


def read_object_numbers(path: Path) -> NDArray[np.int64]:
    """The object numbers in a population export; none for an empty population.

    Raises
    ------
    ReadError
        The file is missing, or is not a list of object numbers.
    """
    rows = [
        [cell.strip().strip('"').strip() for cell in re.split(r"[\t,;]", line)]
        for line in read_text(path).splitlines()
        if line.strip()
    ]
    headings = [row for row in rows if _OBJECT_NUMBER in map(str.lower, row)]
    column = [cell.lower() for cell in headings[-1]].index(_OBJECT_NUMBER) if headings else 0
    cells = [row[column] if column < len(row) else "" for row in rows]
    matches = [_NUMBER.fullmatch(cell) for cell in cells]
    start = next((line for line, match in enumerate(matches) if match), len(cells))
    numbers = matches[start:]
    is_empty = not rows or (bool(headings) and headings[-1] is rows[-1])
    if not all(numbers) or not (numbers or is_empty):
        raise ReadError(f"{path.name} is not a list of object numbers; export the population from IDEAS again as text")
    return np.array([int(match[1]) for match in numbers if match], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Populations:
    """The populations of an Amnis file, and the phases that they give.

    Attributes
    ----------
    phases : ndarray of int8, shape (N,)
        Of each object, as numbers in a vocabulary; `UNKNOWN` for an object in no population of a phase, or in those of
        several phases.
    members : dict of str to ndarray of bool, shape (N,)
        All populations by their names.
    notes : tuple of str
        What was used, and what was left out.
    sources : tuple of str
        Names of the files that gave phases.
    files : tuple of str
        Names of the files that were looked at for phases.
    """

    phases: NDArray[np.int8]
    members: dict[str, Members] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def with_sub_population(self, name: str, members: Members, phase: int, note: str, file: str) -> Populations:
        """The same with a population that lies in a file of its own; `phase` counts where no other is known."""
        phases = np.where(members & (self.phases == UNKNOWN), np.int8(phase), self.phases)
        sources = self.sources if phase == UNKNOWN else (*self.sources, file)
        return Populations(phases, {name: members, **self.members}, (*self.notes, note), sources, self.files)

    def named(self, name: str, where: str) -> Members:
        """Members of the population that the user names.

        Parameters
        ----------
        name : str
            Its name, in any case.
        where : str
            The Amnis file, for messages.

        Returns
        -------
        ndarray of bool, shape (N,)
            True for its members.

        Raises
        ------
        SettingError
            There is no such population.
        """
        if name in self.members:
            return self.members[name]
        found = [other for other in self.members if folded(other).strip() == folded(name).strip()]
        if len(found) == 1:
            return self.members[found[0]]
        if not self.members:
            raise SettingError(f"population {name!r} needs the .daf file of {where}, which is not next to it")
        raise SettingError(
            f"{where} has no population {name!r}; choose one of {shorten(list(self.members), _N_LISTED)}"
        )


def populations_beside(path: Path, ids: NDArray[np.int64], vocabulary: PhaseSet = VOCABULARY) -> Populations:
    """Populations of the objects of a .cif or .rif file, from the files in its folder.

    Parameters
    ----------
    path : Path
        The .cif or .rif file.
    ids : ndarray of int64, shape (N,)
        Its object numbers.
    vocabulary : PhaseSet
        What names can mean.

    Returns
    -------
    Populations
        From lists of object numbers, and from the .daf that belongs to the file.

    Raises
    ------
    ReadError
        Several .daf files belong to it.
    """
    notes: list[str] = []
    analysis = _analysis_beside(path, ids, notes)
    members: dict[str, Members] = {}
    voted: list[tuple[int, Members]] = []
    sources: list[str] = []
    files: list[str] = []
    if analysis is not None:
        daf, content = analysis
        files.append(daf.name)
        inside = {name: chosen[ids] for name, chosen in content.populations.items()}
        members.update(inside)
        from_daf = _phases_of_analysis(content, inside, (daf.name, path.name), vocabulary, notes)
        voted.extend(from_daf)
        sources.extend([daf.name] if from_daf else [])
    for listed, name in lists_beside(path):
        phase = _phase_of(name, vocabulary)
        found = _read_list(listed, name, path, ids, notes, is_phase=phase != UNKNOWN)
        if found is None:
            continue
        members.setdefault(name, found)
        files.extend([listed.name] if phase != UNKNOWN else [])
        if phase != UNKNOWN and found.any():
            voted.append((phase, found))
        if 0 <= phase < len(SEVEN) and found.any():
            sources.append(listed.name)
            objects = "1 object" if found.sum() == 1 else f"{found.sum()} objects"
            text = f"gives {objects} of {path.name} the phase {vocabulary.label(phase)}"
            notes.append(f"{listed.name} {text}")
    phases = _vote(voted, len(ids), path, vocabulary, notes)
    return Populations(phases, members, tuple(notes), tuple(sources), tuple(files))


def lists_beside(path: Path) -> Iterator[tuple[Path, str]]:
    """Lists in the folder of a .cif or .rif file that belong to it, and the name of the population in each."""
    files = sorted(path.parent.iterdir())
    stems = {folded(stem_of(other.name)) for other in files if other.suffix.lower() in AMNIS_SUFFIXES}
    own = folded(path.stem)
    for listed in files:
        if listed.suffix.lower() not in _LIST_SUFFIXES or listed.name.startswith("."):
            continue
        stem = folded(listed.stem)
        longest = max((other for other in stems if stem.startswith(other)), key=len, default="")
        rest = listed.stem[len(own) :].lstrip(" _.-") if longest == own and len(stem) == len(listed.stem) else ""
        if rest:
            yield listed, rest
        elif not longest and len(stems) == 1:
            yield listed, listed.stem


def _meanings(name: str) -> tuple[Phase, ...]:
    """Phases that a population is named after; ``Prophase & Mphase`` are the prophase cells in M."""
    whole = named_phases(name)
    if whole or re.search(r"\b(?:or|not)\b|\|", name, re.IGNORECASE):
        return whole
    parts = [set(named_phases(part)) for part in name.split("&")]
    common = set.intersection(*parts)
    first = PhaseNames().in_stem(Path("no folder"), name)
    return tuple(common) if len(common) == 1 else () if first == UNKNOWN else (Phase(first),)


def _phase_of(name: str, vocabulary: PhaseSet) -> int:
    """Number of the phase, or of the phases together, that a population is named after; `UNKNOWN` if there is none."""
    phases = _meanings(name)
    if len(phases) == 1:
        return int(phases[0])
    return vocabulary.number_of(name)


def _read_list(
    listed: Path, name: str, path: Path, ids: NDArray[np.int64], notes: list[str], *, is_phase: bool
) -> Members | None:
    try:
        numbers = read_object_numbers(listed)
    except ReadError as error:
        if is_phase:
            notes.append(f"not used: {error}")
        return None
    found = np.isin(ids, numbers)
    if is_phase and not len(numbers):
        notes.append(f"{listed.name} lists no objects")
    if len(_meanings(name)) > 1:
        notes.append(coarse_note(name, int(found.sum()), listed.name))
    n_missing = len(np.setdiff1d(numbers, ids))
    if is_phase and n_missing:
        notes.append(f"{n_missing} of {len(numbers)} objects in {listed.name} are not in {path.name}")
    return found


def _vote(
    voted: Sequence[tuple[int, Members]], n_objects: int, path: Path, vocabulary: PhaseSet, notes: list[str]
) -> NDArray[np.int8]:
    """Phase of each object; a population of several phases counts for objects in none of fewer phases."""
    phases = np.full(n_objects, UNKNOWN, np.int8)
    ambiguous = np.zeros(n_objects, bool)
    sizes = np.array([*map(len, vocabulary.parts), 0])  # the last one is of no phase yet
    for phase, found in sorted(voted, key=lambda vote: sizes[vote[0]]):
        in_fewer = (phases != UNKNOWN) & (sizes[phases] < sizes[phase])
        ambiguous |= found & (phases != UNKNOWN) & (phases != phase) & ~in_fewer
        phases[found & ~in_fewer] = phase
    phases[ambiguous] = UNKNOWN
    if ambiguous.any():
        several = "are in lists or populations of several phases, so their phase is unknown"
        notes.append(f"{ambiguous.sum()} objects of {path.name} {several}")
    return phases


def _analysis_beside(path: Path, ids: NDArray[np.int64], notes: list[str]) -> tuple[Path, IdeasAnalysis] | None:
    """The .daf that belongs to an Amnis file: it names the file, or has its name and as many objects."""
    found: list[tuple[Path, IdeasAnalysis]] = []
    files = sorted(path.parent.iterdir())
    amnis = {folded(other.stem) for other in files if other.suffix.lower() in AMNIS_SUFFIXES}
    for daf in (other for other in files if other.suffix.lower() == ".daf" and not other.name.startswith(".")):
        is_namesake = folded(daf.stem) == folded(path.stem)
        if not is_namesake and folded(daf.stem) in amnis:
            continue  # it belongs to another file
        try:
            content = read_daf(daf)
        except ReadError as error:
            if is_namesake or len(amnis) == 1:
                notes.append(f"not used: {error}")
            continue
        names_it = folded(stem_of(content.cif_name)) == folded(path.stem)
        if not (names_it or is_namesake):
            continue
        if len(ids) and (int(ids.max()) >= content.n_objects or (not names_it and len(ids) != content.n_objects)):
            notes.append(f"{daf.name} is not used, as it has {content.n_objects} objects and {path.name} {len(ids)}")
            continue
        if not names_it:
            notes.append(f"{daf.name} names another .cif, but has as many objects as {path.name} and is used for it")
        elif len(ids) and len(ids) != content.n_objects:
            notes.append(
                f"{daf.name} has {content.n_objects} objects and {path.name} {len(ids)}; they are matched by their "
                "numbers, which is right only if this file is a part of that run"
            )
        notes.extend(f"{daf.name}: {note}" for note in content.notes)
        found.append((daf, content))
    namesakes = [item for item in found if folded(item[0].stem) == folded(path.stem)]
    chosen = namesakes if len(namesakes) == 1 else found
    if len(chosen) > 1:
        raise ReadError(
            f"several .daf files belong to {path.name} ({', '.join(item[0].name for item in chosen)}); "
            "keep one of them in the folder"
        )
    notes.extend(f"{item[0].name} is not used, as {chosen[0][0].name} is" for item in found if item not in chosen)
    return chosen[0] if chosen else None


def _phases_of_analysis(
    content: IdeasAnalysis,
    inside: Mapping[str, Members],
    files: tuple[str, str],
    vocabulary: PhaseSet,
    notes: list[str],
) -> list[tuple[int, Members]]:
    """Phase and members of the populations that are named after a phase; tagged ones count before gated ones."""
    daf, cif = files
    meanings = {name: meaning for name in inside if (meaning := _meanings(name))}
    tagged = {meaning[0] for name, meaning in meanings.items() if len(meaning) == 1 and name in content.tagged}
    used, gated = [], []
    for name, meaning in meanings.items():
        if len(meaning) > 1:
            continue
        if meaning[0] in tagged and name not in content.tagged:
            gated.append(name)
        else:
            used.append(name)
    if used:
        counts = ", ".join(f"{name!r} {meanings[name][0].label} {int(inside[name].sum())}" for name in used)
        notes.append(f"{daf} gives phases to objects of {cif}, from its populations {counts}")
    if gated:
        notes.append(f"{daf}: {shorten(gated)} not used for phases, as objects of these phases were tagged by hand")
    coarse = [name for name, meaning in meanings.items() if len(meaning) > 1]
    for name in coarse:
        why = f"{daf}: {name} not used for phases, as it stands for several phases"
        notes.append(PhaselessNote.on(name, why))
    own = [name for name in inside if name not in meanings and vocabulary.number_of(name) != UNKNOWN]
    wider = [(vocabulary.number_of(name), inside[name]) for name in (*coarse, *own)]
    return [*((int(meanings[name][0]), inside[name]) for name in used), *wider]
