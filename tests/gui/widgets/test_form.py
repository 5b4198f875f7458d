"""A form says what its settings dataclass says."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSpinBox
from superqt import QCollapsible

from napari_cellcycle.gui.widgets.form import Form
from napari_cellcycle.settings import Checked, setting


@dataclass(frozen=True, kw_only=True)
class Config(Checked):
    speed: str = setting("slow", "how fast", choices=("slow", "fast"))
    n_rounds: int = setting(3, "rounds to go", 1, 9)
    share: float = setting(0.25, "part of it", 0, 1)
    size_um: float | None = setting(None, "if known", 0.01, 10)
    name: str = setting("x", "what to call it", more=True)
    loud: bool = setting(False, "say more", more=True)


@dataclass(frozen=True, kw_only=True)
class Rates(Checked):
    rate: float = setting(2e-3, "a small one", 1e-7, 1)
    decay: float = setting(0.99999, "one near its limit", 0, 0.99999)


@dataclass(frozen=True, kw_only=True)
class Drink(Checked):
    mixed: str = setting("", "what is in it", suggestions=("", "tea", "tea+milk"))


@pytest.fixture
def form(qtbot) -> Form:
    form = Form(Config, ["speed", "n_rounds", "share", "size_um", "name", "loud"])
    qtbot.addWidget(form)
    return form


def test_untouched_it_holds_the_defaults(form) -> None:
    assert Config(**form.values()) == Config()


def test_boxes_have_the_limits_the_choices_and_the_help(form) -> None:
    speed, rounds = form.findChild(QComboBox, "speed"), form.findChild(QSpinBox, "n_rounds")
    assert [speed.itemText(row) for row in range(speed.count())] == ["slow", "fast"]
    assert (rounds.minimum(), rounds.maximum(), rounds.toolTip()) == (1, 9, "rounds to go")


def test_what_is_set_comes_back(form) -> None:
    form.findChild(QComboBox, "speed").setCurrentText("fast")
    form.findChild(QDoubleSpinBox, "share").setValue(0.5)
    form.findChild(QDoubleSpinBox, "size_um").setValue(0.325)
    form.findChild(QCheckBox, "loud").setChecked(True)
    assert Config(**form.values()) == Config(speed="fast", share=0.5, size_um=0.325, loud=True)


def test_small_numbers_keep_their_digits(qtbot) -> None:
    form = Form(Rates, ["rate", "decay"])
    qtbot.addWidget(form)
    rate = form.findChild(QDoubleSpinBox, "rate")
    assert (form.values(), rate.text()) == ({"rate": 0.002, "decay": 0.99999}, "0.002")
    rate.interpretText()  # as when the focus leaves it
    assert form.values()["rate"] == 0.002
    form.show_values({"rate": 1e-5, "of_another_form": 3})
    assert (form.values()["rate"], rate.text()) == (1e-5, "0.00001")


def test_a_text_with_suggestions_can_be_chosen_typed_and_shown(qtbot) -> None:
    form = Form(Drink, ["mixed"])
    qtbot.addWidget(form)
    box = form.findChild(QComboBox, "mixed")
    suggested = [box.itemText(row) for row in range(box.count())]
    assert (form.values(), suggested, box.toolTip()) == ({"mixed": ""}, ["", "tea", "tea+milk"], "what is in it")
    box.setCurrentIndex(2)
    assert form.values() == {"mixed": "tea+milk"}
    form.show_values({"mixed": "cocoa+milk"})
    assert form.values() == {"mixed": "cocoa+milk"}
    form.show_values({"mixed": ""})
    assert form.values() == {"mixed": ""}


@pytest.mark.parametrize("typed", ["t", "TEA", "tea+lemon"])
def test_what_is_typed_stays_as_it_is_and_is_no_suggestion(qtbot, typed: str) -> None:
    form = Form(Drink, ["mixed"])
    qtbot.addWidget(form)
    box = form.findChild(QComboBox, "mixed")
    form.show()
    qtbot.keyClicks(box.lineEdit(), typed)
    assert form.values() == {"mixed": typed}
    qtbot.keyClick(box.lineEdit(), Qt.Key.Key_Return)
    assert (form.values(), box.count()) == ({"mixed": typed}, 3)


def test_settings_of_several_kinds_share_one_fold(qtbot) -> None:
    form = Form((Rates, Config), ["decay", "n_rounds", "loud"], plain=["n_rounds"])
    qtbot.addWidget(form)
    (more,) = form.findChildren(QCollapsible)
    inside = {box.objectName() for box in (*more.findChildren(QDoubleSpinBox), *more.findChildren(QCheckBox))}
    assert inside == {"decay", "loud"}
    assert form.values() == {"decay": 0.99999, "n_rounds": 3, "loud": False}


def test_rare_settings_are_folded_away(form) -> None:
    more = form.findChild(QCollapsible)
    assert not more.isExpanded()
    assert more.isAncestorOf(form.findChild(QCheckBox, "loud"))
    assert not more.isAncestorOf(form.findChild(QComboBox, "speed"))
