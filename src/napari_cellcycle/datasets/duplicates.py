"""Find duplicate cells, also if they were cropped or padded differently, before anything is split.

A window of raw pixels works as a fingerprint if both copies choose the same windows. They do if the windows lie around
local maxima, as nothing outside a window takes part in the choice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import BRIGHTFIELD, Cells
from napari_cellcycle.events import Job, Progress, result_of
from napari_cellcycle.images.batches import read_batches
from napari_cellcycle.phases import UNKNOWN

_Plane = NDArray[np.generic]

_WINDOW_PX = 7
_MIN_OVERLAP = 0.6
"""Share of the smaller crop that both show. Crops of neighbours in one field overlap too, but less."""
_MAX_DISTINCT = 20
"""A window that so many different cells share is an artefact of the recording, and identifies no further cells."""
N_FINGERPRINTS = 4
"""Windows that identify a cell: the most central ones, which are not central in the crop of a neighbour."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, odd: spreads the bits of what it multiplies


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which of N cells are duplicates.

    Attributes
    ----------
    groups : tuple of tuple of int
        Indices of the copies of each duplicate cell, in order.
    keep : ndarray of int
        Indices left when copies are dropped. The first of each group is kept, a real cell before a synthetic one and a
        cell of known phase before an unknown one. If the real copies have different phases, none is kept.
    data_sha256 : str
        Hash of all compared pixels, with the source, number and phase of each cell: identifies the data of a report.
    fingerprints : ndarray of uint64, shape (N, 4)
        By these `in_training_set` finds each cell again, in any crop; 0 where a cell has fewer.
    n_removed : int
        Cells that are not in `keep`.
    notes : tuple of str
        What the user should know.
    """

    groups: tuple[tuple[int, ...], ...]
    keep: NDArray[np.intp]
    data_sha256: str
    fingerprints: NDArray[np.uint64]
    n_removed: int
    notes: tuple[str, ...] = ()

    def of_kept(self) -> Duplicates:
        """The same for the cells at `keep` alone, which have no duplicates any more."""
        return replace(self, groups=(), keep=np.arange(len(self.keep)), fingerprints=self.fingerprints[self.keep])


@dataclass(frozen=True, eq=False)
class _Fingerprint:
    """Identity of one cell: hashes of its windows (K,), and their corners (K, 2) in the image without its padding."""

    shape: tuple[int, int]
    hashes: NDArray[np.uint64]
    corners: NDArray[np.int32]
    whole: int
    centre: tuple[float, float] | None
    radius: float


def drop_duplicates(cells: Cells) -> tuple[Cells, int]:
    """The cells without duplicates, and how many were removed; see `Duplicates` for which copy is kept."""
    duplicates = find_duplicates(cells)
    return cells.subset(duplicates.keep), duplicates.n_removed


def find_duplicates(cells: Cells) -> Duplicates:
    """Find cells that are the same recording: equal bytes, or the same cell cropped or padded differently.

    The raw pixels of the brightfield channel are compared, or of the first channel if there is no brightfield. Copies
    with changed values (resampled, rescaled to 8 bit, compressed with loss, flipped) have other pixels and are not
    found. Unreadable and flat images are never duplicates.
    """
    return result_of(iter_duplicates(cells))


def in_training_set(fingerprints: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Find the cells that are in a training set, even if they are cropped differently there.

    Parameters
    ----------
    fingerprints, known : ndarray of uint64, shapes (N, 4) and (M, 4)
        `Duplicates.fingerprints` of the cells and of the training set; 0 is no fingerprint.

    Returns
    -------
    ndarray of bool, shape (N,)
        True for cells that share a fingerprint with the training set.

    Examples
    --------
    >>> cells = np.array([[1, 2, 3, 4], [5, 6, 0, 0]], np.uint64)
    >>> in_training_set(cells, known=np.array([[9, 3, 7, 0]], np.uint64)).tolist()
    [True, False]
    """
    return (np.isin(fingerprints, known) & (fingerprints != 0)).any(axis=1)


