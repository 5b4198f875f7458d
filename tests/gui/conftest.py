"""Docks on a viewer without a window: no OpenGL, and fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_cellcycle.events import result_of
from napari_cellcycle.gui.dock_tabs import PLUGIN
from napari_cellcycle.gui.layers.gallery import OpenedGallery, open_gallery, show_gallery
from napari_cellcycle.io.own_outputs import LABELS_FILE
from napari_cellcycle.jobs.config import ReadSettings


@pytest.fixture
def viewer(qapp: Any) -> Any:
    from napari.components import ViewerModel

    return ViewerModel()


@pytest.fixture
def window(make_napari_viewer: Any, qapp: Any) -> Any:
    """A viewer that is really drawn, with our plugin's manifest."""
    from qtpy.QtGui import QGuiApplication

    if QGuiApplication.platformName() in ("offscreen", "minimal"):
        pytest.skip("there is no display, so no OpenGL; xvfb-run gives one")
    import npe2

    manager = npe2.PluginManager.instance()
    if PLUGIN not in manager:
        manager.register(npe2.PluginManifest.from_distribution(PLUGIN))
    return make_napari_viewer(show=True)


@pytest.fixture
def gallery(viewer: Any, plate: Path) -> OpenedGallery:
    """90 cells of known phase, shown."""
    opened: OpenedGallery = result_of(open_gallery([plate], ReadSettings()))
    show_gallery(viewer, opened)
    return opened


@pytest.fixture
def finished(qtbot: Any) -> Callable[[Any], None]:
    """Waits until a dock has no job in hand."""

    def wait(dock: Any) -> None:
        qtbot.waitUntil(lambda: dock.job is None, timeout=180_000)

    return wait


@pytest.fixture(autouse=True)
def _no_labels_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Labels lie beside the data, which many tests share."""
    yield
    for path in tmp_path_factory.getbasetemp().glob(f"*/**/{LABELS_FILE}"):
        path.unlink()


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors are looked for in the docks; a notification would need a window."""
    monkeypatch.setattr("napari.utils.notifications.show_error", lambda _text: None)
