"""Sub-populations that IDEAS saved as files of their own, next to the file of the run: the same objects twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.io.amnis.file import AmnisFile, AmnisObject, open_amnis

_N_COMPARED = 8
"""Objects of a file that are compared first: most files have nothing in common."""
_MOST_CANDIDATES = 4000
"""Objects of the other file that are looked at for these."""


@dataclass(frozen=True, eq=False)
class SubPopulation:
    """A file whose objects are all in the file of a run too.

    Attributes
    ----------
    path : Path
        The file.
    rows : ndarray of intp, shape (N,)
        Indices of its objects in the file of the run.
    """

    path: Path
    rows: NDArray[np.intp]


def find_sub_populations(paths: Sequence[Path], notes: list[str]) -> dict[Path, list[SubPopulation]]:
    """Find the files whose objects are all in another file.

    Parameters
    ----------
    paths : sequence of Path
        .cif and .rif files.
    notes : list of str
        A note on each two files that have some objects in common, but not all, is appended.

    Returns
    -------
    dict of Path to list of SubPopulation
        For each file of a run, those of its sub-populations. Of two files with the same objects, the first is the run.
    """
    files = [file for file in map(_opened, paths if len(paths) > 1 else ()) if file is not None and len(file)]
    files.sort(key=len, reverse=True)
    found: dict[Path, list[SubPopulation]] = {}
    runs: list[AmnisFile] = []
    for file in files:
        for run in runs:
            rows = same_objects(file, run)
            n_found = int((rows >= 0).sum())
            if n_found == len(file):
                found.setdefault(run.path, []).append(SubPopulation(file.path, rows))
                break
            if n_found:
                notes.append(
                    f"{n_found:,} of the {len(file):,} objects of {file.path.name} are in {run.path.name} too and "
                    "count twice; give only one of these files"
                )
        else:
            runs.append(file)
    return found


def same_objects(file: AmnisFile, other: AmnisFile) -> NDArray[np.intp]:
    """Find the objects of a file in another one.

    Parameters
    ----------
    file, other : AmnisFile
        Open files.

    Returns
    -------
    ndarray of intp, shape (N,)
        For each object of `file` its index in `other`, or -1. Objects are the same if their images are equal in one
        channel; where both files give positions in the camera, only some images are compared.
    """
    nowhere = np.full(len(file), -1, np.intp)
    common = [channel for channel in file.channels if channel in other.channels]
    if not common:
        return nowhere
    channel = next((channel for channel in common if channel in file.brightfield), common[0])
    own, others = file.places, other.places
    if own is not None and others is not None and _has_same(file, other, own, others, channel):
        order = np.argsort(others)
        at = order[np.minimum(np.searchsorted(others, own, sorter=order), len(others) - 1)]
        return np.where(others[at] == own, at, -1)
    own, others = file.sizes, other.sizes
    if _has_same(file, other, own, others, channel):
        known = {digest: row for row, digest in _digests(other, np.flatnonzero(np.isin(others, own)), channel).items()}
        for row, digest in _digests(file, np.arange(len(file)), channel).items():
            nowhere[row] = known.get(digest, -1)
    return nowhere


def _has_same(
    file: AmnisFile, other: AmnisFile, own: NDArray[np.uint64], others: NDArray[np.uint64], channel: int
) -> bool:
    """Whether any of a few objects is in the other file, among those with the same number in `own` and `others`."""
    some = np.unique(np.linspace(0, len(file) - 1, _N_COMPARED).astype(np.intp))
    candidates = np.flatnonzero(np.isin(others, own[some]))[:_MOST_CANDIDATES]
    known = set(_digests(other, candidates, channel).values())
    return bool(known) and not known.isdisjoint(_digests(file, some, channel).values())


def _opened(path: Path) -> AmnisFile | None:
    try:
        return open_amnis(path)
    except CellCycleError:  # told where the file is read
        return None


def _digests(file: AmnisFile, rows: NDArray[np.intp], channel: int) -> dict[int, bytes]:
    """A hash of the pixels in one channel of each of some objects that can be read, by their index."""
    found: dict[int, bytes] = {}
    for start in range(0, len(rows), 256):
        chosen = rows[start : start + 256].tolist()
        for row, item in zip(chosen, file.read(chosen, [file.channels.index(channel)]), strict=True):
            if isinstance(item, AmnisObject):
                pixels = item.image
                found[row] = blake2b(pixels.tobytes(), digest_size=16, salt=str(pixels.shape[-1]).encode()).digest()
    return found
