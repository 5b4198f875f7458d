"""A form made from a settings dataclass: the same lines that check the values and give the commands their help."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, cast

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget
from superqt import QCollapsible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Form(QWidget):
    """Boxes for settings of one or several dataclasses; all but a few are folded away under "More".

    Parameters
    ----------
    kinds : type or tuple of type
        The dataclasses.
    names : sequence of str
        Which of their settings, in this order.
    plain : sequence of str, optional
        Those of them that are not folded away; without it, those that are not marked as such.
    """

    def __init__(
        self, kinds: type[Any] | tuple[type[Any], ...], names: Sequence[str], plain: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        self._boxes: dict[str, QWidget] = {}
        self._rows: dict[str, QFormLayout] = {}
        shown, more = _rows(), _rows()
        known = {item.name: item for kind in _as_tuple(kinds) for item in fields(kind)}
        for name in names:
            box = _box_for(known[name])
            self._boxes[name] = box
            folded = known[name].metadata["more"] if plain is None else name not in plain
            self._rows[name] = more if folded else shown
            self._rows[name].addRow(_title(name), box)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(shown)
        self._shown = shown
        if more.rowCount():
            column.addWidget(_folded(more))

    def values(self) -> dict[str, Any]:
        """What the boxes hold, by setting."""
        return {name: _value_of(box) for name, box in self._boxes.items()}

    def box(self, name: str) -> QWidget:
        """The box of one setting."""
        return self._boxes[name]

    def insert_row(self, place: int, title: str, box: QWidget) -> None:
        """Show another box among those that are not folded away, in line with them."""
        self._shown.insertRow(place, title, box)

    def set_shown(self, name: str, shown: bool) -> None:
        """Show or hide one setting."""
        self._rows[name].setRowVisible(self._boxes[name], shown)

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Fill the boxes with those of `values` that they are for."""
        for name, box in self._boxes.items():
            if name in values:
                _fill(box, values[name])


def _as_tuple(kinds: type[Any] | tuple[type[Any], ...]) -> tuple[type[Any], ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)


def _rows() -> QFormLayout:
    rows = QFormLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return rows


def _folded(rows: QFormLayout) -> QWidget:
    content = QWidget()
    content.setLayout(rows)
    more = QCollapsible("More")
    more.setContent(content)
    more.collapse(animate=False)
    return cast("QWidget", more)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _box_for(item: Field[Any]) -> QWidget:
    default, limits = item.default, item.metadata
    box: QWidget
    if limits["choices"] is not None:
        box = QComboBox()
        box.addItems(list(limits["choices"]))
    elif limits["suggestions"] is not None:
        box = _free_choice(limits["suggestions"])
    elif isinstance(default, bool):
        box = QCheckBox()
    elif isinstance(default, int):
        box = QSpinBox()
        box.setRange(int(limits["low"]), int(limits["high"]))
    elif default is None and limits["low"] is not None:
        box = _OptionalNumber(limits["high"])
    elif isinstance(default, float):
        box = _Number(limits["low"], limits["high"])
    else:
        box = QLineEdit()
    if default is not None:
        _fill(box, default)
    box.setToolTip(limits["help"])
    box.setObjectName(item.name)
    return box


def _free_choice(suggestions: Sequence[str]) -> QComboBox:
    """A text of one's own, or one of `suggestions`."""
    box = QComboBox()
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.setCompleter(None)  # type: ignore[arg-type]  # so that "wgan-gp" stays what was typed, without "+undersample"
    box.addItems(list(suggestions))
    return box


def _fill(box: QWidget, value: Any) -> None:
    if isinstance(box, QComboBox):
        box.setCurrentText(str(value))
    elif isinstance(box, QCheckBox):
        box.setChecked(value)
    elif isinstance(box, QSpinBox | QDoubleSpinBox):
        box.setValue(value)
    else:
        cast("QLineEdit", box).setText(str(value))


class _Number(QDoubleSpinBox):
    """A number with as many digits as it has, be it a large share or a small step size."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.setDecimals(8)
        self.setRange(low, high)
        self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)

    def textFromValue(self, value: float) -> str:
        """Without the zeros behind it."""
        return str(super().textFromValue(value)).rstrip("0").rstrip(self.locale().decimalPoint())


class _OptionalNumber(QDoubleSpinBox):
    """A number above 0, or nothing."""

    def __init__(self, high: float) -> None:
        super().__init__()
        self.setDecimals(4)
        self.setRange(0, high)
        self.setSingleStep(0.05)
        self.setSpecialValueText("not set")


def _value_of(box: QWidget) -> Any:
    if isinstance(box, _OptionalNumber):
        return box.value() or None
    if isinstance(box, QComboBox):
        return box.currentText()
    if isinstance(box, QCheckBox):
        return box.isChecked()
    if isinstance(box, QSpinBox | QDoubleSpinBox):
        return box.value()
    return cast("QLineEdit", box).text()
