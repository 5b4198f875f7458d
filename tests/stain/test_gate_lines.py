"""Gates that are dragged stay in their order, whatever the pointer does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_cellcycle.stain.fucci import FucciGates
from napari_cellcycle.stain.gate_lines import kinds_of, lines_of, move_gate
from napari_cellcycle.stain.gates import Gated, Gates

GATES = Gates(g1_place=1000, g1_s=2.3, s_g2m=3.6, debris=1.4, clumps=4.8, area_excess=0.4)


@example([("debris", 0.0), ("g1_s", 0.99999), ("clumps", 0.0)], False)
@given(
    st.lists(st.tuples(st.sampled_from(["debris", "g1_s", "s_g2m", "clumps"]), st.floats(-1e6, 1e6)), max_size=20),
    st.booleans(),
)
def test_no_drag_breaks_the_order(moves: list[tuple[str, float]], separates_s: bool) -> None:
    gates = GATES.moved(separates_s=separates_s)
    for name, place in moves:
        if name in {line.name for line in lines_of(gates)}:
            gates = move_gate(gates, name, place)  # Gates itself refuses a wrong order
    assert gates.debris < gates.g1_s <= gates.s_g2m < gates.clumps


def test_a_gate_goes_where_it_is_dragged_as_far_as_its_neighbours_allow() -> None:
    assert move_gate(GATES, "g1_s", 2.6) == GATES.moved(g1_s=2.6)
    assert move_gate(GATES, "g1_s", 9.0).g1_s == pytest.approx(3.59)
    hidden = move_gate(GATES.moved(separates_s=False), "g1_s", 4.0)
    assert (hidden.g1_s, hidden.s_g2m) == (4.0, 4.0)
    assert move_gate(GATES, "area_excess", -3.0).area_excess == pytest.approx(0.02)
    assert move_gate(FucciGates(g1=100, s_g2m=50), "s_g2m", 70.0) == FucciGates(g1=100, s_g2m=70.0)


def test_only_gates_that_divide_something_are_lines() -> None:
    assert [line.name for line in lines_of(GATES)] == ["debris", "g1_s", "s_g2m", "clumps", "area_excess"]
    assert [line.name for line in lines_of(GATES.moved(separates_s=False, area_excess=1e3))] == [
        "debris",
        "g1_s",
        "clumps",
    ]
    with pytest.raises(KeyError):
        move_gate(GATES.moved(separates_s=False), "s_g2m", 3.0)


def test_kinds_of_cells_number_labels_and_then_those_that_are_not_sure() -> None:
    labels = np.array(["G1", "debris", "G1", "", "S"])
    gated = Gated(labels, np.array([True, True, False, False, True]), np.zeros(5))
    assert kinds_of(gated).tolist() == [1, 7, 8, 0, 2]
