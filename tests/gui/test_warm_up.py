"""What jobs need is loaded once in a thread and kept out of the search for garbage; memory still comes back."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from napari_cellcycle.gui import warm_up
from napari_cellcycle.gui.docks.open import OpenWidget
from napari_cellcycle.gui.warm_up import WarmUp, load_modules, search_everything


class Knot:
    """Refers to itself, so that only the search for garbage finds it."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def nothing_aside() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_garbage_that_was_put_aside_is_found_by_the_full_search() -> None:
    knot = Knot()
    load_modules()
    assert (gc.get_freeze_count() > 100_000, gc.isenabled()) == (True, True)
    assert all(name in sys.modules for name in warm_up._MODULES)
    lost = weakref.ref(knot)
    del knot
    gc.collect()
    assert lost() is not None
    search_everything()
    assert lost() is None
    assert gc.get_freeze_count() > 100_000


def test_who_has_switched_the_search_off_finds_it_off() -> None:
    gc.disable()
    try:
        load_modules()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_first_dock_loads_and_removed_layers_give_their_memory_back(
    qtbot: Any, viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WarmUp, "_first", None)
    monkeypatch.setattr(warm_up, "_LATER_MS", 1)
    monkeypatch.setattr(warm_up, "_IDLE_MS", 1)
    searches: list[int] = []
    monkeypatch.setattr(warm_up, "search_everything", lambda: searches.append(1))
    old = viewer.add_image(np.zeros((9, 9)))
    gc.unfreeze()
    dock = OpenWidget(viewer)
    qtbot.addWidget(dock)
    dock.show()
    qtbot.waitUntil(lambda: gc.get_freeze_count() > 0, timeout=60_000)
    viewer.layers.remove(viewer.add_image(np.zeros((5, 5))))
    qtbot.wait(30)
    assert not searches  # a layer that came later is garbage like any other
    viewer.layers.remove(old)
    qtbot.waitUntil(lambda: searches == [1], timeout=5000)
    first = WarmUp._first
    WarmUp.begin(viewer)
    assert WarmUp._first is first
