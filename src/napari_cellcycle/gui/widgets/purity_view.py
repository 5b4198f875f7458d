"""A slider for each phase: how many of its calls remain at which purity."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QSlider, QWidget

from napari_cellcycle.cells import Prediction
from napari_cellcycle.evaluation.purity import purity_of
from napari_cellcycle.gui.widgets.layout import text_label

_USUAL = 90
_TIP = "keep only the most probable calls of this phase, so that this share of them is right"


class PurityView(QWidget):
    """What is left of the calls of each phase that was tested, by held-out probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setColumnStretch(1, 1)
        self.sliders: dict[str, QSlider] = {}
        self.texts: dict[str, QLabel] = {}
        self._tested: tuple[NDArray[np.float32], NDArray[np.int8]] | None = None

    def show_calls(self, prediction: Prediction, truth: NDArray[np.int8]) -> None:
        """Have a slider for each phase with tested cells; a slider keeps its place for the same phase."""
        self._tested = prediction.probabilities, truth
        before = {name: slider.value() for name, slider in self.sliders.items()}
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self.sliders, self.texts = {}, {}
        for number, name in enumerate(prediction.phase_set.names):
            if (truth == number).any():
                self._add_row(number, name, before.get(name, _USUAL))

    def _add_row(self, number: int, name: str, percent: int) -> None:
        slider, text = QSlider(Qt.Orientation.Horizontal), text_label()
        slider.setRange(50, 100)
        slider.setValue(percent)
        slider.setToolTip(_TIP)
        slider.setAccessibleName(f"purity of {name} in percent")
        row = 2 * len(self.sliders)
        self._grid.addWidget(QLabel(name), row, 0)
        self._grid.addWidget(slider, row, 1)
        self._grid.addWidget(text, row + 1, 0, 1, 2)
        self.sliders[name], self.texts[name] = slider, text
        slider.valueChanged.connect(partial(self._show, number, name))
        self._show(number, name, percent)

    def _show(self, number: int, name: str, percent: int) -> None:
        if self._tested is None:
            return
        found = purity_of(*self._tested, number, percent / 100)
        least = f", from a probability of {found.min_probability:.2f}" if found.n_cells else ""
        self.texts[name].setText(f"{found}{least}")
