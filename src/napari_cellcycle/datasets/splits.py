"""Which cells are for training, validation and testing: decided before anything is fitted.

Synthetic cells are never used for testing or validation, and a group (a file, plate or donor) is never divided.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.tracking.film import film_frames

Indices = NDArray[np.intp]
VALIDATION_FRACTION = 0.15


@dataclass(frozen=True, eq=False)
class Fold:
    """Indices of the cells for training, for early stopping and calibration, and for testing one model."""

    train: Indices
    validation: Indices
    test: Indices


@dataclass(frozen=True, eq=False)
class Folds:
    """The folds of a cross-validation, and what the user should know about them."""

    folds: tuple[Fold, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Fold]:
        return iter(self.folds)

    def __len__(self) -> int:
        return len(self.folds)


def make_folds(
    cells: Cells,
    n_folds: int = 5,
    *,
    groups: ArrayLike | None = None,
    validation_fraction: float = VALIDATION_FRACTION,
    seed: int = 0,
) -> Folds:
    """Stratified folds, each with a validation part that is taken from its training part.

    Every real cell of known phase is tested exactly once. Synthetic cells are in the training part of every fold.
    Remove duplicates before: see `duplicates.drop_duplicates`.

    Parameters
    ----------
    cells : Cells
        Cells of unknown phase are left out.
    n_folds : int
        Number of folds, from 2.
    groups : array_like of str, shape (N,), optional
        Group of each cell; no group is in two parts of a fold. By default, that of `time_lapse_groups`.
    validation_fraction : float
        Share of the training part used for early stopping and temperature.
    seed : int
        The same seed gives the same folds.

    Returns
    -------
    Folds
        The folds in order, with notes for the user.

    Raises
    ------
    SettingError
        `n_folds` is below 2, or the validation fraction is not above 0 and up to 0.5.
    TooFewCellsError
        There are fewer than two phases, or fewer groups or fewer cells of every phase than folds.
    """
    notes: list[str] = []
    if groups is None and (groups := time_lapse_groups(cells)) is not None:
        notes.append("images of one time-lapse are kept together in the folds, as they show the same cells")
    real, synthetic, names = _checked(cells, n_folds, groups)
    folds = []
    for test in _split(cells.phases, real, names, n_folds, seed):
        if not len(test):
            raise TooFewCellsError(
                f"the groups can't fill {n_folds} folds; ask for fewer folds, or group by something finer"
            )
        train, validation = _hold_back(cells.phases, np.setdiff1d(real, test), names, validation_fraction, seed)
        folds.append(Fold(np.sort(np.r_[train, synthetic]), validation, test))
    return Folds(tuple(folds), (*notes, *_notes(cells, real, names, n_folds)))


def split_validation(
    cells: Cells,
    *,
    groups: ArrayLike | None = None,
    validation_fraction: float = VALIDATION_FRACTION,
    seed: int = 0,
) -> tuple[Indices, Indices]:
    """Divide cells into a training and a validation part, as in `make_folds`, without a test part.

    If all cells are synthetic, some of them are for validation: they can't say anything about real cells anyway.

    Parameters
    ----------
    cells : Cells
        Cells of unknown phase are left out.
    groups : array_like of str, shape (N,), optional
        Group of each cell; no group is in both parts. By default, that of `time_lapse_groups`, if there are several.
    validation_fraction : float
        Share of the real cells for validation.
    seed : int
        The same seed gives the same parts.

    Returns
    -------
    training, validation : ndarray of int
        Indices of the cells, rising.

    Raises
    ------
    SettingError
        The validation fraction is not above 0 and up to 0.5.
    TooFewCellsError
        There are fewer than two phases, or too few cells or groups.
    """
    if cells.synthetic[cells.phases != UNKNOWN].all():
        cells = replace(cells, synthetic=np.zeros(len(cells), bool))
    if groups is None and (groups := time_lapse_groups(cells)) is not None:
        of_real = groups[~cells.synthetic & (cells.phases != UNKNOWN)]
        groups = groups if len(np.unique(of_real)) > 1 else None  # a single film must be divided somewhere
    real, synthetic, names = _checked(cells, 2, groups)
    train, validation = _hold_back(cells.phases, real, names, validation_fraction, seed)
    return np.sort(np.r_[train, synthetic]), validation


def seed_folds(cells: Cells, n_folds: int = 5, *, seed: int = 0) -> Folds:
    """Folds as in Duque-Vazquez et al., to reproduce their scores, which are no estimates.

    Synthetic cells are split together with the real ones, and the test part is also the early-stopping set.

    Parameters
    ----------
    cells : Cells
        Cells of unknown phase are left out.
    n_folds : int
        Number of folds, from 2.
    seed : int
        The same seed gives the same folds.

    Returns
    -------
    Folds
        The folds in order.

    Raises
    ------
    SettingError
        `n_folds` is below 2.
    TooFewCellsError
        There are fewer than two phases, or fewer cells of every phase than folds.
    """
    _checked(cells, n_folds, None)
    known = np.flatnonzero(cells.phases != UNKNOWN)
    tests = _split(cells.phases, known, None, n_folds, seed)
    return Folds(tuple(Fold(np.setdiff1d(known, test), test, test) for test in tests))


def time_lapse_groups(cells: Cells) -> NDArray[np.str_] | None:
    """Group of each cell where several images show the same cells at different times.

    Parameters
    ----------
    cells : Cells
        Their sources end in the number of the frame, as in ``a.tif[t=3]``, or have a time in the name of the file, as
        in ``a_t003.tif``.

    Returns
    -------
    ndarray of str, shape (N,), or None
        The time-lapse, and for any other cell a name of its own; None if there is no time-lapse.
    """
    sources = np.unique(cells.sources).tolist()
    films = film_frames(sources)
    names = {source: films[source][0] if source in films else source for source in sources}
    n_times = Counter(names.values())
    if max(n_times.values(), default=0) < 2:
        return None
    named = zip(cells.sources.tolist(), cells.ids.tolist(), strict=True)
    return np.array([names[s] if n_times[names[s]] > 1 else f"{s} cell {cell}" for s, cell in named], dtype=str)


def _split(
    phases: NDArray[np.int8], among: Indices, groups: NDArray[np.str_] | None, n: int, seed: int
) -> list[Indices]:
    """`n` disjoint parts of the indices `among`, each with about the same mixture of phases."""
    splitter = (StratifiedKFold if groups is None else StratifiedGroupKFold)(n, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # our notes name the phase
        parts = splitter.split(among, phases[among], None if groups is None else groups[among])
        return [among[part] for _, part in parts]


def _hold_back(
    phases: NDArray[np.int8], among: Indices, groups: NDArray[np.str_] | None, fraction: float, seed: int
) -> tuple[Indices, Indices]:
    """Indices for training and for validation."""
    if not 0 < fraction <= 0.5:  # written this way, NaN fails too
        raise SettingError(f"the validation fraction is {fraction!r}, but must lie above 0 and up to 0.5")
    n_parts = round(1 / fraction)
    if groups is not None:
        n_parts = min(n_parts, len(np.unique(groups[among])))
    n_parts = min(n_parts, int(np.unique(phases[among], return_counts=True)[1].max()))
    if n_parts < 2:
        raise TooFewCellsError(
            "a training part has too few cells or groups to hold some back for validation; "
            "ask for more folds, or give more cells or groups"
        )
    validation = _split(phases, among, groups, n_parts, seed)[0]
    return np.setdiff1d(among, validation), validation


def _checked(cells: Cells, n_folds: int, groups: ArrayLike | None) -> tuple[Indices, Indices, NDArray[np.str_] | None]:
    """Indices of the real and of the synthetic cells of known phase, and the groups' names; refuses what is too few."""
    if n_folds < 2:
        raise SettingError(f"cv is {n_folds}, but a cross-validation needs at least 2 folds")
    known = cells.phases != UNKNOWN
    real, synthetic = np.flatnonzero(~cells.synthetic & known), np.flatnonzero(cells.synthetic & known)
    present, n_cells = np.unique(cells.phases[real], return_counts=True)
    if len(present) < 2:
        raise TooFewCellsError(
            f"{len(real)} real cells of known phase belong to {len(present)} of the phases, but at least 2 are needed; "
            "give folders named after the phases, such as G1 and S"
        )
    if n_cells.max() < n_folds:
        raise TooFewCellsError(f"every phase has fewer than {n_folds} cells; ask for fewer folds, or give more cells")
    if groups is None:
        return real, synthetic, None
    names = np.asarray(groups, dtype=str)
    if len(names) != len(cells):
        raise ValueError(f"{len(names)} groups for {len(cells)} cells")
    n_groups = len(np.unique(names[real]))
    if n_groups < n_folds:
        raise TooFewCellsError(
            f"the cells are in {n_groups} groups, too few for {n_folds} folds; ask for fewer folds, or give more files"
        )
    return real, synthetic, names


def _notes(cells: Cells, real: Indices, groups: NDArray[np.str_] | None, n_folds: int) -> tuple[str, ...]:
    notes, unit = [], "cells" if groups is None else "groups"
    for number in np.unique(cells.phases[real]).tolist():
        members, label = real[cells.phases[real] == number], cells.phase_set.label(number)
        count = len(members) if groups is None else len(np.unique(groups[members]))
        if count < n_folds:
            notes.append(f"{label} has {count} {unit}, fewer than the {n_folds} folds: some folds do not test it")
        if count == 1:
            notes.append(f"{label} has only one {unit[:-1]}: the model that is tested on it was not trained on it")
    n_unknown = int((cells.phases == UNKNOWN).sum())
    if n_unknown:
        notes.append(f"{n_unknown} cells of unknown phase were left out")
    n_synthetic = int((cells.synthetic & (cells.phases != UNKNOWN)).sum())
    if n_synthetic:
        notes.append(
            f"{n_synthetic} synthetic cells are in the training part of every fold and are never tested; "
            "if their generator was trained on the real cells of this data, the scores are too good"
        )
    return tuple(notes)
