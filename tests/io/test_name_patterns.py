"""What names tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_cellcycle.io.name_patterns import (
    channel_pattern,
    labelled_image,
    names_montage,
    natural_key,
    split_channel,
    stem_of,
)
from napari_cellcycle.io.phase_names import PhaseNames
from napari_cellcycle.phases import UNKNOWN, Phase


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("7_Ch3.ome.tif", "7_Ch3"),
        ("7_Ch3.OME.TIFF", "7_Ch3"),
        ("plate.1_Ch3.png", "plate.1_Ch3"),
        ("G1.cif", "G1"),
        ("a.ome.zarr", "a"),
        ("cells", "cells"),
        ("cells.pdf", "cells.pdf"),
    ],
)
def test_stem_lacks_the_suffixes(name: str, stem: str) -> None:
    assert stem_of(name) == stem


@pytest.mark.parametrize(
    ("stem", "key", "channel"),
    [
        ("7_Ch3", "7", "Ch3"),
        ("Ch3_CP0001", "CP0001", "Ch3"),
        ("Ciliated_1078_Ch6", "Ciliated_1078", "Ch6"),
        ("a_channel 12_b", "a_b", "channel 12"),
        ("brightfield", "", "brightfield"),
        ("x-BF", "x", "BF"),
        ("Church3", "Church3", ""),
        ("7", "7", ""),
        ("A - 01(fld 1 wv DAPI - DAPI)", "A - 01(fld 1_)", "wv DAPI - DAPI"),
        ("exp_w2DAPI_s1_t1", "exp_s1_t1", "w2DAPI"),
        ("r01c01f01-ch2sk1fk1fl1", "r01c01f01", "ch2sk1fk1fl1"),
        ("x_w1Trans", "x", "w1Trans"),
        ("Ch1_x_w1Trans", "Ch1_x", "w1Trans"),
    ],
)
def test_channel_is_found_in_a_name(stem: str, key: str, channel: str) -> None:
    assert split_channel(stem, channel_pattern(["w1Trans"])) == (key, channel)


@pytest.mark.parametrize(
    ("stem", "phase"),
    [
        ("G1", Phase.G1),
        ("G1_123", Phase.G1),
        ("S_phase_12", Phase.S),
        ("s-7", Phase.S),
        ("Anafase.3", Phase.ANAPHASE),
        ("Telophase", Phase.TELOPHASE),
    ],
)
def test_phase_is_told_by_the_start_of_a_name(stem: str, phase: Phase) -> None:
    assert PhaseNames().in_stem(Path("nowhere"), stem) == phase


@pytest.mark.parametrize("stem", ["Group1", "123", "plate_G1", "Anaphse_3", "G", ""])
def test_phase_is_not_guessed(stem: str) -> None:
    assert PhaseNames().in_stem(Path("nowhere"), stem) == UNKNOWN


def test_nearest_folder_tells_the_phase() -> None:
    top = Path("/plates/G2")
    assert PhaseNames().of_folder(top / "S_phase" / "day 1", top) == Phase.S
    assert PhaseNames().of_folder(top / "day 1", top) == Phase.G2, "the input's own name counts"


def test_folder_above_the_input_tells_no_phase() -> None:
    top = Path("/G1/plates")
    assert PhaseNames().of_folder(top / "day 1", top) == UNKNOWN


@pytest.mark.parametrize("name", ["a_labels", "a_label", "a_mask", "a_masks", "a_cp_masks", "a.Labels", "a-mask"])
def test_label_image_names_its_image(name: str) -> None:
    assert labelled_image(name) == "a"


@pytest.mark.parametrize("name", ["mask", "unmasked", "a_masked", "alabels"])
def test_other_names_are_no_label_images(name: str) -> None:
    assert labelled_image(name) is None


def test_montages_have_names_of_their_own() -> None:
    assert names_montage("CP0001")
    assert names_montage("G1_montage_3")
    assert not names_montage("7")


def test_numbers_are_sorted_as_numbers() -> None:
    assert sorted(["c10", "c2", "b", "c1"], key=natural_key) == ["b", "c1", "c2", "c10"]
