"""The same cell twice, planted in every way that has been seen, and nothing found where there is nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_cellcycle.cell_images import ArrayImages, CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import drop_duplicates, find_duplicates, in_training_set
from napari_cellcycle.phases import UNKNOWN, Phase

N_CELLS, SIZE = 30, 40
Pixels = NDArray[Any]


class Pictures:
    """Images of different sizes, some with masks."""

    def __init__(self, planes: Sequence[Pixels | None], masks: Sequence[Pixels | None] | None = None) -> None:
        self.planes, self.masks = planes, masks or [None] * len(planes)

    def __len__(self) -> int:
        return len(self.planes)

    def read(self, indices: Sequence[int]) -> list[CellImage | Unreadable]:
        found = [(self.planes[i], self.masks[i]) for i in indices]
        return [Unreadable("torn") if plane is None else CellImage(plane[None], mask) for plane, mask in found]


def recorded(seed: int = 0, n_cells: int = N_CELLS, size: int = SIZE, dtype: Any = np.uint16) -> list[Pixels]:
    """Cells as a camera sees them: something smooth, and noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - size / 2
    ring = 120 * np.cos(np.hypot(y, x) / random.uniform(2, 4, (n_cells, 1, 1)))
    scale = 1 if dtype != np.uint8 else 0.2
    return list((scale * (676 + ring + random.normal(0, 12, (n_cells, size, size)))).astype(dtype))


def cells_of(planes: Sequence[Pixels | None], **options: Any) -> Cells:
    masks = options.pop("masks", None)
    return Cells.build(Pictures(planes, masks), ("brightfield",), "Ch3.tif", **options)


COPIES = {
    "byte-equal": lambda plane: plane.copy(),
    "padded to 66x66 with a constant": lambda plane: np.pad(plane, 13, constant_values=676),
    "padded to 66x66 with its edge": lambda plane: np.pad(plane, 13, mode="edge"),
    "padded to 66x66 by reflection": lambda plane: np.pad(plane, 13, mode="reflect"),
    "padded at two sides": lambda plane: np.pad(plane, ((0, 26), (9, 0)), mode="edge"),
    "cropped at the top": lambda plane: plane[5:],
    "cropped at the bottom": lambda plane: plane[:-5],
    "cropped at the left": lambda plane: plane[:, 5:],
    "cropped at the right": lambda plane: plane[:, :-5],
    "cropped all round": lambda plane: plane[4:-4, 4:-4],
    "cropped and padded again": lambda plane: np.pad(plane[3:, 4:], 10, constant_values=0),
    "as floats": lambda plane: plane.astype(np.float64),
}


@pytest.mark.parametrize("dtype", [np.uint16, np.uint8])
@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES.keys())
def test_a_planted_copy_is_found(copy: Any, dtype: Any) -> None:
    planes = recorded(dtype=dtype)
    duplicates = find_duplicates(cells_of([*planes, copy(planes[7])]))
    assert duplicates.groups == ((7, N_CELLS),)
    np.testing.assert_array_equal(duplicates.keep, np.arange(N_CELLS))


@settings(max_examples=12)
@given(st.tuples(*[st.integers(0, 5)] * 4), st.integers(0, 15), st.sampled_from(["edge", "constant"]))
def test_every_cell_is_found_in_any_crop_and_padding(cut: tuple[int, ...], width: int, mode: Any) -> None:
    planes = recorded(1)
    top, bottom, left, right = cut
    copies = [np.pad(plane[top : SIZE - bottom, left : SIZE - right], width, mode=mode) for plane in planes]
    assert find_duplicates(cells_of([*planes, *copies])).groups == tuple((i, i + N_CELLS) for i in range(N_CELLS))


def test_two_different_crops_of_one_cell_are_the_same_cell() -> None:
    planes = recorded()
    assert find_duplicates(cells_of([planes[0][5:, 5:], *planes[1:], planes[0][:-5, :-5]])).groups == ((0, N_CELLS),)


def test_cells_that_only_look_alike_are_not_repeats() -> None:
    random = np.random.default_rng(0)
    planes = [plane + random.integers(0, 2, plane.shape) for plane in recorded(n_cells=1) * 20]
    flat = [np.full((20, 20), 7, np.uint16)] * 3
    assert find_duplicates(cells_of([*planes, *flat, None, None])).groups == ()


def test_what_is_burnt_into_every_image_makes_no_repeats() -> None:
    planes = recorded(n_cells=60)
    for plane in planes:
        plane[4:16, 4:16] = np.arange(144).reshape(12, 12) ** 2 % 997
    assert find_duplicates(cells_of(planes)).groups == ()


def test_cells_on_a_blanked_ground_are_found_by_what_is_not_blank() -> None:
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    planes = [np.where(np.abs(x + y) < 10, plane, 0) for plane in recorded()]  # from corner to corner
    copies = [np.pad(plane[3:, 8:], 20) for plane in planes]
    assert find_duplicates(cells_of([*planes, *copies])).groups == tuple((i, i + N_CELLS) for i in range(N_CELLS))


def test_a_pattern_that_comes_twice_in_a_cell_misleads_nobody() -> None:
    planes = recorded(n_cells=3)
    planes[1][24:38, 24:38] = planes[1][4:18, 4:18]
    assert find_duplicates(cells_of([planes[0], planes[1][11:, 11:], planes[2], planes[1]])).groups == ((1, 3),)