def iter_duplicates(cells: Cells) -> Job[Progress, Duplicates]:
    """The same as `find_duplicates` as a job, for progress and cancelling."""
    channel = BRIGHTFIELD if BRIGHTFIELD in cells.channels else cells.channels[0]
    single = cells.select_channels([channel])
    fingerprints: dict[int, _Fingerprint] = {}
    data = sha256()
    for batch in read_batches(single):
        for index, cell in zip(batch.positions.tolist(), batch.read, strict=True):
            data.update(f"{cells.sources[index]}\0{cells.ids[index]}\0{cells.phases[index]}\0".encode())
            if isinstance(cell, Unreadable):
                continue
            data.update(np.ascontiguousarray(cell.pixels[0]).tobytes())
            if (found := _fingerprint(cell)) is not None:
                fingerprints[index] = found
        yield batch.progress("looking for duplicate cells")
    groups = _group(fingerprints)
    keep, notes = _choose(cells, groups)
    central = np.zeros((len(cells), N_FINGERPRINTS), np.uint64)
    for index, found in fingerprints.items():
        hashes = _central_hashes(found)
        central[index, : len(hashes)] = hashes
    return Duplicates(groups, keep, data.hexdigest(), central, len(cells) - len(keep), notes)


def _fingerprint(cell: CellImage) -> _Fingerprint | None:
    """Hashes of a cell's windows, or None if its image is flat."""
    rows = _without_padding(cell.pixels[0])
    columns = _without_padding(cell.pixels[0][rows].T)
    plane = cell.pixels[0][rows, columns].astype(np.float32) + 0.0  # 0.0 and -0.0 become the same bytes
    if not plane.size:
        return None
    centre, radius = None, 0.0
    if cell.mask is not None and cell.mask[rows, columns].any():
        inside = np.argwhere(cell.mask[rows, columns])
        centre, radius = tuple(inside.mean(axis=0).tolist()), float(np.sqrt(len(inside) / np.pi))
    whole = _hash(np.array(plane.shape, np.float32), plane)
    return _Fingerprint(plane.shape, *_windows(plane), whole, centre, radius)


def _central_hashes(found: _Fingerprint) -> list[int]:
    """Hashes of the windows nearest to the middle of a cell, or of the whole image if it is too small for any."""
    middle = (np.array(found.shape) - _WINDOW_PX) / 2
    nearest = np.argsort(np.hypot(*(found.corners - middle).T), kind="stable")[:N_FINGERPRINTS]
    return found.hashes[nearest].tolist() or [found.whole]


def _without_padding(lines: _Plane) -> slice:
    """The lines inside the padding: constant lines, and copies of the outermost line, at both ends are padding."""
    if not lines.size:
        return slice(0, 0)
    flat = (lines == lines[:, :1]).all(axis=1)
    same = (lines[1:] == lines[:-1]).all(axis=1)
    first, last = np.flatnonzero(~(flat | np.r_[same, False])), np.flatnonzero(~(flat | np.r_[False, same]))
    return slice(int(first[0]), int(last[-1]) + 1) if len(first) and len(last) else slice(0, 0)


