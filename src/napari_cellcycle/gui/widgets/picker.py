"""A box that chooses one of several values, and looks them up again when they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy

if TYPE_CHECKING:
    from napari.components import ViewerModel


class Picker(QComboBox):
    """A choice among what `offers` finds.

    It keeps what was chosen last while that is offered, else what it showed before, else it shows the first.

    Parameters
    ----------
    offers : callable
        Gives the choices, the best first, as pairs of text and value; values are compared by ``==``.
    tooltip : str
        What is chosen here.
    viewer : ViewerModel, optional
        Where the values are layers: whose changes to follow. New layers are chosen at once.
    eager : callable, optional
        Which new layers are chosen at once; all by default.
    """

    changed = Signal()
    """Another value was chosen, or the values were looked up again."""

    def __init__(
        self,
        offers: Callable[[], Iterable[tuple[str, Any]]],
        tooltip: str,
        viewer: ViewerModel | None = None,
        eager: Callable[[Any], bool] | None = None,
    ) -> None:
        super().__init__()
        self._offers, self._values, self._wanted = offers, list[Any](), None
        self._eager = eager or (lambda _value: viewer is not None)
        self.setToolTip(tooltip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        self.currentIndexChanged.connect(self._on_index)
        if viewer is not None:
            for event in ("inserted", "removed", "renamed"):
                getattr(viewer.layers.events, event).connect(self.refresh)
        self.refresh()

    def value(self) -> Any:
        """What is chosen, None where there is nothing."""
        return self._values[self.currentIndex()] if self._values else None

    def choose(self, value: Any) -> None:
        """Choose one of the values that are offered."""
        self.setCurrentIndex(self._values.index(value))

    def refresh(self, _event: Any = None) -> None:
        """Look the values up again."""
        before, known = self.value(), self._values
        offers = list(self._offers())
        self._values = [value for _, value in offers]
        new = [value for value in self._values if value not in known and self._eager(value)]
        self._wanted = new[0] if new else self._wanted
        offered = [value for value in (self._wanted, before) if value in self._values]
        self.blockSignals(True)
        self.clear()
        self.addItems([text for text, _ in offers])
        self.setCurrentIndex(self._values.index(offered[0]) if offered else min(0, len(offers) - 1))
        self.blockSignals(False)
        self.changed.emit()

    def _on_index(self, _index: int) -> None:
        self._wanted = self.value()
        self.changed.emit()
