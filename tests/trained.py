"""Made cells on disk, in folders named after their phases, and a model trained on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from made import made_pixels

from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.reading import ReadConfig
from napari_cellcycle.jobs.train import TrainRun, train_files
from napari_cellcycle.training.config import TrainConfig

QUICK_CHANGES = {"epochs": 10, "batch_size": 16, "averaging": 0.5, "patience": 8}
QUICK = TrainConfig(**QUICK_CHANGES)


@pytest.fixture(scope="session")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 cells of G1, S and G2 each, as a stack per channel."""
    folder = tmp_path_factory.mktemp("plate")
    for number, phase in enumerate(("G1", "S", "G2")):
        (folder / phase).mkdir()
        pixels = made_pixels(np.full(30, number), seed=number)
        for channel, name in enumerate(("Ch3", "Ch6", "Ch4")):
            tifffile.imwrite(folder / phase / f"cells_{name}.tif", pixels[:, channel], metadata={"axes": "TYX"})
    return folder


@pytest.fixture(scope="session")
def model_folder(plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained on `plate`."""
    folder = tmp_path_factory.mktemp("models") / "quick"
    result_of(train_files([plate], folder, TrainRun(device="cpu"), QUICK, ReadConfig()))
    return folder
