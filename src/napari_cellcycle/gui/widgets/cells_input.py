"""Boxes that choose what a dock works on: a gallery, or the layers of a full-field image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_cellcycle.gui.layers.field import FieldOnScreen, image_layers, label_layers, looks_dark, snapshot_field
from napari_cellcycle.gui.layers.gallery import list_galleries
from napari_cellcycle.gui.layers.source import Source
from napari_cellcycle.gui.widgets.layout import form_rows
from napari_cellcycle.gui.widgets.picker import Picker

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


FIELD = "a full-field image"


class CellsInput(QWidget):
    """The newest cells are chosen; what only a field needs is hidden for a gallery.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers are offered.
    purpose : str
        What the cells are for, for the tooltip.
    finds_cells : bool
        Whether a field may come without labels.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, purpose: str, *, finds_cells: bool) -> None:
        super().__init__()
        self._viewer, self._finds_cells = viewer, finds_cells
        self.cells = Picker(self._offers, f"the cells to {purpose}; the newest are chosen for you", viewer)
        self.brightfield = Picker(lambda: _named(_bright(viewer)), "brightfield image with the cells", viewer)
        self.darkfield = Picker(
            lambda: [("none", None), *_named(image_layers(viewer))],
            "darkfield image of the same field; some models work without it",
            viewer,
            eager=lambda layer: layer is not None and looks_dark(layer),
        )
        labels_tip = "without labels, cells are found in the brightfield image" if finds_cells else "one label for each"
        self.labels = Picker(self._label_offers, f"labels of the cells; {labels_tip}", viewer)
        self.rows = form_rows(self)
        self.rows.addRow("Cells", self.cells)
        self._field_pickers = {"Brightfield": self.brightfield, "Darkfield": self.darkfield, "Labels": self.labels}
        for name, picker in self._field_pickers.items():
            self.rows.addRow(name, picker)
            picker.changed.connect(self.changed)
        self.cells.changed.connect(self._on_choice)
        self._show_rows()

    @property
    def on_field(self) -> bool:
        """Whether a full-field image is chosen."""
        return bool(self.cells.value() == FIELD)

    def field(self) -> FieldOnScreen | None:
        """The field that is chosen, None if there is none or its last image is being removed."""
        if not self.on_field or self.brightfield.value() is None:
            return None
        return snapshot_field(self.brightfield.value(), self.darkfield.value(), self.labels.value())

    def source(self) -> Source | None:
        """What is chosen, as its layers know it."""
        if self.on_field:
            field = self.field()
            return None if field is None else field.source
        chosen: Source | None = self.cells.value()
        return chosen

    def _on_choice(self) -> None:
        self._show_rows()
        self.changed.emit()

    def _show_rows(self) -> None:
        for picker in self._field_pickers.values():
            self.rows.setRowVisible(picker, self.on_field)

    def _offers(self) -> list[tuple[str, Any]]:
        offers: list[tuple[str, Any]] = [
            (f"{source.title} ({source.n_cells:,} cells)", source) for source in list_galleries(self._viewer.layers)
        ]
        has_field = image_layers(self._viewer) and (self._finds_cells or label_layers(self._viewer))
        return [*offers, (FIELD, FIELD)] if has_field else offers

    def _label_offers(self) -> list[tuple[str, Any]]:
        offers = _named(label_layers(self._viewer))
        return [*offers, ("find the cells for me", None)] if self._finds_cells else offers


def _bright(viewer: ViewerModel) -> list[Image]:
    """Images that may be brightfield: those not named otherwise, unless there are no others."""
    layers = image_layers(viewer)
    return [layer for layer in layers if not looks_dark(layer)] or layers


def _named(layers: list[Any]) -> list[tuple[str, Any]]:
    return [(layer.name, layer) for layer in layers]
