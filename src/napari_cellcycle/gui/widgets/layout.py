"""Rows, columns, labels and buttons that all docks use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QBoxLayout, QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

_Parent = TypeVar("_Parent", bound=QWidget)
_WARNING = "background: #e69f00; color: black; padding: 4px;"


def stacked(*widgets: QWidget) -> QWidget:
    """A widget that shows others one under the other."""
    return fill_column(QWidget(), *widgets)


def side_by_side(*widgets: QWidget) -> QWidget:
    """A widget that shows others one next to the other."""
    return fill_row(QWidget(), *widgets)


def fill_column(parent: _Parent, *widgets: QWidget) -> _Parent:
    """Put `widgets` into `parent`, one under the other, and return it."""
    return _fill(parent, QVBoxLayout(parent), widgets)


def fill_row(parent: _Parent, *widgets: QWidget) -> _Parent:
    """Put `widgets` into `parent`, one next to the other, and return it."""
    return _fill(parent, QHBoxLayout(parent), widgets)


def form_rows(parent: QWidget) -> QFormLayout:
    """Rows of titles and boxes in `parent`, without a margin."""
    rows = QFormLayout(parent)
    rows.setContentsMargins(0, 0, 0, 0)
    return rows


def text_label(text: str = "", *, warning: bool = False) -> QLabel:
    """Text that wraps and can be copied; a warning has a ground of its own."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if warning:
        label.setStyleSheet(_WARNING)
    return label


def show_text(label: QLabel, text: str) -> None:
    """Show `text` in `label`, and hide the label where there is none."""
    label.setText(text)
    label.setVisible(bool(text))


def button(title: str, tooltip: str, on_click: Callable[[], object]) -> QPushButton:
    """A button that calls `on_click` without arguments."""
    widget = QPushButton(title)
    widget.setToolTip(tooltip)
    widget.clicked.connect(lambda _checked=False: on_click())
    return widget


def _fill(parent: _Parent, layout: QBoxLayout, widgets: tuple[QWidget, ...]) -> _Parent:
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return parent
