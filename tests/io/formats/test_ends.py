"""Small files that promise far more than they can hold are refused at once, in one sentence."""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.io.formats.open import open_images
from napari_cellcycle.io.inputs import read_cells

PIXELS = np.full((40, 40), 7, np.uint16)


def ome_tiff(path: Path, counts: str) -> Path:
    head = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
    head += f'DimensionOrder="XYCZT" Type="uint16" SizeX="40" SizeY="40" {counts}><TiffData/></Pixels></Image></OME>'
    tifffile.imwrite(path, PIXELS, description=head, metadata=None)
    return path


@pytest.mark.parametrize(
    "counts",
    [
        'SizeC="100000000" SizeZ="1" SizeT="1"',
        'SizeC="1" SizeZ="1" SizeT="10000000"',
        'SizeC="1" SizeZ="100000000" SizeT="1"',
        'SizeC="-1" SizeZ="1" SizeT="1"',
        f'SizeC="1" SizeZ="1" SizeT="{"9" * 5000}"',
        'SizeC="one" SizeZ="1" SizeT="1"',
    ],
)
def test_planes_that_no_file_of_this_size_has(tmp_path: Path, counts: str) -> None:
    with pytest.raises(CellCycleError, match=r"a\.ome\.tif is damaged: its OME-XML says") as caught:
        read_cells(ome_tiff(tmp_path / "a.ome.tif", counts))
    assert len(str(caught.value)) < 250


def test_planes_that_are_cut_off_are_no_lie(tmp_path: Path) -> None:
    assert open_images(ome_tiff(tmp_path / "a.ome.tif", 'SizeC="1" SizeZ="1" SizeT="3"'))[0].n_frames == 3


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_an_image_that_unpacks_to_nothing_but_size(tmp_path: Path) -> None:
    packed, row = zlib.compressobj(9), b"\0" * 9001
    data = b"".join(packed.compress(row) for _ in range(9000)) + packed.flush()
    header = struct.pack(">IIBBBBB", 9000, 9000, 8, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.raises(CellCycleError, match=r"9,000 x 9,000 pixels, but has only .* bytes"):
        read_cells(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((10**12, 1, 40, 40), (1, 1, 40, 40)),
        ((1, 1, 10**6, 10**6), (1, 1, 40, 40)),
        ((1, 1, 10**6, 10**6), (1, 1, 10**6, 10**6)),
    ],
)
def test_a_zarr_of_which_nothing_is_there(tmp_path: Path, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=3)
    axes = [{"name": name} for name in "tcyx"]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1, 1]}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [level]}]}
    group.create_array("0", shape=shape, chunks=chunks, dtype="u2")
    with pytest.raises(CellCycleError, match=r"a\.zarr is damaged: it says .* pixels, but only"):
        read_cells(tmp_path / "a.zarr")


@pytest.mark.skipif(os.name != "posix", reason="elsewhere, paths can't be as long")
def test_folders_in_folders_in_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        os.mkdir("d")
        os.chdir("d")
    tifffile.imwrite("a.tif", PIXELS)
    monkeypatch.chdir(tmp_path)
    assert len(read_cells(tmp_path)) == 1
    for _ in range(1200):  # what pytest removes these with is not made for so many
        os.rename(tmp_path / "d", tmp_path / "top")
        if (tmp_path / "top" / "d").exists():
            os.rename(tmp_path / "top" / "d", tmp_path / "d")
        shutil.rmtree(tmp_path / "top")


def test_an_image_with_less_than_no_rows(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    at = data.index(struct.pack("<H", 257), 8)  # the number of rows, from now on with a sign
    struct.pack_into("<HHIi", data, at, 257, 9, 1, -20)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(CellCycleError, match=r"a\.tif is damaged: a page of \(-20, 40\) pixels"):
        read_cells(tmp_path / "a.tif")


@pytest.mark.parametrize("at", [0, 4])
def test_pages_that_run_in_a_circle(tmp_path: Path, at: int) -> None:
    """Through the header of the file too, where tifffile reads on as if it were a directory."""
    data = bytearray(struct.pack("<2sHI", b"II", 42, 8) + bytes(500))
    struct.pack_into("<HI", data, 8, 0, at or 20)  # a directory without entries, and where the next one is
    struct.pack_into("<HI", data, 20, 0, 8)
    struct.pack_into("<I", data, 4 + 2 + 8 * 12, 8)  # the 8 of the header, taken as a number of entries
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(CellCycleError, match="is truncated or damaged"):
        read_cells(tmp_path / "a.tif")


def test_a_number_of_five_thousand_digits(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([PIXELS] * 3), photometric="minisblack", metadata={"axes": "TYX"})
    (tmp_path / "a.csv").write_text("cell,phase\n" + "1" * 5000 + ",G1\n")
    with pytest.raises(CellCycleError, match=r"has no cell '1+'") as caught:
        read_cells(tmp_path)
    assert len(str(caught.value)) < 250
