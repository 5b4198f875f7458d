"""Where tiles lie: every tile is found at its own place, whatever the groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cellcycle.browse.grid_layout import GridLayout

layouts = st.builds(
    GridLayout,
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=6).map(tuple),
    columns=st.integers(1, 7),
    pitch_px=st.integers(5, 40),
    header_px=st.sampled_from([0, 22]),
)


@given(layout=layouts, share=st.floats(0, 1, exclude_max=True))
def test_a_tile_is_found_at_its_own_place_and_among_those_seen_there(layout: GridLayout, share: float) -> None:
    tile = int(layout.n_tiles * share)
    left, top = layout.position(tile)
    assert layout.tile_at(left, top) == tile
    assert layout.tile_at(left + layout.pitch_px - 1, top + layout.pitch_px - 1) == tile
    assert tile in layout.between(top, top + 1)
    assert top + layout.pitch_px <= layout.height_px
    assert layout.inside(left, top, left, top).tolist() == [tile]


@given(layout=layouts, top=st.integers(-50, 900), height=st.integers(1, 200))
def test_what_is_seen_is_every_tile_that_touches_the_window(layout: GridLayout, top: int, height: int) -> None:
    tops = [layout.position(tile)[1] for tile in range(layout.n_tiles)]
    wanted = [tile for tile, y in enumerate(tops) if y < top + height and y + layout.pitch_px > top]
    assert [*layout.between(top, top + height)] == wanted


@given(layout=layouts, share=st.floats(0, 1, exclude_max=True))
def test_down_and_up_lead_back_where_rows_are_full(layout: GridLayout, share: float) -> None:
    tile = int(layout.n_tiles * share)
    down = layout.above_or_below(tile, 1)
    x, y = layout.position(tile)
    new_x, new_y = layout.position(down)
    assert new_y >= y
    if new_x == x and new_y > y:
        assert layout.above_or_below(down, -1) == tile


def test_headers_take_room_and_are_no_tile() -> None:
    layout = GridLayout((3, 1), 2, 10, 20)
    assert [layout.header_top(group) for group in (0, 1)] == [0, 40]
    assert layout.height_px == 70
    assert layout.tile_at(3, 5) is None
    assert layout.tile_at(3, 65) == 3
    assert layout.tile_at(15, 35) is None  # the second row has one tile
    assert [*layout.headers_between(0, 30)] == [0]
    assert [*layout.headers_between(30, 45)] == [0, 1]


def test_page_up_and_down_stop_at_the_ends() -> None:
    layout = GridLayout((100,), 10, 10)
    assert layout.above_or_below(5, 1000) == 95
    assert layout.above_or_below(95, -1000) == 5


@pytest.mark.parametrize("counts", [(), (1_000_000,), (1,) * 100_000])
def test_none_and_very_many(counts: tuple[int, ...]) -> None:
    layout = GridLayout(counts, 3, 100, 20)
    assert layout.n_tiles == sum(counts)
    assert len(layout.between(0, 500)) <= 18
    assert layout.tile_at(-1, 0) is None
    np.testing.assert_array_equal(layout.inside(0, -10, 50, -5), [])
