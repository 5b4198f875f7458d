"""Made cells on disk, in folders named after their phases, and a model trained on them."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import tifffile
from filelock import FileLock
from made import made_pixels
from torch import Tensor, nn

from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.config import ReadSettings, TrainSettings
from napari_cellcycle.jobs.train import train_files
from napari_cellcycle.models import Model, build
from napari_cellcycle.models.cellgan import CellCritic, CellGenerator
from napari_cellcycle.models.wasserstein import WassersteinCritic, WassersteinGenerator
from napari_cellcycle.settings_base import Settings, SettingsOfRecipe
from napari_cellcycle.store.models import load_card, load_model, save_model
from napari_cellcycle.training.config import TrainConfig

QUICK_CHANGES = {"epochs": 10, "batch_size": 16, "averaging": 0.5, "patience": 8, "learning_rate": 0.03}
"""For the network "tiny", which tells the cells of `plate` apart after these."""
QUICK = TrainConfig(**QUICK_CHANGES)
TINY = TrainSettings(model="tiny", device="cpu")


def shared_folder(factory: pytest.TempPathFactory, name: str, write: Callable[[Path], object]) -> Path:
    """What the first of pytest's parallel workers writes, and the others wait for."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = root / "shared" / name
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            write(folder)
    return folder


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without figures, which take most of a report's time, for tests of what else is in them."""
    leave_figures_out(monkeypatch)


def leave_figures_out(patch: pytest.MonkeyPatch) -> None:
    """The same, for fixtures that outlive a test."""
    for module in ("files", "html"):
        patch.setattr(f"napari_cellcycle.evaluation.reporting.{module}.drawings", lambda report: {})


@pytest.fixture
def narrow_generators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generators and critics with few weights, for tests that train one only to have one."""
    make_generators_narrow(monkeypatch)


def make_generators_narrow(patch: pytest.MonkeyPatch) -> None:
    """The same, for fixtures that outlive a test."""
    defaults: dict[type[nn.Module], tuple[object, ...]] = {  # channels, widths and, of the first, the style
        CellGenerator: (2, (8, 8, 8, 4), 8),
        CellCritic: (2, (4, 8, 8, 8)),
        WassersteinGenerator: (2, (8, 8, 4, 4)),
        WassersteinCritic: (2, (4, 4, 8, 8)),
    }
    for network, values in defaults.items():
        patch.setattr(network.__init__, "__defaults__", values)


RecipeSettings = TypeVar("RecipeSettings", bound=SettingsOfRecipe)


def held_by_torch() -> dict[int, object]:
    """Every network and tensor in memory, by its id."""
    gc.collect()
    return {id(thing): thing for thing in gc.get_objects() if issubclass(type(thing), nn.Module | Tensor)}


def using(settings: RecipeSettings, config: Settings | dict[str, Any]) -> RecipeSettings:
    """`settings` with all of a configuration, or with some changes of it, as overrides."""
    return replace(settings, overrides=config if isinstance(config, dict) else vars(config))


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
    """A model trained on `plate`, with a network for tests."""
    folder = tmp_path_factory.mktemp("models") / "quick"
    result_of(train_files([plate], folder, using(TINY, QUICK), ReadSettings()))
    return folder


@pytest.fixture(scope="session")
def paired_model_folder(plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the kind that is shipped, trained on `plate`: for tests of what is special to it."""

    def train(folder: Path) -> None:
        config = replace(QUICK, epochs=6, learning_rate=TrainConfig().learning_rate)
        result_of(train_files([plate], folder, using(TrainSettings(device="cpu"), config), ReadSettings()))

    return shared_folder(tmp_path_factory, "paired", train)


@pytest.fixture(scope="session")
def brightfield_model_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that does with brightfield; its weights are fresh, so what it says does not matter."""
    card = load_card(model_folder)
    spec = replace(card.input, channels=("brightfield",), normalisation=card.input.normalisation[:1])
    card = replace(card, name="bright", input=spec, options={"n_channels": 1}, figures={"accuracy": "0.70"})
    folder = tmp_path_factory.mktemp("models") / "bright"
    save_model(Model(build(card.architecture, **card.options), card), folder, np.zeros((0, 4), np.uint64))
    return folder


@pytest.fixture(scope="session")
def both_model_folder(
    model_folder: Path, brightfield_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The trained model, which names the other one for cells without darkfield."""
    model = load_model(model_folder)
    card = replace(model.card, name="both", fallbacks={"darkfield": str(brightfield_model_folder)})
    folder = tmp_path_factory.mktemp("models") / "both"
    save_model(replace(model, card=replace(card, figures={"accuracy": "0.80"})), folder, np.zeros((0, 4), np.uint64))
    return folder
