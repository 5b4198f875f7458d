"""What this program wrote into a folder that is read again: pictures, tables, and stacks of the same cells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.folder_scan import Folder, shorten
from napari_cellcycle.io.name_patterns import IMAGE_SUFFIXES, ZARR_SUFFIX, printable
from napari_cellcycle.io.phase_table import read_sources, sidecar_path

_PICTURES = {"montage.png": {"summary.json", "phases.csv"}, "samples.png": {"generator.json", "quality.json"}}
"""Pictures that are ours where one of these files is in the same folder."""
LABELS_FILE = "cellcycle_labels.jsonl"
"""Labels of the cells of a folder, in that folder."""
ROUNDS_FILE = "cellcycle_rounds.jsonl"
"""How good the models were that were trained on these labels, one after the other."""
GATES_FILE, LABEL_TABLE_FILE = "gates.json", "labels.csv"
"""Gates on a stain, and the labels that they gave."""
_REPORT = {"report.html", "metrics.json"}
_POPULATIONS = "populations.csv"
_BY_SAMPLE = {
    _POPULATIONS,
    "dna_content.csv",
    "embedding.csv",
    "embedding_by_sample.csv",
    "over_time.csv",
    "gallery.csv",
}
_FRAME = re.compile(r"\[\w+=\d+\]$")


def without_own_outputs(folders: Sequence[Folder]) -> tuple[tuple[Folder, ...], list[str]]:
    """Leave out what this program wrote itself.

    Parameters
    ----------
    folders : sequence of Folder
        All folders of the inputs.

    Returns
    -------
    folders : tuple of Folder
        Without pictures of results, and without stacks that `convert` wrote from files of the same inputs.
    notes : list of str
        What was left out.
    """
    notes: list[str] = []
    stacks = {
        folder.path / name
        for folder in folders
        if any(name.lower().endswith(".csv") for name in folder.others)
        for name in folder.names
        if sidecar_path(folder.path / name).name in folder.others
    }
    files = _files_by_name(folders, stacks) if stacks else {}
    kept = []
    for folder in folders:
        pictures = [name for name in folder.names if _is_picture(name, folder)]
        if pictures:
            notes.append(f"{folder.path.name}: pictures of results are left out: {shorten(pictures)}")
        copies = [
            name
            for name in folder.names
            if stacks and folder.path / name in stacks and _is_copy(folder.path / name, files, notes)
        ]
        out = {*pictures, *copies}
        left = tuple(name for name in folder.names if name not in out)
        if left:
            kept.append(folder if len(left) == len(folder.names) else replace(folder, names=left))
    return tuple(kept), notes


def is_own_table(name: str, others: Sequence[str]) -> bool:
    """Whether a file without images is one that this program writes next to its results.

    Parameters
    ----------
    name : str
        Its name.
    others : sequence of str
        Names of the other files in its folder.

    Returns
    -------
    bool
        True for the labels of the cells and what was trained on them, and for a table of ours that lies next to a
        report, a summary or a card.
    """
    lower = name.lower()
    if lower in (LABELS_FILE, ROUNDS_FILE):
        return True
    ours = {"phases.csv", "confusion.csv", "per_phase.csv", "calls.csv", "log.csv", "split.csv", "trained_on.npy"}
    if lower in _BY_SAMPLE and _POPULATIONS in {name, *others}:
        return True
    ours.add(LABEL_TABLE_FILE)
    beside = {*_REPORT, "summary.json", "model.json", "generator.json", GATES_FILE}
    return lower in ours and bool(beside & set(others))


def _is_picture(name: str, folder: Folder) -> bool:
    others = set(folder.others)
    if _PICTURES.get(name, set()) & others:
        return True
    stem = name.removesuffix(".png")
    is_figure = stem != name and f"{stem}.svg" in others
    return is_figure and (others >= _REPORT or (_POPULATIONS in others and f"{stem}.csv" in others))


def _files_by_name(folders: Sequence[Folder], stacks: set[Path]) -> dict[str, list[str]]:
    """Paths of all files, but for the stacks, by their name."""
    found: dict[str, list[str]] = {}
    for folder in folders:
        for name in folder.names:
            if folder.path / name not in stacks:
                found.setdefault(printable(name), []).append(printable((folder.path / name).as_posix()))
    return found


def _is_copy(stack: Path, files: Mapping[str, Sequence[str]], notes: list[str]) -> bool:
    """Whether the cells of a stack come from files of the same inputs."""
    if not stack.name.lower().endswith((*IMAGE_SUFFIXES, ZARR_SUFFIX)):
        return False
    try:
        sources = read_sources(sidecar_path(stack))
    except ReadError:
        return False
    known = [source for source in sources if _is_there(_FRAME.sub("", source), files)]
    if not known:
        return False
    if len(known) < len(sources):
        notes.append(
            f"{stack.name} has cells of files that are read too, which count twice: {shorten(known)}; "
            "give only one of them"
        )
        return False
    notes.append(
        f"{stack.name} is left out, as its cells come from files that are read too: {shorten(known, 2)}; "
        "give it without them to read it"
    )
    return True


def _is_there(source: str, files: Mapping[str, Sequence[str]]) -> bool:
    name = source.rpartition("/")[2]
    return any(path == source or path.endswith(f"/{source}") for path in files.get(name, ()))
