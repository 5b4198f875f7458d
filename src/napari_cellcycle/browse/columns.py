"""Columns of a table of cells: numbers, or categories that are few compared with the cells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.phase_sets import SEVEN

NOT_KNOWN = ""
"""Category of cells of which something is not known."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """One number for each cell, NaN where it is not known, shape (N,)."""

    values: NDArray[np.float32]

    def key(self) -> NDArray[np.float32]:
        """What cells are sorted by."""
        return self.values

    def text(self, row: int) -> str:
        """The number of one cell."""
        return f"{self.values[row]:.3g}" if np.isfinite(self.values[row]) else NOT_KNOWN

    def within(self, low: float, high: float) -> NDArray[np.bool_]:
        """Which cells have a number from `low` to `high`, shape (N,)."""
        return (self.values >= low) & (self.values <= high)


@dataclass(frozen=True, eq=False)
class Categories:
    """One of some names for each cell: `codes`, shape (N,), are numbers in `names`, which are in the order to show."""

    codes: NDArray[np.int32]
    names: tuple[str, ...]

    def key(self) -> NDArray[np.int32]:
        """What cells are sorted by: those of which nothing is known come last."""
        if NOT_KNOWN not in self.names:
            return self.codes
        return np.where(self.codes == self.names.index(NOT_KNOWN), len(self.names), self.codes)

    def text(self, row: int) -> str:
        """The name of one cell's category."""
        return self.names[self.codes[row]]

    def among(self, names: Collection[str]) -> NDArray[np.bool_]:
        """Which cells are in one of the categories `names`, shape (N,)."""
        wanted = np.array([name in names for name in self.names], bool)
        return wanted[self.codes]


Column = Numbers | Categories


def yes_or_no(values: ArrayLike, yes: str, no: str) -> Categories:
    """Two categories.

    Parameters
    ----------
    values : array_like of bool, shape (N,)
        Which cells are in the first one.
    yes, no : str
        Names of the two.

    Returns
    -------
    Categories
        `yes` comes first.
    """
    return Categories(np.where(np.asarray(values, bool), 0, 1).astype(np.int32), (yes, no))


def categories_of(texts: ArrayLike, order: Sequence[str] = SEVEN.all_names) -> Categories:
    """The categories in a column of texts.

    Parameters
    ----------
    texts : array_like of str, shape (N,)
        Cells of one category often come one after the other, as those of a file do; that makes it fast.
    order : sequence of str
        Names that come first, in this order; the others follow, numbers in them sorted as numbers.

    Returns
    -------
    Categories
        Only with names that occur.
    """
    array = np.asarray(texts)
    array = array.astype(str) if array.dtype.kind == "O" else array
    if not len(array):
        return Categories(np.zeros(0, np.int32), ())
    starts = np.flatnonzero(np.r_[True, array[1:] != array[:-1]])
    different, number = np.unique(array[starts], return_inverse=True)
    rank = {name: place for place, name in enumerate(order)}
    sort = sorted(
        range(len(different)), key=lambda i: (rank.get(str(different[i]), len(rank)), _natural(str(different[i])))
    )
    new = np.empty(len(different), np.int32)
    new[sort] = np.arange(len(different))
    codes = np.repeat(new[number.reshape(-1)], np.diff([*starts.tolist(), len(array)]))
    return Categories(codes, tuple(str(different[i]) for i in sort))


def _natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """Sorts ``well 2`` before ``well 10``."""
    parts, digits = [], ""
    for letter in f"{text} ":
        if letter.isdecimal():
            digits += letter
            continue
        if digits:
            parts.append((False, int(digits), ""))
            digits = ""
        parts.append((True, 0, letter.lower()))
    return tuple(parts)
