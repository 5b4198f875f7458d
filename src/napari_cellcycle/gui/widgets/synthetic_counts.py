"""How many cells there are of each phase, and a box for how many synthetic ones to make."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSpinBox, QWidget

from napari_cellcycle.gui.widgets.layout import button, fill_column, side_by_side
from napari_cellcycle.jobs.config import MAX_SYNTHETIC
from napari_cellcycle.jobs.steps.advice import cells_to_fill
from napari_cellcycle.phases import COLOURS, N_PHASES, PHASE_LABELS, SYNTHETIC_COLOUR, Phase

Counts = NDArray[np.int64]


_FILL_TIP = "make as many of each phase as the largest phase has"
_NONE_TIP = "make no cells of any phase"
_MAKE_TIP = "how many more to make; they stay marked as synthetic"
_COLUMNS = {
    "phase": "",
    "real": "cells that an instrument recorded",
    f'<span style="color:{SYNTHETIC_COLOUR}">◥</span>&nbsp;synthetic': "cells that a generator made and that are here "
    "already; they carry this mark in the gallery",
    "make": _MAKE_TIP,
}


class PhaseCounts(QWidget):
    """One row a phase: its colour and name, real cells, synthetic cells, and how many to make.

    What each phase lacks to the largest one is proposed, until a user chooses otherwise.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._counts = self._synthetic = np.zeros(N_PHASES, np.int64)
        self._why_not: dict[int, str] = {}
        self._chosen = False
        rows = QWidget()
        self._grid = QGridLayout(rows)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(0, 1)
        for column, (title, tip) in enumerate(_COLUMNS.items()):
            label = _right(title) if column else QLabel(title)
            label.setToolTip(tip)
            self._grid.addWidget(label, 0, column)
        self.numbers: list[tuple[QLabel, QLabel]] = []
        self.boxes: list[QSpinBox] = []
        for phase, colour in COLOURS.items():
            self._add_row(phase, colour)
        self.fill = button("Fill up rare phases", _FILL_TIP, self.reset)
        self.none = button("None", _NONE_TIP, self._on_none)
        self.changed.connect(self._show_what_helps)
        self._show_what_helps()
        fill_column(self, rows, side_by_side(self.fill, self.none))

    def show_cells(self, counts: Counts, synthetic: Counts, why_not: Mapping[int, str]) -> None:
        """Show these counts and the synthetic cells among them; `why_not` says which phases can't be made, and why."""
        same = np.array_equal(counts, self._counts) and np.array_equal(synthetic, self._synthetic)
        if same and why_not == self._why_not:
            return
        self._counts, self._synthetic, self._why_not = counts.copy(), synthetic.copy(), dict(why_not)
        for phase, (labels, box) in enumerate(zip(self.numbers, self.boxes, strict=True)):
            for label, n in zip(labels, (counts[phase] - synthetic[phase], synthetic[phase]), strict=True):
                label.setText(f"{n:,}" if n else "-")
            box.setEnabled(phase not in why_not)
            box.setToolTip(why_not.get(phase, _MAKE_TIP))
        if self._chosen:
            self._show({phase: n for phase, n in self.wanted().items() if phase not in why_not})
        else:
            self._show(self._lacking())

    def reset(self) -> None:
        """Propose numbers: what each phase lacks to the largest."""
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
        for column, widget in enumerate((name, *labels, box)):
            self._grid.addWidget(widget, phase + 1, column)
        self.numbers.append(labels)
        self.boxes.append(box)

    def _lacking(self) -> dict[int, int]:
        lacking = cells_to_fill(self._counts, self._synthetic)
        return {phase: n for phase, n in enumerate(lacking) if phase not in self._why_not}

    def _show(self, wanted: Mapping[int, int]) -> None:
        for phase, box in enumerate(self.boxes):
            box.blockSignals(True)
            box.setValue(wanted.get(phase, 0))
            box.blockSignals(False)
        self.changed.emit()

    def _show_what_helps(self) -> None:
        """A button that would change nothing can't be pressed, and says why."""
        fills = self._lacking()
        why = next(iter(self._why_not.values()), "no phase with real cells has fewer than the largest")
        for widget, is_of_use, tip, why_not in (
            (self.fill, any(fills.values()) and self.wanted() != _some(fills), _FILL_TIP, why),
            (self.none, bool(self.wanted()), _NONE_TIP, "no cells are to be made as it is"),
        ):
            widget.setEnabled(is_of_use)
            widget.setToolTip(tip if is_of_use or self.wanted() else f"{tip}; {why_not}")

    def _on_value(self, _value: int) -> None:
        self._chosen = True
        self.changed.emit()

    def _on_none(self) -> None:
        self._chosen = True
        self._show({})


def _some(numbers: Mapping[int, int]) -> dict[int, int]:
    return {phase: n for phase, n in numbers.items() if n}


def _right(text: str) -> QLabel:
    label = QLabel(text)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return label
