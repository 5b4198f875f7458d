"""A figure on the screen that knows which data lie under the pointer: for clicks, and for a lasso."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QSize, Qt, Signal
from qtpy.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF, QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from napari_cellcycle.population.drawing import Panel, Picture

_SHORTEST_PX = 4
"""A lasso that is not drawn farther than this is a click."""


class FigureView(QWidget):
    """Shows a picture as wide as it is itself, and as high as it was drawn.

    Parameters
    ----------
    lasso : bool
        Draw an outline with the pointer instead of clicking.
    """

    clicked = Signal(str, float, float)
    """Name of the axes, and x and y there."""
    lassoed = Signal(object)
    """An outline in the units of the axes, (K, 2)."""
    widened = Signal()
    """There is another width to draw for."""

    def __init__(self, *, lasso: bool = False) -> None:
        super().__init__()
        self.picture: Picture | None = None
        self._pixmap, self._lasso, self._outline = QPixmap(), lasso, QPolygonF()
        self._panel: Panel | None = None
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_picture(self, picture: Picture, height: int) -> None:
        """Show a picture that was drawn for this width, `height` pixels of Qt high."""
        self.picture = picture
        self._pixmap.loadFromData(picture.content)
        self._outline = QPolygonF()
        self.setFixedHeight(height)
        hint = "draw around cells to gather them" if self._lasso else "click to gather the cells behind a part"
        self.setToolTip(hint if picture.panels else "")
        self.setCursor(Qt.CursorShape.CrossCursor if self._lasso else Qt.CursorShape.PointingHandCursor)
        self.update()

    def sizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(300, self.minimumHeight())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture, and the outline over it."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.SmoothPixmapTransform | QPainter.RenderHint.Antialiasing)
        if not self._pixmap.isNull():
            painter.drawPixmap(self.rect(), self._pixmap)
        if not self._outline.isEmpty():
            painter.setPen(QPen(self.palette().text().color(), 1.5, Qt.PenStyle.DashLine))
            painter.drawPolygon(self._outline)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell that the picture is as wide as something else now."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._outline = QPolygonF()
            self.widened.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Click, or begin an outline."""
        if event.button() != Qt.MouseButton.LeftButton or self.picture is None or not self.picture.panels:
            return
        self._panel = self.picture.panel_at(*self._share(event.position()))
        if self._lasso:
            self._panel = self._panel or self.picture.panels[0]  # one may begin outside of the axes
            self._outline = QPolygonF([event.position()])
        elif self._panel is not None:
            self.clicked.emit(self._panel.name, *self._panel.to_data(*self._share(event.position())))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with the outline."""
        if self._panel is not None and not self._outline.isEmpty():
            self._outline.append(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Close the outline."""
        panel, self._panel = self._panel, None
        if panel is None or not self._lasso:
            return
        box = self._outline.boundingRect()
        if max(box.width(), box.height()) < _SHORTEST_PX:
            self._outline = QPolygonF()
            self.update()
            return
        corners = [self._outline.at(number) for number in range(self._outline.count())]
        self.lassoed.emit(np.array([panel.to_data(*self._share(corner)) for corner in corners]))

    def _share(self, position: QPointF) -> tuple[float, float]:
        """A place as shares of the width and height."""
        return position.x() / max(1, self.width()), position.y() / max(1, self.height())
