"""Made-up cells and calls: enough like real ones to be counted, cheap enough to be many."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.phases import N_PHASES

SUPPORT = (60, 50, 40, 30, 12, 5, 8)


@pytest.fixture
def truth() -> NDArray[np.int8]:
    return np.repeat(np.arange(N_PHASES), SUPPORT).astype(np.int8)


def made_prediction(truth: NDArray[np.int8], seed: int = 0, skill: float = 2.0, **options: float) -> Prediction:
    """Calls that are right the more often, the higher `skill` is."""
    scores = np.random.default_rng(seed).normal(size=(len(truth), N_PHASES))
    scores[np.arange(len(truth)), truth] += skill
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    sources = np.full(len(truth), "plate/Ch3.tif")
    return Prediction(sources, np.arange(len(truth)), chances.astype(np.float32), **options)


@pytest.fixture(scope="session")
def predict() -> Callable[..., Prediction]:
    return made_prediction


def made_cells(truth: NDArray[np.int8], seed: int = 0, size: int = 24, **options: object) -> Cells:
    """Two channels of noise round a blob; no two cells are alike."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - size / 2
    blob = 200 * np.exp(-(y**2 + x**2) / 40)
    pixels = random.normal(600, 20, (len(truth), 2, size, size)) + blob
    images = ArrayImages(pixels.astype(np.uint16))
    return Cells.build(images, ("brightfield", "darkfield"), "plate/Ch3.tif", phases=truth, **options)


@pytest.fixture(scope="session")
def record() -> Callable[..., Cells]:
    return made_cells
