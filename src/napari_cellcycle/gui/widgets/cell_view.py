"""One cell large: each channel, the probabilities of the phases as bars, and what else is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPixmap, QShowEvent
from qtpy.QtWidgets import QGridLayout, QSizePolicy, QWidget

from napari_cellcycle.browse.tiles import Tile, picture_of
from napari_cellcycle.gui.widgets.image_view import to_pixmap
from napari_cellcycle.gui.widgets.layout import text_label
from napari_cellcycle.gui.widgets.tile_painter import colour_of
from napari_cellcycle.phase_sets import SEVEN, PhaseSet

_GAP_PX = 4
_LARGEST_PX = 280  # of a channel; closer up, a cell is only squares


class ChannelPictures(QWidget):
    """The channels of a cell side by side, as large as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures: list[tuple[str, QPixmap]] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setSizePolicy(policy)

    def show_channels(self, pictures: Sequence[tuple[str, NDArray[np.uint8]]]) -> None:
        """Show pictures in grey or colour under their names."""
        before = len(self._pictures)
        self._pictures = [(name, to_pixmap(picture)) for name, picture in pictures]
        if len(self._pictures) != before:
            self.updateGeometry()
        self.update()

    def _edge(self, width: int) -> int:
        n = max(1, len(self._pictures))
        return max(10, min(_LARGEST_PX, (width - (n - 1) * _GAP_PX) // n))

    def heightForWidth(self, width: int) -> int:
        """A row of squares, and their names."""
        return self._edge(width) + self.fontMetrics().height()

    def sizeHint(self) -> QSize:
        """What fits a narrow dock."""
        return QSize(320, self.heightForWidth(320))

    def minimumSizeHint(self) -> QSize:
        """It can be narrow."""
        return QSize(120, 60)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the pictures undistorted, with their names under them."""
        painter, text_height = QPainter(self), self.fontMetrics().height()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        edge = min(self._edge(self.width()), self.height() - text_height)
        for number, (name, pixmap) in enumerate(self._pictures):
            left = number * (edge + _GAP_PX)
            size = pixmap.size().scaled(QSize(edge, edge), Qt.AspectRatioMode.KeepAspectRatio)
            corner = left + (edge - size.width()) // 2, (edge - size.height()) // 2
            painter.drawPixmap(QRect(*corner, size.width(), size.height()), pixmap)
            under = QRect(left, edge, edge, text_height)
            shown = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, edge)
            painter.drawText(under, Qt.AlignmentFlag.AlignCenter, shown)


class ProbabilityBars(QWidget):
    """A bar for each phase, in its colour, with its probability in percent."""

    def __init__(self) -> None:
        super().__init__()
        self.values: NDArray[np.float32] | None = None
        self.is_greyed = False
        self._phases = SEVEN
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("how probable each phase is to the model")

    def set_phases(self, phases: PhaseSet) -> None:
        """Have a row for each of some phases."""
        if phases != self._phases:
            self._phases, self.values = phases, None
            self.setFixedHeight(self.sizeHint().height())

    def show_values(self, values: NDArray[np.float32] | None, *, is_greyed: bool = False) -> None:
        """Show the probabilities of a cell, shape (P,); none if the cell was not classified."""
        self.values, self.is_greyed = values, is_greyed
        self.update()

    def _row_px(self) -> int:
        return self.fontMetrics().height() + 1

    def sizeHint(self) -> QSize:
        """One row for each phase."""
        return QSize(150, len(self._phases) * self._row_px())

    minimumSizeHint = sizeHint

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for room again, now that the style of the window has given the font."""
        super().showEvent(event)
        self.setFixedHeight(self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the names, the bars and the percents."""
        if self.values is None:
            return
        painter, metrics = QPainter(self), self.fontMetrics()
        text = self.palette().color(QPalette.ColorRole.WindowText)
        names = max(metrics.horizontalAdvance(name) for name in self._phases.names) + 6
        percents = metrics.horizontalAdvance("100 %") + 6
        most = max(1, self.width() - names - percents)
        for phase, name in enumerate(self._phases.names):
            share = float(np.nan_to_num(self.values[phase]))
            row = QRect(0, phase * self._row_px(), self.width(), self._row_px())
            painter.setPen(text)
            painter.drawText(row, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
            bar = QRect(names, row.top() + 2, round(share * most), row.height() - 4)
            painter.fillRect(bar, QColor(colour_of(phase, self._phases, is_greyed=self.is_greyed)))
            painter.drawText(row, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, f"{share:.0%}")


class CellView(QWidget):
    """The current cell; `attribution` takes the place of its channels to show what a model looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.channels, self.bars, self.facts = ChannelPictures(), ProbabilityBars(), text_label()
        self.attribution = ChannelPictures()
        self.attribution.hide()
        self.facts.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._is_wide: bool | None = None
        self.set_wide(False)
        self.show_cell(None, (), None, "")

    def set_wide(self, is_wide: bool) -> None:
        """Put all parts under each other, or in a narrow dock the facts next to the bars, which takes less height."""
        if is_wide == self._is_wide:
            return
        self._is_wide = is_wide
        parts: list[QWidget] = [self.channels, self.bars, self.facts, self.attribution]
        for widget in parts:
            self._grid.removeWidget(widget)
        places = [(0, 0, 1, 2), (1, 0, 1, 2), (2, 0, 1, 2)] if is_wide else [(0, 0, 1, 2), (1, 0, 1, 1), (1, 1, 1, 1)]
        for widget, place in zip(parts, [*places, places[0]], strict=True):
            self._grid.addWidget(widget, *place)
        self._grid.setRowStretch(3, 1)

    def show_attribution(self, is_shown: bool) -> None:
        """Show what a model looked at instead of the channels, or the channels again."""
        self.channels.setVisible(not is_shown)
        self.attribution.setVisible(is_shown)

    def show_cell(
        self,
        tile: Tile | None,
        channels: Sequence[str],
        probabilities: NDArray[np.float32] | None,
        facts: str,
        *,
        is_greyed: bool = False,
    ) -> None:
        """Show a cell, or none."""
        pictures = [] if tile is None else [(name, picture_of(tile, channels, name)) for name in channels]
        self.channels.show_channels(pictures)
        self.bars.show_values(probabilities, is_greyed=is_greyed)
        self.facts.setText(facts)
