"""TIFF files of every build: axes, names, pixel sizes, pages, damage."""

from __future__ import annotations

import logging
import pickle
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from example_files import write_ideas_tiff, write_tiff
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellcycle.cell_images import Unreadable
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError
from napari_cellcycle.io.formats import tiff, tiff_axes
from napari_cellcycle.io.formats.base import SYNTHETIC
from napari_cellcycle.io.formats.open import open_image, read_only_frame
from napari_cellcycle.io.formats.tiff_axes import order_planes
from napari_cellcycle.io.inputs import read_cells

FRAMES = np.random.default_rng(0).integers(1, 60_000, (6, 2, 20, 24), dtype=np.uint16)


@pytest.mark.parametrize(
    ("axes", "shape", "n_frames", "n_channels", "frame_axes"),
    [
        ("YX", (20, 24), 1, 1, ""),
        ("YXS", (20, 24, 3), 1, 1, ""),
        ("CYX", (2, 20, 24), 1, 2, ""),
        ("NCYX", (6, 2, 20, 24), 6, 2, "N"),
        ("CTYX", (2, 6, 20, 24), 6, 2, "T"),
        ("TZCYX", (3, 4, 2, 20, 24), 12, 2, "T"),
        ("TZCYX", (3, 1, 2, 20, 24), 3, 2, "T"),
        ("IYX", (6, 20, 24), 6, 1, "I"),
        ("QQYX", (600, 3, 20, 24), 600, 3, "Q"),
        ("QQYX", (3, 600, 20, 24), 600, 3, "Q"),
        ("QQYX", (40, 30, 20, 24), 1200, 1, "QQ"),
        ("SYX", (3, 20, 24), 3, 1, "S"),
    ],
)
def test_axes_tell_frames_from_channels(
    axes: str, shape: tuple[int, ...], n_frames: int, n_channels: int, frame_axes: str
) -> None:
    order = order_planes(axes, shape, "x.tif")
    assert order.plane_of.shape == (n_frames, n_channels)
    assert order.frame_axes == frame_axes
    assert order.shape == (20, 24)


@given(st.integers(1, 5), st.integers(1, 4), st.booleans())
def test_planes_are_numbered_as_they_lie(n_frames: int, n_channels: int, channels_first: bool) -> None:
    axes, shape = ("CNYX", (n_channels, n_frames)) if channels_first else ("NCYX", (n_frames, n_channels))
    planes = np.arange(n_frames * n_channels).reshape(shape)
    expected = planes.T if channels_first else planes
    np.testing.assert_array_equal(order_planes(axes, (*shape, 8, 9), "x").plane_of, expected)


def test_axes_without_y_and_x_last_are_refused() -> None:
    with pytest.raises(ImageError, match=r"x\.tif has the axes CXY, but Y and X must be last"):
        order_planes("CXY", (2, 20, 24), "x.tif")


def test_empty_axis_is_refused() -> None:
    with pytest.raises(ImageError, match=r"x\.tif has no pixels"):
        order_planes("NYX", (0, 20, 24), "x.tif")


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain.tif", {"metadata": {"axes": "NCYX"}}),
        ("packed.tif", {"metadata": {"axes": "NCYX"}, "compression": "zlib"}),
        ("nameless.tif", {}),
        ("nameless packed.tif", {"compression": "lzw"}),
        ("hyper.tif", {"imagej": True, "metadata": {"axes": "TCYX"}}),
        ("stack.ome.tif", {"metadata": {"axes": "TCYX"}}),
        ("packed.ome.tif", {"metadata": {"axes": "TCYX"}, "compression": "zlib"}),
        (
            "rgb packed.tif",
            {"metadata": {"axes": "NCYX"}, "photometric": "rgb", "planarconfig": "separate", "compression": "zlib"},
        ),
        ("rgb.tif", {"metadata": {"axes": "NCYX"}, "photometric": "rgb", "planarconfig": "separate"}),
    ],
)
def test_planes_come_back(tmp_path: Path, name: str, options: dict, byteorder: str) -> None:
    frames = np.concatenate([FRAMES, FRAMES[:, :1]], axis=1) if name.startswith("rgb") else FRAMES
    path = write_tiff(tmp_path / name, frames, byteorder=byteorder, **options)
    file = open_image(path)
    assert (file.n_frames, len(file.channels), file.shape) == (6, frames.shape[1], (20, 24))
    for found in (file.read([5, 0, 2]), pickle.loads(pickle.dumps(file)).read([5, 0, 2])):
        np.testing.assert_array_equal(np.stack(found), frames[[5, 0, 2]])
        assert found[0].dtype == np.dtype(np.uint16)


