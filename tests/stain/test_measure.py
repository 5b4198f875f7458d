"""Measures of stain in images whose stain is known."""

from __future__ import annotations

import numpy as np
import pytest
from stained import G1_COUNTS, stained_pixels

import napari_cellcycle as cc
from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Note, result_of, run_job
from napari_cellcycle.images.field_crops import cut_cells
from napari_cellcycle.stain.measure import measure_cells


def measured(pixels: np.ndarray, **options: object):  # type: ignore[no-untyped-def]
    return result_of(measure_cells(cc.read_cells(pixels[:, None], channels=["dna"], **options), "dna"))


def test_the_sum_is_that_of_the_light_without_the_background() -> None:
    content = np.array([1.0, 1.5, 2.0])
    found = measured(stained_pixels(content, side=48))
    assert found.dna == pytest.approx(content * G1_COUNTS, rel=0.01)
    assert found.width == pytest.approx(2 * np.sqrt(2) * 3.2 * np.sqrt(content), rel=0.05)
    assert (np.diff(found.area) > 0).all()
    brighter = measured(stained_pixels(content, side=48) + 400)
    assert brighter.dna == pytest.approx(found.dna, rel=1e-6)


def test_light_that_grows_to_one_side_of_a_field_and_neighbours_are_taken_out() -> None:
    field, labels = np.zeros((160, 160)), np.zeros((160, 160), np.int32)
    nucleus = stained_pixels(np.array([1.0]), side=32)[0] - 35.0
    y, x = np.mgrid[:32, :32] - 15.5
    for number, (top, left) in enumerate([(20, 20), (20, 54), (90, 100)], 1):
        field[top : top + 32, left : left + 32] += nucleus
        labels[top : top + 32, left : left + 32][np.hypot(y, x) < 11] = number
    shade = np.linspace(100, 900, 160)
    cells = cut_cells((field + shade)[None], labels, channels=["dna"])
    found = result_of(measure_cells(cells, "dna"))
    assert found.dna == pytest.approx([G1_COUNTS] * 3, rel=0.03)


def test_what_the_border_of_a_field_may_cut_has_no_sum() -> None:
    field, labels = np.zeros((1, 90, 200)), np.zeros((90, 200), np.int32)
    for number, (top, left) in enumerate([(0, 20), (1, 60), (50, 100), (59, 140), (57, 169)], 1):
        labels[top : top + 31, left : left + 31] = number
    events: list[object] = []
    found = run_job(measure_cells(cut_cells(field, labels, channels=["dna"]), "dna"), events.append)
    assert np.isnan(found.dna).tolist() == [True, False, False, True, True]
    assert Note("3 cells touch the border of their image, so their whole stain is not known") in events


def test_a_cell_that_cannot_be_read_is_nan_and_noted() -> None:
    class Images:
        def __len__(self) -> int:
            return 2

        def read(self, indices: list[int]) -> list[CellImage | Unreadable]:
            good = CellImage(stained_pixels(np.array([1.0])))
            return [good if index == 0 else Unreadable("b.tif is damaged") for index in indices]

    events: list[object] = []
    found = run_job(measure_cells(Cells.build(Images(), ["dna"], "a.tif"), "dna"), events.append)
    assert np.isfinite(found.dna).tolist() == [True, False]
    assert Note("b.tif is damaged") in events


def test_saturated_cells_are_found() -> None:
    pixels = stained_pixels(np.array([1.0, 1.0, 2.0]))
    pixels[2] = np.minimum(pixels[2] * 6, 4095)
    assert measured(pixels).saturated.tolist() == [False, False, True]
    assert not measured(pixels[:2]).saturated.any()
    few_levels = (pixels[:2] // 60).astype(np.uint8)  # pixels of equal value are no sign here
    assert not measured(few_levels).saturated.any()
