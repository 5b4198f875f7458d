"""Load in a thread what the jobs of docks need, and keep it out of Python's search for garbage.

A full search looks at every object, and no window answers meanwhile: with torch and napari loaded it takes
0.2 to 0.5 s, and each large import starts some. Modules are never garbage, so after the import they are put aside once.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from qtpy.QtCore import QTimer

from napari_cellcycle.gui.torch_libraries import load_libraries

if TYPE_CHECKING:
    from napari.components import ViewerModel

_MODULES = (
    "napari_cellcycle.predict",
    "napari_cellcycle.jobs.evaluate",
    "napari_cellcycle.jobs.train",
    "napari_cellcycle.population.views",
)
_LATER_MS = 500
"""By then the first dock is drawn."""
_IDLE_MS = 3000
"""After so long without another removal, memory of layers that were put aside is given back."""


class WarmUp:
    """Loads the modules when the first dock is shown, and knows the layers of its viewer that were put aside with them.

    Unlike modules, these may be garbage one day.
    """

    _first: ClassVar[WarmUp | None] = None

    def __init__(self, viewer: ViewerModel) -> None:
        self._layers = WeakSet(viewer.layers)
        self._loading = threading.Thread(target=load_modules, name="napari-cellcycle warm-up", daemon=True)
        self._later, self._idle = (
            _single_shot(*when) for when in ((_LATER_MS, self._load), (_IDLE_MS, search_everything))
        )
        viewer.layers.events.removed.connect(self._on_removed)
        self._later.start()

    @classmethod
    def begin(cls, viewer: ViewerModel) -> None:
        """Load the modules a little later, if nobody asked for it before."""
        if cls._first is None:
            cls._first = cls(viewer)

    def _load(self) -> None:
        self._loading.start()

    def _on_removed(self, event: Any) -> None:
        if event.value in self._layers:
            self._idle.start()


def _single_shot(after_ms: int, call: Callable[[], None]) -> QTimer:
    timer = QTimer()
    timer.setSingleShot(True)
    timer.setInterval(after_ms)
    timer.timeout.connect(call)
    return timer


def load_modules() -> None:
    """Import what jobs need, and put aside all objects that there are then."""
    load_libraries()
    searches = gc.isenabled()
    gc.disable()
    try:
        for name in _MODULES:
            import_module(name)
    finally:
        gc.freeze()
        if searches:
            gc.enable()


def search_everything() -> None:
    """Find garbage among what was put aside, too."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
