"""IDEAS analysis files: gates give the populations that IDEAS itself counts, and what is wrong is one sentence."""

from __future__ import annotations

import contextlib
import html
import re
from pathlib import Path

import numpy as np
import pytest
from daf_writer import combined, gate, region, write_daf
from hypothesis import given
from hypothesis import strategies as st

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.amnis.daf import read_daf

BOX = region("box", "rect", [(30, 1), (15, 3)])
BAND = region("band", "line", [(20, 0.5), (40, 0.5)])


@pytest.mark.parametrize("binary", [False, True])
def test_gates_of_every_shape_and_their_combinations(tmp_path: Path, binary: bool) -> None:
    triangle = region("triangle", "poly", [(5, 0.6), (45, 0.6), (45, 4.05)])
    ring = region("ring", "oval", [(15, 1.5), (35, 3.5)])
    populations = (
        gate("boxed", "box") + gate("in band", "band") + gate("both", "band", base="boxed") + gate("t", "triangle")
        + gate("r", "ring") + combined("either", "boxed|Or|in band|And|Not|both")
        + combined("bracket", "(|boxed|Or|in band|)|And|Not|both")
        + '<Pop name="picked" type="T" base="All"><ob O="0" /><ob O="5" /></Pop>'
        + gate("numbers", "band", x="Object Number")
    )  # fmt: skip
    found = read_daf(write_daf(tmp_path / "a.daf", BOX + BAND + triangle + ring, populations, binary=binary))
    members = {name: np.flatnonzero(inside).tolist() for name, inside in found.populations.items()}
    assert members == {
        "All": [0, 1, 2, 3, 4, 5],
        "boxed": [1, 2],
        "in band": [1, 2, 3],
        "both": [1, 2],
        "t": [0],
        "r": [1, 2],
        "either": [1, 2, 3],
        "bracket": [3],
        "picked": [0, 5],
        "numbers": [],
    }
    assert found.tagged == {"picked", "numbers"}
    assert (found.cif_name, found.n_objects, found.notes) == ("run 1.cif", 6, ())


def test_edges_of_a_polygon_are_straight_on_a_logarithmic_axis(tmp_path: Path) -> None:
    # the upper edge, from (1, 0.5) to (2000, 5.5), passes above (20, 2) only where its axis is logarithmic
    corners = [(1, 0.5), (2000, 5.5), (2000, 0.5)]
    populations = gate("p", "area")
    linear = read_daf(write_daf(tmp_path / "a.daf", region("area", "poly", corners), populations))
    scaled = read_daf(write_daf(tmp_path / "b.daf", region("area", "poly", corners, "0.01"), populations))
    assert np.flatnonzero(linear.populations["p"]).tolist() == []
    assert np.flatnonzero(scaled.populations["p"]).tolist() == [0, 1, 4]


def test_what_can_not_be_worked_out_is_named_and_the_rest_stays(tmp_path: Path) -> None:
    populations = (
        gate("good", "box") + gate("a", "nowhere") + gate("b", "box", x="Texture") + combined("c", "c")
        + combined("d", "good|And") + combined("e", "(|good") + combined("f", "good|good") + gate("g", "odd")
        + gate("h", "box", base="a") + '<Pop name="i" type="Z" base="All" />'
    )  # fmt: skip
    found = read_daf(write_daf(tmp_path / "a.daf", BOX + region("odd", "star", [(0, 0), (1, 1)]), populations))
    assert list(found.populations) == ["All", "good"]
    assert [re.findall(r"'(\w)' is left out", note) for note in found.notes] == [[letter] for letter in "abcdefghi"]
    assert "there is no region 'nowhere'" in found.notes[0]
    assert "defined by itself" in found.notes[2]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: b"hello",
        lambda content: content[:200],
        lambda content: content.replace(b"</Assay>", b""),
        lambda content: content.replace(b'objcount="6"', b'objcount="7"'),
        lambda content: content.replace(b'objcount="6"', b""),
        lambda content: content.replace(b"<SOD", b"<TOD"),
        lambda content: content.replace(b"10.0|", b"ten|"),
        lambda content: content.replace(b"?>", b'?><!DOCTYPE a [<!ENTITY b "c">]>'),
        lambda content: content.replace(b"<Pop name", b"<Pop title"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, spoil) -> None:  # type: ignore[no-untyped-def]
    path = write_daf(tmp_path / "a.daf", BOX, gate("boxed", "box"))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ReadError, match=r"a\.daf is no \.daf file of IDEAS or is damaged"):
        read_daf(path)


@given(cut=st.integers(0, 3000), noise=st.binary(max_size=20), binary=st.booleans())
def test_whatever_is_in_the_file_it_is_read_or_refused(tmp_path_factory, cut: int, noise: bytes, binary: bool) -> None:  # type: ignore[no-untyped-def]
    path = write_daf(tmp_path_factory.mktemp("daf") / "a.daf", BOX, gate("boxed", "box"), binary=binary)
    content = path.read_bytes()
    path.write_bytes(content[:cut] + noise + content[cut + len(noise) :])
    with contextlib.suppress(ReadError):  # any other error fails
        assert read_daf(path).n_objects >= 0


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"b\.daf can't be read"):
        read_daf(tmp_path / "b.daf")


@pytest.mark.parametrize("name", ["example.daf", "example_6.0.daf"])
def test_real_files_give_the_counts_that_ideas_wrote_into_them(real_data: Path, name: str) -> None:
    path = real_data / "daf" / name
    text = path.read_bytes().partition(b"</Assay>")[0].decode("utf-8-sig")
    counted = re.findall(r'<PopStatistic [^>]*population="([^"]*)"[^>]*?count="(\d+)"', text)
    found = read_daf(path)
    assert len(counted) > 25
    for population, count in counted:
        assert found.populations[html.unescape(population)].sum() == int(count), population
    assert found.cif_name == "example.cif"
    assert {"tagged-G1", "tagged-pro"} <= found.tagged


def test_a_region_without_end_holds_nothing_and_says_nothing(tmp_path: Path) -> None:
    ring = region("ring", "oval", [(1e308, 1.0), (-1e308, 3.0)]) + region("flat", "oval", [(5, 1), (5, 1)])
    analysis = read_daf(write_daf(tmp_path / "a.daf", ring, gate("r", "ring") + gate("f", "flat")))
    assert not analysis.populations["f"].any()
