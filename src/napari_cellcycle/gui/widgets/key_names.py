"""Names of pressed keys that are the same in all Qt bindings and on all keyboards."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent

_NAMES = {
    Qt.Key.Key_Left: "Left",
    Qt.Key.Key_Right: "Right",
    Qt.Key.Key_Up: "Up",
    Qt.Key.Key_Down: "Down",
    Qt.Key.Key_PageUp: "PgUp",
    Qt.Key.Key_PageDown: "PgDown",
    Qt.Key.Key_Home: "Home",
    Qt.Key.Key_End: "End",
    Qt.Key.Key_Return: "Enter",
    Qt.Key.Key_Enter: "Enter",
    Qt.Key.Key_Delete: "Delete",
    Qt.Key.Key_Backspace: "Delete",
    Qt.Key.Key_Escape: "Esc",
}
_DIGITS = {getattr(Qt.Key, f"Key_{digit}"): str(digit) for digit in range(10)}
_LETTERS = {getattr(Qt.Key, f"Key_{letter}"): letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def key_name(event: QKeyEvent) -> str:
    """The name of a pressed key, such as ``1``, ``Shift+Left`` or ``Ctrl+Z``; empty for keys that have no name here."""
    key = Qt.Key(event.key())
    modifiers = event.modifiers()
    control = "Ctrl+" if modifiers & Qt.KeyboardModifier.ControlModifier else ""
    if modifiers & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier):
        return ""
    if key in _DIGITS:  # on French keyboards digits need Shift
        return f"{control}{_DIGITS[key]}"
    name = _NAMES.get(key) or _LETTERS.get(key)
    shift = "Shift+" if modifiers & Qt.KeyboardModifier.ShiftModifier else ""
    return f"{control}{shift}{name}" if name else ""
