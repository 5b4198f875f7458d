"""A button for each phase: its key, how many cells have it as label, and how many are called so."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_cellcycle.gui.layers.labelled_phases import MOST_KEYS
from napari_cellcycle.gui.widgets.tile_painter import colour_of
from napari_cellcycle.phase_sets import SEVEN, PhaseSet

_ICON_PX = 12


class LabelButtons(QWidget):
    """Label the selected cells by mouse; the same as the keys 1 to 7 and U.

    Parameters
    ----------
    on_phase : callable
        Gets the number of a phase.
    on_unsure : callable
        The phase can't be told.
    """

    def __init__(self, on_phase: Callable[[int], object], on_unsure: Callable[[], object]) -> None:
        super().__init__()
        self.buttons: list[QPushButton] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self._on_phase, self._on_unsure = on_phase, on_unsure
        self._phases, self._n_columns = SEVEN, 4
        self._build()

    def set_phases(self, phases: PhaseSet) -> None:
        """Have a button for each of some phases."""
        if phases != self._phases:
            self._phases = phases
            self._build()

    def _build(self) -> None:
        for button in self.buttons:
            self._grid.removeWidget(button)
            button.deleteLater()
        self.buttons = []
        for phase in range(len(self._phases)):
            self._add(phase, partial(self._on_phase, phase))
        self._add(self._phases.unsure, self._on_unsure)
        n_columns, self._n_columns = self._n_columns, 0
        self.set_columns(n_columns)

    def _add(self, number: int, on_click: Callable[[], object]) -> None:
        button = QPushButton()
        pixmap = QPixmap(_ICON_PX, _ICON_PX)
        pixmap.fill(QColor(colour_of(number, self._phases)))
        button.setIcon(QIcon(pixmap))
        button.setIconSize(QSize(_ICON_PX, _ICON_PX))
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setStyleSheet("text-align: left; padding: 2px")
        button.setMinimumWidth(20)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # so that the next key still goes to the cells
        button.clicked.connect(lambda _checked=False: on_click())
        self.buttons.append(button)

    def set_columns(self, n_columns: int) -> None:
        """Lay the buttons out in rows."""
        if n_columns == self._n_columns:
            return
        self._n_columns = n_columns
        for number, button in enumerate(self.buttons):
            self._grid.removeWidget(button)
            self._grid.addWidget(button, *divmod(number, n_columns))

    def show_counts(self, labelled: NDArray[np.int64], called: NDArray[np.int64] | None) -> None:
        """Show how many cells have each label, and each call, both of shape (P + 1,), the last one unsure cells."""
        for number, button in enumerate(self.buttons):
            is_unsure, name = number == self._phases.unsure, self._phases.label(number)
            key = "U" if is_unsure else str(number + 1) if number < MOST_KEYS else ""
            short = "?" if is_unsure else self._phases.short_names[number]
            calls = "" if called is None else f" / {called[number]:,}"
            button.setText(f"{key} {short}\n{labelled[number]:,}{calls}")
            what = (
                "mark the selected cells as unsure: their phase can't be seen"
                if is_unsure
                else f"label the selected cells {name}"
            )
            counted = "" if called is None else f", {called[number]:,} called so by the model"
            by_key = f" (key {key})" if key else ""
            button.setToolTip(f"{what}{by_key}; {labelled[number]:,} labelled so far{counted}")
