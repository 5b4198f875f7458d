"""The screenshots of README and docs, out of a real window: `make pictures`. They show the synthetic sample only."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari
from qtpy.QtWidgets import QApplication

from napari_cellcycle.phases import Phase
from napari_cellcycle.store.models import HOME

PLUGIN = "napari-cellcycle"
WINDOW_PX = (1500, 900)
PATIENCE_S = 300
N_EPOCHS = 15


def main(folder: Path) -> None:
    """Go the way of a first visit, and take a picture at each step."""
    folder.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW_PX)
    classify = dock(viewer, "Classify")
    classify.empty.buttons["Open the sample"].click()
    wait_for(classify)
    classify.run_button.click()
    wait_for(classify)
    take(viewer, folder / "classify.png")
    look_closer(viewer)
    take(viewer, folder / "gallery.png")
    viewer.reset_view()
    classify.next_button.click()
    evaluate = dock(viewer, "Evaluate")
    wait_for(evaluate)
    take(viewer, folder / "evaluate.png")
    evaluate.table.entry_clicked.emit(1, 2)
    viewer.theme = "light"
    wait_for(evaluate)
    take(viewer, folder / "selected_light.png")
    evaluate.show_all.click()
    viewer.theme = "dark"
    wait_for(evaluate)
    evaluate.next_button.click()
    take_training(viewer, folder / "train.png")
    take_making(viewer, folder / "augment.png")
    viewer.close()


def take_training(viewer: Any, path: Path) -> None:
    """Picture of the dock *Train* in the middle of a run, which is given up then."""
    train = dock(viewer, "Train")
    train.run_button.click()
    pump(PATIENCE_S, lambda: len(train.log) >= N_EPOCHS)
    take(viewer, path)
    train.progress.cancel.click()
    wait_for(train)


def take_making(viewer: Any, path: Path) -> None:
    """Picture of the dock *Augment* with what the shipped generator made: from synthetic cells none could learn."""
    augment = dock(viewer, "Augment")
    augment.settings.picker.box.setCurrentText("Jurkat (shipped)")
    for phase in (Phase.METAPHASE, Phase.ANAPHASE, Phase.TELOPHASE):
        augment.phases.boxes[phase].setValue(50)
    augment.run_button.click()
    wait_for(augment)
    take(viewer, path)
    augment.results.drop.click()


def dock(viewer: Any, name: str) -> Any:
    """One of our docks, opened if need be."""
    return viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=True)[1]


def look_closer(viewer: Any) -> None:
    """Zoom so far that single cells are seen, with the cursor over one of them."""
    layer = viewer.layers["cells: phase"]
    height, width = layer.data.shape
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom *= 3
    camera.center = (0, *layer.data_to_world((height * 0.5, width * 0.5)))
    position = layer.data_to_world((height * 0.5, width * 0.5 + 2))
    viewer.status = layer.get_status(position, view_direction=None, dims_displayed=[0, 1], world=True)


def wait_for(a_dock: Any) -> None:
    """Let the window live until the dock has no job."""
    pump(PATIENCE_S, lambda: a_dock.job is None)
    if a_dock.job is not None:
        sys.exit(f"no end after {PATIENCE_S} s: {a_dock.progress.text.text()}")


def take(viewer: Any, path: Path) -> None:
    """Picture of the whole window."""
    pump(1.0)
    viewer.window.screenshot(str(path), canvas_only=False, flash=False)


def pump(seconds: float, done: Callable[[], bool] = lambda: False) -> None:
    """Run Qt's events for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    with TemporaryDirectory() as home:
        os.environ[HOME] = home  # the run is nobody's own
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images")
