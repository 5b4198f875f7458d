"""A form says what its settings dataclass says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, get_args

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QLineEdit
from superqt import QCollapsible

from napari_cellcycle.errors import SettingError
from napari_cellcycle.gui.widgets.settings_form import Form
from napari_cellcycle.jobs.config import (
    AugmentSettings,
    ClassifySettings,
    EvaluateSettings,
    ReadSettings,
    TrainSettings,
)
from napari_cellcycle.settings_base import Setting, Settings, setting, settings_in
from napari_cellcycle.training.config import TrainConfig
from napari_cellcycle.training.gan.config import METHODS, GanConfig, preset
from napari_cellcycle.training.recipes import RECIPES


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    speed: Annotated[str, setting("how fast", choices=("slow", "fast"))] = "slow"
    n_rounds: Annotated[int, setting("rounds to go", 1, 9)] = 3
    share: Annotated[float, setting("part of it", 0, 1)] = 0.25
    size_um: Annotated[float | None, setting("if known", 0.01, 10)] = None
    name: Annotated[str, setting("what to call it", more=True)] = "x"
    loud: Annotated[bool, setting("say more", more=True)] = False


@dataclass(frozen=True, kw_only=True)
class Rates(Settings):
    rate: Annotated[float, setting("a small one", 1e-7, 1)] = 2e-3
    decay: Annotated[float, setting("one near its limit", 0, 0.99999)] = 0.99999
    degrees: Annotated[float, setting("by how much", 0, 180)] = 30  # an int, for a float


@dataclass(frozen=True, kw_only=True)
class Drink(Settings):
    mixed: Annotated[str, setting("what is in it", suggestions=("", "tea", "tea+milk"))] = ""


@pytest.fixture
def form(qtbot) -> Form:
    form = Form(Config, ["speed", "n_rounds", "share", "size_um", "name", "loud"])
    qtbot.addWidget(form)
    return form


def test_untouched_it_holds_the_defaults(form) -> None:
    assert Config(**form.values()) == Config()


def test_boxes_have_the_limits_the_choices_and_the_help(form) -> None:
    speed, rounds = form.box("speed"), form.box("n_rounds")
    assert [speed.itemText(row) for row in range(speed.count())] == ["slow", "fast"]
    assert (rounds.minimum(), rounds.maximum(), rounds.toolTip()) == (1, 9, "rounds to go")
    assert form.box("share").toolTip() == "part of it"
    assert form.findChild(QComboBox, "speed") is speed


def test_what_is_set_comes_back(form) -> None:
    form.box("speed").setCurrentText("fast")
    form.box("share").setValue(0.5)
    form.box("size_um").setValue(0.325)
    form.box("loud").setChecked(True)
    assert Config(**form.values()) == Config(speed="fast", share=0.5, size_um=0.325, loud=True)


def test_small_numbers_keep_their_digits(qtbot) -> None:
    form = Form(Rates, ["rate", "decay"])
    qtbot.addWidget(form)
    rate = form.box("rate")
    assert (form.values(), rate.text()) == ({"rate": 0.002, "decay": 0.99999}, "0.002")
    rate.interpretText()  # as when the focus leaves it
    assert form.values()["rate"] == 0.002
    form.show_values({"rate": 1e-5, "of_another_form": 3})
    assert (form.values()["rate"], rate.text()) == (1e-5, "0.00001")


@pytest.mark.parametrize(("typed", "value"), [("2e-3", 0.002), ("0.5", 0.5), ("1E-7", 1e-7), ("1", 1.0)])
def test_a_number_is_typed_in_any_notation(qtbot, typed: str, value: float) -> None:
    form = Form(Rates, ["rate"])
    qtbot.addWidget(form)
    box = form.box("rate")
    box.selectAll()
    qtbot.keyClicks(box, typed)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert form.values() == {"rate": value}


@pytest.mark.parametrize("typed", ["abc", "7", "2e", "-1", ""])
def test_what_is_no_number_within_the_limits_is_not_taken(qtbot, typed: str) -> None:
    form = Form(Rates, ["rate"])
    qtbot.addWidget(form)
    box = form.box("rate")
    form.show()
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, typed or "\b")
    box.clearFocus()
    assert 1e-7 <= form.values()["rate"] <= 1
    assert form.values()["rate"] in (0.002, 2.0e-3) or typed in ("2e", "-1")


def test_the_annotation_makes_the_box_whatever_the_default_is(qtbot) -> None:
    form = Form(Rates, ["degrees"])
    qtbot.addWidget(form)
    assert isinstance(form.box("degrees"), QDoubleSpinBox)
    form.show_values({"degrees": 22.5})
    assert form.values() == {"degrees": 22.5}
    form.show_values({"degrees": 5})
    assert form.values() == {"degrees": 5.0}


def test_an_optional_number_can_be_empty_set_and_emptied(form) -> None:
    box = form.box("size_um")
    assert (form.values("size_um"), box.text()) == ({"size_um": None}, "not set")
    form.show_values({"size_um": 0.325})
    assert (form.values("size_um"), box.text()) == ({"size_um": 0.325}, "0.325")
    form.show_values({"size_um": None})
    assert (form.values("size_um"), box.text()) == ({"size_um": None}, "not set")


def test_a_change_of_a_box_names_its_setting(form, qtbot) -> None:
    for name, value in {"n_rounds": 4, "share": 0.5, "name": "y", "loud": True, "speed": "fast"}.items():
        with qtbot.waitSignal(form.changed) as changed:
            form.show_values({name: value})
        assert changed.args == [name]


KINDS = [ReadSettings, ClassifySettings, EvaluateSettings, TrainSettings, AugmentSettings, TrainConfig, GanConfig]


def another(item: Setting) -> Any:
    """A legal value of a setting that is not its default."""
    texts = {
        "channels": "brightfield=Ch3,dna=Ch 7",
        "phase": "Anaphase=500,Telophase",
        "prevalence": "G1=50,S=30.5",
        "augment": "cellgan+mixup",
        "model": "default,duque2024",
        "export": "parquet,fcs",
        "phases": "g1-s-g2m",
        "min_purity": "Metaphase=0.9",
    }
    choices = item.options.get("choices")
    if choices is not None:
        return next(choice for choice in choices if choice != item.default)
    if item.form is not None:
        return item.read(texts.get(item.name, "brightfield"))
    if item.kind is bool:
        return not item.default
    if item.kind is str:
        return "some text"
    low, high = item.options["min"], item.options["max"]
    return high if int in (item.kind, *get_args(item.kind)) else low + (high - low) / 3


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_of_every_job_goes_through_its_box(qtbot, kind: type[Settings]) -> None:
    settings = settings_in(kind)
    form = Form(kind, list(settings))
    qtbot.addWidget(form)
    assert kind(**form.values()) == kind()
    values = {name: another(item) for name, item in settings.items()}
    form.show_values(values)
    for name, found in form.values().items():
        assert found == pytest.approx(values[name], abs=1e-8) if isinstance(found, float) else found == values[name]
        assert type(found) is type(values[name])


def test_settings_of_every_recipe_and_method_can_be_shown(qtbot) -> None:
    form = Form(TrainConfig, list(settings_in(TrainConfig)))
    qtbot.addWidget(form)
    for recipe in RECIPES.values():
        form.show_values(vars(recipe.config))
        assert form.values() == vars(recipe.config)
    form = Form(GanConfig, list(settings_in(GanConfig)))
    qtbot.addWidget(form)
    for method in METHODS:
        form.show_values(vars(preset(method)))
        assert form.values() == vars(preset(method))


def test_a_text_that_can_not_be_read_is_one_sentence_when_it_is_asked_for(qtbot) -> None:
    form = Form(TrainConfig, ["epochs", "augment"])
    qtbot.addWidget(form)
    form.show_values({"augment": "mixup+cutmix"})
    assert form.values("epochs") == {"epochs": 80}
    with pytest.raises(SettingError, match="'cutmix' is unknown"):
        form.values()


def test_rows_are_put_between_and_hidden(form, qtbot) -> None:
    form.insert_row(1, "Mine", QLineEdit("mine"))
    form.set_shown("share", False)
    form.show()
    mine = next(box for box in form.findChildren(QLineEdit) if box.text() == "mine")
    assert form.box("speed").mapTo(form, QPoint()).y() < mine.mapTo(form, QPoint()).y()
    assert mine.mapTo(form, QPoint()).y() < form.box("n_rounds").mapTo(form, QPoint()).y()
    labels = [label.text() for label in form.findChildren(QLabel) if label.isVisibleTo(form)]
    assert "Mine" in labels
    assert "Share" not in labels
    assert not form.box("share").isVisible()
    form.set_shown("share", True)
    assert form.box("share").isVisible()


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
