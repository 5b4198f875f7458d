"""Full-field images, 2D and in time, with labels or without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from example_files import write_tiff
from PIL import Image

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.errors import ChannelError, ImageError, ReadError, SettingError
from napari_cellcycle.io.input_summary import describe_inputs
from napari_cellcycle.io.inputs import read_cells


def a_field() -> tuple[np.ndarray, np.ndarray]:
    """Six dark discs with a bright rim on noise, 180 x 200, and their labels 2, 4, ... 12."""
    y, x = np.mgrid[:180, :200]
    field = np.random.default_rng(0).normal(676, 4, (180, 200))
    labels = np.zeros((180, 200), np.uint16)
    for number, (row, column) in enumerate([(40, 40), (40, 100), (40, 160), (120, 40), (120, 100), (120, 160)], 1):
        distance = np.hypot(y - row, x - column)
        field += -150 * (distance < 11) + 250 * (np.abs(distance - 12) < 2)
        labels[distance < 14] = 2 * number
    return field.astype(np.uint16), labels


FIELD, LABELS = a_field()


@pytest.mark.parametrize(
    "name", ["a_labels.tif", "a_mask.tif", "a_masks.tif", "a_cp_masks.tif", "a_cp_masks.png", "a_Ch3_cp_masks.png"]
)
def test_labels_beside_a_field_are_taken(tmp_path: Path, name: str) -> None:
    write_tiff(tmp_path / "a_Ch3.tif", FIELD)
    write_tiff(tmp_path / "a_Ch6.tif", FIELD // 8)
    Image.fromarray(LABELS).save(tmp_path / name)
    cells = read_cells(tmp_path)
    assert cells.ids.tolist() == [2, 4, 6, 8, 10, 12]
    assert cells.channels == ("brightfield", "darkfield")
    assert set(cells.sources) == {"a_Ch3.tif"}
    (cell,) = cells.read([2])
    assert isinstance(cell, CellImage)
    assert cell.mask is not None
    assert cell.mask.sum() == (LABELS == 6).sum()
    np.testing.assert_array_equal(np.sort(cell.pixels[0][cell.mask]), np.sort(FIELD[LABELS == 6]))


def test_labels_beside_a_field_are_taken_when_the_file_itself_is_given(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.ome.tif", FIELD)
    write_tiff(tmp_path / "a_labels.tif", LABELS)
    write_tiff(tmp_path / "b_labels.tif", LABELS * 0)
    assert read_cells(tmp_path / "a.ome.tif").ids.tolist() == [2, 4, 6, 8, 10, 12]


def test_labels_alone_are_one_sentence(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a_labels.tif", LABELS)
    with pytest.raises(ReadError, match=r"a_labels\.tif has only label images; give the images"):
        read_cells(tmp_path / "a_labels.tif")


def test_labels_the_user_names_are_taken(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "G1" / "a.tif", FIELD)
    labels = write_tiff(tmp_path / "elsewhere" / "b.tif", LABELS.astype(np.float32))
    cells = read_cells(path, labels=labels)
    assert cells.ids.tolist() == [2, 4, 6, 8, 10, 12]
    assert cells.phases.tolist() == [0] * 6


def test_parts_of_a_mask_are_cells(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", FIELD)
    write_tiff(tmp_path / "a_mask.tif", (LABELS > 0).astype(np.uint8) * 255)
    assert read_cells(path.parent).ids.tolist() == [1, 2, 3, 4, 5, 6]


def test_field_without_labels_is_segmented_and_it_is_said(tmp_path: Path) -> None:
    cells = read_cells(write_tiff(tmp_path / "a.tif", FIELD))
    assert len(cells) == 6
    assert "a.tif: 6 cells found by segmentation, as there is no label image" in cells.notes
    for cell in cells.read(range(6)):
        assert isinstance(cell, CellImage)
        assert cell.mask is not None
        assert cell.mask[32, 32]


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_time_lapse(tmp_path: Path, compression: str | None) -> None:
    movie = np.stack([np.stack([FIELD + frame, FIELD // 8]) for frame in range(3)])
    metadata = {"axes": "TCYX", "Channel": {"Name": ["BF", "DF"]}, "PhysicalSizeX": 0.65}
    write_tiff(tmp_path / "m.ome.tif", movie, metadata=metadata, compression=compression)
    write_tiff(tmp_path / "m_labels.tif", np.stack([LABELS, LABELS * 0, LABELS]))
    cells = read_cells(tmp_path)
    assert cells.sources.tolist() == ["m.ome.tif[t=0]"] * 6 + ["m.ome.tif[t=2]"] * 6
    assert cells.ids.tolist() == [2, 4, 6, 8, 10, 12] * 2
    assert cells.pixel_size_um == pytest.approx(0.65)
    first, last = cells.read([0, 6])
    assert isinstance(first, CellImage)
    assert isinstance(last, CellImage)
    np.testing.assert_array_equal(first.pixels[0] + 2, last.pixels[0])


def test_the_diameter_of_cells_guides_the_segmentation_and_goes_with_nothing_else(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", FIELD)
    assert len(read_cells(tmp_path, cell_diameter_px=25)) == 6
    with pytest.raises(ImageError, match=r"no cells were found in a\.tif by segmentation"):
        read_cells(tmp_path, cell_diameter_px=250)
    write_tiff(tmp_path / "a_labels.tif", LABELS)
    with pytest.raises(SettingError, match="cell-diameter-px is for finding the cells of a full-field image without"):
        read_cells(tmp_path, cell_diameter_px=25)


def test_segmented_time_lapse(tmp_path: Path) -> None:
    write_tiff(tmp_path / "m.tif", np.stack([FIELD, FIELD[::-1]]), imagej=True, metadata={"axes": "TYX"})
    cells = read_cells(tmp_path)
    assert cells.sources.tolist() == ["m.tif[t=0]"] * 6 + ["m.tif[t=1]"] * 6


def test_field_may_be_small_if_it_has_labels(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", FIELD[:80, :80])
    write_tiff(tmp_path / "a_labels.tif", LABELS[:80, :80])
    assert len(read_cells(tmp_path)) == 1


def test_table_beside_a_field_tells_phases_by_label(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", FIELD)
    write_tiff(tmp_path / "a_labels.tif", LABELS)
    (tmp_path / "a.csv").write_text("cell,phase\n4,G2\n12,Metafase\n")
    assert read_cells(tmp_path).phases.tolist() == [-1, 2, -1, -1, -1, 4]


def test_frame_that_is_cut_off_is_unreadable(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "m.tif", np.stack([FIELD] * 3), metadata={"axes": "TYX"})
    write_tiff(tmp_path / "m_labels.tif", np.stack([LABELS] * 3), metadata={"axes": "TYX"})
    path.write_bytes(path.read_bytes()[: -FIELD.nbytes // 2])
    cells = read_cells(tmp_path)
    good, bad = cells.read([0, 17])
    assert isinstance(good, CellImage)
    assert isinstance(bad, Unreadable)
    assert "m.tif is truncated before frame 2" in bad.reason
    assert any("m.tif is truncated" in note for note in cells.notes)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (LABELS[:100], r"the labels l\.tif \(100 x 200\) don't match a\.tif \(180 x 200\); give the label image"),
        (np.stack([LABELS] * 2), r"the labels l\.tif \(2 frames of 180 x 200\) don't match a\.tif \(180 x 200\)"),
        (LABELS * 0, r"a\.tif has an empty label image"),
        (LABELS + np.float32(0.5), r"l\.tif contains fractions, but labels are integers"),
    ],
)
def test_labels_that_do_not_fit_are_one_sentence(tmp_path: Path, labels: np.ndarray, reason: str) -> None:
    path = write_tiff(tmp_path / "a.tif", FIELD)
    with pytest.raises(ImageError, match=reason):
        read_cells(path, labels=write_tiff(tmp_path / "l.tif", labels))


def test_missing_labels_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"nowhere\.tif does not exist"):
        read_cells(write_tiff(tmp_path / "a.tif", FIELD), labels=tmp_path / "nowhere.tif")


def test_empty_field_is_one_sentence(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(676, 4, (180, 200)).astype(np.uint16)
    with pytest.raises(ImageError, match=r"no cells were found in a\.tif by segmentation; give a label image"):
        read_cells(write_tiff(tmp_path / "a.tif", noise))


def test_field_without_brightfield_can_not_be_segmented(tmp_path: Path) -> None:
    metadata = {"axes": "CYX", "Channel": {"Name": ["GFP", "phase"]}}
    path = write_tiff(tmp_path / "a.ome.tif", np.stack([FIELD, FIELD]), metadata=metadata)
    with pytest.raises(ChannelError, match=r"a\.ome\.tif has no brightfield channel, .* choose it from GFP, phase"):
        read_cells(path)


def test_channels_of_different_sizes_are_one_sentence(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a_Ch3.tif", FIELD)
    write_tiff(tmp_path / "a_Ch6.tif", FIELD[:170])
    with pytest.raises(ReadError, match=r"a_Ch3\.tif \(180 x 200\), a_Ch6\.tif \(170 x 200\)"):
        read_cells(tmp_path)


def test_z_and_time_at_once_are_a_time_lapse_of_the_sharpest_planes(tmp_path: Path) -> None:
    blurred = np.full_like(FIELD, FIELD.mean())
    movie = np.stack([blurred, FIELD, blurred, FIELD, blurred, blurred]).reshape(2, 3, 180, 200)
    path = write_tiff(tmp_path / "a.tif", movie, imagej=True, metadata={"axes": "TZYX"})
    write_tiff(tmp_path / "a_labels.tif", np.stack([LABELS] * 2))
    cells = read_cells(path)
    assert cells.sources.tolist() == ["a.tif[t=0]"] * 6 + ["a.tif[t=1]"] * 6
    for cell in cells.read([0, 6]):
        assert np.isin(cell.pixels[0][cell.mask], FIELD[LABELS == 2]).all()
    (part,) = describe_inputs(path).parts
    assert part.kind == "time-lapse of a field, 2 frames, 3 focal planes with the labels a_labels.tif"


def test_three_axes_of_frames_are_one_sentence(tmp_path: Path) -> None:
    movie = np.stack([FIELD] * 6).reshape(2, 3, 180, 200)
    path = write_tiff(tmp_path / "a.tif", movie, metadata={"axes": "TRYX"})
    with pytest.raises(ImageError, match=r"a\.tif has the axes TRYX; save one image per time point"):
        read_cells(path)


def test_description_of_a_field_does_not_search_it(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", FIELD)
    (part,) = describe_inputs(tmp_path).parts
    assert part.n_cells is None
    assert (part.kind, part.heights_px, part.widths_px) == ("field without labels", (180, 180), (200, 200))
