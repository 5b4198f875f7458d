"""Copies among classified cells: found by what the model says of them, then compared pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellcycle.cell_images import ArrayImages
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets import copies
from napari_cellcycle.datasets.copies import copies_note


def cells_and_calls(order: list[int]) -> tuple[Cells, np.ndarray]:
    """Cells of a file each, those with the same number with the same pixels and probabilities."""
    random = np.random.default_rng(0)
    pixels, calls = random.integers(0, 4000, (9, 1, 5, 5)), random.dirichlet(np.ones(7), 9).astype(np.float32)
    sources = [f"{chr(ord('a') + position)}.tif" for position in range(len(order))]
    return Cells.build(ArrayImages(pixels[order]), ("brightfield",), sources), calls[order]


def test_copies_are_counted_and_named() -> None:
    note = copies_note(*cells_and_calls([3, 1, 4, 1, 5, 3, 1]))
    assert note.startswith("3 cells have the same pixels as another one, such as f.tif cell 5 and a.tif cell 0;")


def test_equal_probabilities_of_different_cells_are_no_copies() -> None:
    cells, calls = cells_and_calls([0, 1, 2, 3])
    assert copies_note(cells, calls) == ""
    assert copies_note(cells, np.tile(calls[:1], (4, 1))) == ""


def test_cells_that_could_not_be_read_are_no_copies() -> None:
    cells, calls = cells_and_calls([0, 0, 1])
    calls[:2] = np.nan
    assert copies_note(cells, calls) == ""


def test_of_very_many_copies_some_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_MOST_READ", 4)
    assert copies_note(*cells_and_calls([2] * 9)).startswith("at least 3 cells have the same pixels")
