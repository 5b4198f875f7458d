"""All that is known of each cell, to be filtered, sorted and grouped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_table import DISPUTED_LABEL, LabelTable
from napari_cellcycle.browse.columns import NOT_KNOWN, Categories, Column, Numbers, categories_of, yes_or_no
from napari_cellcycle.cells import Cells
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN, UNSURE_LABEL

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.intp]

PHASE, CALL, LABEL, STATE, AGREEMENT = "phase", "call", "label", "labelled", "agreement"
PROBABILITY, UNCERTAINTY, DNA, UNLIKE, SYNTHETIC = (
    "probability",
    "uncertainty",
    "dna_content",
    "unfamiliar",
    "synthetic",
)
SOURCE, CELL, TRUTH, ANNOTATOR, DRAWN = "source", "cell", "truth", "annotator", "drawn"
AGREES, DIFFERS = "call is right", "call is wrong"
LABELLED, NOT_LABELLED = "labelled", "not labelled"
_STATES = (LABELLED, NOT_LABELLED, UNSURE_LABEL, DISPUTED_LABEL)
LABEL_COLUMNS = {PHASE, LABEL, STATE, AGREEMENT, ANNOTATOR, DRAWN}
"""Columns that change when a cell is labelled."""

TITLES = {
    PHASE: "phase",
    CALL: "call",
    LABEL: "label",
    STATE: "labelled or not",
    AGREEMENT: "right or wrong",
    PROBABILITY: "probability",
    UNCERTAINTY: "uncertainty",
    DNA: "DNA content",
    UNLIKE: "unlike training cells",
    SYNTHETIC: "synthetic or real",
    SOURCE: "source",
    CELL: "cell number",
    TRUTH: "phase by folder",
    ANNOTATOR: "annotator",
    DRAWN: "how chosen",
    **{f"p_{name}": f"P({name})" for name in PHASE_LABELS},
}
"""What users read for the name of a column."""


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """Which cells are shown, and in which order.

    Attributes
    ----------
    sort, group : str
        Names of columns; an empty text for the order of the data, or for no groups.
    descending : bool
        Whether the highest come first. Cells of which the number is not known always come last.
    only : mapping of str to set of str
        For columns of categories: which of them are shown.
    between : mapping of str to (float, float)
        For columns of numbers: the lowest and the highest that are shown.
    rows : ndarray of intp, or None
        If given, only these cells, for instance those of one field of a confusion matrix.
    queue : ndarray of intp, or None
        If given, an order of cells that replaces `sort`; cells that are not in it are not shown.
    """

    sort: str = ""
    descending: bool = False
    group: str = ""
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    between: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rows: Rows | None = None
    queue: Rows | None = None


@dataclass(frozen=True)
class Group:
    """Some cells that are shown together under a header: their name, and where in `Order.rows` they lie."""

    name: str
    start: int
    count: int


@dataclass(frozen=True, eq=False)
class Order:
    """The cells that a view shows, `rows`, in its order; without grouping there is one group without a name."""

    rows: Rows
    groups: tuple[Group, ...]

    def __len__(self) -> int:
        return len(self.rows)


class CellTable:
    """One row for each cell, with columns from its files, from a model and from its labels.

    Parameters
    ----------
    cells : Cells
        The cells; no image is read.
    labels : LabelTable
        Of the same cells. The table follows its changes.
    calls : DataFrame, optional
        What a model called the same cells, with the columns of ``phases.csv``.

    Attributes
    ----------
    shown : ndarray of int16, shape (N,)
        What each cell is coloured by, its label, else its call, else what its folder says: a number in `phase_set`,
        that of unsure cells, `UNKNOWN`, or a higher one for another label.
    called : ndarray of int16, shape (N,)
        The call: a number in `phase_set`, that of unsure cells, or `UNKNOWN`.
    decided : ndarray of bool, shape (N,)
        Cells whose colour is that of a decision, not of a call.
    n_labelled : ndarray of int64, shape (P + 1,)
        Cells that have the label of each phase, and those that can't be told or are disputed.
    on_change : callable
        Called with the rows of cells that were labelled, once the table has followed.
    """

    def __init__(self, cells: Cells, labels: LabelTable, calls: pd.DataFrame | None = None) -> None:
        if not len(cells) == len(labels) == len(cells if calls is None else calls):
            raise ValueError(f"labels or calls are of another number of cells than {len(cells)}")
        self.cells, self.labels, self.calls, self.phase_set = cells, labels, calls, labels.phase_set
        self._columns: dict[str, Column] = {}
        self._made: dict[str, Callable[[], Column]] = {
            SOURCE: lambda: categories_of(labels.sources),
            CELL: lambda: Numbers(cells.ids.astype(np.float32)),
            SYNTHETIC: lambda: yes_or_no(cells.synthetic, "synthetic", "real"),
            PHASE: lambda: _phases(self.shown, self._names()),
            LABEL: self._label,
            STATE: self._state,
            ANNOTATOR: lambda: categories_of(labels.texts()["annotator"]),
            DRAWN: lambda: categories_of(labels.texts()["drawn"]),
        }
        if (labels.given != UNKNOWN).any():
            self._made[TRUTH] = lambda: _phases(labels.given, (*self.phase_set.names, NOT_KNOWN))
        self._made |= {name: _texts_of(texts) for name, texts in cells.columns.items() if name not in LABEL_COLUMNS}
        self.called = np.full(len(cells), UNKNOWN, np.int16)
        if calls is not None:
            self._add_calls(calls)
        self._before = labels.given.astype(np.int16) if calls is None else self.called
        self.shown, self.decided = self._before.copy(), np.zeros(len(cells), bool)
        self.n_labelled = np.zeros(len(self.phase_set) + 1, np.int64)
        self._resolve(np.arange(len(cells)))
        self.on_change: Callable[[Rows], None] = lambda _rows: None
        labels.follow(self._on_labels)

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return list(self._made)

    @property
    def groupable(self) -> list[str]:
        """Names of columns that hold categories."""
        numbers = {CELL, PROBABILITY, UNCERTAINTY, DNA, *(f"p_{name}" for name in self.phase_set.names)}
        return [name for name in self._made if name not in numbers]

    def column(self, name: str) -> Column:
        """One column; it is made when it is first asked for."""
        if name not in self._columns:
            self._columns[name] = self._made[name]()
        return self._columns[name]

    @cached_property
    def n_called(self) -> NDArray[np.int64]:
        """Cells that are called each phase, and unsure, shape (P + 1,)."""
        return np.bincount(self.called[self.called >= 0], minlength=len(self.phase_set) + 1)

    def order(self, view: View) -> Order:
        """The cells that `view` shows, in its order."""
        rows = self._chosen(view)
        if view.queue is None and view.sort:
            rows = rows[_sorted(self.column(view.sort).key()[rows], descending=view.descending)]
        if not view.group:
            return Order(rows, (Group("", 0, len(rows)),) if len(rows) else ())
        column = self.column(view.group)
        if not isinstance(column, Categories):
            raise TypeError(f"{view.group} has no categories to group by")
        key = column.key()[rows]
        rows = rows[_sorted(key)]
        counts = np.bincount(key, minlength=len(column.names) + 1)
        starts = np.r_[0, np.cumsum(counts)]
        names = [*column.names, NOT_KNOWN]
        groups = [Group(names[n] or "not known", int(starts[n]), int(counts[n])) for n in np.flatnonzero(counts)]
        return Order(rows, tuple(groups))

    def _chosen(self, view: View) -> Rows:
        """Rows that the filters let through, in the order of the data, or of the queue."""
        keep = np.ones(len(self), bool)
        for name, wanted in view.only.items():
            column = self.column(name)
            if isinstance(column, Categories):
                keep &= column.among(wanted)
        for name, (low, high) in view.between.items():
            column = self.column(name)
            if isinstance(column, Numbers):
                keep &= column.within(low, high)
        if view.rows is not None:
            keep &= np.isin(np.arange(len(self)), view.rows)
        if view.queue is not None:
            return view.queue[keep[view.queue]].astype(np.intp)
        return np.flatnonzero(keep)

    # --- calls ---

    def _add_calls(self, calls: pd.DataFrame) -> None:
        names = (*self.phase_set.all_names, NOT_KNOWN)
        self.called = _codes(calls["phase"], names).astype(np.int16)
        self.called[self.called == len(names) - 1] = UNKNOWN
        self._made |= {
            CALL: lambda: _phases(self.called, names),
            AGREEMENT: self._agreement,
            PROBABILITY: lambda: Numbers(calls[PROBABILITY].to_numpy(np.float32)),
            UNCERTAINTY: lambda: Numbers(_entropy(probabilities_of(calls, self.phase_set))),
        }
        self._made |= {f"p_{name}": _numbers_of(calls, f"p_{name}") for name in self.phase_set.names}
        if DNA in calls and calls[DNA].notna().any():
            self._made[DNA] = _numbers_of(calls, DNA)
        if UNLIKE in calls and calls[UNLIKE].notna().any():
            unlike = (calls[UNLIKE] == 1).to_numpy(bool)
            self._made[UNLIKE] = lambda: yes_or_no(unlike, "unlike", "like")

    def _agreement(self) -> Column:
        """Whether the call is what is known of the cell, by its label or by its folder."""
        truth, called = self.labels.phases, self.called
        codes = np.where(truth == called, 0, 1).astype(np.int32)
        codes[(truth == UNKNOWN) | (called == UNKNOWN)] = 2
        return Categories(codes, (AGREES, DIFFERS, NOT_KNOWN))

    # --- labels ---

    def _on_labels(self, rows: Rows) -> None:
        """Follow a change of some labels."""
        self._resolve(rows)
        for name in LABEL_COLUMNS:
            self._columns.pop(name, None)
        self.on_change(rows)

    def _resolve(self, rows: Rows) -> None:
        """Find again what some cells are coloured by, and count them anew."""
        rows = np.unique(rows)  # so that none is counted twice
        self.n_labelled -= self._count(rows)
        labels, decided = self.labels.labels_of(rows)
        phases, unsure = self.labels.own_phases_of(rows), self.phase_set.unsure
        other = np.where(phases != UNKNOWN, phases, unsure + 1 + labels)  # labels that are no phase come last
        said = np.where(labels >= 0, other, unsure)
        self.shown[rows] = np.where(decided, said, self._before[rows])
        self.decided[rows] = decided
        self.n_labelled += self._count(rows)

    def _count(self, rows: Rows) -> NDArray[np.int64]:
        shown = self.shown[rows][self.decided[rows]]
        return np.bincount(shown[shown <= self.phase_set.unsure], minlength=len(self.phase_set) + 1)

    def name_of(self, shown: int) -> str:
        """What a number of `shown` stands for; an empty text for `UNKNOWN`."""
        return "" if shown == UNKNOWN else self._names()[shown]

    def _names(self) -> tuple[str, ...]:
        """Names of the numbers of `shown`; the last one stands for `UNKNOWN`."""
        return (*self.phase_set.all_names, *self.labels.names, NOT_KNOWN)

    def _label(self) -> Column:
        names = (*self._names()[:-1], DISPUTED_LABEL, NOT_KNOWN)
        codes = np.where(self.decided, self.shown, len(names) - 1).astype(np.int32)
        codes[self.labels.disputed] = len(names) - 2
        return Categories(codes, names)

    def _state(self) -> Column:
        codes = np.where(self.decided, 0, 1).astype(np.int32)
        codes[self.labels.unsure], codes[self.labels.disputed] = 2, 3
        return Categories(codes, _STATES)


def probabilities_of(calls: pd.DataFrame, phases: PhaseSet = SEVEN) -> NDArray[np.float32]:
    """The probabilities in a table of calls.

    Parameters
    ----------
    calls : DataFrame
        With the columns of ``phases.csv``.
    phases : PhaseSet
        The P phases.

    Returns
    -------
    ndarray of float32, shape (N, P)
    """
    return np.stack([calls[f"p_{name}"].to_numpy(np.float32) for name in phases.names], axis=1)


def _entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """How unsure a model is of each cell: 0 if one phase has all probability, 1 if all have the same."""
    chances = np.clip(probabilities, 1e-12, 1)
    return (-(chances * np.log(chances)).sum(axis=1) / np.log(probabilities.shape[1])).astype(np.float32)


def _phases(numbers: NDArray[np.integer], names: tuple[str, ...]) -> Categories:
    """A column of phase numbers; the last of `names` is for `UNKNOWN`."""
    return Categories(np.where(numbers == UNKNOWN, len(names) - 1, numbers).astype(np.int32), names)


def _numbers_of(calls: pd.DataFrame, name: str) -> Callable[[], Column]:
    return lambda: Numbers(calls[name].to_numpy(np.float32))


def _texts_of(texts: NDArray[np.str_]) -> Callable[[], Column]:
    return lambda: categories_of(texts)


def _codes(texts: pd.Series, names: tuple[str, ...]) -> NDArray[np.int32]:
    """The number of each text in `names`; that of the last one for other texts."""
    import pandas as pd

    codes, found = pd.factorize(texts)
    numbers = np.array([names.index(name) if name in names else len(names) - 1 for name in found], np.int32)
    return np.append(numbers, len(names) - 1)[codes].astype(np.int32)


def _sorted(key: NDArray[np.float32] | NDArray[np.int32], *, descending: bool = False) -> Rows:
    """Positions that sort `key`; equal ones stay in their order, and NaN comes last."""
    if key.dtype.kind == "f":
        return np.argsort(-key if descending else key, kind="stable")
    smallest = key.astype(np.min_scalar_type(int(key.max(initial=0))))  # NumPy sorts short integers much faster
    return np.argsort(smallest.max(initial=0) - smallest if descending else smallest, kind="stable")
