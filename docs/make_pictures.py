"""Take the screenshots of README and docs from a real window: `make pictures`. They show synthetic cells only."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari
import numpy as np
import tifffile
from qtpy.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
import make_phases_picture
from lineages import cells_along, draw_film, lineages
from picture_sources import remember

import napari_cellcycle as cc
from napari_cellcycle.gui.dock_tabs import PLUGIN, show_dock
from napari_cellcycle.gui.layers.gallery import list_galleries
from napari_cellcycle.gui.layers.source import PHASE, find_layer
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.phases import Phase
from napari_cellcycle.store.models import HOME

WINDOW_PX = (1500, 900)
PATIENCE_S = 300
N_EPOCHS = 15


def main(folder: Path) -> None:
    """Do what a new user does first, and take a picture at each step."""
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
    take_gallery(viewer, folder / "label_cells.png")
    take_populations(viewer, folder / "populations.png")
    evaluate.next_button.click()
    take_training(viewer, folder / "train.png")
    take_augmentation(viewer, folder / "augment.png")
    viewer.close()
    take_misfit(folder / "misfit.png")
    take_tracks(folder / "follow.png")
    take_labelling_by_stain(folder)
    make_phases_picture.main(folder / "phases.png")


def take_gallery(viewer: Any, path: Path) -> None:
    """Take a picture of the dock *Gallery*, sorted by how sure the model is, with a cell large and explained."""
    gallery = dock(viewer, "Gallery")
    pump(20, lambda: gallery.table is not None)
    gallery.choices.sort.choose("probability")
    gallery.grid.go_to(int(gallery.grid.order.rows[2]))
    pump(1)
    gallery.explain_button.click()
    wait_for(gallery)
    take(viewer, path)


def take_populations(viewer: Any, path: Path) -> None:
    """Take a picture of the dock *Populations*: DNA content by phase."""
    populations = dock(viewer, "Populations")
    pump(20, lambda: populations.counted is not None)
    populations.tabs.setCurrentIndex(1)
    pump(3, lambda: populations.drawing is None)
    take(viewer, path)


def take_misfit(path: Path) -> None:
    """Take a picture of *Classify* with cells that the model does not fit: the sample with its brightfield inverted."""
    cells = cc.read_cells(sample_path()).select_channels(("brightfield", "darkfield"))
    pixels = np.stack([cell.pixels for cell in cells if cell.pixels is not None])
    pixels[:, 0] = 2 * np.uint16(np.median(pixels[:, 0, 0])) - pixels[:, 0]
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW_PX)
    with TemporaryDirectory() as data:
        file = Path(data) / "inverted.ome.tif"
        about = {"axes": "TCYX", "PhysicalSizeX": 0.5, "Channel": {"Name": ["brightfield", "darkfield"]}}
        tifffile.imwrite(file, pixels, metadata=about)
        opening = dock(viewer, "Open cells")
        opening.look_into([str(file)])
        wait_for(opening)
        opening.open_button.click()
        wait_for(opening)
        classify = dock(viewer, "Classify")
        classify.run_button.click()
        wait_for(classify)
        take(viewer, path)
        viewer.close()


def take_tracks(path: Path) -> None:
    """Take a picture of the dock *Follow*: a made film of synthetic cells, classified and followed."""
    cells = cc.read_cells(sample_path()).select_channels(("brightfield", "darkfield"))
    lineage = lineages(9, 40, 45, apart=24, size=300, seed=2)
    tiles = np.stack([cells[int(cell)].pixels for cell in cells_along(lineage, cells.phases)])
    film, labels = draw_film(lineage, tiles, size=300, radius=17)
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW_PX)
    for channel, name in reversed(list(enumerate(("brightfield", "darkfield")))):
        viewer.add_image(film[:, channel], name=name)
    viewer.add_labels(labels, name="cells")
    classify = dock(viewer, "Classify")
    classify.run_button.click()
    wait_for(classify)
    follow = dock(viewer, "Follow")
    follow.form.show_values({"minutes_per_frame": 45})
    follow.run_button.click()
    wait_for(follow)
    viewer.layers["cells"].visible = False
    viewer.dims.set_current_step(0, 20)
    take(viewer, path)
    viewer.close()


def take_labelling_by_stain(folder: Path) -> None:
    """Take pictures of the docks *Label by stain* on the synthetic control, and *Train* when it has trained on that."""
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW_PX)
    viewer.open_sample(PLUGIN, "stained_control")
    stain = dock(viewer, "Label by stain")
    stain.run_button.click()
    pump(PATIENCE_S, lambda: stain.found is not None)
    wait_for(stain)
    viewer.layers[1].visible = False
    viewer.layers.selection.active = viewer.layers[-1]
    take(viewer, folder / "label_by_stain.png")
    stain.label_button.click()
    wait_for(stain)
    stain.next_button.click()
    train = dock(viewer, "Train")
    train.run_button.click()
    wait_for(train)
    take(viewer, folder / "tutorial_train.png")
    viewer.close()


def take_training(viewer: Any, path: Path) -> None:
    """Take a picture of the dock *Train* in the middle of a run, then cancel the run."""
    train = dock(viewer, "Train")
    train.run_button.click()
    pump(PATIENCE_S, lambda: len(train.log) >= N_EPOCHS)
    take(viewer, path)
    train.progress.cancel.click()
    wait_for(train)


def take_augmentation(viewer: Any, path: Path) -> None:
    """Take a picture of the dock *Augment* with cells of the shipped generator: training one needs real cells."""
    augment = dock(viewer, "Augment")
    augment.settings.picker.box.setCurrentText("Jurkat (shipped)")
    for phase in (Phase.METAPHASE, Phase.ANAPHASE, Phase.TELOPHASE):
        augment.phases.boxes[phase].setValue(50)
    augment.run_button.click()
    wait_for(augment)
    take(viewer, path)
    augment.results.drop.click()


def dock(viewer: Any, name: str) -> Any:
    """One of our docks; it is opened if it was not."""
    return show_dock(viewer, name)


def look_closer(viewer: Any) -> None:
    """Zoom in until single cells are visible, and show the status of one of them."""
    layer = find_layer(viewer.layers, list_galleries(viewer.layers)[0].group, PHASE)
    height, width = layer.data.shape
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom *= 3
    camera.center = (0, *layer.data_to_world((height * 0.5, width * 0.5)))
    position = layer.data_to_world((height * 0.5, width * 0.5 + 2))
    viewer.status = layer.get_status(position, view_direction=None, dims_displayed=[0, 1], world=True)


def wait_for(a_dock: Any) -> None:
    """Run the window until the dock's job has ended."""
    pump(PATIENCE_S, lambda: a_dock.job is None)
    if a_dock.job is not None:
        sys.exit(f"the job has not ended after {PATIENCE_S} s: {a_dock.progress.text.text()}")


def take(viewer: Any, path: Path) -> None:
    """Take a picture of the whole window."""
    pump(1.0)
    viewer.window.screenshot(str(path), canvas_only=False, flash=False)
    remember(path)


def pump(seconds: float, done: Callable[[], bool] = lambda: False) -> None:
    """Run Qt's events for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    with TemporaryDirectory() as home:
        os.environ[HOME] = home  # so that the run is not added to the user's models
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images")
