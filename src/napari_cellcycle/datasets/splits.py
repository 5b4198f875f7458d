"""Which cells are trained on and which are tested: decided here, before anything is fitted.

Cells that a generator made are never tested or validated on, and groups (a file, plate or donor) are never torn apart.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.errors import SettingError, TooFewCellsError
from napari_cellcycle.phases import UNKNOWN, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_cellcycle.cells import Cells

Indices = NDArray[np.intp]
VALIDATION_FRACTION = 0.15


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the cells that one model is trained on, stopped and calibrated by, and tested on."""

    train: Indices
    validation: Indices
    test: Indices


@dataclass(frozen=True, eq=False)
class Folds:
    """The folds of a cross-validation, and what the user should know of them."""

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
    """Stratified folds, each with a validation part carved out of its training part.

    Every real cell of known phase is tested exactly once. Synthetic cells are in the training part of every fold.
    Repeated cells must be gone before: see `duplicates.drop_duplicates`.

    Parameters
    ----------
    cells : Cells
        Cells of unknown phase are left out.
    n_folds : int
        Number of folds, from 2.
    groups : array_like of str, shape (N,), optional
        Group of each cell; no group is in two parts of a fold.
    validation_fraction : float
        Share of the training part used for early stopping and temperature.
    seed : int
        The same seed gives the same folds.

    Raises
    ------
    SettingError
        `n_folds` is below 2, or the validation fraction not between 0 and 0.5.
    TooFewCellsError
        Fewer than two phases, or fewer cells of every phase, or groups, than folds.
    """
    _check(cells, n_folds, groups)
    names = None if groups is None else np.asarray(groups, dtype=str)
    real = _testable(cells)
    synthetic = np.flatnonzero(cells.synthetic & (cells.phases != UNKNOWN))
    folds, notes = [], _notes(cells, real, names, n_folds)
    for test in _split(cells.phases, real, names, n_folds, seed):
        if not len(test):
            raise TooFewCellsError(
                f"the groups can't fill {n_folds} folds; ask for fewer folds, or group by something finer"
            )
        train, validation = _carve(cells.phases, np.setdiff1d(real, test), names, validation_fraction, seed)
        folds.append(Fold(np.sort(np.r_[train, synthetic]), validation, test))
    return Folds(tuple(folds), notes)


def split_validation(
    cells: Cells,
    *,
    groups: ArrayLike | None = None,
    validation_fraction: float = VALIDATION_FRACTION,
    seed: int = 0,
) -> tuple[Indices, Indices]:
    """Positions to train on and to validate on, where nothing is tested; as in `make_folds`.

    Where all cells are synthetic, some of them are validated on: nothing can be learnt of real cells anyway.
    """
    if cells.synthetic[cells.phases != UNKNOWN].all():
        cells = replace(cells, synthetic=np.zeros(len(cells), bool))
    _check(cells, 2, groups)
    names = None if groups is None else np.asarray(groups, dtype=str)
    train, validation = _carve(cells.phases, _testable(cells), names, validation_fraction, seed)
    synthetic = np.flatnonzero(cells.synthetic & (cells.phases != UNKNOWN))
    return np.sort(np.r_[train, synthetic]), validation


def seed_folds(cells: Cells, n_folds: int = 5, *, seed: int = 0) -> Folds:
    """Folds as Duque-Vazquez et al. made them, to repeat their figures, which estimate nothing.

    Synthetic cells are split with the real ones, and the test part is the early-stopping set as well.
    """
    _check(cells, n_folds, None)
    known = np.flatnonzero(cells.phases != UNKNOWN)
    tests = _split(cells.phases, known, None, n_folds, seed)
    return Folds(tuple(Fold(np.setdiff1d(known, test), test, test) for test in tests))


