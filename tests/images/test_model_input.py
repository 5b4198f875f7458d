"""Cropping, padding, rescaling and normalising."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.images.model_input import InputSpec, Normalisation, background, prepare

SPREAD = (Normalisation("spread"), Normalisation("spread"))


def spec(size: int = 40, kinds: tuple[Normalisation, ...] = SPREAD, pixel_size_um: float = 0.5) -> InputSpec:
    return InputSpec(("brightfield", "darkfield")[: len(kinds)], size, pixel_size_um, kinds)


def disc(height: int, width: int, centre: tuple[float, float], radius: float = 8) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(y - centre[0], x - centre[1]) < radius
    return np.stack([np.where(inside, 500, 680), np.where(inside, 90, 27)]).astype(np.uint16)


@given(height=st.integers(1, 90), width=st.integers(1, 90))
def test_any_size_becomes_the_models_and_keeps_its_middle(height: int, width: int) -> None:
    pixels = np.full((1, height, width), 100, np.uint16)
    pixels[0, height // 2, width // 2] = 300
    ready = prepare([CellImage(pixels)], spec(40, (Normalisation("offset"),)))
    assert ready.shape == (1, 1, 40, 40)
    assert ready.dtype == np.float32
    assert np.isin(ready, [0, 200, -200]).all()  # a 1 x 1 image is all background
    if min(height, width) > 2:
        (row,), (column,) = np.nonzero(ready[0, 0] == 200)
        assert abs(row - 20) <= 1
        assert abs(column - 20) <= 1


def test_padding_is_the_cells_own_background() -> None:
    small, large = disc(30, 30, (14.5, 14.5)), disc(66, 66, (32.5, 32.5))
    ready = prepare([CellImage(small), CellImage(large)], spec())
    np.testing.assert_allclose(ready[0], ready[1], atol=1e-5)


def test_a_mask_says_where_the_middle_is() -> None:
    pixels = disc(60, 60, (20, 35))
    mask = np.hypot(*(np.mgrid[:60, :60] - np.array([20, 35])[:, None, None])) < 8
    ready = prepare([CellImage(pixels, mask)], spec())
    rows, columns = np.nonzero(ready[0, 1] > 1)
    assert abs(rows.mean() - 19.5) <= 0.5
    assert abs(columns.mean() - 19.5) <= 0.5


@pytest.mark.parametrize("size", [55, 66])
@pytest.mark.parametrize("seed", range(5))
def test_a_cell_is_found_anywhere_in_an_image_larger_than_the_crop(size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    shift = random.integers(-(size - 40) // 2, (size - 40) // 2, 2)
    middle = (size - 1) / 2 + shift
    noise = random.normal(0, [[[5]], [[2]]], (2, size, size))
    ready = prepare([CellImage(disc(size, size, (middle[0], middle[1])) + noise)], spec())
    rows, columns = np.nonzero(ready[0, 1] > 1)
    assert abs(rows.mean() - 19.5) <= 1
    assert abs(columns.mean() - 19.5) <= 1


def test_images_of_the_models_size_are_left_where_they_are() -> None:
    ready = prepare([CellImage(disc(44, 44, (16, 25)))], spec())
    rows, columns = np.nonzero(ready[0, 1] > 1)
    assert (round(rows.mean()), round(columns.mean())) == (14, 23)


@pytest.mark.parametrize("change", [lambda v: v * 1.2, lambda v: v + 140, lambda v: v * 0.8 - 20])
def test_gain_and_offset_cancel_out(change) -> None:  # type: ignore[no-untyped-def]
    pixels = disc(40, 40, (19.5, 19.5)).astype(np.float32)
    np.testing.assert_allclose(
        prepare([CellImage(change(pixels))], spec()), prepare([CellImage(pixels)], spec()), atol=1e-4
    )


def test_a_gain_cancels_out_of_a_ratio_and_counts_are_kept_by_offset() -> None:
    kinds = (Normalisation("ratio", 0.1), Normalisation("offset", 10.0))
    ready = prepare([CellImage(disc(40, 40, (19.5, 19.5)))], spec(kinds=kinds))
    assert ready[0, 0, 20, 20] == pytest.approx((500 / 680 - 1) / 0.1)
    assert ready[0, 1, 20, 20] == pytest.approx((90 - 27) / 10)


def test_a_flat_channel_is_all_background() -> None:
    assert not prepare([CellImage(np.full((2, 40, 40), 7, np.uint8))], spec()).any()


def test_pixel_sizes_are_brought_to_the_models() -> None:
    fine = disc(80, 80, (39.5, 39.5), radius=16)  # the same cell at half the pixel size
    ready = prepare(
        [CellImage(fine), CellImage(disc(40, 40, (19.5, 19.5)))], spec(), np.array([0.25, np.nan], np.float32)
    )
    correlation = np.corrcoef(ready[0].ravel(), ready[1].ravel())[0, 1]
    assert correlation > 0.97


def test_background_is_the_median_of_the_border_without_the_cell() -> None:
    pixels = disc(40, 40, (4, 19.5), radius=16)  # lies over one edge
    mask = pixels[1] == 90
    assert background(CellImage(pixels, mask)).tolist() == [680, 27]
    signed = np.full((1, 5, 5), -300, np.int16)
    assert background(CellImage(signed)).tolist() == [-300]


def test_cells_prepared_together_are_as_alone() -> None:
    random = np.random.default_rng(0)
    shapes = [(40, 40), (30, 52), (40, 40), (45, 44), (60, 60), (40, 40)]
    cells = [CellImage(random.integers(1, 4000, (2, *shape)).astype(np.uint16)) for shape in shapes]
    cells[2] = replace(cells[2], mask=random.random((40, 40)) > 0.5)
    cells[5] = replace(cells[5], pixels=cells[5].pixels.astype(np.float32))
    sizes = np.array([0.5, np.nan, 0.5, 0.5, 0.5, 0.25])
    together = prepare(cells, spec(), sizes)
    alone = [prepare([cell], spec(), sizes[[row]]) for row, cell in enumerate(cells)]
    np.testing.assert_array_equal(together, np.concatenate(alone))
