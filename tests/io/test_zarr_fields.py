"""OME-Zarr of full fields: read as TIFF fields are, a frame at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from example_files import write_tiff
from test_full_field import FIELD, LABELS

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.errors import ImageError
from napari_cellcycle.io.input_summary import describe_inputs
from napari_cellcycle.io.inputs import read_cells

zarr = pytest.importorskip("zarr")
writer = pytest.importorskip("ome_zarr.writer")
formats = pytest.importorskip("ome_zarr.format")

IDS = [2, 4, 6, 8, 10, 12]


def write_zarr(
    path: Path, pixels: np.ndarray, axes: str, labels: np.ndarray | None = None, version: str = "0.5"
) -> Path:
    """An OME-Zarr by the format's own writer, a chunk a frame, its labels in it."""
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    options = {"axes": axes, "scale_factors": (), "fmt": formats.format_from_version(version)}
    chunks = {"chunks": (*[1] * (pixels.ndim - 2), *pixels.shape[-2:])}
    writer.write_image(pixels, group, storage_options=chunks, **options)
    if labels is not None:
        options["axes"] = axes.replace("c", "")
        writer.write_labels(labels, group, name="discs", scaler=None, **options)
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(("axes", "shape"), [("yx", (180, 200)), ("cyx", (2, 180, 200)), ("tcyx", (1, 2, 180, 200))])
def test_labels_inside_are_taken(tmp_path: Path, version: str, axes: str, shape: tuple[int, ...]) -> None:
    pixels = np.stack([FIELD, FIELD // 8])[: shape[-3] if len(shape) > 2 else 1].reshape(shape)
    labels = LABELS[np.newaxis] if "t" in axes else LABELS
    path = write_zarr(tmp_path / "G1" / "a.ome.zarr", pixels, axes, labels, version)
    cells = read_cells(tmp_path)
    assert cells.ids.tolist() == IDS
    assert set(cells.sources) == {"G1/a.ome.zarr"}
    assert cells.phases.tolist() == [0] * 6
    assert cells.channels == ("brightfield", "darkfield")[: 1 if axes == "yx" else 2]
    (cell,) = cells.read([2])
    assert isinstance(cell, CellImage)
    np.testing.assert_array_equal(np.sort(cell.pixels[0][cell.mask]), np.sort(FIELD[LABELS == 6]))
    (part,) = describe_inputs(path).parts
    assert (part.kind, part.n_cells) == ("field with the labels discs", 6)


def test_labels_beside_and_named_come_before_those_inside(tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "in" / "a.zarr", FIELD, "yx", LABELS)
    write_tiff(tmp_path / "in" / "a_labels.tif", LABELS * 2)
    named = write_zarr(tmp_path / "named.zarr", LABELS * 3, "yx")
    assert read_cells(path.parent).ids.tolist() == [2 * number for number in IDS]
    assert read_cells(path, labels=named).ids.tolist() == [3 * number for number in IDS]


def test_labels_in_a_zarr_beside_a_tiff(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", FIELD)
    write_zarr(tmp_path / "a_labels.zarr", LABELS, "yx")
    assert read_cells(tmp_path).ids.tolist() == IDS


def test_labels_of_another_size_are_one_sentence(tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "a.zarr", FIELD, "yx", LABELS[:170])
    with pytest.raises(ImageError, match=r"the labels discs \(170 x 200\) don't match a\.zarr \(180 x 200\)"):
        read_cells(path)


def test_without_labels_the_frames_are_segmented(tmp_path: Path) -> None:
    movie = np.stack([np.stack([FIELD + frame, FIELD // 8]) for frame in range(2)])
    path = write_zarr(tmp_path / "m.zarr", movie, "tcyx")
    (part,) = describe_inputs(path).parts
    assert (part.kind, part.n_cells) == ("time-lapse of a field, 2 frames without labels", None)
    cells = read_cells(path)
    assert cells.sources.tolist() == ["m.zarr[t=0]"] * 6 + ["m.zarr[t=1]"] * 6
    assert "m.zarr: 12 cells found by segmentation, as there is no label image" in cells.notes


def test_a_damaged_frame_spoils_no_other(tmp_path: Path) -> None:
    movie = np.stack([np.stack([FIELD, FIELD // 8])] * 3)
    path = write_zarr(tmp_path / "m.zarr", movie, "tcyx", np.stack([LABELS] * 3))
    (name,) = [name for name, _ in zarr.open_group(str(path), mode="r").arrays()]
    (path / name / "c" / "1" / "0" / "0" / "0").write_bytes(b"no chunk")
    cells = read_cells(path)
    assert len(cells) == 18
    first, damaged, last = cells.read([0, 6, 12])
    assert isinstance(first, CellImage)
    assert isinstance(damaged, Unreadable)
    assert isinstance(last, CellImage)
    assert damaged.reason.startswith("frame 1 of m.zarr is damaged (")


def test_small_frames_are_fields_where_the_user_says_so(tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "a.zarr", FIELD[20:140, 20:140], "yx", LABELS[20:140, 20:140])
    assert len(read_cells(path)) == 1
    assert len(read_cells(path, layout="field")) > 1


def test_a_field_beside_cells_in_files_is_still_a_field(tmp_path: Path) -> None:
    for number in range(10):
        write_tiff(tmp_path / f"{number}.tif", FIELD[20:60, 20:60])
    write_zarr(tmp_path / "z.zarr", FIELD, "yx", LABELS)
    cells = read_cells(tmp_path)
    assert (cells.sources == "z.zarr").sum() == 6
    assert len(cells) == 16