def neighbours(distance_px: int, masked: bool) -> Cells:
    """Two touching cells cut out of one field with the same box size."""
    field = np.random.default_rng(3).normal(600, 20, (80, 120)).astype(np.uint16)
    y, x = np.mgrid[:80, :120]
    boxes = [(slice(20, 60), slice(left, left + 40)) for left in (20, 20 + distance_px)]
    masks = [np.hypot(y - 40, x - centre)[box] < 6 for box, centre in zip(boxes, (40, 40 + distance_px), strict=True)]
    return cells_of([field[box] for box in boxes], masks=masks if masked else None)


def test_neighbours_in_one_field_are_two_cells() -> None:
    assert find_duplicates(neighbours(18, masked=False)).groups == ()
    assert find_duplicates(neighbours(13, masked=True)).groups == ()
    assert find_duplicates(neighbours(2, masked=True)).groups == ((0, 1),)


def test_the_first_real_copy_of_known_phase_is_kept() -> None:
    first, *others = recorded(n_cells=4)
    phases = np.array([UNKNOWN, Phase.S, Phase.G2, Phase.S, Phase.S])
    cells = cells_of([first, first, *others[:2], first], phases=phases)
    np.testing.assert_array_equal(find_duplicates(cells).keep, [1, 2, 3])
    made = Cells.build(Pictures([first, first]), ("brightfield",), "made.tif", phases=Phase.S)
    object.__setattr__(made, "synthetic", np.array([True, False]))
    np.testing.assert_array_equal(find_duplicates(made).keep, [1])


def test_copies_with_different_phases_are_all_dropped_and_named() -> None:
    planes = recorded(n_cells=5)
    phases = np.array([Phase.G1, Phase.S, Phase.S, Phase.S, Phase.S, Phase.ANAPHASE])
    cells = cells_of([*planes, planes[2]], phases=phases)
    kept, n_removed = drop_duplicates(cells)
    assert (len(kept), n_removed) == (4, 2)
    assert kept.ids.tolist() == [0, 1, 3, 4]
    notes = find_duplicates(cells).notes
    assert notes[0] == "cells found more than once: 1; copies removed: 2"
    assert "Ch3.tif cell 2 and Ch3.tif cell 5" in notes[1]


def test_many_copies_of_few_cells() -> None:
    planes = recorded(n_cells=3) * 50
    duplicates = find_duplicates(cells_of(planes))
    assert [len(group) for group in duplicates.groups] == [50, 50, 50]
    assert duplicates.keep.tolist() == [0, 1, 2]


@settings(max_examples=8)
@given(st.tuples(*[st.integers(0, 6)] * 4), st.integers(0, 15))
def test_cells_are_known_again_in_any_crop_and_others_are_not(cut: tuple[int, ...], width: int) -> None:
    planes = recorded(1)
    top, bottom, left, right = cut
    others = [np.pad(plane[top : SIZE - bottom, left : SIZE - right], width) for plane in planes] + recorded(2)
    known = find_duplicates(cells_of([*planes, np.ones((9, 9))])).fingerprints
    again = find_duplicates(cells_of([*others, None, np.zeros((9, 9))])).fingerprints
    np.testing.assert_array_equal(in_training_set(again, known), np.arange(2 * N_CELLS + 2) < N_CELLS)


def test_neighbours_of_known_cells_are_not_known() -> None:
    fingerprints = find_duplicates(neighbours(18, masked=False)).fingerprints
    assert not in_training_set(fingerprints[:1], fingerprints[1:]).any()


def test_the_hash_names_pixels_and_phases() -> None:
    planes = recorded()
    name = find_duplicates(cells_of(planes)).data_sha256
    assert find_duplicates(cells_of(planes)).data_sha256 == name
    changed = [plane.copy() for plane in planes]
    changed[3][0, 0] += 1
    assert find_duplicates(cells_of(changed)).data_sha256 != name
    assert find_duplicates(cells_of(planes, phases=Phase.S)).data_sha256 != name


def montage_tiles(folder: Path) -> Pixels:
    """The cells of CellProfiler montages, without their padding tiles, whose rows are all the same."""
    import tifffile

    found = []
    for path in sorted(folder.glob("*/Ch3*.tif")):
        tiles = tifffile.imread(path).reshape(30, 40, 30, 40).transpose(2, 0, 1, 3).reshape(-1, 40, 40)
        found.append(tiles[(tiles != tiles[:, :1]).any(axis=(1, 2))])
    return np.concatenate(found)


@pytest.mark.skipif(
    "NAPARI_CELLCYCLE_DATA" not in os.environ, reason="NAPARI_CELLCYCLE_DATA names no folder of real cells"
)
@pytest.mark.parametrize(
    ("experiment", "n_cells", "n_duplicates"), [("Experiment_1", 2733, 0), ("Experiment_2", 3600, 1)]
)
def test_real_cells(experiment: str, n_cells: int, n_duplicates: int) -> None:
    tiles = montage_tiles(Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / experiment)
    cells = Cells.build(ArrayImages(tiles[:, None]), ("brightfield",), experiment)
    kept, n_removed = drop_duplicates(cells)
    assert (len(cells), n_removed, len(kept)) == (n_cells, n_duplicates, n_cells - n_duplicates)
