"""OME-Zarr: ours and others', read lazily; damage in words."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.errors import ImageError, ReadError, WriteError
from napari_cellcycle.io.formats.zarr import open_zarr
from napari_cellcycle.io.formats.zarr_frames import ZarrFrames
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.io.writers.stack import StackSpec
from napari_cellcycle.io.writers.zarr import zarr_stack
from napari_cellcycle.io.zarr_cells import read_zarr_cells
from napari_cellcycle.phases import UNKNOWN, Phase

zarr = pytest.importorskip("zarr")
writer = pytest.importorskip("ome_zarr.writer")


def write_stack(path: Path, n_cells: int = 7, shape: tuple[int, int] = (6, 5), **options: object) -> np.ndarray:
    """Cells by our own writer, two at a time."""
    images = np.random.default_rng(0).integers(-9, 900, (n_cells, 2, *shape)).astype(np.int16)
    spec = StackSpec(
        **{
            "shape": images.shape,
            "dtype": images.dtype,
            "channels": ("brightfield", "darkfield"),
            "pixel_size_um": 0.33,
            "synthetic": False,
            "masks": True,
            **options,
        }
    )
    with zarr_stack(path, spec) as put:
        for first in range(0, n_cells, 2):
            block = images[first : first + 2]
            put(first, block, (block[:, 0] > 400).astype(np.uint8))
    return images


def test_what_we_write_we_read(tmp_path: Path) -> None:
    images = write_stack(tmp_path / "cells.ome.zarr")
    cells = read_cells(tmp_path / "cells.ome.zarr")
    assert (cells.channels, cells.notes, set(cells.sources)) == (("brightfield", "darkfield"), (), {"cells.ome.zarr"})
    np.testing.assert_allclose(cells.pixel_size_um, 0.33)
    assert set(cells.phases) == {UNKNOWN}
    for number, found in zip((6, 0, 3), cells.read([6, 0, 3]), strict=True):
        assert isinstance(found, CellImage)
        np.testing.assert_array_equal(found.pixels, images[number])
        np.testing.assert_array_equal(found.mask, images[number, 0] > 400)
    assert not cells.synthetic.any()


def test_what_we_write_is_valid_ome_zarr(tmp_path: Path) -> None:
    write_stack(tmp_path / "cells.ome.zarr")
    attributes = json.loads((tmp_path / "cells.ome.zarr" / "zarr.json").read_text())["attributes"]["ome"]
    (image,) = attributes["multiscales"]
    assert attributes["version"] == "0.5"
    assert [axis["name"] for axis in image["axes"]] == ["t", "c", "y", "x"]
    assert image["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [1, 1, 0.33, 0.33]}]
    assert [channel["label"] for channel in attributes["omero"]["channels"]] == ["brightfield", "darkfield"]
    labels = zarr.open_group(str(tmp_path / "cells.ome.zarr" / "labels"), mode="r")
    assert labels.attrs["ome"]["labels"] == ["cell"]


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.zarr")
    opened = open_zarr(tmp_path / "a.zarr")
    (chunk,) = [path for path in (tmp_path / "a.zarr" / "0" / "c").rglob("*") if path.is_file()]
    chunk.write_bytes(b"no chunk")
    found = opened.read([2, 5])
    assert all(isinstance(frame, Unreadable) for frame in found)
    assert found[1].reason.startswith("frame 5 of a.zarr is damaged (")


def test_synthetic_cells_are_known_again(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.zarr", synthetic=True, masks=False, pixel_size_um=None)
    cells = read_zarr_cells(open_zarr(tmp_path / "a.zarr"), "a.zarr")
    assert cells.synthetic.all()
    assert np.isnan(cells.pixel_size_um).all()
    assert cells.read([0])[0].mask is None


def test_our_cells_may_be_large_but_those_of_others_are_fields(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.zarr", shape=(160, 9), masks=False)
    assert len(read_cells(tmp_path / "a.zarr")) == 7
    path = tmp_path / "a.zarr" / "zarr.json"
    path.write_text(path.read_text().replace("napari-cellcycle", "somebody"))
    with pytest.raises(ImageError, match=r"no cells were found in a\.zarr"):
        read_cells(tmp_path / "a.zarr")
    assert len(read_cells(tmp_path / "a.zarr", layout="cells")) == 7


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("axes", "shape", "n_frames"),
    [("tczyx", (5, 3, 1, 8, 9), 5), ("zyx", (4, 8, 9), 1), ("cyx", (3, 8, 9), 1), ("yx", (8, 9), 1)],
)
def test_images_of_others(tmp_path: Path, version: str, axes: str, shape: tuple[int, ...], n_frames: int) -> None:
    pixels = np.random.default_rng(0).integers(1, 2000, shape).astype(np.uint16)
    fmt = pytest.importorskip("ome_zarr.format").format_from_version(version)
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2 if version == "0.4" else 3)
    units = {"z": "micrometer", "y": "nanometer", "x": "nanometer"}
    scale = {"y": 500.0, "x": 500.0}
    writer.write_image(pixels, group, scale_factors=(), axes=axes, fmt=fmt, axes_units=units, scale=scale)
    opened = open_zarr(tmp_path / "a.zarr")
    assert (opened.n_frames, opened.shape, opened.dtype, opened.cells) == (n_frames, (8, 9), np.uint16, False)
    assert opened.pixel_size_um == pytest.approx(0.5)
    n_channels = shape[axes.index("c")] if "c" in axes else 1
    frames = pixels.reshape(n_frames, opened.n_planes, n_channels, 8, 9)
    for plane in range(opened.n_planes):
        np.testing.assert_array_equal(np.stack(opened.read(range(n_frames), plane)), frames[:, plane])


def test_too_many_axes(tmp_path: Path) -> None:
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=3)
    writer.write_image(np.ones((2, 13, 4, 5), np.uint8), group, scale_factors=(), axes="tcyx")
    with pytest.raises(ImageError, match=r"a\.zarr has 13 channels, but there are at most 12; if they are cells"):
        open_zarr(tmp_path / "a.zarr")
    metadata = tmp_path / "a.zarr" / "zarr.json"
    metadata.write_text(metadata.read_text().replace('"name": "c"', '"name": "q"'))
    with pytest.raises(ImageError, match=r"a\.zarr has the axes tqyx; save its cells or times along one axis"):
        open_zarr(tmp_path / "a.zarr")


def test_what_is_no_ome_zarr(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    zarr.open_group(str(tmp_path / "plain.zarr"), mode="w", zarr_format=3)
    write_stack(tmp_path / "hurt.zarr")
    (tmp_path / "hurt.zarr" / "zarr.json").write_text("{")
    for name in ("empty.zarr", "plain.zarr", "hurt.zarr", "missing.zarr"):
        with pytest.raises(ReadError, match=rf"{name} is not an OME-Zarr image, or is damaged \(.*\); write it again"):
            open_zarr(tmp_path / name)


def test_phases_in_the_table_beside_it(tmp_path: Path) -> None:
    write_stack(tmp_path / "cells.ome.zarr", n_cells=3)
    (tmp_path / "cells.csv").write_text("cell,phase\n0,G1\n1,\n2,Anaphase\n")
    cells = read_zarr_cells(open_zarr(tmp_path / "cells.ome.zarr"), "cells.ome.zarr")
    assert cells.phases.tolist() == [Phase.G1, UNKNOWN, Phase.ANAPHASE]
    (tmp_path / "cells.csv").write_text("cell,phase\n3,G1\n")
    with pytest.raises(ReadError, match=r"cells\.csv line 2: cells\.ome\.zarr has no cell '3'"):
        read_zarr_cells(open_zarr(tmp_path / "cells.ome.zarr"), "cells.ome.zarr")


def test_without_the_packages_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ReadError, match=r"pip install 'napari-cellcycle\[zarr\]'"):
        open_zarr(tmp_path / "a.zarr")
    with pytest.raises(WriteError, match=r"pip install 'napari-cellcycle\[zarr\]'"):
        write_stack(tmp_path / "a.zarr")


@pytest.mark.parametrize("axes", ["tcyx", "tczyx", "ctyx", "yx", "zyx", "tyx"])
def test_frames_are_those_of_the_array_whatever_its_axes(axes: str, tmp_path: Path) -> None:
    lengths = {"t": 7, "c": 2, "z": 3, "y": 4, "x": 5}
    shape = tuple(lengths[axis] for axis in axes)
    stored = zarr.create_array(str(tmp_path / "a"), shape=shape, chunks=tuple(min(3, n) for n in shape), dtype="u2")
    stored[:] = np.arange(np.prod(shape)).reshape(shape)
    frames = ZarrFrames(stored, axes)
    order = [axes.index(axis) for axis in "tzcyx" if axis in axes]
    expected = stored[:].transpose(order).reshape(-1, lengths["c"] if "c" in axes else 1, 4, 5)
    assert frames.shape == expected.shape
    for rows in (range(len(expected)), [len(expected) - 1, 0], [0]):
        np.testing.assert_array_equal(frames.read(list(rows)), expected[list(rows)])


def test_each_stored_piece_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = zarr.create_array(str(tmp_path / "a"), shape=(20, 2, 4, 4), chunks=(10, 2, 4, 4), dtype="u2")
    frames, unpacked = ZarrFrames(stored, "tcyx"), list[slice]()
    slab = ZarrFrames._slab
    monkeypatch.setattr(ZarrFrames, "_slab", lambda own, rows, *rest: unpacked.append(rows) or slab(own, rows, *rest))
    for start in range(0, 20, 4):
        frames.read(range(start, start + 4))
    assert unpacked == [slice(0, 10), slice(10, 20)]
