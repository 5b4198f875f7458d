"""Montages: their tiles, whatever their size, and their padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from example_files import example_tiles, montage_of, write_tiff
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellcycle.cell_images import CellImage
from napari_cellcycle.errors import ImageError, ReadError
from napari_cellcycle.io.formats.montage import count_padding, find_tile_size
from napari_cellcycle.io.inputs import read_cells


@st.composite
def grids(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Rows, columns, tile size, padding tiles: of a montage too full to tell by its padding, at least 16 tiles."""
    rows, columns = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    size = draw(st.integers(8, 100))
    least = 1 if rows * columns < 16 else 0
    return rows, columns, size, draw(st.integers(least, rows * columns - 1)) if rows * columns > 1 else 0


@given(grids().filter(lambda grid: grid[0] * grid[1] > 1), st.integers(0, 1000))
@settings(max_examples=80)
def test_any_montage_is_taken_apart(grid: tuple[int, int, int, int], seed: int) -> None:
    rows, columns, size, n_padding = grid
    tiles = example_tiles(rows * columns - n_padding, size, seed)
    montage = montage_of(tiles, rows, columns)
    assert find_tile_size(montage) == size
    assert count_padding(montage, size) == n_padding


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_montage_reads_as_the_cells_it_was_made_of(tmp_path: Path, dtype: type) -> None:
    tiles = example_tiles(11, 20) // 4
    for channel in ("Ch3", "Ch6"):
        write_tiff(tmp_path / "G2" / f"{channel}_CP0001.tif", montage_of(tiles, 4, 4).astype(dtype))
    cells = read_cells(tmp_path)
    assert cells.channels == ("brightfield", "darkfield")
    assert cells.ids.tolist() == list(range(11))
    assert set(cells.sources) == {"G2/Ch3_CP0001.tif"}
    assert any("20 x 20 pixel tiles, without the padding" in note for note in cells.notes)
    for cell, tile in zip(cells.read([10, 0]), tiles[[10, 0]], strict=True):
        assert isinstance(cell, CellImage)
        assert cell.pixels.dtype == dtype
        np.testing.assert_array_equal(cell.pixels, np.stack([tile, tile]).astype(dtype))


@pytest.mark.parametrize("gap", [1, 3])
@pytest.mark.parametrize("name", ["Ch3_montage.tif", "Ch3_1.tif"])
def test_lines_between_tiles_are_left_out(tmp_path: Path, gap: int, name: str) -> None:
    tiles = example_tiles(14, 40)
    canvas = np.zeros((5, 4, 40 + gap, 40 + gap), np.uint16)  # the last row of the grid is padding
    for number, tile in enumerate(tiles):
        canvas[number // 4, number % 4, gap:, gap:] = tile
    write_tiff(tmp_path / name, canvas.transpose(0, 2, 1, 3).reshape(5 * (40 + gap), -1))
    cells = read_cells(tmp_path)
    np.testing.assert_array_equal([cell.pixels[0] for cell in cells.read(range(len(cells)))], tiles)


def test_tile_keeps_no_montage_alive(tmp_path: Path) -> None:
    write_tiff(tmp_path / "Ch3_CP1.tif", montage_of(example_tiles(11, 20), 4, 4), compression="zlib")
    (cell,) = read_cells(tmp_path).read([3])
    assert isinstance(cell, CellImage)
    assert cell.pixels.base is None or cell.pixels.base.size == cell.pixels.size


def test_field_is_no_montage() -> None:
    random = np.random.default_rng(0)
    light = np.linspace(500, 900, 512)[:, np.newaxis]
    assert find_tile_size(random.normal(light, 5, (512, 512))) is None


def test_small_full_montage_is_known_by_its_name(tmp_path: Path) -> None:
    montage = montage_of(example_tiles(9, 24), 3, 3)
    write_tiff(tmp_path / "Ch3_CP0001.tif", montage)
    write_tiff(tmp_path / "single" / "9_Ch3.tif", montage)
    assert len(read_cells(tmp_path / "Ch3_CP0001.tif")) == 9
    assert len(read_cells(tmp_path / "single")) == 1
    assert len(read_cells(tmp_path / "single", layout="montage")) == 9


def test_channels_of_different_counts_are_refused(tmp_path: Path) -> None:
    write_tiff(tmp_path / "Ch3_CP0001.tif", montage_of(example_tiles(11, 20), 4, 4))
    write_tiff(tmp_path / "Ch6_CP0001.tif", montage_of(example_tiles(10, 20), 4, 4))
    with pytest.raises(ReadError, match=r"different numbers of cells \(Ch3_CP0001.tif 11, Ch6_CP0001.tif 10\)"):
        read_cells(tmp_path)


def test_channels_of_different_tiles_are_refused(tmp_path: Path) -> None:
    write_tiff(tmp_path / "Ch3_CP0001.tif", montage_of(example_tiles(11, 20), 4, 4))
    write_tiff(tmp_path / "Ch6_CP0001.tif", montage_of(example_tiles(10, 22), 4, 4))
    with pytest.raises(ReadError, match=r"Ch6_CP0001.tif does not consist of 20 x 20 pixel tiles"):
        read_cells(tmp_path)


def test_image_without_tiles_is_no_montage(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "x.tif", np.random.default_rng(0).integers(1, 900, (64, 64), dtype=np.uint16))
    with pytest.raises(ImageError, match=r"x\.tif does not consist of equal tiles"):
        read_cells(path, layout="montage")


def test_damaged_montage_is_named(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "Ch3_CP0001.tif", montage_of(example_tiles(60, 40), 8, 8), compression="zlib")
    path.write_bytes(path.read_bytes()[:30_000])
    with pytest.raises(ReadError, match=r"Ch3_CP0001\.tif is (damaged|cut off)"):
        read_cells(path)


def test_real_montages_hold_the_known_cells(real_data: Path) -> None:
    first = read_cells(real_data / "jurkat" / "Experiment_1")
    assert np.bincount(first.phases).tolist() == [720, 720, 720, 485, 54, 12, 22]
    assert first.channels == ("brightfield", "dna", "darkfield")
    second = read_cells(real_data / "jurkat" / "Experiment_2")
    assert np.bincount(second.phases).tolist() == [3600]
    once, again = second.read([1103, 1107])
    assert isinstance(once, CellImage)
    assert isinstance(again, CellImage)
    assert (once.pixels == again.pixels).mean() > 0.97, "the second montage is known to hold this cell twice"