def test_series_of_small_images_are_cells_of_their_own_size(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "cells.ome.tif", ome=True) as writer:
        for number, frame in enumerate(FRAMES):
            writer.write(frame[:, : 10 + number], metadata={"axes": "CYX"}, photometric="minisblack")
    file = open_image(tmp_path / "cells.ome.tif")
    assert file.n_frames == 6
    for number, found in enumerate(file.read(range(6))):
        np.testing.assert_array_equal(found, FRAMES[number, :, : 10 + number])


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [(0.5, "µm", 0.5), (500, "nm", 0.5), (5e-4, "mm", 0.5), (1, "pixel", None), (0, "µm", None), (1e4, "µm", None)],
)
def test_pixel_size_and_names_out_of_ome(tmp_path: Path, size: float, unit: str, expected: float | None) -> None:
    metadata = {
        "axes": "TCYX",
        "Channel": {"Name": ["Brightfield", "Darkfield"]},
        "PhysicalSizeX": size,
        "PhysicalSizeXUnit": unit,
    }
    file = open_image(write_tiff(tmp_path / "x.ome.tif", FRAMES, metadata=metadata))
    assert file.pixel_size_um == pytest.approx(expected) if expected else file.pixel_size_um is None
    assert file.channels == ("Brightfield", "Darkfield")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"imagej": True, "metadata": {"axes": "TCYX", "unit": "um"}, "resolution": (2, 2)}, 0.5),
        ({"imagej": True, "metadata": {"axes": "TCYX"}, "resolution": (2, 2)}, None),
        ({"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}, 0.5),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ({"resolution": (300, 300), "resolutionunit": "INCH"}, None),
        ({}, None),
    ],
)
def test_pixel_size_out_of_tags(tmp_path: Path, options: dict, expected: float | None) -> None:
    found = open_image(write_tiff(tmp_path / "x.tif", FRAMES, **options)).pixel_size_um
    assert found == pytest.approx(expected) if expected else found is None


def test_file_says_that_it_is_synthetic(tmp_path: Path) -> None:
    metadata = {"axes": "TCYX", "Description": SYNTHETIC}
    assert open_image(write_tiff(tmp_path / "a.ome.tif", FRAMES, metadata=metadata)).synthetic
    assert not open_image(write_tiff(tmp_path / "b.tif", FRAMES)).synthetic
    for number, other in enumerate(
        ({"Name": SYNTHETIC}, {"Description": "from the Synthetic Biology Lab"}, {"Description": f"not {SYNTHETIC}"})
    ):
        path = write_tiff(tmp_path / "synthetic" / f"{number}.ome.tif", FRAMES, metadata={"axes": "TCYX", **other})
        assert not open_image(path).synthetic


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_cut_off_stack_keeps_what_is_left_or_says_so(tmp_path: Path, compression: str | None) -> None:
    path = write_tiff(tmp_path / "x.tif", FRAMES[:, 0], compression=compression)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if compression:
        with pytest.raises(ReadError, match=r"x\.tif is truncated or damaged"):
            open_image(path)
        return
    file = open_image(path)
    assert "truncated" in file.damage
    first, *_, last = file.read(range(6))
    np.testing.assert_array_equal(first, FRAMES[0, :1])
    assert isinstance(last, Unreadable)
    assert "x.tif is truncated before frame 5" in last.reason