def _windows(plane: NDArray[np.float32]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Hash and corner of each window whose middle is a local maximum of the mixed image."""
    if min(plane.shape) < _WINDOW_PX:
        return np.empty(0, np.uint64), np.empty((0, 2), np.int32)
    mixed, reach = _mix(plane), _WINDOW_PX // 2 - 1
    highest = maximum_filter(mixed, _WINDOW_PX - 2)
    peaks = np.argwhere((highest == mixed)[reach:-reach, reach:-reach]).astype(np.int32)
    windows = np.lib.stride_tricks.sliding_window_view(plane, (_WINDOW_PX, _WINDOW_PX))[tuple(peaks.T)]
    flat = (windows == windows[:, :1, :1]).all(axis=(1, 2))  # a blank background is full of them
    hashes, first = np.unique(np.array([_hash(window) for window in windows[~flat]], np.uint64), return_index=True)
    return hashes, peaks[~flat][first]


def _mix(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """A pseudo-random number for each 3x3 neighbourhood; two rows and columns fewer.

    Its maxima are as dense and as sharp in a smooth 8-bit image as in a noisy 16-bit one.
    """
    height, width = plane.shape[0] - 2, plane.shape[1] - 2
    bits = plane.view(np.uint32).astype(np.uint64)
    mixed = np.zeros((height, width), np.uint64)
    for y, x in np.ndindex(3, 3):
        mixed = (mixed ^ bits[y : y + height, x : x + width]) * _SPREAD  # FNV-1a, word by word
        mixed ^= mixed >> np.uint64(32)
    return (mixed >> np.uint64(40)).astype(np.float32)  # 24 bits, as a float32 holds them exactly


def _hash(*arrays: NDArray[np.float32]) -> int:
    return int.from_bytes(blake2b(b"".join(array.tobytes() for array in arrays), digest_size=8).digest(), "little")


def _group(fingerprints: dict[int, _Fingerprint]) -> tuple[tuple[int, ...], ...]:
    """Indices of the copies of each cell that has any."""
    first = {index: index for index in fingerprints}  # a forest: each copy points to an earlier one

    def root(index: int) -> int:
        while first[index] != index:
            first[index] = first[first[index]]
            index = first[index]
        return index

    for sharers in _sharers(fingerprints):
        distinct = sharers[:1]
        for index in sharers[1:]:
            twin = next((other for other in distinct if _same_cell(fingerprints[other], fingerprints[index])), None)
            if twin is None:
                distinct += [index] if len(distinct) < _MAX_DISTINCT else []
            else:
                low, high = sorted((root(twin), root(index)))
                first[high] = low
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for index in fingerprints:
        groups[root(index)].append(index)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _sharers(fingerprints: dict[int, _Fingerprint]) -> Iterator[list[int]]:
    """Cells that share a hash, in order, for each hash that several have."""
    if not fingerprints:
        return
    hashes = np.concatenate([np.append(found.hashes, np.uint64(found.whole)) for found in fingerprints.values()])
    owners = np.repeat(list(fingerprints), [len(found.hashes) + 1 for found in fingerprints.values()])
    order = np.argsort(hashes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(hashes[order]) != 0])
    ends = np.r_[starts[1:], len(hashes)]
    for start, end in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True):
        yield owners[order[start:end]].tolist()


def _same_cell(a: _Fingerprint, b: _Fingerprint) -> bool:
    """Whether two crops that share a window show the same cell, and not two neighbours in one field."""
    if a.whole == b.whole:
        return True
    _, in_a, in_b = np.intersect1d(a.hashes, b.hashes, assume_unique=True, return_indices=True)
    if not len(in_a):
        return False
    shifts, votes = np.unique(b.corners[in_b] - a.corners[in_a], axis=0, return_counts=True)
    shift = shifts[votes.argmax()]  # from a's coordinates to b's
    low, high = np.maximum(0, shift), np.minimum(np.add(a.shape, shift), b.shape)  # the overlap, from b's corner
    if np.prod(high - low) < _MIN_OVERLAP * min(np.prod(a.shape), np.prod(b.shape)):
        return False
    if a.centre is not None and b.centre is not None:
        distance = np.hypot(*(np.add(a.centre, shift) - b.centre))
        if distance > min(a.radius, b.radius) / 2:
            return False
    common = max(_n_windows(a, low - shift, high - shift), _n_windows(b, low, high))
    return bool(2 * votes.max() >= common)


def _n_windows(found: _Fingerprint, low: NDArray[np.intp], high: NDArray[np.intp]) -> int:
    """Number of a cell's windows that lie in a box."""
    return int(((found.corners >= low) & (found.corners + _WINDOW_PX <= high)).all(axis=1).sum())


def _choose(cells: Cells, groups: tuple[tuple[int, ...], ...]) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Indices to keep, and notes about the others."""
    dropped: set[int] = set()
    conflicts = []
    for group in groups:
        members = sorted(group, key=lambda i: (cells.synthetic[i], cells.phases[i] == UNKNOWN, i))
        phases = {int(cells.phases[i]) for i in group if not cells.synthetic[i]} - {UNKNOWN}
        conflicts += [group] if len(phases) > 1 else []
        dropped.update(members if len(phases) > 1 else members[1:])
    notes = []
    if groups:
        notes.append(f"cells found more than once: {len(groups)}; copies removed: {len(dropped)}")
    if conflicts:
        a, b = (f"{cells.sources[i]} cell {cells.ids[i]}" for i in conflicts[0][:2])
        notes.append(
            f"duplicate cells whose copies have different phases, so that no copy was kept: {len(conflicts)}; "
            f"the first are {a} and {b}"
        )
    return np.setdiff1d(np.arange(len(cells)), sorted(dropped)), tuple(notes)
