"""A drawing that fits its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QImage, QPainter, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
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


class SheetView(QWidget):
    """Shows an RGB picture at the width there is, at most twice its own."""

    def __init__(self) -> None:
        super().__init__()
        self.pixmap = QPixmap()
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_picture(self, picture: NDArray[np.uint8]) -> None:
        """Show another picture, shape (Y, X, 3)."""
        height, width, _ = picture.shape
        image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        self.pixmap = QPixmap.fromImage(image)
        self.updateGeometry()
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.pixmap = QPixmap()
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Its own size."""
        return self.pixmap.size()

    def minimumSizeHint(self) -> QSize:
        """It can be squeezed to any width; what it is in asks for the height."""
        return QSize(0, 0)

    def heightForWidth(self, width: int) -> int:
        """So that it is shown whole."""
        return self._place(width).height()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw at the left."""
        if self.pixmap.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(self._place(self.width()), self.pixmap)

    def _place(self, width: int) -> QRect:
        own = self.pixmap.size()
        fitting = own.scaled(QSize(min(width, 2 * own.width()), 1 << 16), Qt.AspectRatioMode.KeepAspectRatio)
        return QRect(0, 0, fitting.width(), fitting.height()) if own.width() else QRect()
