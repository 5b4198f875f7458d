"""Stacks whose pages are alike are opened as a whole; whatever a file is like, the result is that of tifffile."""

from __future__ import annotations

import re
import struct
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ReadError
from napari_cellcycle.io.formats import tiff
from napari_cellcycle.io.formats.base import ImageFile
from napari_cellcycle.io.formats.open import open_images, read_only_frame
from napari_cellcycle.io.formats.tiff_pages import PlainTiff

OWN_WAY = {"offset_of", "byte_order", "plane_shape", "page_of", "index_in_page", "page_shapes", "n_samples", "rows"}
KINDS = ("ome", "plain", "page by page", "imagej", "shaped")
_RNG = np.random.default_rng(0)


def told(path: Path) -> list[Any]:
    """All that a user gets out of a file: what is known of it and its pixels, or the error."""
    try:
        files = open_images(path)
    except CellCycleError as error:
        return [type(error), str(error)]
    found: list[Any] = []
    for file in files:
        found.append({each.name: getattr(file, each.name) for each in fields(file) if each.name not in OWN_WAY})
        for plane in range(file.n_planes):
            found.extend(pixels_of(file.read(range(file.n_frames), plane)))
    return found


def pixels_of(frames: Sequence[Any]) -> list[Any]:
    return [one.reason if isinstance(one, Unreadable) else (one.shape, str(one.dtype), one.tobytes()) for one in frames]


def told_by_tifffile(path: Path) -> list[Any]:
    with patch.object(tiff, "find_equal_pages", lambda *_: None):
        return told(path)


def write(path: Path, frames: np.ndarray, kind: str, byteorder: str = "<", bigtiff: bool = False) -> Path:
    options = {"byteorder": byteorder, "bigtiff": bigtiff and kind != "imagej"}
    metadata = {"axes": "TCYX" if frames.ndim == 4 else "TYX"}
    with tifffile.TiffWriter(path, ome=kind == "ome", imagej=kind == "imagej", **options) as writer:
        if kind == "page by page":
            for frame in frames.reshape(-1, *frames.shape[-2:]):
                writer.write(frame, photometric="minisblack", metadata=None, contiguous=False)
        else:
            writer.write(frames, photometric="minisblack", metadata=None if kind == "plain" else metadata)
    return path


def made(n_frames: int = 20, n_channels: int = 2, dtype: str = "uint16", size: tuple[int, int] = (9, 8)) -> np.ndarray:
    shape = (n_frames, n_channels, *size) if n_channels > 1 else (n_frames, *size)
    return _RNG.integers(1, 100, shape).astype(dtype)


STACKS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "n_frames": st.integers(2, 30),
        "n_channels": st.integers(1, 3),
        "dtype": st.sampled_from(["uint8", "int16", "uint16", "float32", "float64"]),
        "byteorder": st.sampled_from("<>"),
        "bigtiff": st.booleans(),
    }
)


def write_stack(folder: str, stack: dict[str, Any]) -> Path:
    kind, dtype = stack["kind"], stack["dtype"]
    dtype = "uint16" if kind == "imagej" and dtype in ("int16", "float64") else dtype
    frames = made(stack["n_frames"], stack["n_channels"], dtype)
    path = Path(folder) / ("x.ome.tif" if kind == "ome" else "x.tif")
    return write(path, frames, kind, ">" if kind == "imagej" else stack["byteorder"], stack["bigtiff"])


def headers_of(content: bytes) -> list[tuple[int, int, int]]:
    """Offset of each header, its length, and that of an offset in it."""
    order, big = ("<" if content[:2] == b"II" else ">"), content[2:4] in (b"+\0", b"\0+")
    count, tag, offset = (8, 20, 8) if big else (2, 12, 4)
    word, number = ("Q", "Q") if big else ("H", "I")
    at, found = struct.unpack_from(order + number, content, 8 if big else 4)[0], []
    while at:
        length = count + tag * struct.unpack_from(order + word, content, at)[0] + offset
        found.append((at, length, offset))
        at = struct.unpack_from(order + number, content, at + length - offset)[0]
    return found