def group_names(cells: Cells, by: str) -> NDArray[np.str_]:
    """Group of each cell from where it lies.

    Parameters
    ----------
    cells : Cells
        Their sources are paths relative to the input.
    by : str
        ``file``; ``folder``, the folder that the file lies in; or ``folder1``, ``folder2``, ... the first so many
        folders of the path, as in ``donor/plate/G1/file.tif``.

    Raises
    ------
    SettingError
        `by` is none of these.
    """
    if by == "file":
        return cells.sources
    depth = by.removeprefix("folder")
    if not by.startswith("folder") or not (depth == "" or (depth.isdecimal() and int(depth) > 0)):
        raise SettingError(
            f"group-by is {by!r}, but must be file, folder, or folder1, folder2, ... counted from the input"
        )
    parents = {source: PurePath(source).parent for source in np.unique(cells.sources).tolist()}
    names = {s: str(PurePath(*p.parts[: int(depth)]) if depth else p) for s, p in parents.items()}
    return np.array([names[source] for source in cells.sources.tolist()], dtype=str)


def _testable(cells: Cells) -> Indices:
    return np.flatnonzero(~cells.synthetic & (cells.phases != UNKNOWN))


def _split(
    phases: NDArray[np.int8], among: Indices, groups: NDArray[np.str_] | None, n: int, seed: int
) -> list[Indices]:
    """`n` disjoint parts of the positions `among`, each with about the same mixture of phases."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    splitter = (StratifiedKFold if groups is None else StratifiedGroupKFold)(n, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # our notes name the phase
        parts = splitter.split(among, phases[among], None if groups is None else groups[among])
        return [among[part] for _, part in parts]


def _carve(
    phases: NDArray[np.int8], among: Indices, groups: NDArray[np.str_] | None, fraction: float, seed: int
) -> tuple[Indices, Indices]:
    """Positions to train on and to validate on."""
    if not 0 < fraction <= 0.5:  # said this way round, NaN fails too
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


def _check(cells: Cells, n_folds: int, groups: ArrayLike | None) -> None:
    if n_folds < 2:
        raise SettingError(f"cv is {n_folds}, but a cross-validation needs at least 2 folds")
    real = _testable(cells)
    present, n_cells = np.unique(cells.phases[real], return_counts=True)
    if len(present) < 2:
        raise TooFewCellsError(
            f"{len(real)} real cells of known phase hold {len(present)} of the phases, but at least 2 are needed; "
            "give folders named after the phases, such as G1 and S"
        )
    if n_cells.max() < n_folds:
        raise TooFewCellsError(f"every phase has fewer than {n_folds} cells; ask for fewer folds, or give more cells")
    if groups is None:
        return
    if len(np.asarray(groups)) != len(cells):
        raise ValueError(f"{len(np.asarray(groups))} groups for {len(cells)} cells")
    n_groups = len(np.unique(np.asarray(groups, dtype=str)[real]))
    if n_groups < n_folds:
        raise TooFewCellsError(f"the cells lie in {n_groups} groups, too few for {n_folds} folds; ask for fewer folds")


def _notes(cells: Cells, real: Indices, groups: NDArray[np.str_] | None, n_folds: int) -> tuple[str, ...]:
    notes = []
    for number in np.unique(cells.phases[real]).tolist():
        members = real[cells.phases[real] == number]
        count, what = len(members), "cells"
        if groups is not None:
            count, what = len(np.unique(groups[members])), "groups"
        if count < n_folds:
            label = Phase(number).label
            notes.append(f"{label} is in {count} {what}, fewer than the {n_folds} folds: some folds test none of it")
        if count == 1:
            notes.append(
                f"{Phase(number).label} is in one of the {what} only: where it is tested, it was never trained on"
            )
    n_unknown = int((cells.phases == UNKNOWN).sum())
    if n_unknown:
        notes.append(f"{n_unknown} cells of unknown phase were left out")
    n_synthetic = int((cells.synthetic & (cells.phases != UNKNOWN)).sum())
    if n_synthetic:
        notes.append(
            f"{n_synthetic} synthetic cells are trained on in every fold and tested in none; "
            "if their generator saw the real cells of this data, the figures are too good"
        )
    return tuple(notes)
