"""The gallery: every cell lies where the grid says it lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import recorded
from scipy.ndimage import label

from napari_cellcycle.cell_images import ArrayImages, CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ImageError
from napari_cellcycle.events import Progress, result_of
from napari_cellcycle.images.mosaic import Mosaic, build_mosaic
from napari_cellcycle.images.tile_grid import GAP_PX, Grid


class OddImages:
    """Cells of different sizes; those listed as bad can't be read."""

    def __init__(self, images: list[np.ndarray], bad: tuple[int, ...] = ()) -> None:
        self.images, self.bad = images, bad

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices):
        return [Unreadable("damaged") if i in self.bad else CellImage(self.images[i], self.mask_of(i)) for i in indices]

    def mask_of(self, _index: int) -> np.ndarray | None:
        return None


class HalfMasked(OddImages):
    """Every other cell has a mask: its bright pixels."""

    def mask_of(self, index: int) -> np.ndarray | None:
        return self.images[index][0] > 100 if index % 2 else None


def cells_of(images, channels=("brightfield",)) -> Cells:
    return Cells.build(images, channels, "example.tif")


def tile_of(mosaic: Mosaic, cell: int) -> np.ndarray:
    top, left, bottom, right = mosaic.grid.box([cell])
    return mosaic.pixels[:, top + GAP_PX : bottom - GAP_PX, left + GAP_PX : right - GAP_PX]


def test_every_cell_lies_in_its_own_tile() -> None:
    array = np.random.default_rng(0).integers(1, 60_000, (1200, 2, 8, 8)).astype(np.uint16)
    mosaic = result_of(build_mosaic(cells_of(ArrayImages(array), ("brightfield", "darkfield"))))
    assert mosaic.pixels.dtype == np.uint16
    for cell in (0, 1, 511, 512, 1199):
        np.testing.assert_array_equal(tile_of(mosaic, cell), array[cell])


def test_small_cells_lie_on_their_background_and_big_ones_are_cut_to_the_middle() -> None:
    small, big = np.full((1, 4, 4), 7, np.uint8), np.full((1, 90, 30), 9, np.uint8)
    small[0, 1:3, 1:3] = 200
    plain = [np.full((1, 10, 10), 5, np.uint8)] * 40
    mosaic = result_of(build_mosaic(cells_of(OddImages([small, big, *plain]))))
    assert mosaic.grid.tile_px == 10
    assert (tile_of(mosaic, 0)[0, 4:6, 4:6] == 200).all()
    assert (tile_of(mosaic, 0)[0] == 7).sum() == 96
    assert (tile_of(mosaic, 1) == 9).all()


def test_masks_lie_over_their_cells_and_are_numbered_in_the_order_of_the_gallery() -> None:
    images = np.random.default_rng(0).integers(0, 200, (600, 1, 10, 10)).astype(np.uint8)
    small = images[1, :, 2:8, 3:8]  # its mask touches its edge, and is not continued outside
    mosaic = result_of(build_mosaic(cells_of(HalfMasked([images[0], small, *images[2:]]))))
    for cell in (0, 1, 2, 511, 513, 599):
        bright = tile_of(mosaic, cell)[0] > 100
        if cell == 1:
            bright[:2] = bright[8:] = bright[:, :2] = bright[:, 7:] = False
        top, left, bottom, right = mosaic.grid.box([cell])
        wanted = np.pad(bright, GAP_PX) * (cell + 1 if cell % 2 else 0)
        np.testing.assert_array_equal(mosaic.masks[top:bottom, left:right], wanted)


def test_cells_without_masks_have_no_picture_of_them() -> None:
    assert result_of(build_mosaic(cells_of(OddImages([np.ones((1, 6, 6), np.uint8)])))).masks is None


def test_an_unreadable_cell_leaves_a_dark_tile_and_spoils_no_other() -> None:
    mosaic = result_of(build_mosaic(cells_of(OddImages([np.full((1, 6, 6), 50, np.uint8)] * 3, bad=(1,)))))
    assert [int(tile_of(mosaic, cell).max()) for cell in range(3)] == [50, 0, 50]


