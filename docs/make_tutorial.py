"""Do what docs/tutorial.md says in a real window, with pictures: from a stained control to a model, to unstained cells.

    python docs/make_tutorial.py FOLDER

It does what the tutorial says, on the synthetic control that ships, and prints the clicks and what the docks say. One
training of the model and one of its finder take several minutes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari
from make_pictures import PATIENCE_S, PLUGIN, WINDOW_PX, dock, pump, take, wait_for

from napari_cellcycle.store.models import HOME

FINDER_S = 3600


def main(folder: Path) -> None:
    """Label, train, and classify another field without using its stain."""
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW_PX)
    viewer.open_sample(PLUGIN, "stained_control")
    take(viewer, folder / "tutorial_control.png")
    stain = label_control(viewer)
    take(viewer, folder / "tutorial_gates.png")
    click(stain.label_button)
    wait_for(stain)
    click(stain.next_button)
    train = train_model(viewer)
    take(viewer, folder / "tutorial_train.png")
    click(train.next_button)
    classify_second(viewer)
    take(viewer, folder / "tutorial_classify.png")
    viewer.close()


def label_control(viewer: Any) -> Any:
    """Find the nuclei, and show the cells by their gates."""
    stain = dock(viewer, "Label by stain")
    click(stain.run_button)
    pump(PATIENCE_S, lambda: stain.found is not None)
    wait_for(stain)
    print(stain.status.text(), stain.fit_line.text(), sep="\n")
    viewer.layers["control DAPI"].visible = False
    return stain


def train_model(viewer: Any) -> Any:
    """Train on the labels, and learn to find such cells."""
    train = dock(viewer, "Train")
    click(train.finds_cells)
    click(train.run_button)
    pump(FINDER_S, lambda: train.job is None)
    print(train.status.text())
    return train


def classify_second(viewer: Any) -> None:
    """Find and classify the cells of the second field in its brightfield image alone."""
    viewer.layers.clear()
    viewer.open_sample(PLUGIN, "second_field")
    viewer.layers.remove("second DAPI")
    viewer.reset_view()
    classify = dock(viewer, "Classify")
    click(classify.run_button)
    wait_for(classify)
    print(classify.status.text())


def click(button: Any) -> None:
    """Click a button, and say so."""
    print(f"click: {button.text()}")
    button.click()


if __name__ == "__main__":
    with TemporaryDirectory() as home:
        os.environ[HOME] = home
        main(Path(sys.argv[1]))
