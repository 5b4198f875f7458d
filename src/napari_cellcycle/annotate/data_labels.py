"""The labels that lie beside data: found when the data are read, and given to the cells."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_file import Decision, read_decisions
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.cells import Cells
from napari_cellcycle.images.field_crops import cell_positions
from napari_cellcycle.io.inputs import Paths, root_of
from napari_cellcycle.io.own_outputs import LABELS_FILE
from napari_cellcycle.io.settled_phases import set_notes
from napari_cellcycle.phase_sets import VOCABULARY, PhaseSet, settle
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.store.run_registry import user_folder

_LEVELS_UP = 2
"""Folders above the input in which labels are looked for: those of a plate count when one of its folders is opened."""
_PACKAGE = Path(__file__).parents[1]
_MOST_HASHED = 1_000_000  # pixels of an image, evenly spaced, that tell it from others


def default_annotator() -> str:
    """Whose decisions are written unless another name is given: the name of the account."""
    try:
        return getpass.getuser() or "me"
    except (OSError, KeyError, ImportError):  # an account without a name, as in a container
        return "me"


def label_path(root: Path) -> Path:
    """Where the labels of the data in a folder are kept.

    Parameters
    ----------
    root : Path
        The folder that sources are named from.

    Returns
    -------
    Path
        In that folder; if it can't be written to, or is of this package, in the user's own data folder.
    """
    beside = root / LABELS_FILE
    if not root.is_relative_to(_PACKAGE) and os.access(beside if os.path.exists(beside) else root, os.W_OK):
        return beside
    return user_folder() / "labels" / f"{root.name}-{sha256(str(root).encode()).hexdigest()[:16]}.jsonl"


def has_labels(root: Path, sources: Iterable[str]) -> bool:
    """Whether there may be labels of cells.

    Parameters
    ----------
    root : Path
        The folder that their sources are named from.
    sources : iterable of str
        Some of their sources, at least one in each folder.

    Returns
    -------
    bool
        True if a file of labels is where `open_labels` looks for one.
    """
    folders = _folders(root, np.array(list(sources), dtype=str))
    places = (label_path(root), *(folder / LABELS_FILE for folder in folders))
    return any(os.path.exists(place) for place in places)  # `Path.exists` fails in folders of other users


def open_labels(cells: Cells, root: Path | None, annotator: str = "") -> LabelTable:
    """The labels of some cells, with the decisions that were made before.

    Parameters
    ----------
    cells : Cells
        Any cells; no image is read.
    root : Path or None
        The folder that their sources are named from; None if they are of no file, and no label is kept.
    annotator : str
        Whose decisions will be made; else the name of the account.

    Returns
    -------
    LabelTable
        It writes new decisions to `label_path`.

    Raises
    ------
    ReadError
        A file of labels is there that can't be read, or is no file of labels.
    """
    table = _no_labels(cells, None if root is None else label_path(root), annotator)
    if root is None:
        return table
    for file, decisions, notes in _all_decisions(root, cells.sources):
        table.notes.extend(notes)
        n_others = table.load(decisions)
        if n_others and file.parent == root:
            table.notes.append(
                f"{file.name}: left out what was decided about {n_others:,} cells that are not in the input"
            )
    return table


def open_labels_of_pixels(cells: Cells, pixels: NDArray[np.generic], annotator: str = "") -> LabelTable:
    """The labels of cells in an image that is in no file: they are kept under what its pixels look like.

    Parameters
    ----------
    cells : Cells
        The cells of the image.
    pixels : ndarray
        The image.
    annotator : str
        Whose decisions will be made; else the name of the account.

    Returns
    -------
    LabelTable
        It writes new decisions to the user's own data folder.

    Raises
    ------
    ReadError
        The file of labels is damaged.
    """
    step = max(1, pixels.size // _MOST_HASHED)
    digest = sha256(repr((pixels.shape, str(pixels.dtype))).encode() + pixels.reshape(-1)[::step].tobytes())
    table = _no_labels(cells, user_folder() / "labels" / f"image-{digest.hexdigest()[:16]}.jsonl", annotator)
    decisions, notes = read_decisions(table.path) if table.path else ([], [])
    table.notes.extend(notes)
    table.load(decisions)
    return table


def _no_labels(cells: Cells, path: Path | None, annotator: str) -> LabelTable:
    positions = cell_positions(cells.images)
    name = annotator or default_annotator()
    return LabelTable(cells.sources, cells.ids, cells.phases, path, name, positions, cells.phase_set)


def with_labels(cells: Cells, paths: Paths, phases: PhaseSet | None = None) -> Cells:
    """The same cells with the labels that lie beside their files, which replace the phases of folders and tables.

    Parameters
    ----------
    cells : Cells
        What `read_cells` found in `paths`.
    paths : path or sequence of paths
        The input.
    phases : PhaseSet, optional
        The phase set that the user asks for. By default that of the cells, or a coarser one if labels name phases
        together, as those of a stained control do.

    Returns
    -------
    Cells
        With the columns ``label``, ``annotator`` and ``drawn`` if any cell has a label, and with a note on that.

    Raises
    ------
    ReadError
        A file of labels is there that can't be read.
    """
    table = open_labels(cells, root_of(paths))
    return apply_labels(cells, table, settle_labels(table) if phases is None else ())


def settle_labels(table: LabelTable) -> tuple[str, ...]:
    """Bring a table to the finest phase set in which labels and given phases mean one phase each; return what to say.

    Parameters
    ----------
    table : LabelTable
        Its `phase_set` may change.

    Returns
    -------
    tuple of str
        Which set was chosen, and why.
    """
    said = [table.names[number] for number in np.flatnonzero(table.counts)]
    words = {name: VOCABULARY.parts[n] for name in said if (n := VOCABULARY.number_of(name)) != UNKNOWN}
    own = table.phase_set
    coarse = [name for name, part in words.items() if len(part) > 1 and own.number_of(name) == UNKNOWN]
    if not coarse:
        return ()
    kept = np.unique(table.given[~table.decided & (table.given != UNKNOWN)]).tolist()
    chosen = settle([*words.values(), *(own.parts[number] for number in kept)], joins=True)
    if not own.refines(chosen) or any(chosen.number_of(name) == UNKNOWN for name in coarse):
        n_cells = int(sum(table.counts[table.names.index(name)] for name in coarse))
        return (
            f"{n_cells:,} cells are labelled {' or '.join(coarse)}, which stands for several of {own}, so they have no "
            "phase",
        )
    table.use_phases(chosen)
    return set_notes(chosen, coarse)


def apply_labels(cells: Cells, table: LabelTable, more_notes: Sequence[str] = ()) -> Cells:
    """The same cells with the phases of a table of labels.

    Parameters
    ----------
    cells : Cells
        Those of the table.
    table : LabelTable
        Their labels.
    more_notes : sequence of str
        What else there is to say of them.

    Returns
    -------
    Cells
        As `with_labels` returns them.
    """
    notes = tuple(dict.fromkeys([*cells.notes, *table.notes, *labels_in_words(table), *more_notes]))
    if not table.decided.any():
        return replace(cells, notes=notes)
    columns = {**cells.columns, **table.texts()}
    return replace(cells, phases=table.phases, phase_set=table.phase_set, columns=columns, notes=notes)


def labels_in_words(table: LabelTable) -> list[str]:
    """How many cells have labels, and by whom."""
    n_labelled, decided = int((table.labels >= 0).sum()), table.decided
    if not decided.any():
        return []
    parts = [f"labelled by {' and '.join(table.annotators)}: {n_labelled:,}"]
    replaced = int((decided & (table.given != UNKNOWN) & (table.phases != table.given)).sum())
    counts = {
        "with another phase in the files": replaced,
        "unsure, so without a phase": int(table.unsure.sum()),
        "disputed, so without a phase": int(table.disputed.sum()),
    }
    return ["; ".join([*parts, *(f"{what}: {count:,}" for what, count in counts.items() if count)])]


def _all_decisions(root: Path, sources: NDArray[np.str_]) -> list[tuple[Path, list[Decision], list[str]]]:
    """Decisions of all files of labels that may be about these sources, named from `root`."""
    found = []
    for folder in _folders(root, sources):
        decisions, notes = read_decisions(folder / LABELS_FILE)
        if decisions or notes:
            found.append((folder / LABELS_FILE, _renamed(decisions, folder, root), notes))
    kept_away = label_path(root)
    if kept_away.parent != root:
        decisions, notes = read_decisions(kept_away)
        found.append((kept_away, decisions, notes))
    return found


def _folders(root: Path, sources: NDArray[np.str_]) -> list[Path]:
    """Folders that may have labels of these sources: some above `root`, `root` itself, and those inside it."""
    above = [root, *root.parents[:_LEVELS_UP]][::-1]
    inside = {parent for source in np.unique(sources) for parent in PurePosixPath(str(source)).parents}
    return [*above, *(root / folder for folder in sorted(inside) if folder.parts)]


def _renamed(decisions: Sequence[Decision], folder: Path, root: Path) -> list[Decision]:
    """The same decisions with sources named from `root`; those of files elsewhere are left out."""
    if folder == root:
        return list(decisions)
    if root.is_relative_to(folder):
        start = f"{root.relative_to(folder).as_posix()}/"
        return [replace(d, source=d.source.removeprefix(start)) for d in decisions if d.source.startswith(start)]
    start = folder.relative_to(root).as_posix()
    return [replace(d, source=f"{start}/{d.source}") for d in decisions]
