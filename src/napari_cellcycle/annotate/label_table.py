"""The labels of some cells: one table that everything reads, with undo, kept in a file at each decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellcycle.annotate.label_file import (
    BY_HAND,
    CONTROL,
    EVERY_CELL,
    PERSON,
    RANDOM,
    Decision,
    append_decisions,
)
from napari_cellcycle.annotate.matching import match_cells, match_positions
from napari_cellcycle.io.name_patterns import printable
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.phases import UNKNOWN, UNSURE_LABEL

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.intp]
UNDECIDED, CLEARED = -1, -2
"""Instead of the number of a label: this annotator never decided, or gave no label."""
DISPUTED_LABEL = "disputed"
"""In tables, of a cell on which annotators disagree."""
_EPOCH = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(eq=False)
class _Opinions:
    """The last decision of one annotator on each of N cells; `drawn` are numbers in `LabelTable._ways`."""

    kind: str
    labels: NDArray[np.int16]
    sure: NDArray[np.bool_]
    drawn: NDArray[np.int16]
    when: NDArray[np.int64]

    @classmethod
    def none(cls, kind: str, n_cells: int) -> _Opinions:
        labels = np.full(n_cells, UNDECIDED, np.int16)
        return cls(kind, labels, np.ones(n_cells, bool), np.zeros(n_cells, np.int16), np.zeros(n_cells, np.int64))

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Cells that have a label of this annotator, or that were looked at and can't be told."""
        return (self.labels >= 0) | ~self.sure


@dataclass(frozen=True, eq=False)
class _Step:
    """One decision that can be undone: rows, and what the annotator had decided before and decides now."""

    rows: Rows
    before: tuple[NDArray[np.int16], NDArray[np.bool_], NDArray[np.int16]]
    after: tuple[NDArray[np.int16], NDArray[np.bool_], NDArray[np.int16]]


