"""What keys and buttons decide about the selected cells of a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.gui.layers.labelled_phases import MOST_KEYS
from napari_cellcycle.gui.widgets.cell_grid import CellGrid

KEYS_IN_WORDS = (
    "Keys: 1 to 7 label, Enter confirms the call, U unsure, 0 clears, N next without a label, Ctrl+Z takes back, "
    "arrows move, Shift or dragging selects many."
)


class Labelling:
    """Labels cells of a grid by key.

    Parameters
    ----------
    grid : CellGrid
        Whose selected cells are labelled; its keys are set.
    drawn : callable
        Gives how the cells that are shown came to be chosen.
    say : callable
        Shows one sentence to the user.
    on_error : callable
        Gets an error that the user can solve, when labels can't be written.
    on_done : callable
        Called after each decision, and after one was taken back.
    """

    def __init__(
        self,
        grid: CellGrid,
        drawn: Callable[[], str],
        say: Callable[[str], None],
        on_error: Callable[[Exception], None],
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        self._grid, self._drawn, self._say, self._on_error, self._on_done = grid, drawn, say, on_error, on_done
        for phase in range(MOST_KEYS):
            grid.keys[str(phase + 1)] = partial(self.label, phase)
        grid.keys |= {
            "Enter": self.confirm,
            "0": self.clear,
            "Delete": self.clear,
            "U": self.unsure,
            "N": self.next_undecided,
            "Ctrl+Z": self.undo,
            "Ctrl+Shift+Z": self.redo,
            "Ctrl+Y": self.redo,
        }

    @property
    def labels(self) -> LabelTable | None:
        """The labels of the cells that are shown."""
        return None if self._grid.table is None else self._grid.table.labels

    def label(self, phase: int) -> None:
        """Give the selected cells the label of a phase."""
        names = () if self.labels is None else self.labels.phase_set.names
        if phase < len(names):
            self._decide(self._grid.selected_rows(), [names[phase]], moves_on=True)
        else:
            self._say(
                f"There is no phase {phase + 1}; the phases are {', '.join(names)}." if names else "Open cells first."
            )

    def unsure(self) -> None:
        """Say of the selected cells that they were looked at and can't be told."""
        self._decide(self._grid.selected_rows(), [""], sure=False, moves_on=True)

    def clear(self) -> None:
        """Take the labels of the selected cells back."""
        self._decide(self._grid.selected_rows(), [""])

    def confirm(self) -> None:
        """Give the selected cells the label that the model calls them by."""
        if (table := self._grid.table) is None:
            return
        rows = self._grid.selected_rows()
        called = table.called[rows]
        has_call = (called >= 0) & (called < len(table.phase_set))
        if len(rows) and not has_call.any():
            self._say("No model has called a phase of the selected cells, so there is nothing to confirm.")
            return
        self._decide(rows[has_call], [table.phase_set.names[phase] for phase in called[has_call]], moves_on=True)

    def next_undecided(self) -> None:
        """Go to the next cell after the current one that nobody has decided about; at the end, to the first one."""
        if (table := self._grid.table) is None:
            return
        rows = self._grid.order.rows
        open_ones = np.flatnonzero(~table.decided[rows])
        if not len(open_ones):
            self._say("All cells that are shown have a label.")
            return
        here = self._grid.current_place
        after = open_ones[open_ones > (-1 if here is None else here)]
        self._grid.go_to(int(rows[after[0] if len(after) else open_ones[0]]))

    def undo(self) -> None:
        """Take the last decision back, and go to its cell."""
        if (labels := self.labels) is not None:
            self._show_again(labels.undo, "There is nothing to take back.")

    def redo(self) -> None:
        """Decide again what was taken back."""
        if (labels := self.labels) is not None:
            self._show_again(labels.redo, "There is nothing to decide again.")

    def _show_again(self, step: Callable[[], NDArray[np.intp]], nothing: str) -> None:
        try:
            rows = step()
        except CellCycleError as error:
            self._on_error(error)
            return
        self._on_done()
        if not len(rows):
            self._say(nothing)
        elif len(rows) == 1:
            self._grid.go_to(int(rows[0]))
        else:
            self._grid.select(rows)

    def _decide(
        self, rows: NDArray[np.intp], labels: Sequence[str], *, sure: bool = True, moves_on: bool = False
    ) -> None:
        """Write one decision, with one label for all cells or one for each, and go on if one cell was labelled."""
        if self.labels is None or not len(rows):
            self._say("Select a cell first: click it, or move to it with the arrow keys.")
            return
        try:
            self.labels.decide(rows, labels, sure=sure, drawn=self._drawn())
        except CellCycleError as error:
            self._on_error(error)
            return
        self._on_done()
        what = " and ".join(label for label in dict.fromkeys(labels) if label) or ("no label" if sure else "unsure")
        self._say(f"{len(rows):,} {'cell' if len(rows) == 1 else 'cells'}: {what}.")
        if moves_on and len(rows) == 1:
            self._grid.move_on()
