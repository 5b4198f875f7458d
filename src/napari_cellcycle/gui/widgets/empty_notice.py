"""What a dock says while there is nothing to work on, with a button that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class EmptyNotice(QWidget):
    """What an empty dock says: what is missing, with a button that mends it."""

    def __init__(self, text: str, actions: dict[str, Callable[[], None]]) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.label = _sentence()
        self.label.setText(text)
        column.addWidget(self.label)
        self.buttons: dict[str, QPushButton] = {}
        for title, action in actions.items():
            button = QPushButton(title)
            button.clicked.connect(lambda _checked=False, action=action: action())
            column.addWidget(button)
            self.buttons[title] = button


def _sentence() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
