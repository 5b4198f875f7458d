"""Boxes that choose what a dock works on: a gallery, or the layers of a full-field image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_cellcycle.gui.layers.field import (
    FieldOnScreen,
    image_layers,
    label_layers,
    looks_dark,
    looks_stained,
    snapshot_field,
)
from napari_cellcycle.gui.layers.field_planes import AXES, planes_of, set_axis
from napari_cellcycle.gui.layers.gallery import list_galleries
from napari_cellcycle.gui.layers.source import Source
from napari_cellcycle.gui.widgets.layout import form_rows
from napari_cellcycle.gui.widgets.picker import Picker

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


FIELD = "a full-field image"
FIND_CELLS = "find the cells for me"


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
    unlabelled : str
        What is offered instead of labels, if so.
    asks_darkfield : bool
        Whether a darkfield image belongs to a field.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        purpose: str,
        *,
        finds_cells: bool,
        unlabelled: str = FIND_CELLS,
        asks_darkfield: bool = True,
    ) -> None:
        super().__init__()
        self._viewer, self._finds_cells, self._unlabelled = viewer, finds_cells, unlabelled
        self._asks_darkfield = asks_darkfield
        self.brightfield = Picker(lambda: self._images(_bright(viewer)), "brightfield image with the cells", viewer)
        self.axis = Picker(
            self._axes, "what the first axis of this image counts; of channels and focal planes, one is brightfield"
        )
        self.darkfield = Picker(
            lambda: [("none", None), *self._images(image_layers(viewer))],
            "darkfield image of the same field; some models work without it",
            viewer,
            eager=lambda image: image is not None and looks_dark(image.layer),
        )
        labels_tip = f"without labels: {unlabelled}" if finds_cells else "one label for each"
        self.labels = Picker(self._label_offers, f"labels of the cells; {labels_tip}", viewer)
        # after those of its layers, so that they know a new layer when this says that there is a field
        self.cells = Picker(self._offers, f"the cells to {purpose}; the newest are chosen for you", viewer)
        self.rows = form_rows(self)
        self.rows.addRow("Cells", self.cells)
        dark = {"Darkfield": self.darkfield} if asks_darkfield else {}
        self._field_pickers = {"Brightfield": self.brightfield, "First axis": self.axis, **dark, "Labels": self.labels}
        self.darkfield.setParent(self)  # else it would be a window of its own where it has no row
        self.darkfield.setVisible(asks_darkfield)
        for name, picker in self._field_pickers.items():
            self.rows.addRow(name, picker)
        self.brightfield.changed.connect(self._on_image)
        self.axis.activated.connect(self._on_axis)
        for picker in (self.darkfield, self.labels):
            picker.changed.connect(self.changed)
        self.cells.changed.connect(self._on_choice)
        self.axis.refresh()
        self._show_rows()

    @property
    def on_field(self) -> bool:
        """Whether a full-field image is chosen."""
        return bool(self.cells.value() == FIELD)

    def field(self) -> FieldOnScreen | None:
        """The field that is chosen, None if there is none or its last image is being removed."""
        if not self.on_field or self.brightfield.value() is None:
            return None
        if self.labels.value() is None and not self._finds_cells:  # the labels are being removed
            return None
        darkfield = self.darkfield.value() if self._asks_darkfield else None
        return snapshot_field(self.brightfield.value(), darkfield, self.labels.value())

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

    def _on_image(self) -> None:
        self.axis.refresh()
        self._show_rows()
        self.changed.emit()

    def _on_axis(self, _index: int) -> None:
        """Keep the answer in the layer, where the other docks find it."""
        image = self.brightfield.value()
        if image is not None:
            set_axis(image.layer, self.axis.value())

    def _on_axis_labels(self, _event: Any = None) -> None:
        for picker in (self.brightfield, self.darkfield):
            picker.refresh()

    def _show_rows(self) -> None:
        for picker in self._field_pickers.values():
            self.rows.setRowVisible(picker, self.on_field)
        self.rows.setRowVisible(self.axis, self.on_field and self.axis.count() > 0)

    def _offers(self) -> list[tuple[str, Any]]:
        offers = _galleries(self._viewer)
        has_field = image_layers(self._viewer) and (self._finds_cells or label_layers(self._viewer))
        return [*offers, (FIELD, FIELD)] if has_field else offers

    def _images(self, layers: list[Image]) -> list[tuple[str, Any]]:
        for layer in layers:
            layer.events.axis_labels.connect(self._on_axis_labels)  # once, however often
        return [(image.title, image) for layer in layers for image in planes_of(layer, self._viewer.layers)]

    def _axes(self) -> list[tuple[str, Any]]:
        image = self.brightfield.value()
        if image is None or image.layer.ndim != 3:
            return []
        now = image.axis
        return [(name, name) for name in (now, *(name for name in AXES.values() if name != now))]

    def _label_offers(self) -> list[tuple[str, Any]]:
        offers = _named(label_layers(self._viewer))
        return [*offers, (self._unlabelled, None)] if self._finds_cells else offers


def _bright(viewer: ViewerModel) -> list[Image]:
    """Images that may be brightfield: those not named otherwise, unless there are no others."""
    layers = image_layers(viewer)
    return [layer for layer in layers if not (looks_dark(layer) or looks_stained(layer))] or layers


def _galleries(viewer: ViewerModel) -> list[tuple[str, Any]]:
    """The newest first; of several with one name, the later ones are numbered as napari numbers their layers."""
    sources = list_galleries(viewer.layers)
    offers: list[tuple[str, Any]] = []
    for place, source in enumerate(sources):
        older = sum(other.title == source.title for other in sources[place + 1 :])
        offers.append((f"{source.title}{f' [{older}]' if older else ''} ({source.n_cells:,} cells)", source))
    return offers


def _named(layers: list[Any]) -> list[tuple[str, Any]]:
    return [(layer.name, layer) for layer in layers]
