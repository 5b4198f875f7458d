"""Cells of a full-field image: their outlines, and which one lies where."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellcycle.images.field_map import LabelMap


@pytest.fixture
def field() -> LabelMap:
    labels = np.zeros((40, 60), np.uint16)
    labels[5:20, 5:20] = 3
    labels[5:20, 20:30] = 7  # touches the other
    labels[30:40, 50:60] = 40_000  # touches the border of the image
    return LabelMap(labels, frames=np.zeros(3, np.int64), ids=np.array([3, 7, 40_000]))


def test_outlines_stay_inside_their_cell_and_leave_its_middle_free(field) -> None:
    picture = field.draw_outlines(np.array([1, 2, 8], np.uint8))
    assert picture.dtype == np.uint8
    for label, number in zip(field.ids, (1, 2, 8), strict=True):
        inside = picture[field.labels == label]
        assert set(inside) == {0, number}
    assert (picture[field.labels == 0] == 0).all()
    assert (picture[5:20, 18:20] == 1).all()  # also between two cells that touch
    assert (picture[38:, 50:] == 8).all()  # and at the border of the image
    assert (picture[8:17, 8:17] == 0).all()


@pytest.mark.parametrize("draw", [LabelMap.draw_outlines, LabelMap.fill])
def test_numbers_come_back_out_of_a_picture(field, draw) -> None:
    assert field.read_phases(draw(field, np.array([1, 0, 8], np.uint8))).tolist() == [1, 0, 8]


def test_what_is_painted_inside_an_outline_counts_more_than_the_outline(field) -> None:
    picture = field.draw_outlines(np.array([1, 2, 8], np.uint8))
    picture[10:12, 10:12] = 5  # a dab
    picture[:4, :] = 3  # outside all cells
    assert field.read_phases(picture).tolist() == [5, 2, 8]


def test_the_cell_under_the_cursor(field) -> None:
    assert [field.cell_at(10, 10), field.cell_at(10.4, 24.6), field.cell_at(35, 55)] == [0, 1, 2]
    assert [field.cell_at(0, 0), field.cell_at(-3, 10), field.cell_at(10, 100)] == [None, None, None]


def test_a_label_nobody_cut_out_is_no_cell(field) -> None:
    field.labels[0, 0] = 9
    assert field.cell_at(0, 0) is None
    assert field.fill(np.array([1, 2, 8], np.uint8))[0, 0] == 0


def test_the_box_holds_the_cells_and_no_more(field) -> None:
    assert field.box([0]) == (5, 5, 20, 20)
    assert field.box([1, 2]) == (5, 20, 40, 60)


def test_in_time_lapse_the_same_label_is_another_cell_in_each_frame() -> None:
    labels = np.zeros((2, 20, 20), np.int32)
    labels[0, 2:10, 2:10] = 5
    labels[1, 8:18, 8:18] = 5
    field = LabelMap(labels, frames=np.array([0, 1]), ids=np.array([5, 5]))
    picture = field.fill(np.array([1, 4], np.uint8))
    assert [set(np.unique(frame)) for frame in picture] == [{0, 1}, {0, 4}]
    assert (field.cell_at(0, 5, 5), field.cell_at(1, 5, 5), field.cell_at(1, 12, 12)) == (0, None, 1)
    assert field.box([1]) == (8, 8, 18, 18)
    assert field.read_phases(picture).tolist() == [1, 4]


def test_labels_far_apart_need_no_table_of_all_labels_between_them() -> None:
    labels = np.array([[0, 5, 2_000_000_000], [-4, 5, 0]], np.int64)
    field = LabelMap(labels, frames=np.zeros(2, np.int64), ids=np.array([5, 2_000_000_000]))
    assert field.fill(np.array([1, 8], np.uint8)).tolist() == [[0, 1, 8], [0, 1, 0]]
