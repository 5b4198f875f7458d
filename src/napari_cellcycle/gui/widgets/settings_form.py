"""A form made from settings classes: the same lines that check the values and give the commands their help."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from types import NoneType
from typing import Any, cast, get_args

from magicgui.widgets import Container, create_widget
from magicgui.widgets.bases import BaseValueWidget, ValuedContainerWidget
from qtpy.QtCore import Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_cellcycle.gui.preferences import preferences
from napari_cellcycle.settings_base import Setting, Settings, settings_in


class Form(QWidget):
    """Boxes for settings of one or several classes; all but a few are folded away under "More".

    Parameters
    ----------
    kinds : type or tuple of type
        The classes.
    names : sequence of str
        Which of their settings, in this order.
    plain : sequence of str, optional
        Those of them that are not folded away; without it, those that are not marked as such.
    """

    changed = Signal(str)  # name of the setting

    def __init__(
        self,
        kinds: type[Settings] | tuple[type[Settings], ...],
        names: Sequence[str],
        plain: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self._shown, more = _rows(), _rows()
        self._widgets: dict[str, BaseValueWidget[Any]] = {}
        known = {name: item for kind in _as_tuple(kinds) for name, item in settings_in(kind).items()}
        for name in names:
            widget = self._widgets[name] = _widget_for(known[name])
            widget.changed.connect(partial(self._on_change, name))
            (more if _is_folded(known[name], plain) else self._shown).append(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._shown.native)
        if len(more):
            column.addWidget(_folded(more.native))
        self._more = more  # whose widgets live as long as it does
        if "device" in names:
            self.show_values({"device": preferences().device})

    def values(self, *names: str) -> dict[str, Any]:
        """What the boxes of `names` hold, or all boxes, by setting.

        Raises
        ------
        SettingError
            A text is none that its setting can have.
        """
        return {name: self._widgets[name].value for name in names or self._widgets}

    def box(self, name: str) -> QWidget:
        """The box of one setting."""
        return _box_of(self._widgets[name])

    def insert_row(self, index: int, title: str, box: QWidget) -> None:
        """Show another box among those that are not folded away, in line with them."""
        row = _rows(labels=False, label=title)
        row.native.layout().addWidget(box)
        self._shown.insert(index, row)

    def set_shown(self, name: str, shown: bool) -> None:
        """Show or hide one setting."""
        self._widgets[name].visible = shown

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Fill the boxes with those of `values` that they are for."""
        for name, widget in self._widgets.items():
            if name in values:
                widget.value = values[name]

    def _on_change(self, name: str) -> None:
        self.changed.emit(name)


def _as_tuple(kinds: type[Settings] | tuple[type[Settings], ...]) -> tuple[type[Settings], ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)


def _is_folded(item: Setting, plain: Sequence[str] | None) -> bool:
    return bool(item.options["more"]) if plain is None else item.name not in plain


def _rows(**options: Any) -> Container[Any]:
    rows: Container[Any] = Container(**options)
    rows.margins = (0, 0, 0, 0)
    return rows


def _folded(content: QWidget) -> QCollapsible:
    """Folded content is hidden, not only without height: else the tab key goes through all of its boxes."""
    more = QCollapsible("More")
    more.toggleButton().setToolTip("settings that seldom need a change")
    more.setContent(content)
    more.toggled.connect(content.setVisible)
    more.collapse(animate=False)
    return more


def _widget_for(item: Setting) -> BaseValueWidget[Any]:
    """The magicgui widget of a setting, by its annotation; one of ours where magicgui has none that fits."""
    options = {key: value for key, value in item.options.items() if key not in ("more", "suggestions", "title")}
    if item.form is not None or "suggestions" in item.options:
        options |= {"widget_type": TextBox, "setting": item}
    elif item.kind is float or NoneType in get_args(item.kind):
        whole, optional = int in get_args(item.kind), item.kind is not float
        options |= {"widget_type": NumberBox, "whole": whole, "optional": optional}
    title = item.options.get("title") or item.name.replace("_", " ").capitalize()
    # not registered for float or for a path: that would change the forms of other plugins
    widget = cast(
        "BaseValueWidget[Any]",
        create_widget(item.default, item.kind, name=item.name, label=title, options=options),
    )
    _box_of(widget).setObjectName(item.name)
    return widget


