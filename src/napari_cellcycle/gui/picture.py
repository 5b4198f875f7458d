"""A drawing that fits its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPainter, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent


class Picture(QWidget):
    """A PNG, made smaller where there is too little room."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self._pixmap, self._size = QPixmap(), QSize(*size)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def show_png(self, content: bytes) -> None:
        """Show another drawing."""
        self._pixmap.loadFromData(content)
        self.update()

    def sizeHint(self) -> QSize:
        """The size it was drawn for."""
        return self._size

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw in the middle, at most in the size it was drawn for."""
        if self._pixmap.isNull():
            return
        place = self._size.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio).boundedTo(self._size)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        left, top = (self.width() - place.width()) // 2, (self.height() - place.height()) // 2
        painter.drawPixmap(left, top, place.width(), place.height(), self._pixmap)
