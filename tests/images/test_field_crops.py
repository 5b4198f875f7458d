"""Cut-outs of a field."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.errors import ImageError
from napari_cellcycle.images.field_crops import SMALLEST_SIDE_PX, cut_cells

CHANNELS = ("brightfield", "darkfield")


def a_field() -> tuple[np.ndarray, np.ndarray]:
    """Two channels of noise, 100 x 120, and three labels: one at the border, two neighbours."""
    random = np.random.default_rng(0)
    planes = random.integers(600, 700, (2, 100, 120), dtype=np.uint16)
    labels = np.zeros((100, 120), np.int32)
    labels[0:10, 5:17] = 7
    labels[50:60, 50:70] = 3
    labels[50:60, 72:80] = 9
    planes[:, labels > 0] = 2000 + labels[labels > 0]
    return planes, labels


def cut(index: int, **options: object) -> CellImage:
    planes, labels = a_field()
    (cell,) = cut_cells(planes, labels, channels=CHANNELS, **options).read([index])
    assert isinstance(cell, CellImage)
    return cell


def test_every_label_is_a_cell() -> None:
    planes, labels = a_field()
    cells = cut_cells(planes, labels, channels=CHANNELS, source="f.tif", pixel_size_um=0.5)
    assert cells.ids.tolist() == [3, 7, 9]
    assert set(cells.sources) == {"f.tif"}
    assert cells.channels == CHANNELS
    assert cells.pixel_size_um.tolist() == [0.5] * 3


def test_cell_lies_in_the_middle_of_its_cut_out() -> None:
    cell = cut(0)
    assert cell.pixels.shape == (2, SMALLEST_SIDE_PX, SMALLEST_SIDE_PX)
    assert cell.pixels.dtype == np.uint16
    rows, columns = np.nonzero(cell.mask)
    assert ((rows.min() + rows.max() + 1) / 2, (columns.min() + columns.max() + 1) / 2) == (32, 32)
    assert cell.mask.sum() == 200
    assert (cell.pixels[:, cell.mask] == 2003).all()


def test_background_comes_from_the_field() -> None:
    planes, _ = a_field()
    cell = cut(0, mask_neighbours=False)
    np.testing.assert_array_equal(cell.pixels, planes[:, 55 - 32 : 55 + 32, 60 - 32 : 60 + 32])


def test_neighbours_are_painted_over_or_not() -> None:
    assert not (cut(0).pixels == 2009).any()
    assert (cut(0, mask_neighbours=False).pixels == 2009).sum() == 2 * 80
    assert not cut(0, mask_neighbours=False).mask[27:37, 44:52].any()


def test_neighbours_get_the_local_background() -> None:
    painted = cut(0).pixels[:, 27:37, 44:52]
    for plane in painted:
        assert len(np.unique(plane)) == 1
        assert 640 < plane[0, 0] < 660, "the median of what lies round the cell"


def test_cut_out_at_the_border_is_padded_with_background() -> None:
    planes, _ = a_field()
    cell = cut(1)
    top, left = 32 - 5, 32 - 11
    np.testing.assert_array_equal(cell.pixels[:, top:, left:], planes[:, : 64 - top, : 64 - left])
    assert 640 < cell.pixels[0, 0, 0] < 660
    assert len(np.unique(cell.pixels[0, :top])) == 1
    assert cell.mask.sum() == 120


def test_large_cell_gets_a_cut_out_twice_as_wide() -> None:
    labels = np.zeros((300, 300), np.uint8)
    labels[100:150, 100:180] = 1
    (cell,) = cut_cells(np.ones((1, 300, 300)), labels, channels=["brightfield"]).read([0])
    assert isinstance(cell, CellImage)
    assert cell.pixels.shape == (1, 160, 160)


def test_label_that_fills_the_field_is_a_cell() -> None:
    (cell,) = cut_cells(np.ones((1, 20, 30)), np.ones((20, 30), int), channels=["brightfield"]).read([0])
    assert isinstance(cell, CellImage)
    assert np.isfinite(cell.pixels).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.uint64])
def test_labels_of_any_integer_type(dtype: type) -> None:
    planes, labels = a_field()
    cells = cut_cells(planes, labels.astype(dtype), channels=CHANNELS)
    assert cells.ids.tolist() == [3, 7, 9]


def test_labels_far_apart_take_no_memory() -> None:
    planes, labels = a_field()
    labels = np.where(labels == 7, 2_000_000_000, labels)
    cells = cut_cells(planes, labels, channels=CHANNELS)
    assert cells.ids.tolist() == [3, 9, 2_000_000_000]
    (cell,) = cells.read([2])
    assert isinstance(cell, CellImage)
    assert cell.mask.sum() == 120


def test_time_lapse_is_read_frame_by_frame() -> None:
    planes, labels = a_field()
    movie, labels = np.stack([planes, planes + 1, planes + 2]), np.stack([labels, labels * 0, labels * 2])

    class Spy:
        shape = movie.shape
        read: list[int] = []  # noqa: RUF012 - one spy, one test

        def __len__(self) -> int:
            return len(movie)

        def __getitem__(self, frame: int) -> np.ndarray:
            self.read.append(frame)
            return movie[frame]

    cells = cut_cells(Spy(), labels, channels=CHANNELS, source="m.tif")
    assert cells.sources.tolist() == ["m.tif[t=0]"] * 3 + ["m.tif[t=2]"] * 3
    assert cells.ids.tolist() == [3, 7, 9, 6, 14, 18]
    assert Spy.read == [], "cutting is lazy"
    last, first, *_ = cells.read([3, 0, 4, 5, 1])
    assert sorted(Spy.read) == [0, 2], "each frame once"
    assert isinstance(first, CellImage)
    assert isinstance(last, CellImage)
    assert (last.pixels[:, last.mask] == 2005).all()
    assert (first.pixels[:, first.mask] == 2003).all()


def test_frame_that_can_not_be_read_spoils_no_other() -> None:
    planes, labels = a_field()

    class Damaged:
        shape = (2, *planes.shape)

        def __len__(self) -> int:
            return 2

        def __getitem__(self, frame: int) -> np.ndarray:
            if frame == 1:
                raise ImageError("m.tif is damaged")
            return planes

    good, bad = cut_cells(Damaged(), np.stack([labels, labels]), channels=CHANNELS).read([0, 3])
    assert isinstance(good, CellImage)
    assert bad == Unreadable("m.tif is damaged")


@pytest.mark.parametrize(
    ("planes", "labels", "reason"),
    [
        ((2, 50, 50), np.ones((50, 60), int), r"f: labels of shape \(1, 50, 60\) don't match an image of shape"),
        ((2, 50, 50), np.zeros((50, 50), int), "f has an empty label image; give one that marks the cells"),
        ((2, 50, 50), np.ones((50, 50)), "f: the labels are float64, but must be integers"),
        ((50, 50), np.ones((50, 50), int), r"f: a field must be \(C, Y, X\) or \(T, C, Y, X\)"),
        ((3, 2, 50, 50), np.ones((2, 50, 50), int), "don't match"),
    ],
)
def test_labels_that_do_not_fit_are_refused(planes: tuple[int, ...], labels: np.ndarray, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        cut_cells(np.ones(planes), labels, channels=CHANNELS, source="f")
