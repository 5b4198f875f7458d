"""What is not read although it is there: raw copies, files of other programs, and cells whose names give no phase."""

from __future__ import annotations

import filecmp
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, Cells
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.io.amnis.file import open_amnis
from napari_cellcycle.io.folder_scan import Folder, shorten
from napari_cellcycle.io.input_part import InputPart
from napari_cellcycle.io.name_patterns import folded, stem_of
from napari_cellcycle.io.own_outputs import is_own_table
from napari_cellcycle.io.phase_names import PhaseNames, coarse_phases
from napari_cellcycle.io.phase_table import coarse_note
from napari_cellcycle.phases import UNKNOWN

_ADVICE = {
    "save them as OME-TIFF": (
        *(".czi", ".nd2", ".lif", ".lsm", ".oib", ".oif", ".vsi", ".ims", ".dv", ".stk", ".bmp", ".gif", ".svs"),
        *(".npy", ".mat", ".jp2", ".webp"),
    ),
    "export label images from ilastik as TIFF": (".h5", ".hdf5", ".ilp"),
    "copy them again": (".part", ".crdownload", ".partial", ".filepart", ".download", ".opdownload", ".tmp", "~"),
    "unpack them first": (".zip", ".7z", ".tar", ".gz", ".tgz", ".rar"),
    "IDEAS uses them with the .cif file that each names": (".daf",),
}
_COPY = re.compile(r"(.+?)(?: \(\d+\)|[-_ ]{1,3}(?:copy|copie|kopie|copia)(?: ?\(?\d+\)?)?)(\.[^.]+)", re.IGNORECASE)
_NNUNET_FOLDER = re.compile(r"images?t[rs]", re.IGNORECASE)
_CELLPOSE = "_seg.npy"
_N_NAMES = 8


def without_raw_copies(folders: Sequence[Folder], notes: list[str]) -> list[Folder]:
    """Leave out each .rif whose .cif, with the same objects and their masks, is there too.

    Parameters
    ----------
    folders : sequence of Folder
        All folders of the inputs.
    notes : list of str
        A note on each .rif that is left out is appended.

    Returns
    -------
    list of Folder
        The same folders without those files.
    """
    masked: dict[str, list[Path]] = {}
    for folder in folders:
        for name in folder.names:
            if name.lower().endswith(".cif"):
                masked.setdefault(folded(stem_of(name)), []).append(folder.path / name)
    return [replace(folder, names=_without_raw(folder, masked, notes)) for folder in folders] if masked else [*folders]


def _without_raw(folder: Folder, masked: Mapping[str, Sequence[Path]], notes: list[str]) -> tuple[str, ...]:
    kept = []
    for name in folder.names:
        twins = masked.get(folded(stem_of(name)), ()) if name.lower().endswith(".rif") else ()
        twin = next(
            (path for path in twins if path.parent == folder.path or _same_objects(folder.path / name, path)), None
        )
        if twin is None:
            kept.append(name)
        else:
            notes.append(f"{name} is left out, as {twin.name} has the same objects and their masks")
    return tuple(kept)


def without_copies(folder: Folder, notes: list[str]) -> Folder:
    """Leave out files that a file manager called copies, such as ``a (1).tif``, and further channels of nnU-Net.

    Parameters
    ----------
    folder : Folder
        A folder with its files.
    notes : list of str
        A note on what is left out is appended.

    Returns
    -------
    Folder
        The same folder without copies that have the same bytes as the file that they are called after, and without
        ``a_0001.tif`` next to ``a_0000.tif`` in a folder ``imagesTr``: it shows the same cells in another channel.
    """
    names = set(folder.names)
    may_be_copies = [name for name in folder.names if " (" in name or "op" in name]  # few: there may be 10^5 names
    copies = [name for name in may_be_copies if _is_copy(folder.path, name, names)]
    if copies:
        notes.append(f"{folder.path.name}: left out, as copies of other files there: {shorten(copies)}")
    further: list[str] = []
    if _NNUNET_FOLDER.fullmatch(folder.path.name):
        further = [name for name in folder.names if (first := _first_channel(name)) != name and first in names]
    if further:
        notes.append(
            f"{folder.path.name}: left out, as further channels of the images with _0000: {shorten(further)}; name "
            "files by their channels, as in a_BF.tif and a_SSC.tif, to use them"
        )
    out = {*copies, *further}
    return replace(folder, names=tuple(name for name in folder.names if name not in out)) if out else folder


