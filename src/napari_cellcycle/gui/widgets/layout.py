"""Rows and columns of widgets."""

from __future__ import annotations

from qtpy.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget


def stacked(*widgets: QWidget) -> QWidget:
    """One under the other."""
    return _filled(QVBoxLayout(), widgets)


def side_by_side(*widgets: QWidget) -> QWidget:
    """One beside the other."""
    return _filled(QHBoxLayout(), widgets)


def _filled(layout: QBoxLayout, widgets: tuple[QWidget, ...]) -> QWidget:
    box = QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    box.setLayout(layout)
    return box