def _box_of(widget: BaseValueWidget[Any]) -> QWidget:
    return widget.box if isinstance(widget, _Boxed) else widget.native


class _Boxed(ValuedContainerWidget[Any]):
    """A Qt box of ours as a widget of magicgui."""

    def __init__(self, box: QWidget, tooltip: str = "", **options: Any) -> None:
        self.box = box
        box.setToolTip(tooltip)
        super().__init__(labels=False, tooltip=tooltip, **options)
        self.margins = (0, 0, 0, 0)
        self.native.layout().addWidget(box)


class NumberBox(_Boxed):
    """A number that shows as many digits as it has, a large share as well as a small step size; or none, if `optional`.

    magicgui's own box shows 0.002 as 0, and has no empty state. No setting is negative, so that can stand for none.
    """

    box: QDoubleSpinBox

    def __init__(self, min: float, max: float, *, whole: bool = False, optional: bool = False, **options: Any) -> None:
        self._whole = whole
        super().__init__(_Number(-1 if optional else min, max, "not set" if optional else ""), **options)
        self.box.valueChanged.connect(self._on_value_change)

    def get_value(self) -> float | None:
        """The number, or None where none is set."""
        value = self.box.value()
        if value < 0:
            return None
        return round(value) if self._whole else value

    def set_value(self, value: float | None) -> None:
        """Show a number, or that none is set."""
        self.box.setValue(-1.0 if value is None else float(value))


class TextBox(_Boxed):
    """A text, or one of the setting's suggestions; its value is what the setting reads in it.

    magicgui's own combo box takes no text of the user's own.
    """

    box: QLineEdit | QComboBox

    def __init__(self, setting: Setting, **options: Any) -> None:
        self._setting = setting
        suggestions = setting.options.get("suggestions")
        super().__init__(QLineEdit() if suggestions is None else _free_choice(suggestions), **options)
        signal = self.box.textChanged if isinstance(self.box, QLineEdit) else self.box.currentTextChanged
        signal.connect(self._on_value_change)

    def get_value(self) -> Any:
        """What the text stands for."""
        return self._setting.read(self.box.text() if isinstance(self.box, QLineEdit) else self.box.currentText())

    def set_value(self, value: Any) -> None:
        """Show a value, or a text that stands for one."""
        text = value if isinstance(value, str) else self._setting.write(value)
        (self.box.setText if isinstance(self.box, QLineEdit) else self.box.setCurrentText)(text)


def _free_choice(suggestions: Sequence[str]) -> QComboBox:
    box = QComboBox()
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.setCompleter(None)  # type: ignore[arg-type]  # so that "wgan-gp" stays what was typed, without "+undersample"
    box.addItems(list(suggestions))
    return box


class _Number(QDoubleSpinBox):
    """Shows no zeros behind the last digit, takes 2e-3 for 0.002, and may show its lowest value as a word."""

    def __init__(self, low: float, high: float, lowest: str = "") -> None:
        super().__init__()
        self.setDecimals(8)
        self.setRange(low, high)
        self.setSpecialValueText(lowest)
        self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)

    def textFromValue(self, value: float) -> str:
        """Without the zeros behind it."""
        return str(super().textFromValue(value)).rstrip("0").rstrip(self.locale().decimalPoint())

    def valueFromText(self, text: str) -> float:
        """In any notation."""
        return self.minimum() if text == self.specialValueText() else float(self._plain(text))

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Let a number be typed in any notation."""
        try:
            fits = self.minimum() <= float(self._plain(text)) <= self.maximum()
        except ValueError:
            fits = bool(text) and text == self.specialValueText()
            if not fits and re.search(r"[^-+.eE\d]", self._plain(text)):
                return QValidator.State.Invalid, text, position
        return (QValidator.State.Acceptable if fits else QValidator.State.Intermediate), text, position

    def _plain(self, text: str) -> str:
        return text.replace(self.locale().decimalPoint(), ".")
