"""A form made from a settings dataclass: the same lines that check the values and give the commands their help."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, cast

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget
from superqt import QCollapsible

if TYPE_CHECKING:
    from collections.abc import Sequence


class Form(QWidget):
    """Boxes for the settings `names` of `kind`; those marked as such are folded away under "More"."""

    def __init__(self, kind: type[Any], names: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._boxes: dict[str, QWidget] = {}
        plain, more = _rows(), _rows()
        known = {item.name: item for item in fields(kind)}
        for name in names:
            box = _box_for(known[name])
            self._boxes[name] = box
            (more if known[name].metadata["more"] else plain).addRow(_title(name), box)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(plain)
        if more.rowCount():
            column.addWidget(_folded(more))

    def values(self) -> dict[str, Any]:
        """What the boxes hold, by setting."""
        return {name: _value_of(box) for name, box in self._boxes.items()}


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
        box.setCurrentText(str(default))
    elif isinstance(default, bool):
        box = QCheckBox()
        box.setChecked(default)
    elif isinstance(default, int):
        box = QSpinBox()
        box.setRange(int(limits["low"]), int(limits["high"]))
        box.setValue(default)
    elif default is None and limits["low"] is not None:
        box = _OptionalNumber(limits["high"])
    elif isinstance(default, float):
        box = QDoubleSpinBox()
        box.setRange(limits["low"], limits["high"])
        box.setSingleStep((limits["high"] - limits["low"]) / 20)
        box.setValue(default)
    else:
        box = QLineEdit(str(default))
    box.setToolTip(limits["help"])
    box.setObjectName(item.name)
    return box


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
