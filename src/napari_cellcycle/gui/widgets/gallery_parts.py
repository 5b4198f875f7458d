"""Small parts of the dock *Gallery*: what is folded away, and its buttons."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLineEdit, QSizePolicy, QSplitter, QWidget
from superqt import QCollapsible

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.gui.widgets.gallery_choices import GalleryFilters
from napari_cellcycle.gui.widgets.labelling import KEYS_IN_WORDS, Labelling
from napari_cellcycle.gui.widgets.layout import button, fill_row, form_rows, stacked, text_label

_SHARES = (3, 2)  # of the height, for all cells and for the one that is shown large
_CELL_PX = 300  # of the cell that is shown large, in a wide dock
_NARROWEST_PX = 320
_ARROW_PX = 36
_CELLS_PX = 120  # of height for all cells, above the one that is shown large
_RETRAIN_TIP = (
    "train the model further on all labels, test it on labels that were drawn at random and held out, and classify the "
    "cells again"
)


class More(QCollapsible):
    """Filters, who labels, and the keys; `on_unfold` is called before the filters are seen."""

    def __init__(
        self, filters: GalleryFilters, on_annotator: Callable[[str], None], on_unfold: Callable[[], None]
    ) -> None:
        super().__init__("More: filters, annotator, keys")
        self.toggleButton().setToolTip("which cells are shown, whose labels are made, and which keys label")
        self.annotator = QLineEdit()
        self.annotator.setToolTip("your name, which is written with each of your labels")
        self.annotator.textEdited.connect(on_annotator)
        who = QWidget()
        form_rows(who).addRow("Annotator", self.annotator)
        self.addWidget(stacked(filters, who, text_label(KEYS_IN_WORDS)))
        self.toggled.connect(lambda is_open: on_unfold() if is_open else None)
        self.collapse(animate=False)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        self.layout().setContentsMargins(0, 0, 0, 0)  # type: ignore[union-attr]


class Pages(QSplitter):
    """All cells, and one of them large; what is too high for a low window can be dragged or scrolled into view."""

    def __init__(self, cells: QWidget, one_cell: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical)
        for widget, share in zip((cells, one_cell), _SHARES, strict=True):
            self.addWidget(widget)
            self.setStretchFactor(self.count() - 1, share)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._one_cell = one_cell
        self.show_one_cell(False)

    def show_one_cell(self, is_shown: bool) -> None:
        """Give the large cell room, or leave all of it to the others while none is chosen."""
        if is_shown != self._one_cell.isVisible():
            self._one_cell.setVisible(is_shown)
            self.updateGeometry()

    def set_wide(self, is_wide: bool, width_px: int) -> None:
        """Put both next to each other, or under each other."""
        self.setOrientation(Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical)
        self.setSizes([max(1, width_px - _CELL_PX), _CELL_PX] if is_wide else [100 * share for share in _SHARES])

    def sizeHint(self) -> QSize:
        """What a low window has room for; there is more in a high one."""
        return QSize(_NARROWEST_PX, 310)

    def minimumSizeHint(self) -> QSize:
        """Some cells of the usual size next to each other, and all of the large one."""
        one_cell = self._one_cell.minimumSizeHint().height() if self._one_cell.isVisible() else 0
        is_low = self.orientation() == Qt.Orientation.Vertical
        return QSize(_NARROWEST_PX, max(300, one_cell + _CELLS_PX if is_low else one_cell))


class GalleryBar(QWidget):
    """Take back, decide again, confirm, clear, save and retrain, for those who have no hand free for keys."""

    def __init__(self, labelling: Labelling, on_save: Callable[[], None], on_retrain: Callable[[], None]) -> None:
        super().__init__()
        self.undo = button("\u21b6", "take the last decision back (Ctrl+Z)", labelling.undo)
        self.redo = button("\u21b7", "decide again what was taken back (Ctrl+Shift+Z)", labelling.redo)
        self.confirm = button(
            "Confirm", "the call of the selected cells becomes their label (Enter)", labelling.confirm
        )
        self.clear = button("Clear", "take the labels of the selected cells away (0)", labelling.clear)
        self.save = button("Save ...", "save all labels as a table, or as lists of object numbers", on_save)
        self.retrain = button("Retrain", _RETRAIN_TIP, on_retrain)
        buttons = (self.undo, self.redo, self.confirm, self.clear, self.save, self.retrain)
        for one in buttons:
            one.setMinimumWidth(20)
        for one in (self.undo, self.redo):
            one.setMaximumWidth(_ARROW_PX)
        fill_row(self, *buttons)

    def show_steps(self, labels: LabelTable) -> None:
        """Offer what can be taken back, or decided again."""
        self.undo.setEnabled(labels.can_undo)
        self.redo.setEnabled(labels.can_redo)
