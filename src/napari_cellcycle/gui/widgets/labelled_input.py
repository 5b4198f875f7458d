"""Boxes that choose which cells to train on, and where their phases come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.compat import isalive
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_cellcycle.annotate.agreement import in_words
from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.gui.layers.data_set import DataSet, data_set_of, labels_changed
from napari_cellcycle.gui.layers.labelled_cells import (
    JoinedPhases,
    Labelled,
    LabelledField,
    LabelledGallery,
    phases_by_cell,
    phases_in_table,
    settled_labels,
)
from napari_cellcycle.gui.layers.labelled_phases import shown_phases
from napari_cellcycle.gui.layers.phase_layer import channels_of
from napari_cellcycle.gui.layers.phase_table import called_phases
from napari_cellcycle.gui.layers.source import PHASE, GallerySource, find_layer
from napari_cellcycle.gui.widgets.cells_input import CellsInput
from napari_cellcycle.gui.widgets.layout import button, fill_column, show_text, text_label
from napari_cellcycle.gui.widgets.picker import Picker
from napari_cellcycle.jobs.steps.advice import as_sentences, training_advice
from napari_cellcycle.phase_sets import NAMED_SETS, SEVEN, PhaseSet
from napari_cellcycle.phases import UNKNOWN

if TYPE_CHECKING:
    from napari.components import ViewerModel

Advise = Callable[[NDArray[np.int64], NDArray[np.int64], PhaseSet], list[str]]

KNOWN = "labels, folders and files"
GUESSED = "the same, and calls for the other cells"
TABLE = "from the table of the labels"
_COUNT_MS = 150


class LabelledInput(QWidget):
    """Cells, where their phases come from, how many there are of each, and what is missing.

    `boxes` are what a user changes; the rest is read.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers are offered.
    advise : callable
        What to know before a training, from the cells of each phase in all, the synthetic ones among them, and the
        phases.
    any_phases : bool
        Whether other phases than the seven are trained on, as labels of a stained control may give.
    """

    changed = Signal()
    label_clicked = Signal()

    def __init__(self, viewer: ViewerModel, advise: Advise = training_advice, *, any_phases: bool = False) -> None:
        super().__init__()
        self._viewer, self._advise, self._any_phases = viewer, advise, any_phases
        self.phase_set = SEVEN
        self.phase_counts: NDArray[np.int64] | None = None
        self.synthetic_counts: NDArray[np.int64] = np.zeros(len(SEVEN), np.int64)
        self.inputs = CellsInput(viewer, "train on", finds_cells=False)
        self.phases = Picker(
            lambda: [(text, text) for text in self._offers()],
            "where the true phases come from; cells without a label are used only if you choose to trust the calls",
        )
        self.inputs.rows.addRow("Phases", self.phases)
        tip = "the phases that the model will tell: those of the labels, or fewer, of which each joins several"
        self.told = Picker(self._sets, tip)
        self.inputs.rows.addRow("Phase set", self.told)
        self.counts, self.hint = text_label(), text_label()
        tip = "look at the cells in the dock Gallery, and label them by key"
        self.label_button = button("Label cells", tip, self.label_clicked.emit)
        fill_column(self, self.inputs, self.label_button, self.counts, self.hint)
        self.boxes = (self.inputs, self.label_button)
        self.inputs.changed.connect(self.refresh)
        self.phases.changed.connect(self.told.refresh)
        self.told.changed.connect(self._show_counts)
        for event in ("inserted", "removed"):
            getattr(viewer.layers.events, event).connect(self.refresh)
        self._counting = QTimer(self)  # a little later, so that keys that label are not kept waiting
        self._counting.setSingleShot(True)
        self._counting.setInterval(_COUNT_MS)
        self._counting.timeout.connect(self.told.refresh)
        labels_changed.connect(self._on_labels)
        self.refresh()

    def labelled(self) -> Labelled | None:
        """What is chosen, with its phases as they are now; None where no phase is known."""
        found, told = self._as_labelled(), self.told.value()
        return found if found is None or told is None else JoinedPhases(found, told)

    def _sets(self) -> list[tuple[str, PhaseSet | None]]:
        """Phase sets that a model of these cells can tell."""
        found = self._as_labelled() if self._any_phases else None
        if found is None:
            return []
        own = found.phase_set
        coarser = [one for one in NAMED_SETS.values() if one != own and own.refines(one)]
        return [(f"{own}, as labelled", None), *((str(one), one) for one in coarser)]

    def _as_labelled(self) -> LabelledGallery | LabelledField | None:
        source, field, origin = self.inputs.source(), self.inputs.field(), self.phases.value()
        if origin == TABLE and field is not None:
            return LabelledField(field, phases_in_table(self.inputs.labels.value(), field.name))
        data_set = self._data_set()
        if data_set is None:
            is_known = isinstance(source, GallerySource) and source.n_known > 0
            if not isinstance(source, GallerySource) or not is_known:
                return None
            return LabelledGallery(source, phase_set=source.phase_set)
        labels = settled_labels(data_set) if self._any_phases else data_set.labels
        phases = self._phases(data_set, labels)
        if not (phases != UNKNOWN).any():
            return None
        if field is not None:
            return LabelledField(field, phases_by_cell(labels, phases), labels.phase_set)
        assert isinstance(source, GallerySource)
        return LabelledGallery(source, phases, data_set.cells.synthetic, labels.phase_set)

    def _phases(self, data_set: DataSet, labels: LabelTable) -> NDArray[np.int8]:
        """The phases to train on, shape (N,), in the phase set of `labels`."""
        layer = find_layer(self._viewer.layers, data_set.source.group, PHASE)
        if self.phases.value() != GUESSED or layer is None:
            return labels.phases
        called = shown_phases(called_phases(layer), data_set.labels)
        called[called == data_set.labels.phase_set.unsure] = UNKNOWN
        called = data_set.labels.phase_set.numbers_in(labels.phase_set)[called]
        return np.where(labels.phases == UNKNOWN, called, labels.phases).astype(np.int8)

    def _data_set(self) -> DataSet | None:
        return data_set_of(self._viewer.layers, self.inputs.source())

    def channels(self) -> set[str]:
        """What the images of the chosen cells show."""
        source = self.inputs.source()
        return set() if source is None else channels_of(self._viewer.layers, source)

    def refresh(self, _event: Any = None) -> None:
        """Offer where the phases of the chosen cells can come from, and count them."""
        self.phases.refresh()

    def _offers(self) -> list[str]:
        source, field = self.inputs.source(), self.inputs.field()
        if source is None:
            return []
        offers = [KNOWN]
        if field is not None and phases_in_table(self.inputs.labels.value(), field.name):
            offers.insert(0, TABLE)
        if self._data_set() is not None and find_layer(self._viewer.layers, source.group, PHASE) is not None:
            offers.append(GUESSED)
        return offers

    def _on_labels(self, group: str) -> None:
        if not isalive(self):  # type: ignore[no-untyped-call]  # Qt may have deleted the widget already
            return
        data_set = self._data_set()
        if data_set is not None and data_set.source.group == group and not self._counting.isActive():
            self._counting.start()

    def _show_counts(self) -> None:
        self.inputs.rows.setRowVisible(self.told, self.told.count() > 1)
        labelled = self.labelled()
        if labelled is None:
            self.phase_counts = None
            self.counts.clear()
            show_text(self.hint, "")
        else:
            self.phase_counts, self.synthetic_counts = labelled.counts, labelled.synthetic_counts
            self.phase_set = labelled.phase_set
            self.counts.setText(_legend(self.phase_set, self.phase_counts.tolist(), self.synthetic_counts.tolist()))
            advice = self._advise(self.phase_counts, self.synthetic_counts, self.phase_set)
            show_text(self.hint, as_sentences([*advice, self._how_labelled()]))
        self.changed.emit()

    def _how_labelled(self) -> str:
        data_set = self._data_set()
        if data_set is None:
            return ""
        layer = find_layer(self._viewer.layers, data_set.source.group, PHASE)
        called = np.full(len(data_set.labels), UNKNOWN, np.int8) if layer is None else called_phases(layer)
        return in_words(called, data_set.labels)


def _legend(phases: PhaseSet, counts: Sequence[int], synthetic: Sequence[int]) -> str:
    """Phases in their colours with their counts, as rich text that wraps between phases."""
    entries = zip(phases.names, phases.colours, map(_how_many, counts, synthetic), strict=True)
    return "&nbsp;&nbsp; ".join(
        f'<span style="color:{colour}">■</span>&nbsp;{label}&nbsp;{n}' for label, colour, n in entries
    )


def _how_many(count: int, synthetic: int) -> str:
    """Real and synthetic cells apart, as in "12 + 708 synthetic"."""
    real = f"{count - synthetic:,}" if count > synthetic or not synthetic else ""
    return "&nbsp;+&nbsp;".join(filter(None, (real, f"{synthetic:,}&nbsp;synthetic" if synthetic else "")))