@pytest.mark.parametrize("length", [1, 7, 8, 40, 100, 300])
def test_header_that_ends_early_is_one_sentence(tmp_path: Path, length: int) -> None:
    path = write_tiff(tmp_path / "x.tif", FRAMES, compression="zlib")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ReadError, match=r"x\.tif"):
        open_image(path)


def test_one_damaged_page_spoils_no_other(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "x.tif", FRAMES[:, 0], compression="zlib")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[2].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + 40] = b"\0" * 40
    path.write_bytes(content)
    found = open_image(path).read(range(6))
    assert isinstance(found[2], Unreadable)
    assert found[2].reason.startswith("frame 2 of x.tif is damaged")
    np.testing.assert_array_equal(np.stack(found[3:]), FRAMES[3:, :1])


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Files of several builds."""
    folder = tmp_path_factory.mktemp("whole")
    metadata = {"axes": "TCYX", "Channel": {"Name": ["BF", "DF"]}, "PhysicalSizeX": 0.5}
    paths = [
        write_tiff(folder / "a.ome.tif", FRAMES, metadata=metadata, compression="zlib"),
        write_tiff(folder / "b.tif", FRAMES, imagej=True, metadata={"axes": "TCYX"}),
        write_tiff(folder / "c.tif", FRAMES[:, 0]),
        write_ideas_tiff(folder / "d.tif", FRAMES[0, 0]),
    ]
    return [path.read_bytes() for path in paths]


@given(data=st.data())
@settings(max_examples=150)
def test_mutated_files_are_read_or_refused(data: st.DataObject, whole_files: list[bytes]) -> None:
    content = bytearray(data.draw(st.sampled_from(whole_files)))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, min(len(content), 600) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tif"
        path.write_bytes(content[:length])
        refused = "x.tif"
        try:
            cells = read_cells(path)
            cells.read(range(min(len(cells), 10)))
        except CellCycleError as error:
            refused = str(error)
    assert "x.tif" in refused
    assert "\n" not in refused


def test_page_of_another_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "x.ome.tif", FRAMES[:, 0], compression="zlib", metadata={"axes": "TYX"})
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[3].tags["ImageWidth"].overwrite(48)
    good, bad = open_image(path).read([2, 3])
    np.testing.assert_array_equal(good, FRAMES[2, :1])
    assert bad == Unreadable("frame 3 of x.ome.tif is damaged: its pages differ in size; copy or export it again")


def test_page_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "x.tif", FRAMES[0, 0], compression="zlib", metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            file.pages.first.tags[tag].overwrite(4_000)
    for found in (read_only_frame(path), open_image(path).read([0])[0]):
        assert isinstance(found, Unreadable)
        assert "x.tif is damaged: (4000, 4000) pixels can't fit into so small a file" in found.reason


def test_what_other_threads_log_is_neither_swallowed_nor_taken_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_tiff(tmp_path / "x.tif", FRAMES)
    decode = tiff_axes.order_planes

    def meanwhile(*arguments: Any) -> tiff_axes.PlaneOrder:
        logged = threading.Thread(target=logging.getLogger("tifffile").error, args=["of another file"])
        logged.start()
        logged.join()
        return decode(*arguments)

    monkeypatch.setattr(tiff, "order_planes", meanwhile)
    assert open_image(path).damage == ""
    assert {record.getMessage() for record in caplog.records} == {"of another file"}


def test_warnings_of_tifffile_stay_off_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = write_ideas_tiff(tmp_path / "x.tif", FRAMES[0, 0])
    with tifffile.TiffFile(path) as file:
        file.pages.first.asarray()
    assert len(caplog.records) == 2, "tifffile warns of such files"
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        np.testing.assert_array_equal(open_image(path).read([0])[0], FRAMES[0, :1])
        np.testing.assert_array_equal(read_only_frame(path), FRAMES[0, :1])
    assert capsys.readouterr().err == ""
    assert caplog.records == []
    logging.getLogger("tifffile").error("of somebody else")
    assert len(caplog.records) == 1
