"""Cells that tests share: made by formula, small, and told apart by phase."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; the tests use the other cores themselves

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny  # noqa: F401 - registers a network for tests
from hypothesis import HealthCheck, settings
from made import made_pixels

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.store.models import HOME

# How long an example takes says more of what else the machine does than of the code
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

pytest_plugins = ["calls", "prepared", "trained"]


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What models trained for all tests write down stays out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME, str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def own_home(home: None, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder for what the plugin keeps of a user, for each test."""
    folder = tmp_path_factory.mktemp("own_home")
    monkeypatch.setenv(HOME, str(folder))
    return folder


@pytest.fixture
def made_cells() -> Cells:
    """30 cells of G1, S and G2 each, with their stain."""
    phases = np.repeat([0, 1, 2], 30)
    channels = ("brightfield", "darkfield", "dna")
    return Cells.build(ArrayImages(made_pixels(phases)), channels, "made.tif", phases=phases, pixel_size_um=0.5)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the real cells; tests that need it skip without."""
    folder = os.environ.get("NAPARI_CELLCYCLE_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("the real cells are not here; NAPARI_CELLCYCLE_DATA names their folder")
    return Path(folder)
