"""The metadata of a layer are believed after a check: else the layer is none of ours."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image

from napari_cellcycle.gui.layers.gallery import list_galleries
from napari_cellcycle.gui.layers.source import (
    KEY,
    FieldSource,
    GallerySource,
    Source,
    find_layer,
    metadata_for,
    role_of,
    source_of,
)
from napari_cellcycle.jobs.config import ReadSettings

GALLERY = GallerySource(
    group="a",
    title="plate",
    paths=["plate"],
    reading=ReadSettings().to_dict(),
    n_cells=10,
    n_shown=10,
    n_synthetic=1,
    phase_counts=[1, 2, 0, 0, 0, 0, 0],
    tile_px=20,
    columns=4,
    made=["made.ome.tif"],
    synthetic_counts=[0, 1, 0, 0, 0, 0, 0],
)
FIELD = FieldSource(group="b", title="field", brightfield="bf", darkfield="", labels="labels")
PICTURE = np.zeros(GALLERY.grid.shape)


def layer_of(metadata: dict[str, Any], picture: np.ndarray = PICTURE) -> Image:
    return Image(picture, metadata=metadata)


@pytest.mark.parametrize("source", [GALLERY, FIELD])
def test_what_was_written_is_read(source: Source) -> None:
    assert source_of(layer_of(metadata_for(source, "brightfield"))) == source


def test_a_layer_of_an_earlier_version_is_read() -> None:
    metadata = metadata_for(GALLERY, "brightfield")
    metadata[KEY]["made_counts"] = metadata[KEY].pop("synthetic_counts")
    assert source_of(layer_of(metadata)) == GALLERY
    for name in ("made", "made_counts"):
        del metadata[KEY][name]
    assert source_of(layer_of(metadata)) == replace(GALLERY, made=[], synthetic_counts=[0] * 7)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 2),
        ("version", ...),
        ("kind", "film"),
        ("kind", ["gallery"]),
        ("role", ...),
        ("role", None),
        ("role", "phase"),  # which says no model, and has no table
        ("min_probability", 7),
        ("group", None),
        ("paths", []),
        ("paths", "plate"),
        ("paths", ["a\0b"]),
        ("reading", None),
        ("reading", {"colour": "red"}),
        ("reading", {"layout": 3}),
        ("reading", {3: "auto"}),
        ("n_cells", -1),
        ("n_cells", 9),
        ("n_shown", 10**9),
        ("n_synthetic", 11),
        ("phase_counts", [1]),
        ("phase_counts", [11, 0, 0, 0, 0, 0, 0]),
        ("synthetic_counts", [5, 0, 0, 0, 0, 0, 0]),
        ("tile_px", 0),
        ("tile_px", float("nan")),
        ("tile_px", 21),
        ("columns", "many"),
        ("colour", "red"),
        (3, "red"),
    ],
)
def test_a_layer_whose_metadata_are_absurd_is_none_of_ours(key: Any, value: Any) -> None:
    metadata = metadata_for(GALLERY, "brightfield")
    if value is ...:
        del metadata[KEY][key]
    else:
        metadata[KEY][key] = value
    assert source_of(layer_of(metadata)) is None


@pytest.mark.parametrize("known", [None, 3, [], {}, "gallery"])
def test_metadata_that_are_no_record_are_none_of_ours(known: Any) -> None:
    assert source_of(layer_of({KEY: known})) is None


def test_a_picture_of_another_size_is_none_of_ours() -> None:
    assert source_of(layer_of(metadata_for(GALLERY, "brightfield"), np.zeros((5, 5)))) is None


VALUES: list[Any] = [
    None,
    "abc",
    "",
    -1,
    0,
    1.5,
    10**9,
    float("nan"),
    True,
    [],
    {},
    [[1]],
    ["\0"],
    {"a": 1},
    object(),
    b"x",
]


@given(
    source=st.sampled_from([GALLERY, FIELD]),
    role=st.sampled_from(["brightfield", "phase", "mask"]),
    position=st.integers(0, 20),
    value=st.sampled_from(VALUES),
    how=st.sampled_from(["replace", "remove", "add"]),
)
@settings(max_examples=200)
def test_mutated_metadata_never_end_in_a_traceback(
    source: Source, role: str, position: int, value: Any, how: str
) -> None:
    metadata = copy.deepcopy(metadata_for(source, role, model="default", min_probability=0.0))
    known = metadata[KEY]
    key = [*known][position % len(known)]
    known[key if how != "add" else f"{key}2"] = value
    if how == "remove":
        del known[key]
    layer = layer_of(metadata)
    found = source_of(layer)
    assert found is None or role_of(layer)
    assert list_galleries([layer]) == ([found] if isinstance(found, GallerySource) else [])
    assert find_layer([layer], source.group, role) in (None, layer)
    if isinstance(found, GallerySource):
        assert found.grid.shape == layer.data.shape