class LabelTable:
    """Labels of N cells, by any number of annotators; this program's user is one of them.

    What a person decided counts for more than what a control says. Where persons disagree, most of them must agree;
    else the cell has no label and is `disputed`.

    Parameters
    ----------
    sources, ids : array_like, shape (N,)
        The cells, as in `Cells`.
    given : array_like of int, shape (N,), optional
        Phases that are known without any decision, from folders or tables. A decision replaces them.
    path : Path, optional
        File that keeps the decisions; without one they are only in memory.
    annotator : str
        Whose decisions `decide` makes.
    positions : array_like, shape (N, 2), optional
        Row and column of each cell's middle in its field, NaN where it is in none: decisions follow cells by them.
    phase_set : PhaseSet
        Which phases there are, and whose numbers `given` are.

    Attributes
    ----------
    names : list of str
        What the numbers of labels stand for: the phases first, then other names that were met, such as ``dead``.
    notes : list of str
        What could not be read or matched, for the user.
    """

    def __init__(
        self,
        sources: ArrayLike,
        ids: ArrayLike,
        given: ArrayLike | None = None,
        path: Path | None = None,
        annotator: str = "me",
        positions: ArrayLike | None = None,
        phase_set: PhaseSet = SEVEN,
    ) -> None:
        self.sources, self.ids = _printable(np.asarray(sources, dtype=str)), np.asarray(ids, dtype=np.int64)
        n_cells = len(self.ids)
        self.given = np.full(n_cells, UNKNOWN, np.int8) if given is None else np.asarray(given, np.int8)
        self.path, self.annotator = path, annotator
        self.phase_set = phase_set
        self._given = self.given, phase_set
        self.names: list[str] = list(phase_set.names)
        self.notes: list[str] = []
        self._positions = np.full((n_cells, 2), np.nan) if positions is None else np.asarray(positions, np.float64)
        self._followers: list[WeakMethod[Callable[[Rows], None]]] = []
        self._ways: list[str] = [BY_HAND, RANDOM]
        self._opinions: dict[str, _Opinions] = {}
        self._undo: list[_Step] = []
        self._redo: list[_Step] = []
        self._resolved = np.full(n_cells, UNDECIDED, np.int16)
        self._unsure, self._disputed = np.zeros(n_cells, bool), np.zeros(n_cells, bool)

    def __len__(self) -> int:
        return len(self.ids)

    # --- what is known ---

    @property
    def labels(self) -> NDArray[np.int16]:
        """Number of each cell's label in `names`, shape (N,); -1 where it has none, or nobody is sure of it."""
        return np.where(self._unsure | self._disputed, UNDECIDED, np.maximum(self._resolved, UNDECIDED))

    @property
    def unsure(self) -> NDArray[np.bool_]:
        """Cells that were looked at and whose phase can't be told, shape (N,)."""
        return self._unsure

    @property
    def disputed(self) -> NDArray[np.bool_]:
        """Cells on which annotators disagree, so that they have no label, shape (N,)."""
        return self._disputed

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Cells that have a decision of any annotator which was not taken back, shape (N,)."""
        return (self._resolved >= 0) | self._unsure | self._disputed

    def labels_of(self, rows: Rows) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """`labels` and `decided` of some cells only, which takes no longer if there are a million others."""
        resolved, is_open = self._resolved[rows], self._unsure[rows] | self._disputed[rows]
        labels = np.where(is_open, UNDECIDED, np.maximum(resolved, UNDECIDED)).astype(np.int16)
        return labels, (resolved >= 0) | is_open

    @property
    def phases(self) -> NDArray[np.int8]:
        """True phase of each cell as far as it is known, shape (N,): its label, else what was given."""
        return self.phases_of(np.arange(len(self)))

    def phases_of(self, rows: Rows) -> NDArray[np.int8]:
        """`phases` of some cells only."""
        _, decided = self.labels_of(rows)
        return np.where(decided, self.own_phases_of(rows), self.given[rows]).astype(np.int8)

    def own_phases_of(self, rows: Rows) -> NDArray[np.int8]:
        """Phase that the label of some cells names, as a number in `phase_set`; -1 where it names none, or is none."""
        meanings = np.array([*map(self.phase_set.number_of, self.names), UNKNOWN], np.int8)
        return meanings[self.labels_of(rows)[0]]

    def use_phases(self, phase_set: PhaseSet) -> None:
        """Tell phases in another set from now on; what was decided stays as it is."""
        given, own = self._given  # not what a coarser set left of it
        self.given = own.numbers_in(phase_set)[given]
        self.phase_set = phase_set

    @property
    def drawn_at_random(self) -> NDArray[np.bool_]:
        """Cells with a label that were drawn at random to be labelled, shape (N,)."""
        return self.decided & (self._ways_of(np.arange(len(self))) == self._ways.index(RANDOM))

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells with each label of `names`, shape (L,)."""
        labels = self.labels
        return np.bincount(labels[labels >= 0], minlength=len(self.names))

    def texts(self) -> dict[str, NDArray[np.str_]]:
        """Columns ``label``, ``annotator`` and ``drawn`` for a table, each of shape (N,); empty texts where none is."""
        labels, decided = self.labels, self.decided
        label = np.array([*self.names, ""])[labels]
        label[self._unsure], label[self._disputed] = UNSURE_LABEL, DISPUTED_LABEL
        drawn = np.where(decided, np.array(self._ways)[np.maximum(self._ways_of(np.arange(len(self))), 0)], "")
        return {"label": label, "annotator": self._annotators(), "drawn": drawn}

    def decision_of(self, row: int) -> dict[str, str]:
        """What each annotator decided about one cell: a label, ``unsure``, or nothing for one who took it back."""
        found = {}
        for name, own in self._opinions.items():
            if not own.sure[row]:
                found[name] = UNSURE_LABEL
            elif own.labels[row] >= 0:
                found[name] = self.names[own.labels[row]]
        return found

    @property
    def annotators(self) -> list[str]:
        """Everybody who decided something."""
        return list(self._opinions)

    def follow(self, callback: Callable[[Rows], None]) -> None:
        """Call a method with the changed rows after each change, as long as its object lives."""
        self._followers.append(WeakMethod(callback))

    # --- decisions ---

    def decide(
        self,
        rows: ArrayLike,
        label: str | Sequence[str],
        *,
        sure: bool = True,
        drawn: str | Sequence[str] = BY_HAND,
    ) -> None:
        """Label some cells, or take their labels back with an empty text.

        Parameters
        ----------
        rows : array_like of int
            Cells, by their position.
        label : str or sequence of str
            A phase, or another name, for all or for each.
        sure : bool
            False if the cell was looked at and can't be told, whatever the label.
        drawn : str or sequence of str
            How the cells came to be labelled, for all or for each. A cell that was drawn at random stays so when its
            label is corrected; else the sample would lose the cells that were labelled wrongly.

        Raises
        ------
        WriteError
            The file can't be written; then nothing is changed.
        """
        chosen = np.atleast_1d(np.asarray(rows, np.intp))
        if not len(chosen):
            return
        numbers = [self._number(text) if text else CLEARED for text in ([label] if isinstance(label, str) else label)]
        ways = [self._way(text) for text in ([drawn] if isinstance(drawn, str) else drawn)]
        stays = self._ways_of(chosen) == self._way(RANDOM)
        after = (
            np.broadcast_to(np.array(numbers, np.int16), chosen.shape).copy(),
            np.full(len(chosen), sure),
            np.where(stays, self._way(RANDOM), np.array(ways, np.int16)).astype(np.int16),
        )
        step = _Step(chosen, self._mine(chosen), after)
        self._apply(step.rows, step.after)
        self._undo.append(step)
        self._redo.clear()
        self.tell(step.rows)

    def replace_labels(
        self, annotator: str, labels: ArrayLike, sure: ArrayLike, *, kind: str = CONTROL, drawn: str = EVERY_CELL
    ) -> Rows:
        """Give every cell the label that a control has for it, instead of what the same control said before.

        Only what differs is written. `undo` does not take it back, as another run of the control does.

        Parameters
        ----------
        annotator : str
            Name of the control.
        labels : array_like of str, shape (N,)
            Empty where the control has none; a former one is then taken back.
        sure : array_like of bool, shape (N,)
            False where the control can't tell, whatever the label.
        kind : {"control", "person"}
            What the annotator is.
        drawn : str
            How the cells came to be labelled.

        Returns
        -------
        ndarray of intp
            Rows that changed.

        Raises
        ------
        WriteError
            The file can't be written; then nothing is changed.
        """
        different, index = np.unique(np.asarray(labels, str), return_inverse=True)
        numbers = np.array([self._number(text) if text else CLEARED for text in different.tolist()], np.int16)[index]
        is_sure = np.asarray(sure, bool) | (numbers == CLEARED)
        own = self._of(annotator, kind)
        same = (own.labels == numbers) | ((own.labels < 0) & (numbers < 0))
        rows = np.flatnonzero(~(same & (own.sure == is_sure)))
        if len(rows):
            values = numbers[rows], is_sure[rows], np.full(len(rows), self._way(drawn), np.int16)
            self._apply(rows, values, annotator, kind)
        return rows

    def undo(self) -> Rows:
        """Take back the last decision of this session, and return its rows; none if there is nothing to undo."""
        return self._go(self._undo, self._redo, "before")

    def redo(self) -> Rows:
        """Decide again what `undo` took back, and return its rows."""
        return self._go(self._redo, self._undo, "after")

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def load(self, decisions: Iterable[Decision]) -> int:
        """Take in decisions that were made before, in their order, and return how many are about other cells."""
        given = list(decisions)
        found = self._find(given)
        for row, decision in zip(found.tolist(), given, strict=True):
            if row >= 0:
                own = self._of(decision.annotator, decision.kind)
                own.labels[row] = self._number(decision.label) if decision.label else CLEARED
                own.sure[row], own.drawn[row] = decision.sure, self._way(decision.drawn)
                own.when[row] = _seconds(decision.when)
        self._resolve(np.unique(found[found >= 0]))
        return int((found < 0).sum())

    def _find(self, decisions: Sequence[Decision]) -> Rows:
        """The cell of each decision, -1 where there is none."""
        found = match_cells(self.sources, self.ids, [d.source for d in decisions], [d.cell for d in decisions])
        in_field = [number for number, decision in enumerate(decisions) if decision.at is not None]
        if in_field:
            places = [(decisions[number].source, decisions[number].at or []) for number in in_field]
            found[in_field] = match_positions(self.sources, self._positions, *zip(*places, strict=True))
        return found

    def _go(self, steps: list[_Step], other: list[_Step], which: str) -> Rows:
        if not steps:
            return np.zeros(0, np.intp)
        step = steps[-1]
        self._apply(step.rows, getattr(step, which))
        other.append(steps.pop())
        self.tell(step.rows)
        return step.rows

    def _mine(self, rows: Rows) -> tuple[NDArray[np.int16], NDArray[np.bool_], NDArray[np.int16]]:
        own = self._of(self.annotator, PERSON)
        return own.labels[rows], own.sure[rows], own.drawn[rows]

    def _apply(self, rows: Rows, values: tuple[NDArray[Any], ...], annotator: str = "", kind: str = PERSON) -> None:
        """Write decisions, of this user if of nobody else, to the file, then to the table."""
        annotator = annotator or self.annotator
        own, now = self._of(annotator, kind), datetime.now(UTC)
        labels, sure, drawn = values
        if self.path is not None:
            texts = [self.names[number] if number >= 0 else "" for number in labels.tolist()]
            ways, when = [self._ways[way] for way in drawn.tolist()], now.strftime(_EPOCH)
            at = [where if np.isfinite(where).all() else None for where in self._positions[rows].round(1).tolist()]
            keys = self.sources[rows].tolist(), self.ids[rows].tolist()
            cells = zip(*keys, texts, sure.tolist(), ways, at, strict=True)
            append_decisions(
                self.path,
                [
                    Decision(source, cell, text, is_sure, annotator, own.kind, way, when, at)
                    for source, cell, text, is_sure, way, at in cells
                ],
            )
        own.labels[rows], own.sure[rows], own.drawn[rows] = labels, sure, drawn
        own.when[rows] = int(now.timestamp())
        self._resolve(rows)

    def tell(self, rows: Rows) -> None:
        """Call those who follow the labels; `replace_labels`, which may run in a thread, does not."""
        self._followers = [follower for follower in self._followers if follower() is not None]
        for follower in list(self._followers):
            if (callback := follower()) is not None:
                callback(rows)

    # --- what several annotators say together ---

    def _resolve(self, rows: Rows) -> None:
        """Find what annotators together say of some cells."""
        rows = np.asarray(rows, np.intp)
        kinds = [own.kind for own in self._opinions.values()]
        by_person = self._vote(rows, PERSON) if PERSON in kinds else None
        by_control = self._vote(rows, CONTROL) if CONTROL in kinds else None
        none = (np.full(len(rows), UNDECIDED, np.int16), np.zeros(len(rows), bool), np.zeros(len(rows), bool))
        label, unsure, disputed = by_control or none
        if by_person is not None:
            said = (by_person[0] >= 0) | by_person[1] | by_person[2]
            label, unsure, disputed = (
                np.where(said, person, other)
                for person, other in zip(by_person, (label, unsure, disputed), strict=True)
            )
        self._resolved[rows], self._unsure[rows], self._disputed[rows] = label, unsure, disputed

    def _vote(self, rows: Rows, kind: str) -> tuple[NDArray[np.int16], NDArray[np.bool_], NDArray[np.bool_]]:
        """The label that most annotators of a kind agree on, whether they are unsure, whether none has most votes."""
        opinions = [own for own in self._opinions.values() if own.kind == kind]
        votes = np.zeros((len(rows), len(self.names) + 1), np.int16)  # the last column: unsure
        for own in opinions:
            voted = np.flatnonzero(own.decided[rows])
            choice = np.where(own.sure[rows[voted]], own.labels[rows[voted]], len(self.names))
            votes[voted, choice] += 1
        best = votes.argmax(axis=1)
        most = votes.max(axis=1)
        tied = (votes == most[:, None]).sum(axis=1) > 1
        has_any = most > 0
        is_unsure = has_any & ~tied & (best == len(self.names))
        label = np.where(has_any & ~tied & ~is_unsure, best, UNDECIDED).astype(np.int16)
        return label, is_unsure, has_any & tied

    def _ways_of(self, rows: Rows) -> NDArray[np.int64]:
        """How each of some cells came to be labelled, by the newest decision; -1 where there is none."""
        result, newest = np.full(len(rows), -1, np.int64), np.full(len(rows), -1, np.int64)
        for own in self._opinions.values():
            when = own.when[rows]
            newer = ((own.labels[rows] >= 0) | ~own.sure[rows]) & (when >= newest)
            result[newer], newest[newer] = own.drawn[rows][newer], when[newer]
        return result

    def _annotators(self) -> NDArray[np.str_]:
        """Names of those who decided, joined by " + " where there are several."""
        texts = np.full(len(self), "", object)
        for name, own in self._opinions.items():
            rows = np.flatnonzero(own.decided)
            texts[rows] = [f"{before} + {name}" if before else name for before in texts[rows]]
        return texts.astype(str)

    def _of(self, annotator: str, kind: str) -> _Opinions:
        if annotator not in self._opinions:
            self._opinions[annotator] = _Opinions.none(kind, len(self))
        return self._opinions[annotator]

    def _number(self, label: str) -> int:
        if label not in self.names:
            self.names.append(label)
        return self.names.index(label)

    def _way(self, drawn: str) -> int:
        if drawn not in self._ways:
            self._ways.append(drawn)
        return self._ways.index(drawn)

    def to_table(self) -> pd.DataFrame:
        """One row for each decided cell: ``source, cell, label, annotator, drawn, when``."""
        import pandas as pd

        rows = np.flatnonzero(self.decided)
        when = np.max([own.when for own in self._opinions.values()], axis=0) if self._opinions else np.zeros(len(self))
        columns: dict[str, Any] = {"source": self.sources[rows], "cell": self.ids[rows]}
        columns |= {name: texts[rows] for name, texts in self.texts().items()}
        columns["when"] = [datetime.fromtimestamp(int(second), UTC).strftime(_EPOCH) for second in when[rows]]
        return pd.DataFrame(columns)


def _printable(sources: NDArray[np.str_]) -> NDArray[np.str_]:
    """The same names in characters that a file can hold, as tables of results show them."""
    different, index = np.unique(sources, return_inverse=True)
    return np.array([printable(text) for text in different.tolist()], dtype=str)[index]


@lru_cache(maxsize=16)  # many decisions are made at once
def _seconds(when: str) -> int:
    return int(datetime.strptime(when, _EPOCH).replace(tzinfo=UTC).timestamp())