def test_no_readable_cell_is_an_error_with_one_sentence() -> None:
    with pytest.raises(ImageError, match="none of these cells can be read"):
        result_of(build_mosaic(cells_of(OddImages([np.zeros((1, 4, 4))] * 2, bad=(0, 1)))))


def test_mixed_bit_depths_are_widened_and_keep_their_values() -> None:
    images = [np.full((1, 6, 6), 200, np.uint8)] * 600 + [np.full((1, 6, 6), 60_000, np.uint16)] * 10
    mosaic = result_of(build_mosaic(cells_of(OddImages(images))))
    assert tile_of(mosaic, 0).max() == 200
    assert tile_of(mosaic, 605).max() == 60_000


def test_only_the_first_cells_are_shown_and_progress_is_said() -> None:
    result, events = recorded(build_mosaic(cells_of(ArrayImages(np.ones((1500, 1, 4, 4)))), max_shown=1100))
    assert result.grid.n_cells == 1100
    assert [event.done for event in events if isinstance(event, Progress)] == [512, 1024, 1100]


def test_contrast_puts_the_darkfield_background_at_black() -> None:
    array = np.full((100, 2, 20, 20), 676, np.uint16)
    array[:, 1] = 27
    array[:, 1, 8:12, 8:12] = 2000
    array[:, 0, 8:12, 8:12] = 300
    mosaic = result_of(build_mosaic(cells_of(ArrayImages(array), ("brightfield", "darkfield"))))
    assert mosaic.contrast_limits == ((300.0, 676.0), (27.0, 2000.0))


@given(n_cells=st.integers(1, 3000), tile_px=st.integers(1, 64), share=st.floats(0, 1, exclude_max=True))
def test_the_cell_under_its_own_middle_is_itself(n_cells: int, tile_px: int, share: float) -> None:
    grid = Grid.fit(n_cells, tile_px)
    cell = int(n_cells * share)
    top, left, bottom, right = grid.box([cell])
    assert grid.cell_at((top + bottom - 1) / 2, (left + right - 1) / 2) == cell
    assert bottom <= grid.shape[0]
    assert right <= grid.shape[1]


@pytest.mark.parametrize("position", [(-1, 3), (3, -1), (3, 1000), (1000, 3)])
def test_nothing_lies_outside_the_gallery(position: tuple[int, int]) -> None:
    assert Grid.fit(5, 10).cell_at(*position) is None


def test_frames_colour_edges_only_and_leave_empty_tiles_alone() -> None:
    grid = Grid(n_cells=5, tile_px=20, columns=3)
    picture = grid.draw_outlines(np.array([1, 2, 0, 8, 7], np.uint8))
    assert picture.shape == (44, 66)
    assert set(np.unique(picture)) == {0, 1, 2, 7, 8}
    assert (picture[3:19, 3:19] == 0).all()  # the cell stays visible
    assert (picture[22:, 44:] == 0).all()  # after the last cell
    assert (grid.fill(np.full(5, 1, np.uint8))[:22] == 1).all()


def test_no_frame_touches_the_next_so_that_a_fill_changes_one_cell() -> None:
    grid = Grid(n_cells=6, tile_px=20, columns=3)
    picture = grid.draw_outlines(np.full(6, 4, np.uint8))
    assert label(picture)[1] == 6


@pytest.mark.parametrize("draw", [Grid.draw_outlines, Grid.fill])
def test_numbers_come_back_out_of_a_picture(draw) -> None:
    grid, numbers = Grid(n_cells=5, tile_px=20, columns=3), np.array([1, 2, 0, 8, 7], np.uint8)
    np.testing.assert_array_equal(grid.read_phases(draw(grid, numbers)), numbers)


def test_what_is_painted_inside_a_frame_counts_more_than_the_frame() -> None:
    grid = Grid(n_cells=5, tile_px=20, columns=3)
    picture = grid.draw_outlines(np.array([1, 2, 0, 8, 7], np.uint8))
    picture[8:10, 8:10] = 5  # a dab
    picture[30:34, 30:40], picture[35, 35] = 3, 6  # more of one than of the other
    assert grid.read_phases(picture).tolist() == [5, 2, 0, 8, 3]
