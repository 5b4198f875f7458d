"""Boxes that choose which cells to train on, and where their phases come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_cellcycle.cells import BRIGHTFIELD, DARKFIELD, ROLES
from napari_cellcycle.gui.layers.field import field_map
from napari_cellcycle.gui.layers.labelled_cells import Labelled, LabelledField, LabelledGallery, phases_in_table
from napari_cellcycle.gui.layers.phase_painting import HOW_TO_PAINT, PhasePainting
from napari_cellcycle.gui.layers.source import PHASE, GallerySource, find_layer, role_of, source_of
from napari_cellcycle.gui.widgets.cells_input import CellsInput
from napari_cellcycle.gui.widgets.layout import button, fill_column, show_text, text_label
from napari_cellcycle.gui.widgets.picker import Picker
from napari_cellcycle.jobs.steps.advice import as_sentences, training_advice
from napari_cellcycle.phases import COLOURS, N_PHASES, PHASE_LABELS

if TYPE_CHECKING:
    from napari.components import ViewerModel

Advise = Callable[[NDArray[np.int64], NDArray[np.int64]], list[str]]

FILES = "from folders and files"
PAINTED = "painted on the cells"
TABLE = "from the table of the labels"


class LabelledInput(QWidget):
    """Cells, where their phases come from, how many there are of each, and what is missing.

    `boxes` are what a user changes; the rest is read.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers are offered.
    advise : callable
        What to know before a training, from the cells of each phase in all and the synthetic ones among them.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, advise: Advise = training_advice) -> None:
        super().__init__()
        self._viewer, self._advise = viewer, advise
        self._painting: PhasePainting | None = None
        self.phase_counts: NDArray[np.int64] | None = None
        self.synthetic_counts: NDArray[np.int64] = np.zeros(N_PHASES, np.int64)
        self.inputs = CellsInput(viewer, "train on", finds_cells=False)
        self.phases = Picker(
            lambda: [(text, text) for text in self._offers()],
            "where the true phases come from; painted phases are in the layer named phase",
        )
        self.inputs.rows.addRow("Phases", self.phases)
        self.counts, self.hint = text_label(), text_label()
        self.paint = button("Correct phases", HOW_TO_PAINT, self._on_paint)
        fill_column(self, self.inputs, self.paint, self.counts, self.hint)
        self.boxes = (self.inputs, self.paint)
        self.inputs.changed.connect(self.refresh)
        self.phases.changed.connect(self._on_phases)
        for event in ("inserted", "removed"):
            getattr(viewer.layers.events, event).connect(self.refresh)
        self.refresh()

    def labelled(self) -> Labelled | None:
        """What is chosen, with its phases as they are now; None where no phase is known."""
        source, field, origin = self.inputs.source(), self.inputs.field(), self.phases.value()
        if origin == PAINTED and self._painting is not None:
            if field is not None:
                return LabelledField(field, self._painting.phases_by_cell())
            if isinstance(source, GallerySource):
                return LabelledGallery(source, self._painting.phases(), self._painting.synthetic())
            return None
        if origin == TABLE and field is not None:
            return LabelledField(field, phases_in_table(self.inputs.labels.value(), field.source.brightfield))
        return LabelledGallery(source) if origin == FILES and isinstance(source, GallerySource) else None

    def channels(self) -> set[str]:
        """What the images of the chosen cells show."""
        source, field = self.inputs.source(), self.inputs.field()
        if field is not None:
            return {BRIGHTFIELD} if field.darkfield is None else {BRIGHTFIELD, DARKFIELD}
        ours = [layer for layer in self._viewer.layers if source is not None and source_of(layer) == source]
        return {role_of(layer) for layer in ours} & set(ROLES)

    def refresh(self, _event: Any = None) -> None:
        """Offer where the phases of the chosen cells can come from, and count them."""
        self.phases.refresh()

    def _offers(self) -> list[str]:
        source, field = self.inputs.source(), self.inputs.field()
        offers = [FILES] if isinstance(source, GallerySource) and source.n_known else []
        if field is not None and phases_in_table(self.inputs.labels.value(), field.source.brightfield):
            offers.append(TABLE)
        if source is not None and find_layer(self._viewer.layers, source.group, PHASE) is not None:
            offers.append(PAINTED)
        return offers

    def _on_phases(self) -> None:
        if self._painting is not None:
            self._painting.end()
        self._painting = self._follow() if self.phases.value() == PAINTED else None
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
        if labelled is None:
            self.phase_counts = None
            self.counts.clear()
            show_text(self.hint, "")
        else:
            self.phase_counts, self.synthetic_counts = labelled.counts, labelled.synthetic_counts
            self.counts.setText(_legend(self.phase_counts.tolist(), self.synthetic_counts.tolist()))
            advice = self._advise(self.phase_counts, self.synthetic_counts)
            show_text(self.hint, as_sentences([*advice, self._how_painted()]))
        self.changed.emit()

    def _how_painted(self) -> str:
        if self._painting is None:
            return ""
        return f"{self._painting.n_corrected():,} corrected by hand, the others as the model called them"

    def _on_paint(self) -> None:
        if self._painting is not None:
            self._painting.begin()
            self._viewer.layers.selection.active = self._painting.layer
            show_text(self.hint, HOW_TO_PAINT)


def _legend(counts: Sequence[int], synthetic: Sequence[int]) -> str:
    """Phases in their colours with their counts, as rich text that wraps between phases."""
    entries = zip(PHASE_LABELS, COLOURS.values(), map(_how_many, counts, synthetic), strict=True)
    return "&nbsp;&nbsp; ".join(
        f'<span style="color:{colour}">■</span>&nbsp;{label}&nbsp;{n}' for label, colour, n in entries
    )


def _how_many(count: int, synthetic: int) -> str:
    """Real and synthetic cells apart, as in "12 + 708 synthetic"."""
    real = f"{count - synthetic:,}" if count > synthetic or not synthetic else ""
    return "&nbsp;+&nbsp;".join(filter(None, (real, f"{synthetic:,}&nbsp;synthetic" if synthetic else "")))
