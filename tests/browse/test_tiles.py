"""Tiles: read when asked for, at one scale, with one contrast, and never more than fit."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellcycle.browse.tiles import COMPOSITE, Tile, Tiles, ground_of, picture_of, read_tiles
from napari_cellcycle.cell_images import ArrayImages, CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import result_of


class Counted:
    """Cells of different sizes that count how often they are read; the last can't be."""

    def __init__(self, edges: list[int]) -> None:
        self.edges, self.asked = edges, list[list[int]]()

    def __len__(self) -> int:
        return len(self.edges)

    def read(self, indices):
        self.asked.append(list(indices))
        last = len(self.edges) - 1
        return [Unreadable("damaged") if i == last else CellImage(self._pixels(i)) for i in indices]

    def _pixels(self, i: int) -> np.ndarray:
        edge = self.edges[i]
        return np.full((1, edge, edge), i, np.uint16)


def counted(n_cells: int = 300) -> tuple[Counted, Cells]:
    images = Counted([10] * n_cells)
    return images, Cells.build(images, ["brightfield"], "a.tif")


def test_only_wanted_cells_are_read_and_none_twice() -> None:
    images, cells = counted()
    tiles = Tiles(cells)
    result_of(read_tiles(tiles, lambda: [7, 8, 9]))
    asked = len(images.asked)
    result_of(read_tiles(tiles, lambda: [8, 9, 10]))
    assert images.asked[asked:] == [[10]]
    assert tiles.get(11) is None


def test_what_is_wanted_may_change_while_it_is_read() -> None:
    _, cells = counted()
    tiles, wanted = Tiles(cells), [*range(100)]
    job = read_tiles(tiles, lambda: wanted)
    first = next(job)
    wanted[:] = [200, 201]
    assert next(job) == [200, 201]
    assert first == [*range(48)]
    assert 60 not in tiles


def test_memory_is_bounded_and_the_newest_stay() -> None:
    _, cells = counted()
    tiles = Tiles(cells, limit_bytes=100 * 60)
    for start in range(0, 200, 40):
        tiles.read(range(start, start + 40))
    known = [row for row in range(300) if row in tiles]
    assert known == [*range(140, 200)]
    tiles.missing([140])
    tiles.read([0])
    assert 140 in tiles
    assert 141 not in tiles


def test_an_unreadable_cell_says_why() -> None:
    _, cells = counted(5)
    tiles = Tiles(cells)
    tiles.read([3, 4])
    assert isinstance(tiles.get(3), Tile)
    assert tiles.get(4) == Unreadable("damaged")


def test_contrast_is_the_same_for_all_cells() -> None:
    values = np.linspace(100, 1100, 101).astype(np.uint16)
    pixels = np.broadcast_to(values[:, None, None, None], (101, 1, 6, 6))
    tiles = Tiles(Cells.build(ArrayImages(pixels), ["brightfield"], "a.tif"))
    tiles.read([0, 50, 100])
    assert [int(tiles.get(row).planes[0, 0, 0]) for row in (0, 50, 100)] == pytest.approx([0, 128, 255], abs=1)


def test_cells_of_different_pixels_are_shown_at_one_scale() -> None:
    images = Counted([20, 20, 10, 20])
    sizes = np.array([0.5, 1.0, 1.0, np.nan], np.float32)
    cells = Cells(
        images,
        ("brightfield",),
        np.full(4, "a.tif"),
        np.arange(4),
        np.full(4, -1, np.int8),
        np.zeros(4, bool),
        sizes,
    )
    tiles = Tiles(cells)
    tiles.read([0, 1, 2])
    widths = [tiles.get(row).scale * tiles.get(row).planes.shape[2] for row in range(3)]
    assert widths == pytest.approx([0.5, 1.0, 0.5])  # 10, 20 and 10 um


def test_a_composite_has_grey_brightfield_and_coloured_darkfield() -> None:
    planes = np.zeros((2, 3, 3), np.uint8)
    planes[0] = 100
    planes[1, 1, 1] = 255
    tile, channels = Tile(planes, 0.1), ("brightfield", "darkfield")
    picture = picture_of(tile, channels)
    assert len(set(picture[0, 0].tolist())) == 1
    red, green, blue = picture[1, 1].tolist()
    assert red == 255
    assert red > green > blue
    assert ground_of(picture) == tuple(picture[0, 0].tolist())
    assert (picture_of(tile, channels, "darkfield")[1, 1] == 255).all()
    assert (picture_of(tile, channels, COMPOSITE) == picture).all()


def test_nan_and_flat_channels_are_black() -> None:
    pixels = np.full((3, 2, 4, 4), 5, np.float32)
    pixels[:, 1] = np.nan
    tiles = Tiles(Cells.build(ArrayImages(pixels), ["brightfield", "dna"], "a.tif"))
    tiles.read([0])
    assert tiles.get(0).planes.max() == 0
