"""Boxes that choose which cells are learnt from, and where their phases come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, ROLES
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
    from collections.abc import Sequence

    import numpy as np
    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_cellcycle.gui.training import Labelled

FILES = "from folders and files"
PAINTED = "painted on the cells"
TABLE = "from the labels' table"


class LabelledInput(QWidget):
    """Cells, where their phases come from, how many there are of each, and what is missing.

    `boxes` are what a user changes; the rest is read.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._painting: PhasePainting | None = None
        self.phase_counts: NDArray[np.int64] | None = None
        self.inputs = CellsInput(viewer, "learn from", finds_cells=False)
        self.phases = QComboBox()
        self.phases.setToolTip("where the true phases come from; what is painted lies in the layer cells: phase")
        self.inputs.rows.addRow("Phases", self.phases)
        self.counts, self.hint, self.paint = QLabel(), QLabel(), QPushButton("Correct phases")
        self.paint.setToolTip(HOW)
        self.paint.clicked.connect(self._on_paint)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.inputs, self.paint, self.counts, self.hint):
            column.addWidget(widget)
        for label in (self.counts, self.hint):
            label.setWordWrap(True)
        self.boxes = (self.inputs, self.paint)
        self.inputs.changed.connect(self.renew)
        self.phases.currentIndexChanged.connect(self._on_phases)
        for event in ("inserted", "removed"):
            getattr(viewer.layers.events, event).connect(self.renew)
        self.renew()

    def labelled(self) -> Labelled | None:
        """What is chosen, with its phases as they are now; None where no phase is known."""
        source, field, how = self.inputs.source(), self.inputs.field(), self.phases.currentText()
        if how == PAINTED and self._painting is not None:
            if field is not None:
                return LabelledField(field, self._painting.phases_by_cell())
            return LabelledGallery(source, self._painting.phases()) if isinstance(source, GallerySource) else None
        if how == TABLE and field is not None:
            return LabelledField(field, phases_in_table(self.inputs.labels.value(), field.source.brightfield))
        return LabelledGallery(source) if how == FILES and isinstance(source, GallerySource) else None

    def channels(self) -> set[str]:
        """What the images of the chosen cells show."""
        source, field = self.inputs.source(), self.inputs.field()
        if field is not None:
            return {BRIGHTFIELD} if field.darkfield is None else {BRIGHTFIELD, DARKFIELD}
        ours = [layer for layer in self._viewer.layers if source is not None and source_of(layer) == source]
        return {role_of(layer) for layer in ours} & set(ROLES)

    def renew(self, _event: Any = None) -> None:
        """Offer what the chosen cells have, and keep what was chosen if they have it too."""
        before, offers = self.phases.currentText(), self._offers()
        self.phases.blockSignals(True)
        self.phases.clear()
        self.phases.addItems(offers)
        self.phases.setCurrentText(before)
        self.phases.blockSignals(False)
        self._on_phases()

    def _offers(self) -> list[str]:
        source, field = self.inputs.source(), self.inputs.field()
        offers = [FILES] if isinstance(source, GallerySource) and source.n_known else []
        if field is not None and phases_in_table(self.inputs.labels.value(), field.source.brightfield):
            offers.append(TABLE)
        if source is not None and find_layer(self._viewer.layers, source.group, PHASE) is not None:
            offers.append(PAINTED)
        return offers

    def _on_phases(self, _index: int = 0) -> None:
        if self._painting is not None:
            self._painting.end()
        self._painting = self._follow() if self.phases.currentText() == PAINTED else None
        self.paint.setVisible(self._painting is not None)
        self._show_counts()

    def _follow(self) -> PhasePainting | None:
        source = self.inputs.source()
        layer = None if source is None else find_layer(self._viewer.layers, source.group, PHASE)
        if layer is None:
            return None
        if isinstance(source, GallerySource):
            return PhasePainting(layer, source.grid, self._show_counts)
        return PhasePainting(layer, field_map(self.inputs.labels.value(), layer.features), self._show_counts)

    def _show_counts(self) -> None:
        labelled = self.labelled()
        self.phase_counts = None if labelled is None else labelled.counts
        if self.phase_counts is None:
            self.counts.clear()
            self.hint.clear()
        else:
            counts = self.phase_counts
            self.counts.setText(_legend(counts.tolist()))
            self.hint.setText(
                " ".join(filter(None, (what_is_missing(counts) or what_is_scarce(counts), self._honesty())))
            )
        self.changed.emit()

    def _honesty(self) -> str:
        """What should be known of these phases, or cells."""
        source = self.inputs.source()
        if self._painting is not None:
            n_corrected = self._painting.n_corrected()
            return f"{n_corrected:,} corrected by hand, the others as the model called them."
        if isinstance(source, GallerySource) and source.n_synthetic == source.n_cells:
            return "All cells are synthetic: what is learnt from them is a demonstration."
        return ""

    def _on_paint(self) -> None:
        if self._painting is not None:
            self._painting.begin()
            self._viewer.layers.selection.active = self._painting.layer
            self.hint.setText(HOW)


def _legend(counts: Sequence[int]) -> str:
    """Phases in their colours with their counts, as rich text that wraps between phases."""
    entries = zip(PHASE_LABELS, COLOURS.values(), counts, strict=True)
    return "&nbsp;&nbsp; ".join(
        f'<span style="color:{colour}">■</span>&nbsp;{label}&nbsp;{n:,}' for label, colour, n in entries
    )
