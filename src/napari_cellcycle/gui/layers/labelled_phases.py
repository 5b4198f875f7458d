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
from napari_cellcycle.phases import N_PHASES, PHASE_LABELS, UNSURE

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

HOW_TO_LABEL = (
    "look at the cells in the dock Gallery, and label them by key; or point at a cell of the layer and press 1 G1, "
    "2 S, 3 G2, 4 Prophase, 5 Metaphase, 6 Anaphase, 7 Telophase, U unsure, or 0 to take the label back"
)
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
        truth = np.array([*PHASE_LABELS, ""])[self.labels.phases_of(rows)]
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
        if 1 <= number <= N_PHASES:
            self.labels.decide(rows, PHASE_LABELS[number - 1])
        else:
            self.labels.decide(rows, "", sure=number != UNSURE + 1)

    def _undo(self) -> None:
        self.labels.undo()

    def _redo(self) -> None:
        self.labels.redo()

    def _bind_keys(self) -> None:
        """Keys that label the cell under the cursor. On other layers the same keys stay napari's."""
        for key, number in {**{str(n): n for n in range(N_PHASES + 1)}, "U": UNSURE + 1}.items():
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
    phases = np.where(labels.unsure[where] | labels.disputed[where], UNSURE, called)
    own = labels.labels if rows is None else labels.labels_of(rows)[0]
    return np.where((own >= 0) & (own < N_PHASES), own, phases).astype(np.int8)
