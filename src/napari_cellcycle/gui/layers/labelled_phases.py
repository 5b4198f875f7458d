"""A phase layer follows the labels of its cells, and painting on it or pressing a digit labels a cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.errors import WriteError
from napari_cellcycle.gui.layers.phase_table import called_phases
from napari_cellcycle.images.cell_map import CellMap
from napari_cellcycle.phase_sets import SEVEN, PhaseSet
from napari_cellcycle.phases import UNKNOWN

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

MOST_KEYS = 9
"""Phases that have a digit."""


def how_to_label(phases: PhaseSet = SEVEN) -> str:
    """Which keys label cells."""
    digits = ", ".join(f"{number} {name}" for number, name in enumerate(phases.names[:MOST_KEYS], start=1))
    return (
        "look at the cells in the dock Gallery, and label them by key; or point at a cell of the layer and press "
        f"{digits}, U unsure, or 0 to take the label back"
    )


HOW_TO_LABEL = how_to_label()
_MOST_PATCHES = 300
"""More cells than these are drawn faster all at once."""


class LabelledPhases:
    """Shows each cell of a phase layer in the phase of its label, or of its call where it has none.

    It lives as long as the layer, which holds it by its keys and by its undo.

    Parameters
    ----------
    layer : Labels
        A phase layer.
    cells : CellMap
        Which cell lies where.
    labels : LabelTable
        Of these cells.
    viewer : ViewerModel
        Whose cursor points at cells.
    """

    def __init__(self, layer: Labels, cells: CellMap, labels: LabelTable, viewer: ViewerModel) -> None:
        self.layer, self.cells, self.labels, self._viewer = layer, cells, labels, ref(viewer)
        self._is_drawing = False
        self._shown = self.numbers()
        labels.follow(self._on_labels)
        layer.events.paint.connect(self._on_paint)
        # napari's own undo would change the picture and not the labels
        layer.undo, layer.redo = self._undo, self._redo
        self._bind_keys()

    def numbers(self) -> NDArray[np.uint8]:
        """The phase number of the picture for each cell, shape (N,)."""
        self._called = called_phases(self.layer)
        return (shown_phases(self._called, self.labels) + 1).astype(np.uint8)

    def redraw(self) -> None:
        """Draw all cells again."""
        self._shown = self.numbers()
        self._is_drawing = True
        try:
            self.layer.data = self.cells.draw_outlines(self._shown)
        finally:
            self._is_drawing = False

    def _on_labels(self, rows: NDArray[np.intp]) -> None:
        """Draw the cells whose labels changed, and write these to the layer's table."""
        self._write_truth(rows)
        # only these cells are looked at: a key must not wait for a million others
        shown = (shown_phases(self._called[rows], self.labels, rows) + 1).astype(np.uint8)
        changed = rows[shown != self._shown[rows]]
        self._shown[rows] = shown
        on_screen = changed[changed < self._n_on_screen]
        if len(on_screen) > _MOST_PATCHES:
            self.redraw()
        else:
            for cell in on_screen.tolist():
                self._draw(cell)

    @property
    def _n_on_screen(self) -> int:
        return getattr(self.cells, "n_cells", len(self._shown))

    def _write_truth(self, rows: NDArray[np.intp]) -> None:
        # in place: a new table would make all docks start again
        truth = self.labels.phase_set.labels(self.labels.phases_of(rows))
        self.layer.features.iloc[rows, self.layer.features.columns.get_loc("truth")] = truth

    def _draw(self, cell: int) -> None:
        region, inside, outline = self.cells.patch(cell)
        offsets = [part.start for part in region]
        pixels = tuple(index + offset for index, offset in zip(np.nonzero(inside), offsets, strict=True))
        self._is_drawing = True
        try:
            self.layer.data_setitem(pixels, (outline[inside] * self._shown[cell]).astype(np.uint8))
        finally:
            self._is_drawing = False
        self.layer._reset_history()  # the labels have their own

    def _on_paint(self, _event: Any = None) -> None:
        """What was painted on cells becomes their label; then their outlines are drawn again."""
        if self._is_drawing:
            return
        painted = self.cells.read_phases(self.layer.data)
        n_shown = len(painted)
        changed = np.flatnonzero(painted != self._shown[:n_shown])
        try:
            for number in np.unique(painted[changed]).tolist():
                self._label(changed[painted[changed] == number], number)
        finally:
            self.redraw()

    def _label(self, rows: NDArray[np.intp], number: int) -> None:
        """Label cells by a number of the picture: 0 takes a label back, from 1 on the phases, then unsure."""
        phases = self.labels.phase_set
        if 1 <= number <= len(phases):
            self.labels.decide(rows, phases.names[number - 1])
        else:
            self.labels.decide(rows, "", sure=number != phases.unsure + 1)

    def _undo(self) -> None:
        self.labels.undo()

    def _redo(self) -> None:
        self.labels.redo()

    def _bind_keys(self) -> None:
        """Keys that label the cell under the cursor. On other layers the same keys stay napari's."""
        phases = self.labels.phase_set
        digits = {str(number): number for number in range(min(len(phases), MOST_KEYS) + 1)}
        for key, number in {**digits, "U": phases.unsure + 1}.items():
            self.layer.bind_key(key, self._key(number), overwrite=True)

    def _key(self, number: int) -> Callable[[Labels], None]:
        def label_cell(_layer: Labels) -> None:  # napari asks for its name, which a partial has not
            self._label_under_cursor(number)

        return label_cell

    def _label_under_cursor(self, number: int) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        where = self.layer.world_to_data(viewer.cursor.position)[-self.cells.ndim :]
        cell = self.cells.cell_at(*where)
        if cell is not None:
            try:
                self._label(np.array([cell]), number)
            except WriteError as error:
                from napari.utils import notifications

                notifications.show_error(str(error))


def shown_phases(
    called: NDArray[np.int8], labels: LabelTable, rows: NDArray[np.intp] | None = None
) -> NDArray[np.int8]:
    """Phase of each cell, or of those at `rows`: that of its label where it has one, else as it was called."""
    where = slice(None) if rows is None else rows
    phases = np.where(labels.unsure[where] | labels.disputed[where], labels.phase_set.unsure, called)
    own = labels.own_phases_of(np.arange(len(labels)) if rows is None else rows)
    return np.where(own != UNKNOWN, own, phases).astype(np.int8)
