"""Cells as training sees them."""

from __future__ import annotations

import pytest

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.training_cells import TrainingCells, prepare_cells
from napari_cellcycle.events import result_of
from napari_cellcycle.training.recipes import RECIPES


@pytest.fixture
def prepared(made_cells: Cells) -> TrainingCells:
    return result_of(prepare_cells(made_cells, RECIPES["default"].input))
