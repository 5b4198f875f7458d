"""Handcrafted features: right by hand and by other libraries, each cell for itself, and never without a number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made import made_pixels
from skimage.feature import graycomatrix, graycoprops

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.images.cell_features import (
    N_LEVELS,
    find_cells,
    measure_cells,
    measure_cooccurrence,
    measure_intensity,
    measure_rings,
    measure_shape,
    measure_texture,
)
from napari_cellcycle.images.model_input import prepare
from napari_cellcycle.training.recipes import RECIPES

CHANNELS = ("brightfield", "darkfield")


@pytest.fixture
def images() -> np.ndarray:
    """Prepared example cells, discs of radius 6 to 10."""
    pixels = made_pixels(np.repeat([0, 1, 2], 4))[:, :2]
    return prepare([CellImage(cell) for cell in pixels], RECIPES["features"].input)


def square(top: int, left: int, side: int) -> np.ndarray:
    """A mask (1, 40, 40)."""
    mask = np.zeros((1, 40, 40), bool)
    mask[0, top : top + side, left : left + side] = True
    return mask


def test_cells_are_found_where_they_are(images: np.ndarray) -> None:
    masks = find_cells(images)
    radii = np.sqrt(masks.sum(axis=(1, 2)) / np.pi)
    assert masks[:, 15:25, 15:25].all()  # the middle of each disc, no holes
    assert np.abs(radii - (6 + 2 * np.repeat([0, 1, 2], 4))).max() < 3  # blur makes them wider


def test_only_the_largest_piece_is_the_cell() -> None:
    images = np.zeros((2, 1, 40, 40), np.float32)
    images[:, 0, 14:26, 14:26] = 1
    images[1, 0, 2:5, 2:5] = 1  # a speck
    masks = find_cells(images)
    assert masks[:, 14:26, 14:26].all()
    assert not masks[:, :8, :8].any()


@pytest.mark.parametrize("channels", [("darkfield",), CHANNELS, ("a", "b", "c")])
def test_flat_images_have_features_too(channels: tuple[str, ...]) -> None:
    features = measure_cells(np.zeros((3, len(channels), 40, 40), np.float32), channels)
    assert features["area"] == pytest.approx(np.pi * 10**2, rel=0.05)  # the disc that stands in
    assert all(np.isfinite(values).all() for values in features.values())


def test_a_cell_has_the_same_features_alone_and_among_others(images: np.ndarray) -> None:
    together = measure_cells(images, CHANNELS)
    for number in (0, 5, 11):
        alone = measure_cells(images[number : number + 1], CHANNELS)
        for name, values in alone.items():
            assert values[0] == pytest.approx(together[name][number], rel=1e-3, abs=1e-4), name


def test_names_are_those_of_the_channels(images: np.ndarray) -> None:
    names = list(measure_cells(images, CHANNELS))
    assert names == list(measure_cells(np.zeros((1, 2, 24, 24), np.float32), CHANNELS))
    assert {"area", "brightfield mean", "darkfield entropy at 3", "darkfield ring 4 share"} <= set(names)
    assert len(names) == 158


@settings(max_examples=25)
@given(arrays(np.float32, (2, 2, 16, 16), elements=st.floats(-1e4, 1e4, width=32)))
def test_every_image_has_finite_features(images: np.ndarray) -> None:
    for name, values in measure_cells(images, CHANNELS).items():
        assert np.isfinite(values).all(), name


def test_shape_of_a_square() -> None:
    shape = measure_shape(square(5, 8, 10))
    assert {name: shape[name][0] for name in ("area", "height", "width", "extent", "solidity")} == {
        **{"area": 100, "height": 10, "width": 10, "extent": 1, "solidity": 1}
    }
    assert shape["eccentricity"][0] == 0


def test_intensity_is_that_of_the_pixels_inside() -> None:
    plane = np.random.default_rng(0).gamma(2, 2, (1, 40, 40)).astype(np.float32)
    mask = square(10, 12, 9)
    inside, rim = plane[mask], plane[mask & ~np.pad(mask[:, 11:18, 13:20], ((0, 0), (11, 22), (13, 20)))]
    found = {name: float(values[0]) for name, values in measure_intensity(plane, mask).items()}
    assert found["mean"] == pytest.approx(inside.mean(), rel=1e-5)
    assert found["spread"] == pytest.approx(inside.std(), rel=1e-5)
    assert found["skewness"] == pytest.approx(((inside - inside.mean()) ** 3).mean() / inside.std() ** 3, rel=1e-4)
    assert found["percentile 50"] == np.median(inside)
    assert found["percentile 100"] == inside.max()
    assert found["rim mean"] == pytest.approx(rim.mean(), rel=1e-5)


def test_light_on_the_right_leans_to_the_right() -> None:
    plane = np.zeros((1, 40, 40), np.float32)
    plane[0, 10:20, 18] = 1
    found = measure_intensity(plane, square(10, 10, 10))
    assert found["lean to the right"][0] == pytest.approx(18 - 14.5)
    assert found["lean up or down"][0] == pytest.approx(0, abs=1e-5)


def test_cooccurrence_is_that_of_scikit_image() -> None:
    mask = np.ones((1, 40, 40), bool)
    plane = np.random.default_rng(1).integers(0, N_LEVELS, (1, 40, 40)).astype(np.float32)
    plane[0, 0, 0], plane[0, 0, 1] = 0, N_LEVELS  # the range; its upper end falls into the last level
    levels = np.minimum(plane[0], N_LEVELS - 1).astype(np.uint8)
    matrix = graycomatrix(levels, (1, 3), np.arange(4) * np.pi / 4, N_LEVELS, symmetric=True, normed=True)
    found = measure_cooccurrence(plane, mask)
    for kind in ("contrast", "homogeneity", "ASM", "correlation"):
        by_direction = graycoprops(matrix, kind)
        for row, distance in enumerate((1, 3)):
            assert found[f"{kind} at {distance}"][0] == pytest.approx(by_direction[row].mean())
            assert found[f"{kind} range at {distance}"][0] == pytest.approx(np.ptp(by_direction[row]))


def test_one_grey_level_has_no_entropy() -> None:
    found = measure_cooccurrence(np.ones((1, 40, 40), np.float32), square(10, 10, 12))
    assert found["entropy at 1"][0] == 0
    assert found["ASM at 1"][0] == 1


def test_rings_share_all_the_light() -> None:
    plane = np.random.default_rng(2).normal(0, 1, (1, 40, 40)).astype(np.float32)
    found = measure_rings(plane, square(8, 8, 24))
    assert sum(found[f"ring {number} share"][0] for number in (1, 2, 3, 4)) == pytest.approx(1, abs=1e-5)
    spot = np.zeros((1, 40, 40), np.float32)
    spot[0, 19:21, 19:21] = 1
    assert measure_rings(spot, square(8, 8, 24))["ring 1 share"][0] == pytest.approx(1)


def test_grains_count_in_the_widths_that_they_are_under() -> None:
    plane = np.zeros((1, 40, 40), np.float32)
    plane[0, 18:22, 18:22] = 1  # 4 pixels wide
    found = measure_texture(plane, square(10, 10, 20))
    assert found["bright grains under 3"][0] == 0
    assert found["bright grains under 5"][0] == pytest.approx(16 / 400)
    assert found["dark grains under 9"][0] == 0
