"""The cells behind layers, with their labels: one object for each data set that is open, which all docks share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from psygnal import SignalInstance

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.cells import Cells
from napari_cellcycle.gui.layers.source import Source

if TYPE_CHECKING:
    from napari.layers import Layer


labels_changed = SignalInstance((str,))
"""Emitted with the group of a data set after cells of it were labelled."""


@dataclass(eq=False)
class DataSet:
    """Cells in the viewer and their labels.

    Attributes
    ----------
    source : Source
        Where the cells come from.
    cells : Cells
        Their images are read when needed; `cells.phases` are what the files say, without labels.
    labels : LabelTable
        Labels of these cells, in the same order.
    """

    source: Source
    cells: Cells
    labels: LabelTable

    def __post_init__(self) -> None:
        self.labels.follow(self._on_labels)

    def _on_labels(self, _rows: NDArray[np.intp]) -> None:
        labels_changed.emit(self.source.group)


# Layers hold only plain texts and numbers, so that they can be saved. A data set is gone when its last layer is.
_known: WeakKeyDictionary[Layer, dict[str, DataSet]] = WeakKeyDictionary()


def remember_data_set(layers: Iterable[Layer], data_set: DataSet) -> None:
    """Keep a data set as long as one of these layers, which show its cells, exists."""
    for layer in layers:
        _known.setdefault(layer, {})[data_set.source.group] = data_set


def data_set_of(layers: Iterable[Layer], source: Source | None) -> DataSet | None:
    """The data set of a source, if it is open; None for layers that were saved and not read again yet."""
    if source is None:
        return None
    return next((found for layer in layers if (found := _known.get(layer, {}).get(source.group))), None)
