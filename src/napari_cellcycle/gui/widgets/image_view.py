"""A picture that fits the room there is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QImage, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget


class ImageView(QWidget):
    """A picture in the middle, whole and undistorted.

    Parameters
    ----------
    size : tuple of int, optional
        Width and height to show a picture in where there is room, in pixels of Qt; those that it has, by default.
    zoom : int
        How much larger than that it may become in a wide dock.
    """

    def __init__(self, size: tuple[int, int] | None = None, zoom: int = 1) -> None:
        super().__init__()
        self.pixmap, self._size, self._zoom = QPixmap(), size, zoom
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(size is None)
        self.setSizePolicy(policy)

    def show_picture(self, picture: bytes | NDArray[np.uint8]) -> None:
        """Show another picture: a PNG file's content, or pixels as `to_pixmap` takes them."""
        if isinstance(picture, bytes):
            self.pixmap.loadFromData(picture)
        else:
            self.pixmap = to_pixmap(picture)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """The picture's own size."""
        return self.pixmap.size() if self._size is None else QSize(*self._size)

    def minimumSizeHint(self) -> QSize:
        """It can be squeezed to any size."""
        return QSize(0, 0)

    def heightForWidth(self, width: int) -> int:
        """What it takes to show the picture as wide as that."""
        return self._fitted(QSize(width, 1 << 16)).height()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture in the middle."""
        if self.pixmap.isNull():
            return
        painter, size = QPainter(self), self._fitted(self.size())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        left, top = (self.width() - size.width()) // 2, (self.height() - size.height()) // 2
        painter.drawPixmap(QRect(left, top, size.width(), size.height()), self.pixmap)

    def _fitted(self, room: QSize) -> QSize:
        own = self.sizeHint()
        return own.scaled(room.boundedTo(own * self._zoom), Qt.AspectRatioMode.KeepAspectRatio)


def to_pixmap(picture: NDArray[np.uint8]) -> QPixmap:
    """Pixels in grey, (Y, X), or in colour, (Y, X, 3)."""
    height, width, *colours = picture.shape
    kind = QImage.Format.Format_RGB888 if colours else QImage.Format.Format_Grayscale8
    return QPixmap.fromImage(QImage(picture.tobytes(), width, height, picture[0].size, kind))
