"""The dock Train, from labelled cells to a model that Classify offers."""

from __future__ import annotations

import gc
import shutil
import weakref

import numpy as np
import pytest
from qtpy.QtWidgets import QMainWindow, QSpinBox, QTabWidget

from napari_cellcycle.events import result_of
from napari_cellcycle.gui.classify_widget import ClassifyWidget
from napari_cellcycle.gui.field import take_field
from napari_cellcycle.gui.gallery import open_gallery, show_gallery
from napari_cellcycle.gui.labelled_input import FILES, PAINTED, TABLE
from napari_cellcycle.gui.train_widget import SCRATCH, TrainWidget
from napari_cellcycle.io.runs import known_models, load_card, models_folder
from napari_cellcycle.io.unfinished import unfinished_folder, unfinished_runs
from napari_cellcycle.jobs.reading import ReadConfig
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN


@pytest.fixture
def train(qtbot, viewer, gallery) -> TrainWidget:
    dock = TrainWidget(viewer)
    qtbot.addWidget(dock)
    return dock


def set_epochs(dock: TrainWidget, epochs: int) -> None:
    dock.form.show_values({"epochs": epochs, "batch_size": 16, "device": "cpu"})


def test_it(train, viewer, finished) -> None:
    assert train.start_from.currentText() == "default"
    set_epochs(train, 2)
    train.run_button.click()
    finished(train)
    print(train.status.text(), known_models(), train.figures.text())
