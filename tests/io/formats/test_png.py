"""Small grey PNG files are read at once, with the pixels that Pillow reads; any other file is left to Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.io.formats.open import read_only_frame
from napari_cellcycle.io.formats.png_jpeg import open_picture, read_grey_png

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(st.sampled_from([np.uint8, np.uint16]).flatmap(lambda dtype: arrays(dtype, SIZES)))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_grey_pixels_are_those_of_pillow(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "cell.png"
    Image.fromarray(pixels).save(path)
    found = read_grey_png(path)
    assert found is not None
    assert (found.dtype, found.tolist()) == (pixels.dtype, [pixels.tolist()])
    np.testing.assert_array_equal(found, open_picture(path).read([0])[0])


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGB", "RGBA"])
def test_other_kinds_are_left_to_pillow(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "cell.png"
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert(mode).save(path)
    assert read_grey_png(path) is None


def test_a_transparent_grey_is_left_to_pillow(tmp_path: Path) -> None:
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "cell.png", transparency=3)
    assert read_grey_png(tmp_path / "cell.png") is None
    assert np.shape(read_only_frame(tmp_path / "cell.png")) == (1, 8, 8)


def test_a_damaged_a_missing_and_a_misnamed_file_keep_their_sentences(tmp_path: Path) -> None:
    path = tmp_path / "cell.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 65535, (30, 30)).astype(np.uint16)).save(path)
    content = path.read_bytes()
    for damage in (content[:20], content[:400], content[:60] + bytes(200) + content[260:]):
        path.write_bytes(damage)
        found = read_only_frame(path)
        assert isinstance(found, Unreadable)
        assert found.reason == "cell.png is damaged; export or copy it again"
    path.unlink()
    assert "does not exist" in str(read_only_frame(path))
    Image.fromarray(np.ones((5, 6), np.uint8)).save(path, format="TIFF")
    assert np.shape(read_only_frame(path)) == (1, 5, 6)
