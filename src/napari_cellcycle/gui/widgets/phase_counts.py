"""How many cells there are of each phase, and a box for how many more to make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_cellcycle.gui.widgets.layout import side_by_side
from napari_cellcycle.jobs.config import MAX_SYNTHETIC
from napari_cellcycle.phases import COLOURS, N_PHASES, PHASE_LABELS, SYNTHETIC_COLOUR, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

_MADE = f'<span style="color:{SYNTHETIC_COLOUR}">◥</span>&nbsp;made'
_TIPS = {
    "phase": "",
    "real": "cells that an instrument recorded",
    _MADE: "cells that a generator made, and that are here already; in the gallery they carry this mark",
    "make": "how many more to make; they are marked as synthetic for ever",
}


class PhaseCounts(QWidget):
    """One row a phase: its colour and name, real cells, made cells, and how many to make.

    What the phases that there are lack to the largest one is proposed, until a user chooses otherwise.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._real = self._made = np.zeros(N_PHASES, np.int64)
        self._why_not: dict[int, str] = {}
        self._chosen = False
        rows = QWidget()
        self._grid = QGridLayout(rows)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(0, 1)
        for place, (title, tip) in enumerate(_TIPS.items()):
            label = _right(title) if place else QLabel(title)
            label.setToolTip(tip)
            self._grid.addWidget(label, 0, place)
        self.numbers: list[tuple[QLabel, QLabel]] = []
        self.boxes: list[QSpinBox] = []
        for phase, colour in COLOURS.items():
            self._add_row(phase, colour)
        self.fill, self.none = QPushButton("Fill to the largest"), QPushButton("None")
        self.fill.setToolTip("make of each phase what it lacks to the largest one")
        self.none.setToolTip("make no cells of any phase")
        self.fill.clicked.connect(self._on_fill)
        self.none.clicked.connect(self._on_none)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(rows)
        column.addWidget(side_by_side(self.fill, self.none))

    def show_cells(self, real: Counts, made: Counts, why_not: Mapping[int, str]) -> None:
        """Show these counts; phases in `why_not` can't be made, and it says why."""
        if np.array_equal(real, self._real) and np.array_equal(made, self._made) and why_not == self._why_not:
            return
        self._real, self._made, self._why_not = real.copy(), made.copy(), dict(why_not)
        for phase, (labels, box) in enumerate(zip(self.numbers, self.boxes, strict=True)):
            for label, n in zip(labels, (real[phase], made[phase]), strict=True):
                label.setText(f"{n:,}" if n else "-")
            box.setEnabled(phase not in why_not)
            box.setToolTip(why_not.get(phase, _TIPS["make"]))
        if self._chosen:
            self._show({phase: n for phase, n in self.wanted().items() if phase not in why_not})
        else:
            self._show(self._lacking())

    def forget_choice(self) -> None:
        """Propose numbers again: these are other cells."""
        self._chosen = False
        self._show(self._lacking())

    def wanted(self) -> dict[int, int]:
        """How many cells to make of each phase; only phases of which there are any."""
        return {phase: box.value() for phase, box in enumerate(self.boxes) if box.value()}

    def _add_row(self, phase: Phase, colour: str) -> None:
        name = QLabel(f'<span style="color:{colour}">■</span>&nbsp;{PHASE_LABELS[phase]}')
        labels, box = (_right(""), _right("")), QSpinBox()
        box.setRange(0, MAX_SYNTHETIC)
        box.setGroupSeparatorShown(True)
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.setAccessibleName(f"make {PHASE_LABELS[phase]}")
        box.valueChanged.connect(self._on_value)
        for place, widget in enumerate((name, *labels, box)):
            self._grid.addWidget(widget, phase + 1, place)
        self.numbers.append(labels)
        self.boxes.append(box)

    def _lacking(self) -> dict[int, int]:
        counts = self._real + self._made
        return {phase: int(counts.max() - n) for phase, n in enumerate(counts) if n and phase not in self._why_not}

    def _show(self, wanted: Mapping[int, int]) -> None:
        for phase, box in enumerate(self.boxes):
            box.blockSignals(True)
            box.setValue(wanted.get(phase, 0))
            box.blockSignals(False)
        self.changed.emit()

    def _on_value(self, _value: int) -> None:
        self._chosen = True
        self.changed.emit()

    def _on_fill(self) -> None:
        self._chosen = False
        self._show(self._lacking())

    def _on_none(self) -> None:
        self._chosen = True
        self._show({})


def _right(text: str) -> QLabel:
    label = QLabel(text)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return label
