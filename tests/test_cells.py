"""Lazy cells, and predictions for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from napari_cellcycle.cell_images import ArrayImages, CellImage, RememberedImages, Unreadable, take_planes
from napari_cellcycle.cells import Cells, Prediction, evenly_spaced, join_cells, with_blanks
from napari_cellcycle.errors import ChannelError, ImageError
from napari_cellcycle.phases import UNKNOWN, UNSURE


def numbered(n: int, channels: tuple[str, ...] = ("brightfield", "darkfield"), start: int = 0) -> Cells:
    """Cells whose pixels say which cell and channel they are: 10 * cell + channel."""
    values = 10 * np.arange(start, start + n)[:, None] + np.arange(len(channels))
    array = np.broadcast_to(values[..., None, None], (n, len(channels), 2, 2))
    return Cells.build(ArrayImages(array), channels, f"from{start}.tif", phases=np.arange(n) % 7)


def values(cells: Cells, indices: list[int]) -> list[list[int]]:
    return [found.pixels[:, 0, 0].tolist() for found in cells.read(indices) if isinstance(found, CellImage)]


def test_subsets_of_subsets_read_the_right_cells() -> None:
    cells = numbered(10).subset([9, 3, 5, 1]).subset([2, 0])
    assert values(cells, [0, 1, 0]) == [[50, 51], [90, 91], [50, 51]]
    assert cells.ids.tolist() == [5, 9]
    assert cells.phases.tolist() == [5, 2]


def test_channels_are_chosen_by_name_and_in_the_asked_order() -> None:
    assert values(numbered(2).select_channels(["darkfield", "brightfield"]), [1]) == [[11, 10]]


class Choosy:
    """Images that read only some channels, and record which."""

    def __init__(self, planes: list[int]) -> None:
        self.planes = planes

    def __len__(self) -> int:
        return 4

    def read(self, indices: list[int]) -> list[CellImage]:
        return [CellImage(np.array([[[10 * i + plane]] for plane in self.planes])) for i in indices]

    def take_planes(self, planes: list[int]) -> Choosy:
        return Choosy([self.planes[plane] for plane in planes])


def test_images_that_can_read_fewer_channels_are_asked_to_behind_subsets_and_joins() -> None:
    cells = Cells.build(Choosy([0, 1, 2]), ("a", "b", "c"), "x.cif")
    chosen = join_cells([cells.subset([3, 1]), cells]).select_channels(["c", "a"])
    assert values(chosen, [0, 1, 2]) == [[32, 30], [12, 10], [2, 0]]
    assert "_Planes" not in repr(chosen.images)


def test_a_missing_channel_is_named() -> None:
    with pytest.raises(ChannelError, match="have the channels brightfield but no darkfield"):
        numbered(2, ("brightfield",)).select_channels(["brightfield", "darkfield"])


def test_joined_cells_keep_their_order_and_the_channels_they_share() -> None:
    joined = join_cells([numbered(2, ("dna", "brightfield")), numbered(3, ("brightfield", "dna", "x"), start=5)])
    assert joined.channels == ("dna", "brightfield")
    assert values(joined, [4, 0, 2, 1]) == [[71, 70], [0, 1], [51, 50], [10, 11]]
    assert joined.sources.tolist() == ["from0.tif"] * 2 + ["from5.tif"] * 3


def test_channels_that_cells_lack_are_blank_and_the_others_stay_as_they_are() -> None:
    cells = with_blanks(numbered(2), ["dna", "darkfield", "brightfield"])
    np.testing.assert_array_equal(values(cells, [1]), [[np.nan, 11, 10]])
    joined = join_cells([numbered(1, ("brightfield", "dna")), with_blanks(numbered(1), ("brightfield", "dna"))])
    np.testing.assert_array_equal(values(joined, [0, 1]), [[0, 1], [0, np.nan]])
    (plain,) = joined.select_channels(["brightfield"]).read([1])
    assert np.issubdtype(plain.pixels.dtype, np.integer)  # nothing is filled in where nothing is lacking


def test_nothing_to_join_is_an_error_and_so_is_no_common_channel() -> None:
    with pytest.raises(ImageError, match="no cells were found"):
        join_cells([])
    with pytest.raises(ChannelError, match="no channel in common"):
        join_cells([numbered(1, ("a",)), numbered(1, ("b",))])


def test_columns_must_fit_the_images() -> None:
    with pytest.raises(ValueError, match="ids has 3 entries for 2 cells"):
        Cells.build(numbered(2).images, ("a", "b"), "x", ids=[1, 2, 3])


def test_improbable_cells_are_unsure_and_unreadable_ones_unknown() -> None:
    rows = np.array([[0.6, 0.4, 0, 0, 0, 0, 0], [0, 0.1, 0.9, 0, 0, 0, 0], [np.nan] * 7], np.float32)
    calls = Prediction(np.array(["a"] * 3), np.arange(3), rows, min_probability=0.7, unreadable={2: "torn"})
    assert calls.best.tolist() == [0, 2, UNKNOWN]
    assert calls.phases.tolist() == [UNSURE, 2, UNKNOWN]
    table = calls.to_table()
    assert table["phase"].tolist() == ["unsure", "G2", ""]
    assert table["synthetic"].isna().all()
    synthetic = np.array([True, False, False])
    assert replace(calls, synthetic=synthetic).to_table()["synthetic"].tolist() == synthetic.tolist()
    assert list(table.columns) == [
        *("source", "cell", "phase", "probability"),
        *("p_G1", "p_S", "p_G2", "p_Prophase", "p_Metaphase", "p_Anaphase", "p_Telophase"),
        *("dna_content", "unfamiliar", "synthetic"),
    ]


@pytest.mark.parametrize("n_cells", [1, 2, 999, 1000, 1001, 123_456])
def test_evenly_spaced_cells_come_from_the_whole_sample(n_cells: int) -> None:
    chosen = list(evenly_spaced(n_cells, 1000))
    assert chosen[0] == 0
    assert chosen[-1] == n_cells - 1
    assert len(chosen) == min(n_cells, 1000)
    assert np.diff(chosen).min(initial=1) >= 1


def test_remembered_images_are_read_once_and_others_when_there_is_no_room() -> None:
    counted = Counted(np.arange(8 * 2 * 3 * 3).reshape(8, 2, 3, 3))
    kept = RememberedImages(counted)
    assert [cell.pixels[0, 0, 0] for cell in kept.read([4, 1, 4])] == [72, 18, 72]
    assert [cell.pixels[0, 0, 0] for cell in take_planes(kept, [1]).read([1, 2])] == [27, 45]
    assert counted.asked == [[4, 1], [2]]
    full = RememberedImages(counted, free_bytes=[0])
    full.read([3])
    full.read([3])
    assert counted.asked[2:] == [[3], [3]]


class Counted(ArrayImages):
    asked: ClassVar[list[list[int]]] = []

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        self.asked.append(list(indices))
        return super().read(indices)
