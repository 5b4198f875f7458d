"""What holds for all docks: everything that is pressed or set says what it does, and the keyboard goes a short way."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QTableView,
    QWidget,
)

from napari_cellcycle.gui.docks.augment import AugmentWidget
from napari_cellcycle.gui.docks.classify import ClassifyWidget
from napari_cellcycle.gui.docks.evaluate import EvaluateWidget
from napari_cellcycle.gui.docks.gallery import GalleryWidget
from napari_cellcycle.gui.docks.label_by_stain import LabelByStainWidget
from napari_cellcycle.gui.docks.open import OpenWidget
from napari_cellcycle.gui.docks.populations import PopulationsWidget
from napari_cellcycle.gui.docks.train import TrainWidget
from napari_cellcycle.gui.layers.source import layer_name

DOCKS = [OpenWidget, ClassifyWidget, GalleryWidget, LabelByStainWidget, EvaluateWidget, PopulationsWidget]
DOCKS += [TrainWidget, AugmentWidget]
OF_QT = ("qt_", "ScrollLeftButton", "ScrollRightButton")


@pytest.fixture(params=DOCKS, ids=lambda kind: kind.__name__)
def dock(qtbot, viewer, gallery, request) -> QWidget:
    widget = request.param(viewer)
    qtbot.addWidget(widget)
    return widget


def explains_itself(widget: QWidget) -> bool:
    """Whether it has a tooltip; Qt shows that of the widget around it where it has none."""
    around = widget.parentWidget()
    return bool(widget.toolTip() or (around is not None and around.toolTip()))


def test_every_button_box_and_slider_has_a_tooltip(dock) -> None:
    kinds = (QAbstractButton, QComboBox, QAbstractSlider, QAbstractSpinBox, QLineEdit)
    found = [widget for widget in dock.findChildren(QWidget) if isinstance(widget, kinds)]
    ours = [
        widget
        for widget in found
        if not isinstance(widget, QScrollBar) and not widget.objectName().startswith(OF_QT)
        if not isinstance(widget.parent(), QTableView)  # the corner of a table
    ]
    assert ours
    silent = [(type(widget).__name__, getattr(widget, "text", str)()) for widget in ours if not explains_itself(widget)]
    assert silent == []


def test_the_tab_key_does_not_go_through_what_is_folded_away(dock) -> None:
    n_steps, widget, seen = 0, dock.nextInFocusChain(), set()
    while widget is not dock and widget not in seen:
        seen.add(widget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isEnabled() and widget.isVisibleTo(dock):
            n_steps += 1
        widget = widget.nextInFocusChain()
    assert 0 < n_steps < 30


def test_names_of_layers_are_names_of_files_everywhere(gallery) -> None:
    from dataclasses import replace

    assert layer_name("phase", replace(gallery.source, title='a: "b" <c>/d|e?*\\f')) == "phase - a- -b- -c-d-e-f"
