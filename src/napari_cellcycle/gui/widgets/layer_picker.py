"""Boxes that choose what a dock works on, and follow the viewer's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QSizePolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari.components import ViewerModel


class Picker(QComboBox):
    """A choice among what `offers` finds in the viewer, renewed when its layers change.

    It keeps what was chosen while that is still there; something new is chosen at once.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers to follow.
    offers : callable
        Gives the choices, the best first, as pairs of text and value; values are compared by ``==``.
    tooltip : str
        What is chosen here.
    eager : callable, optional
        Which new values are chosen at once; all by default.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        offers: Callable[[], Iterable[tuple[str, Any]]],
        tooltip: str,
        eager: Callable[[Any], bool] = lambda _value: True,
    ) -> None:
        super().__init__()
        self._offers, self._eager = offers, eager
        self._values: list[Any] = []
        self.setToolTip(tooltip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        for event in ("inserted", "removed", "renamed"):
            getattr(viewer.layers.events, event).connect(self.renew)
        self.renew()

    def value(self) -> Any:
        """What is chosen, None where there is nothing."""
        return self._values[self.currentIndex()] if self._values else None

    def renew(self, _event: Any = None) -> None:
        """Ask for the choices again."""
        before, old = self.value(), self._values
        offers = list(self._offers())
        self._values = [value for _, value in offers]
        new = [value for value in self._values if value not in old and self._eager(value)]
        wanted = new[0] if new else before
        self.blockSignals(True)
        self.clear()
        self.addItems([text for text, _ in offers])
        self.setCurrentIndex(self._values.index(wanted) if wanted in self._values else min(0, len(offers) - 1))
        self.blockSignals(False)
        self.currentIndexChanged.emit(self.currentIndex())
