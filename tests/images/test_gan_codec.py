"""Cells told to a generator come back as they were."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_pixels

from napari_cellcycle.cell_images import ArrayImages, CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ChannelError, ImageError
from napari_cellcycle.events import result_of
from napari_cellcycle.images.gan_codec import ChannelCode, EncodedCells, Encoding, encode_cells

CHANNELS = ("brightfield", "darkfield")


def encoded(pixels: np.ndarray, size_px: int = 40, channels: tuple[str, ...] = CHANNELS) -> EncodedCells:
    cells = Cells.build(ArrayImages(pixels), ("brightfield", "darkfield", "dna"), "made.tif")
    return result_of(encode_cells(cells, channels, size_px, 0.5))


def test_what_is_told_has_spread_1_and_background_0() -> None:
    told = encoded(made_pixels(np.repeat([0, 2], 20)))
    np.testing.assert_allclose(told.images.std(axis=(0, 2, 3)), 1, rtol=1e-5)
    assert np.abs(np.median(told.images[:, :, 0], axis=(0, 2))).max() < 0.1
    assert told.positions.tolist() == list(range(40))


@pytest.mark.parametrize("channels", [CHANNELS, ("dna",), ("darkfield", "brightfield", "dna")])
def test_cells_come_back_on_the_common_background(channels: tuple[str, ...]) -> None:
    pixels = made_pixels(np.repeat([0, 2], 20))
    told = encoded(pixels, channels=channels)
    back = told.encoding.decode(told.images).astype(float)
    for number, name in enumerate(channels):
        raw = pixels[:, ("brightfield", "darkfield", "dna").index(name)].astype(float)
        edge = np.concatenate([raw[:, 0], raw[:, -1], raw[:, 1:-1, 0], raw[:, 1:-1, -1]], axis=1)
        own = np.sort(edge, axis=1)[:, edge.shape[1] // 2, None, None]
        level = told.encoding.codes[number].background
        expected = level * raw / own if name == "brightfield" else raw - own + level
        np.testing.assert_allclose(back[:, number], expected, atol=0.51)  # half a count, by rounding


@given(
    bend=st.sampled_from([0.0, 3.0, 160.0]), spread=st.floats(0.05, 5), told=st.floats(-1e6, 1e6), wide=st.booleans()
)
def test_whatever_a_generator_says_is_a_count(bend: float, spread: float, told: float, wide: bool) -> None:
    encoding = Encoding(("x",), 1, 0.5, (ChannelCode(100.0, bend, spread),), "float32" if wide else "uint16")
    counts = encoding.decode(np.full((1, 1, 1, 1), told, np.float32))
    assert counts.dtype == ("float32" if wide else "uint16")
    assert np.isfinite(counts).all()


def test_images_of_fractions_stay_fractions() -> None:
    told = encoded((made_pixels(np.zeros(12, int)) / 65535).astype(np.float32))
    assert told.encoding.dtype == "float32"
    assert 0 < told.encoding.decode(told.images)[:, 0].max() < 0.1


def test_an_encoding_survives_json() -> None:
    encoding = encoded(made_pixels(np.zeros(12, int))).encoding
    assert Encoding.from_dict(encoding.to_dict()) == encoding
    with pytest.raises(ValueError, match="does not fit together"):
        Encoding.from_dict({**encoding.to_dict(), "channels": ["brightfield"]})


def test_smaller_cells_lie_in_the_middle_of_their_background() -> None:
    told = encoded(made_pixels(np.zeros(12, int)), size_px=64)
    assert told.images.shape == (12, 2, 64, 64)
    assert (told.images[:, :, :12] == 0).all()


@dataclass(frozen=True, eq=False)
class Damaged:
    """Images of which some can't be read."""

    array: np.ndarray
    damaged: set[int]

    def __len__(self) -> int:
        return len(self.array)

    def read(self, indices: list[int]) -> list[CellImage | Unreadable]:
        return [Unreadable("is damaged") if i in self.damaged else CellImage(self.array[i]) for i in indices]


def test_unreadable_cells_are_left_out() -> None:
    cells = Cells.build(Damaged(made_pixels(np.zeros(12, int)), {3}), ("brightfield", "darkfield", "dna"), "made.tif")
    told = result_of(encode_cells(cells, CHANNELS, 40, 0.5))
    assert told.positions.tolist() == [0, 1, 2, *range(4, 12)]
    cells = replace(cells, images=Damaged(made_pixels(np.zeros(12, int)), set(range(12))))
    with pytest.raises(ImageError, match="none of the cells could be read"):
        result_of(encode_cells(cells, CHANNELS, 40, 0.5))


def test_a_missing_channel_is_named() -> None:
    cells = Cells.build(ArrayImages(made_pixels(np.zeros(3, int))[:, :1]), ("brightfield",), "made.tif")
    with pytest.raises(ChannelError, match="no darkfield"):
        result_of(encode_cells(cells, CHANNELS, 40, 0.5))