def _is_copy(folder: Path, name: str, names: set[str]) -> bool:
    found = _COPY.fullmatch(name)
    original = "" if found is None else found[1] + found[2]
    if original not in names:
        return False
    try:
        return filecmp.cmp(folder / name, folder / original, shallow=False)
    except OSError:
        return False


def _first_channel(name: str) -> str:
    return re.sub(r"_\d{4}(?=\.[^.]+$)", "_0000", name)


def _same_objects(raw: Path, masked: Path) -> bool:
    try:
        return np.array_equal(open_amnis(raw).object_ids, open_amnis(masked).object_ids)
    except CellCycleError:
        return False


def unused_files(folder: Folder, used: set[str], names: PhaseNames) -> Iterator[str]:
    """Notes on the files of a folder that hold images or phases, but are not read.

    Parameters
    ----------
    folder : Folder
        The folder.
    used : set of str
        Names of its files that were used.
    names : PhaseNames
        Knows the names of its images.

    Yields
    ------
    str
        One note for each kind.
    """
    others = [name for name in folder.others if name not in used and not is_own_table(name, folder.others)]
    cellpose = [name for name in others if name.lower().endswith(_CELLPOSE)]
    if cellpose:
        yield (
            f"{folder.path.name}: {shorten(cellpose)} can't be read safely; in Cellpose, save the masks as PNG or TIFF "
            "(_cp_masks)"
        )
    for advice, suffixes in _ADVICE.items():
        foreign = [name for name in others if name.lower().endswith(suffixes) and name not in cellpose]
        if foreign:
            yield f"{folder.path.name}: not read: {shorten(foreign)}; {advice}"
    tables = [
        name for name in others if name.lower().endswith((".txt", ".csv", ".tsv", ".xls", ".xlsx", ".npz", ".fcs"))
    ]
    if tables:
        stems = {*names.keys(folder.path), *map(stem_of, folder.names)}
        tables = [name for name in tables if name.rpartition(".")[0] not in stems]
    if tables:
        yield f"{folder.path.name}: not used: {shorten(tables)}"


def phaseless_notes(read: Sequence[tuple[InputPart, Cells]], tops: Mapping[Path, Path]) -> list[str]:
    """Notes on cells without a phase while others have one, by the names that should give it.

    Parameters
    ----------
    read : sequence of (InputPart, Cells)
        Parts, with their cells.
    tops : mapping of Path to Path
        The input that each folder belongs to.

    Returns
    -------
    list of str
        Which names give no phase, and how many cells there are.
    """
    if not any((cells.phases != UNKNOWN).any() for _, cells in read):
        return []
    nameless: Counter[str] = Counter()
    coarse: Counter[str] = Counter()
    for part, cells in read:
        folder = part.folder
        n_unknown = int((cells.phases == UNKNOWN).sum())
        if folder is None or not n_unknown or (n_unknown < len(cells) and not part.kind.startswith("one file")):
            continue
        top = tops.get(folder, folder)
        for name, count in _names_of(part, cells):
            word = coarse_phases(folder, top, name)
            shown = name if folder == top else folder.name
            (coarse if word else nameless)[word or shown] += count
    notes: list[str] = [coarse_note(name, count) for name, count in coarse.items()]
    if nameless:
        parts = [f"{name} ({count:,} cells)" for name, count in nameless.most_common()]
        notes.append(f"no phase is known for {shorten(parts, _N_NAMES)}, as these names give none")
    return notes


def channel_notes(read: Sequence[Cells]) -> list[str]:
    """Notes on channels that are not used, as only some of the cells have them.

    Parameters
    ----------
    read : sequence of Cells
        The cells of each part.

    Returns
    -------
    list of str
        One for each channel with a role.
    """
    notes, n_cells = [], sum(map(len, read))
    for role in (BRIGHTFIELD, DARKFIELD):
        n_without = sum(len(cells) for cells in read if role not in cells.channels)
        if 0 < n_without < n_cells:
            notes.append(f"{role} is not used, as {n_without:,} of {n_cells:,} cells have none; read them on their own")
    return notes


def _names_of(part: InputPart, cells: Cells) -> list[tuple[str, int]]:
    """First words of the names of the files of cells without a phase, with the number of cells."""
    unknown = cells.sources[cells.phases == UNKNOWN]
    if not part.kind.startswith("one file"):
        return [(stem_of(str(unknown[0]).rpartition("/")[2]), len(unknown))]
    words: Counter[str] = Counter()
    for source in unknown.tolist():
        stem = stem_of(source.rpartition("/")[2])
        words[stem.partition("_")[0] if not stem[:1].isdecimal() else "files named by a number"] += 1
    return list(words.items())