@settings(max_examples=40, deadline=None)
@given(STACKS)
def test_a_whole_stack_is_what_tifffile_says(stack: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_stack(folder, stack)
        assert told(path) == told_by_tifffile(path)


@settings(max_examples=100, deadline=None)
@given(
    STACKS,
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 999), st.integers(0, 255)), max_size=2),
    st.none() | st.floats(0.01, 1),
    st.sampled_from(["one", "all but the first", "all"]),
)
def test_a_damaged_stack_is_what_tifffile_says(
    stack: dict[str, Any], changes: list[tuple[int, int, int]], kept: float | None, where: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_stack(folder, stack)
        content = bytearray(path.read_bytes())
        headers = headers_of(bytes(content))
        for header, byte, value in changes:
            chosen = {"one": [headers[header % len(headers)]], "all": headers}.get(where, headers[1:])
            for at, length, _ in chosen:
                content[at + byte % length] = value
        path.write_bytes(content if kept is None else content[: int(len(content) * kept)])
        assert told(path) == told_by_tifffile(path)


@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_stacks_are_mapped_without_tifffile(tmp_path: Path, kind: str, bigtiff: bool, byteorder: str) -> None:
    frames = made()
    path = write(tmp_path / ("x.ome.tif" if kind == "ome" else "x.tif"), frames, kind, byteorder, bigtiff)
    with patch.object(tifffile.TiffFile, "series", None):
        file = open_images(path)[0]
    assert isinstance(file, PlainTiff)
    found = np.concatenate(file.read(range(file.n_frames)))
    np.testing.assert_array_equal(found.reshape(frames.shape), frames)


def blocks(n: int, uuid: str = "", *, swapped: bool = False) -> str:
    """One element for each plane, as Bio-Formats writes them."""
    order = [1, 0, *range(2, n)] if swapped else range(n)
    inside = f'<UUID FileName="x.ome.tif">{uuid}</UUID>' if uuid else ""
    return "".join(
        f'<TiffData FirstC="{i % 2}" FirstT="{i // 2}" FirstZ="0" IFD="{ifd}" PlaneCount="1">{inside}</TiffData>'
        for i, ifd in enumerate(order)
    )


@pytest.mark.parametrize(
    ("data", "is_fast"),
    [
        (blocks(40), True),
        (blocks(40, "urn:uuid:1"), True),
        (blocks(40, "urn:uuid:2"), False),
        (blocks(40, swapped=True), False),
        (blocks(38), False),
        ("<TiffData/>", True),
        ('<TiffData PlaneCount="40"/>', True),
        ('<TiffData IFD="0"/>', False),
        ('<TiffData PlaneCount="30"/>', False),
        ('<TiffData PlaneCount="20"/><TiffData FirstT="10" IFD="20" PlaneCount="20"/>', True),
        ('<TiffData PlaneCount="20"/><TiffData FirstT="10" IFD="21" PlaneCount="20"/>', False),
        ('<TiffData FirstT="99" PlaneCount="40"/>', False),
        ("", False),
    ],
)
def test_planes_are_where_the_xml_says(tmp_path: Path, data: str, is_fast: bool) -> None:
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="8" SizeY="9" SizeC="2" '
        f'SizeZ="1" SizeT="20"><Channel ID="a" Name="brightfield"/><Channel ID="b"/>{data}</Pixels></Image></OME>'
    )
    with tifffile.TiffWriter(tmp_path / "x.ome.tif", byteorder=">") as writer:
        for number, frame in enumerate(made().reshape(-1, 9, 8)):
            description = xml.encode() if number == 0 else None
            writer.write(frame, description=description, metadata=None, contiguous=False)
    assert told(tmp_path / "x.ome.tif") == told_by_tifffile(tmp_path / "x.ome.tif")
    with tifffile.TiffFile(tmp_path / "x.ome.tif") as opened:
        ome = tiff.parse_ome(opened.pages.first.description, tmp_path / "x.ome.tif")
        found = tiff.find_equal_pages(opened, ome, tmp_path / "x.ome.tif")
    assert (found is not None) == is_fast


@pytest.mark.parametrize("change", ["size", "compression", "type"])
def test_a_page_that_differs_is_seen(tmp_path: Path, change: str) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as writer:
        for number, frame in enumerate(made(30, 1)):
            odd = number == 17
            writer.write(
                frame[:, :-1]
                if odd and change == "size"
                else frame.astype(np.int16 if odd and change == "type" else "u2"),
                compression="zlib" if odd and change == "compression" else None,
                metadata=None,
                contiguous=False,
            )
    assert told(tmp_path / "x.tif") == told_by_tifffile(tmp_path / "x.tif")


@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize("back_to", [0, 1, 250, 299])
def test_headers_in_a_circle_end_in_one_sentence(tmp_path: Path, kind: str, back_to: int) -> None:
    path = write(tmp_path / ("x.ome.tif" if kind == "ome" else "x.tif"), made(300, 1), kind)
    headers = headers_of(path.read_bytes())
    content = bytearray(path.read_bytes())
    at, length, size = headers[-1]
    content[at + length - size : at + length] = struct.pack("<I", headers[back_to][0])
    path.write_bytes(content)
    began = time.process_time()
    with pytest.raises(ReadError, match=re.escape(f"{path.name} is truncated or damaged")):
        open_images(path)
    assert isinstance(read_only_frame(path), Unreadable)
    assert time.process_time() - began < 2


def test_headers_that_lie_end_quickly(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tif", made(300, 1), "plain", bigtiff=True)
    content = bytearray(path.read_bytes())
    at, length, size = headers_of(bytes(content))[1]
    for lie in (2**64 - 1, 2**63, len(content) - 1, 1):
        content[at + length - size : at + length] = struct.pack("<Q", lie)
        path.write_bytes(content)
        assert told(path) == told_by_tifffile(path)


def test_a_stack_cut_off_after_it_was_opened_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "x.ome.tif", made(), "ome")
    file: ImageFile = open_images(path)[0]
    path.write_bytes(path.read_bytes()[:4000])
    found = file.read(range(20))
    assert isinstance(found[0], np.ndarray)
    assert found[-1] == Unreadable("x.ome.tif is truncated before frame 19; copy or export it again")
    path.write_bytes(b"")
    assert all(isinstance(one, Unreadable) for one in file.read(range(20)))
    path.unlink()
    assert all(isinstance(one, Unreadable) for one in file.read(range(20)))
