"""A button for each phase: its key, how many cells have it as label, and how many are called so."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy, QWidget

from napari_cellcycle.gui.widgets.tile_painter import SHORT, colour_of
from napari_cellcycle.phases import N_PHASES, PHASE_LABELS, UNSURE

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
        for phase in range(N_PHASES):
            self._add(phase, partial(on_phase, phase))
        self._add(UNSURE, on_unsure)
        self._n_columns = 0
        self.set_columns(4)

    def _add(self, number: int, on_click: Callable[[], object]) -> None:
        button = QPushButton()
        pixmap = QPixmap(_ICON_PX, _ICON_PX)
        pixmap.fill(QColor(colour_of(number)))
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
        """Show how many cells have each label, and each call, both of shape (8,), the last those that are unsure."""
        for number, button in enumerate(self.buttons):
            key = "U" if number == UNSURE else str(number + 1)
            name = "unsure" if number == UNSURE else PHASE_LABELS[number]
            calls = "" if called is None else f" / {called[number]:,}"
            button.setText(f"{key} {SHORT[number]}\n{labelled[number]:,}{calls}")
            what = (
                "mark the selected cells as unsure: their phase can't be seen"
                if number == UNSURE
                else f"label the selected cells {name}"
            )
            counted = "" if called is None else f", {called[number]:,} called so by the model"
            button.setToolTip(f"{what} (key {key}); {labelled[number]:,} labelled so far{counted}")
