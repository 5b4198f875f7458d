"""Boxes that choose how cells are shown: channel, size, order, groups, queue, and filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from napari_cellcycle.browse.columns import NOT_KNOWN, Categories
from napari_cellcycle.browse.table import PROBABILITY, TITLES, CellTable
from napari_cellcycle.browse.tiles import COMPOSITE
from napari_cellcycle.gui.widgets.grid_view import LARGEST_PX, SMALLEST_PX
from napari_cellcycle.gui.widgets.layout import side_by_side

IN_DATA = "data order"
NO_GROUPS = "none"
NO_QUEUE = "all cells"
_ANY = "any"
_MOST_NAMES = 300  # in a box; nobody finds one among more


class NamedBox(QComboBox):
    """A choice among names with titles, which keeps what was chosen when it is filled again."""

    def __init__(self, tooltip: str) -> None:
        super().__init__()
        self.setToolTip(tooltip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(7)

    def fill(self, offers: Iterable[tuple[str, str]]) -> None:
        """Offer titles, each with the name that it stands for."""
        before = self.value()
        self.blockSignals(True)
        self.clear()
        for title, name in offers:
            self.addItem(title, name)
        self.choose(before)
        self.blockSignals(False)

    def choose(self, name: str) -> None:
        """Choose a name; the first one if it is not offered."""
        self.setCurrentIndex(max(0, self.findData(name)))

    def value(self) -> str:
        """The chosen name."""
        return self.currentData() or ""


class GalleryChoices(QWidget):
    """What is shown of each cell, and in which order."""

    channel_changed, order_changed = Signal(str), Signal()

    def __init__(self, queues: Mapping[str, str]) -> None:
        super().__init__()
        self.channel = NamedBox("the channel to show, or all of them in colour")
        self.tile_size = QSlider(Qt.Orientation.Horizontal)
        self.tile_size.setRange(SMALLEST_PX, LARGEST_PX)
        self.tile_size.setToolTip("size of the cells; or turn the mouse wheel with Ctrl over them")
        self.tile_size.setMinimumWidth(50)
        self.sort = NamedBox("what the cells are sorted by")
        self.descending = QToolButton()
        self.descending.setCheckable(True)
        self.descending.setToolTip("sort downwards: the highest first")
        self.group = NamedBox("show cells of the same kind together, under a header")
        self.queue = NamedBox("which cells to label next: a queue proposes them")
        self.queue.fill([(NO_QUEUE, ""), *((name, name) for name in queues)])
        for number, tip in enumerate(queues.values(), start=1):
            self.queue.setItemData(number, tip, Qt.ItemDataRole.ToolTipRole)
        self.queue_row = _titled("What next", self.queue)
        self.queue_row.setVisible(bool(queues))
        rows = [
            side_by_side(_titled("Show", self.channel), _titled("Size", self.tile_size)),
            side_by_side(_titled("Sort", self.sort, self.descending), _titled("Group", self.group)),
            self.queue_row,
        ]
        self._rows = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        for row in rows:
            self._rows.addWidget(row)
        self._show_direction()
        self.channel.currentIndexChanged.connect(lambda _index: self.channel_changed.emit(self.channel.value()))
        self.descending.toggled.connect(self._show_direction)
        for box in (self.sort, self.group, self.queue):
            box.currentIndexChanged.connect(lambda _index: self.order_changed.emit())
        self.descending.toggled.connect(lambda _on: self.order_changed.emit())

    def set_wide(self, is_wide: bool) -> None:
        """Put the rows next to each other where there is room."""
        way = QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom
        self._rows.setDirection(way)

    def show_table(self, table: CellTable) -> None:
        """Offer the channels and columns of these cells."""
        channels = table.cells.channels
        all_of_them = [(COMPOSITE, COMPOSITE)] if len(channels) > 1 else []
        self.channel.fill([*((name, name) for name in channels), *all_of_them])
        names = table.names
        self.sort.fill([(IN_DATA, ""), *((TITLES.get(name, name), name) for name in names)])
        self.group.fill([(NO_GROUPS, ""), *((TITLES.get(name, name), name) for name in table.groupable)])

    def _show_direction(self) -> None:
        arrow = Qt.ArrowType.DownArrow if self.descending.isChecked() else Qt.ArrowType.UpArrow
        self.descending.setArrowType(arrow)


class GalleryFilters(QWidget):
    """One box for each column of categories, and the range of the probability."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.boxes: dict[str, NamedBox] = {}
        self.lowest, self.highest = _share(0.0), _share(1.0)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._probability = side_by_side(self.lowest, QLabel("to"), self.highest)
        self._form.addRow("Probability", self._probability)
        for box in (self.lowest, self.highest):
            box.valueChanged.connect(lambda _value: self.changed.emit())

    def show_table(self, table: CellTable) -> None:
        """Offer what these cells can be filtered by; what was chosen stays chosen where it is offered."""
        before = {name: box.value() for name, box in self.boxes.items()}
        for box in self.boxes.values():
            self._form.removeRow(box)
        self.boxes = {}
        for name in table.groupable:
            column = table.column(name)
            if isinstance(column, Categories) and 1 < len(column.names) <= _MOST_NAMES:
                box = NamedBox(f"show only cells with this: {TITLES.get(name, name)}")
                box.fill([(_ANY, _ANY), *((text or "not known", text or NOT_KNOWN) for text in column.names)])
                box.setCurrentIndex(max(0, box.findData(before.get(name, _ANY))))
                box.currentIndexChanged.connect(lambda _index: self.changed.emit())
                self.boxes[name] = box
                self._form.addRow(TITLES.get(name, name).capitalize(), box)
        self._probability.setEnabled(PROBABILITY in table.names)

    def clear(self) -> None:
        """Let all cells through."""
        for box in (*self.boxes.values(), self.lowest, self.highest):
            box.blockSignals(True)
        for chosen in self.boxes.values():
            chosen.setCurrentIndex(0)
        self.lowest.setValue(0)
        self.highest.setValue(1)
        for box in (*self.boxes.values(), self.lowest, self.highest):
            box.blockSignals(False)
        self.changed.emit()

    def only(self) -> dict[str, frozenset[str]]:
        """The chosen categories, by column."""
        return {name: frozenset([box.value()]) for name, box in self.boxes.items() if box.currentIndex() > 0}

    def between(self) -> dict[str, tuple[float, float]]:
        """The chosen range of the probability."""
        low, high = self.lowest.value(), self.highest.value()
        chosen = self._probability.isEnabled() and (low > 0 or high < 1)
        return {PROBABILITY: (low, high)} if chosen else {}


def _share(value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, 1.0)
    box.setSingleStep(0.05)
    box.setValue(value)
    box.setToolTip("show only cells whose call has a probability in this range")
    return box


def _titled(title: str, *boxes: QWidget) -> QWidget:
    """A short title in front of boxes."""
    widget = QWidget()
    row = QHBoxLayout(widget)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    row.addWidget(QLabel(title))
    for number, box in enumerate(boxes):
        row.addWidget(box, 1 if number == 0 else 0)
    return widget
