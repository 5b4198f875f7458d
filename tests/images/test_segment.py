"""Cells found in fields where their positions are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from example_fields import example_field, recall_and_precision

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.errors import ImageError, SettingError
from napari_cellcycle.images.segment import segment_brightfield
from napari_cellcycle.io.inputs import read_cells


@pytest.mark.parametrize("given", [True, False], ids=["diameter given", "diameter found"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"uneven": False},
        {"diameter": 12},
        {"diameter": 60, "size": 600, "n_cells": 12},
        {"contrast": 40, "noise": 8},
        {"apart": 1.3},
    ],
    ids=str,
)
def test_cells_apart_are_found(options: dict, given: bool) -> None:
    field, centres = example_field(**{"n_cells": 40, **options})
    diameter = options.get("diameter", 24)
    labels = segment_brightfield(field, cell_diameter_px=diameter if given else None)
    assert labels.dtype == np.int32
    recall, precision = recall_and_precision(labels, centres, reach=0.4 * diameter)
    assert recall > 0.95
    assert precision > 0.95


def test_touching_cells_are_split() -> None:
    field, centres = example_field(50, apart=1.0, seed=1)
    assert segment_brightfield(field, cell_diameter_px=24).max() >= 0.95 * len(centres)


def test_gap_that_cells_enclose_is_no_cell() -> None:
    y, x = np.mgrid[:160, :160]
    field = np.random.default_rng(0).normal(676, 4, (160, 160))
    for angle in np.arange(8) * np.pi / 4:
        distance = np.hypot(y - 80 - 40 * np.sin(angle), x - 80 - 40 * np.cos(angle))
        field += -150 * (distance < 11) + 250 * (np.abs(distance - 13) < 2)
    labels = segment_brightfield(field, cell_diameter_px=24)
    assert labels.max() == 8
    assert (labels[70:91, 70:91] == 0).all()


def test_mask_covers_the_cell() -> None:
    field, centres = example_field(20, noise=2)
    labels = segment_brightfield(field)
    areas = np.bincount(labels.ravel())[1:]
    rows, columns = centres.round().astype(int).T
    assert (labels[rows, columns] > 0).all(), "holes are filled"
    assert np.pi * 12**2 * 0.8 < np.median(areas) < np.pi * 19**2 * 1.2, "the cell, at most with its halo"


@pytest.mark.parametrize("kind", ["noise", "slope", "flat"])
def test_empty_field_has_no_cells(kind: str) -> None:
    slope = np.linspace(500, 800, 300)[:, np.newaxis] * np.ones(300)
    fields = {"noise": slope + np.random.default_rng(0).normal(0, 5, slope.shape), "slope": slope, "flat": slope * 0}
    assert segment_brightfield(fields[kind]).max() == 0


def test_same_field_gives_same_labels_whatever_its_type() -> None:
    field, _ = example_field(20, size=300)
    np.testing.assert_array_equal(segment_brightfield(field), segment_brightfield(field.astype(np.float64)))


def test_field_must_be_a_plane() -> None:
    with pytest.raises(ImageError, match=r"one plane \(Y, X\), but the image has the shape \(2, 9, 9\)"):
        segment_brightfield(np.zeros((2, 9, 9)))


@pytest.mark.parametrize("diameter", [0, 5, 401, float("nan")])
def test_diameter_has_limits(diameter: float) -> None:
    with pytest.raises(SettingError, match=r"cell-diameter-px is .* but must be between 6 and 400"):
        segment_brightfield(np.zeros((9, 9)), cell_diameter_px=diameter)


def test_real_cells_pasted_into_a_field_are_found(real_data: Path) -> None:
    """Real tiles, blended into noise like theirs, under uneven light; a third of them are in mitosis."""
    cells = read_cells(real_data / "jurkat" / "Experiment_1").select_channels(["brightfield"])
    random = np.random.default_rng(0)
    mitotic = np.flatnonzero(cells.phases >= 4)
    chosen = np.concatenate([random.choice(mitotic, 30, replace=False), random.choice(len(cells), 50, replace=False)])
    tiles = [cell.pixels[0].astype(float) for cell in cells.read(chosen.tolist()) if isinstance(cell, CellImage)]
    field, centres = _pasted(tiles, random)
    recall, precision = recall_and_precision(segment_brightfield(field), centres)
    assert recall > 0.95
    assert precision > 0.95


def _pasted(tiles: list[np.ndarray], random: np.random.Generator, size: int = 700) -> tuple[np.ndarray, np.ndarray]:
    field = 676 + random.normal(0, 5, (size, size))
    inwards = np.minimum(np.arange(40), np.arange(40)[::-1])
    weight = np.clip(np.minimum.outer(inwards, inwards) / 4, 0, 1)
    centres: list[tuple[int, int]] = []
    while len(centres) < len(tiles):
        y, x = random.integers(20, size - 20, 2)
        if all(np.hypot(y - row, x - column) >= 44 for row, column in centres):
            window = field[y - 20 : y + 20, x - 20 : x + 20]
            window[:] = window * (1 - weight) + tiles[len(centres)] * weight
            centres.append((y, x))
    light = 1 + 0.25 * np.sin(np.linspace(0, 2.5, size))
    return field * light, np.array(centres)
