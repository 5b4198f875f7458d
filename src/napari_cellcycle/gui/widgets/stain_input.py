"""Boxes that choose stained cells, and which of their channels is the stain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_cellcycle.cells import DNA, ROLES
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.field import image_layers, looks_stained
from napari_cellcycle.gui.layers.field_planes import FieldImage, planes_of
from napari_cellcycle.gui.layers.source import GallerySource, role_of, source_of
from napari_cellcycle.gui.widgets.cells_input import CellsInput
from napari_cellcycle.gui.widgets.layout import fill_column
from napari_cellcycle.gui.widgets.picker import Picker
from napari_cellcycle.images.stained_plane import stained_plane

if TYPE_CHECKING:
    from napari.components import ViewerModel

FIND_NUCLEI = "find the nuclei in the stain"
ONE_STAIN = "none, it is a stain of DNA"
_MOST_LOOKED_AT = 16


class StainInput(QWidget):
    """Cells, and one stain of DNA or both stains of FUCCI; channels of a gallery, or images of a field.

    The stain that names or brightness speak for is chosen.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.cells = CellsInput(
            viewer, "label by their stain", finds_cells=True, unlabelled=FIND_NUCLEI, asks_darkfield=False
        )
        self.stain = Picker(self._stains, "the stain of DNA; of FUCCI cells, the one that is high in G1 (Cdt1)")
        self.second = Picker(
            lambda: [(ONE_STAIN, None), *self._stains()],
            "of FUCCI cells, the stain that is high in S, G2 and M (Geminin)",
        )
        self.cells.rows.addRow("Stain", self.stain)
        self.cells.rows.addRow("2nd of FUCCI", self.second)
        fill_column(self, self.cells)
        self.cells.changed.connect(self._on_cells)
        self.is_likely = False
        """Whether the names, the brightness or the user say that this is the stain."""
        for picker in (self.stain, self.second):
            picker.currentIndexChanged.connect(self._on_stain)
        for event in ("inserted", "removed"):
            getattr(viewer.layers.events, event).connect(self._on_layers)
        self._of: Any = None
        self._on_layers()

    def stains(self) -> list[Any]:
        """The chosen stain, or both of FUCCI: names of channels, or images of a field."""
        chosen = [self.stain.value(), self.second.value()]
        return [stain for stain in chosen if stain is not None]

    def _on_stain(self, _index: int) -> None:
        self.is_likely = True
        self.changed.emit()

    def _on_layers(self, _event: Any = None) -> None:
        self._refresh()

    def _on_cells(self) -> None:
        self._refresh()
        self.changed.emit()

    def _refresh(self) -> None:
        """Offer the channels of the cells; of other cells, the likeliest is chosen."""
        for picker in (self.stain, self.second):
            picker.blockSignals(True)
            picker.refresh()
            picker.blockSignals(False)
        source, offers = self.cells.source(), [value for _, value in self._stains()]
        what = (None if source is None else source.title, offers)
        if what != self._of and offers:
            self._of = what
            self.stain.blockSignals(True)
            likely = self._likeliest(offers)
            self.is_likely = likely is not None
            self.stain.choose(offers[-1] if likely is None else likely)
            self.stain.blockSignals(False)

    def _stains(self) -> list[tuple[str, Any]]:
        source = self.cells.source()
        if isinstance(source, GallerySource):
            return [(name, name) for name in self._channels(source)]
        if source is None:
            return []
        images = [image for layer in image_layers(self._viewer) for image in planes_of(layer, self._viewer.layers)]
        images = [image for image in images if not image.sharpest]
        return [(image.title, image) for image in images]

    def _channels(self, source: GallerySource) -> tuple[str, ...]:
        data_set = data_set_of(self._viewer.layers, source)
        if data_set is not None:
            return data_set.cells.channels
        roles = [role_of(layer) for layer in self._viewer.layers if source_of(layer) == source]
        return tuple(role for role in roles if role in ROLES)

    def _likeliest(self, offers: list[Any]) -> Any:
        """The stain by its name, else by its bright objects on a dark ground; None if nothing speaks for one."""
        if not isinstance(offers[0], FieldImage):
            return DNA if DNA in offers else None
        named = [image for image in offers if looks_stained(image.layer)]
        if named:
            return named[0]
        images = offers[:_MOST_LOOKED_AT]
        found = stained_plane([np.asarray(image.data if image.data.ndim == 2 else image.data[0]) for image in images])
        return None if found is None else offers[found]
