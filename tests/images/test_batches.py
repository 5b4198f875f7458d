"""Cells are read batch by batch, in order, and bad ones spoil no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from made import made_pixels

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.events import Note, Progress
from napari_cellcycle.images.batches import CellBatch, map_batches, prepare_batches, read_batch, read_batches
from napari_cellcycle.images.model_input import InputSpec, Normalisation, prepare

PIXELS = made_pixels(np.arange(7) % 3)
SPEC = InputSpec(("brightfield", "darkfield"), 40, 0.5, (Normalisation("ratio"), Normalisation("spread")))


class Torn:
    """Images of which some can't be read."""

    def __init__(self, torn: set[int]) -> None:
        self.torn = torn
        self.asked: list[list[int]] = []

    def __len__(self) -> int:
        return len(PIXELS)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        self.asked.append(list(indices))
        return [Unreadable(f"cell {i} is torn") if i in self.torn else CellImage(PIXELS[i, :2]) for i in indices]


def cells_with(torn: set[int]) -> Cells:
    return Cells.build(Torn(torn), ("brightfield", "darkfield"), "made.tif", pixel_size_um=0.5)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_each_cell_is_read_once_in_order(batch_size: int) -> None:
    cells = cells_with({2, 3})
    batches = list(read_batches(cells, batch_size))
    assert np.concatenate([batch.positions for batch in batches]).tolist() == list(range(7))
    assert np.concatenate([batch.indices for batch in batches]).tolist() == [0, 1, 4, 5, 6]
    assert max(len(batch.positions) for batch in batches) == min(batch_size, 7)
    assert [index for indices in cells.images.asked for index in indices] == list(range(7))


def test_unreadable_cells_are_named_and_progress_counts_them() -> None:
    first, last = read_batches(cells_with({2, 3, 6}), 4)
    assert first.unreadable == {2: "cell 2 is torn", 3: "cell 3 is torn"}
    assert last.notes == [Note("cell 6 is torn")]
    assert [batch.progress("reading") for batch in (first, last)] == [
        Progress(4, 7, "reading"),
        Progress(7, 7, "reading"),
    ]


def test_images_are_prepared_as_all_at_once() -> None:
    expected = prepare([CellImage(pixels[:2]) for pixels in PIXELS], SPEC)
    found = [images for _, images in prepare_batches(cells_with({4}), SPEC, 3)]
    np.testing.assert_array_equal(np.concatenate(found), np.delete(expected, 4, 0))
    darkfield = InputSpec(("darkfield",), 40, 0.5, SPEC.normalisation[1:])
    one = read_batch(cells_with(set())).prepare(darkfield, slice(1, 2))
    np.testing.assert_array_equal(one, expected[:, 1:])


def test_some_cells_can_be_read_in_any_order() -> None:
    batch = read_batch(cells_with({5}), [6, 5, 0])
    assert batch.indices.tolist() == [6, 0]
    np.testing.assert_array_equal(batch.images[1].pixels, PIXELS[0, :2])


def test_a_batch_without_readable_cells_gives_no_images() -> None:
    (batch, images), *_ = prepare_batches(cells_with({0, 1}), SPEC, 2)
    assert images.shape == (0, 2, 40, 40)
    assert len(batch.images) == len(batch.indices) == 0


def test_the_next_batch_is_read_while_the_caller_works_and_no_more() -> None:
    cells = cells_with(set())
    batches = read_batches(cells, 2)
    next(batches)
    wait_until(lambda: len(cells.images.asked) == 2)
    batches.close()
    assert cells.images.asked == [[0, 1], [2, 3]]


def test_batches_are_worked_on_at_the_same_time_and_come_in_order() -> None:
    meeting = threading.Barrier(2, timeout=10)  # nobody passes alone

    def work(batch: CellBatch) -> int:
        if batch.positions[0] < 4:
            meeting.wait()
        return int(batch.positions[0])

    assert [first for _, first in map_batches(cells_with(set()), work, 2, threads=2)] == [0, 2, 4, 6]


def wait_until(holds: Callable[[], bool]) -> None:
    stop = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < stop
        time.sleep(0.001)
