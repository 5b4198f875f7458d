"""Boxes that choose which cells are learnt from, and where their phases come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_cellcycle.gui.cells_input import CellsInput
from napari_cellcycle.gui.field import field_map
from napari_cellcycle.gui.layers import PHASE, GallerySource, find_layer, role_of, source_of
from napari_cellcycle.gui.painting import HOW, PhasePainting
from napari_cellcycle.gui.training import (
    LabelledField,
    LabelledGallery,
    phases_in_table,
    what_is_missing,
    what_is_scarce,
)
from napari_cellcycle.phases import COLOURS, PHASE_LABELS

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_cellcycle.gui.layers import Source
    from napari_cellcycle.gui.training import Labelled

FILES = "as in the names of folders or files"
PAINTED = "as painted on the cells"
TABLE = "as in the table of the labels"


class LabelledInput(QWidget):
    """Cells, the source of their phases, how many there are of each, and what is missing or scarce."""

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._painting: PhasePainting | None = None
        self.inputs = CellsInput(viewer, "learn from", finds_cells=False)
        self.phases = QComboBox()
        self.phases.setToolTip("where the true phases come from; what is painted is taken from the layer cells: phase")
        self.inputs.rows.addRow("Phases", self.phases)
        self.counts, self.hint = QLabel(), QLabel()
        self.paint = QPushButton("Correct phases in the viewer")
        self.paint.setToolTip(HOW)
        self.paint.clicked.connect(self._on_paint)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.inputs, self.counts, self.paint, self.hint):
            column.addWidget(widget)
        for label in (self.counts, self.hint):
            label.setWordWrap(True)
        self.inputs.changed.connect(self.renew)
        self.phases.currentIndexChanged.connect(self._on_phases)
        for event in ("inserted", "removed"):
            getattr(viewer.layers.events, event).connect(self.renew)
        self.destroyed.connect(self._end_painting)
        self.renew()

    def labelled(self) -> Labelled | None:
        """What is chosen, with its phases as they are now; None if there is none."""
        source = self.inputs.source()
        if source is None or not self.phases.count():
            return None
        how, field = self.phases.currentText(), self.inputs.field()
        if isinstance(source, GallerySource):
            return LabelledGallery(source, None if self._painting is None else self._painting.phases())
        if field is None:
            return None
        if how == TABLE:
            return LabelledField(field, phases_in_table(self.inputs.labels.value(), source.brightfield))
        return None if self._painting is None else LabelledField(field, self._painting.phases_by_cell())

    def channels(self) -> set[str]:
        """What the chosen cells show: the roles of their images."""
