"""What is inside image files: sets of files, several images, focal planes, axes, plates; nothing is read in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from example_files import example_tiles, write_tiff
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_full_field import FIELD, LABELS

from napari_cellcycle.cells import Cells, Prediction, join_cells
from napari_cellcycle.datasets.groups import group_names
from napari_cellcycle.errors import CellCycleError, ImageError, ReadError, SettingError
from napari_cellcycle.io.formats.tiff_axes import has_channels_last
from napari_cellcycle.io.input_summary import describe_inputs
from napari_cellcycle.io.inputs import read_cells

BF = example_tiles(12, 40)
CELLS = np.stack([BF, np.random.default_rng(3).integers(20, 60, BF.shape, dtype=np.uint16)], 1)
NAMES = {"Channel": {"Name": ["Brightfield", "SSC"]}}


def uuid(number: int) -> str:
    return f"urn:uuid:{number:08d}-1111-1111-1111-111111111111"


Plane = tuple[int, int, int, int, str, int]


def ome(own: int, n_channels: int, n_planes: int, n_times: int, planes: list[Plane], size: int = 40) -> str:
    """OME-XML of an image whose planes (c, z, t, page, file, number of the file) lie in several files."""
    blocks = "".join(
        f'<TiffData FirstC="{c}" FirstZ="{z}" FirstT="{t}" IFD="{page}" PlaneCount="1">'
        f'<UUID FileName="{name}">{uuid(number)}</UUID></TiffData>'
        for c, z, t, page, name, number in planes
    )
    channels = "".join(f'<Channel Name="{NAMES["Channel"]["Name"][c]}"/>' for c in range(n_channels))
    return (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid(own)}"><Image Name="x">'
        f'<Pixels DimensionOrder="XYCZT" Type="uint16" SizeX="{size}" SizeY="{size}" SizeC="{n_channels}" '
        f'SizeZ="{n_planes}" SizeT="{n_times}">{channels}{blocks}</Pixels></Image></OME>'
    )


def write_channels(folder: Path, which: tuple[int, ...] = (0, 1), name: str = "cell_C{}.ome.tif") -> None:
    planes = [(c, 0, t, t, name.format(c), c) for c in range(2) for t in range(6)]
    for channel in which:
        text = ome(channel, 2, 1, 6, planes)
        write_tiff(folder / name.format(channel), CELLS[:6, channel], description=text, metadata=None)


def pixels_of(cells: Cells) -> np.ndarray:
    return np.stack([cell.pixels for cell in cells.read(range(len(cells)))])


def said(cells: Cells, *words: str) -> bool:
    return any(all(word in note for word in words) for note in cells.notes)


@pytest.mark.parametrize("name", ["cell_C{}.ome.tif", "cell_Ch{}.ome.tif"])
def test_one_file_per_channel_is_read_once(tmp_path: Path, name: str) -> None:
    write_channels(tmp_path, name=name)
    for path in (tmp_path, tmp_path / name.format(1)):
        cells = read_cells(path)
        assert cells.channels == ("brightfield", "darkfield")
        np.testing.assert_array_equal(pixels_of(cells), CELLS[:6])
    assert said(read_cells(tmp_path), "read together and once")


def test_a_second_file_alone_keeps_the_name_of_its_channel(tmp_path: Path) -> None:
    write_channels(tmp_path, (1,))
    cells = read_cells(tmp_path)
    assert cells.channels == ("darkfield",)
    assert said(cells, "cell_C0.ome.tif (Brightfield) is missing", "copy it")


def test_a_missing_time_spoils_no_other(tmp_path: Path) -> None:
    planes = [(c, 0, t, c, f"t{t}.ome.tif", t) for t in range(4) for c in range(2)]
    for time in (0, 1, 3):
        write_tiff(tmp_path / f"t{time}.ome.tif", CELLS[time], description=ome(time, 2, 1, 4, planes), metadata=None)
    cells = read_cells(tmp_path)
    assert len(cells) == 4
    assert said(cells, "t2.ome.tif (Brightfield, SSC) is missing")
    found = cells.read(range(4))
    np.testing.assert_array_equal(found[3].pixels, CELLS[3])
    assert found[2].reason == "frame 2 of t2.ome.tif is missing; copy it to the same folder"


def test_many_cells_of_two_files_each(tmp_path: Path) -> None:
    for cell in range(12):  # more than are opened to see what a folder holds
        planes = [(c, 0, 0, 0, f"{cell}_C{c}.ome.tif", c) for c in range(2)]
        for c in range(2):
            text = ome(c, 2, 1, 1, planes)
            write_tiff(tmp_path / f"{cell}_C{c}.ome.tif", CELLS[cell, c], description=text, metadata=None)
    cells = read_cells(tmp_path)
    np.testing.assert_array_equal(pixels_of(cells), CELLS)


def write_companion(folder: Path) -> None:
    planes = [(c, 0, t, 2 * t + c, "a.ome.tif", 0) for t in range(3) for c in range(2)]
    (folder / "set.companion.ome").write_text(ome(1, 2, 1, 3, planes))
    text = (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid(0)}">'
        f'<BinaryOnly MetadataFile="set.companion.ome" UUID="{uuid(1)}"/></OME>'
    )
    write_tiff(folder / "a.ome.tif", CELLS[:3], description=text, metadata=None)


def test_metadata_in_a_companion_file(tmp_path: Path) -> None:
    write_companion(tmp_path)
    cells = read_cells(tmp_path)
    assert cells.channels == ("brightfield", "darkfield")
    np.testing.assert_array_equal(pixels_of(cells), CELLS[:3])
    (tmp_path / "set.companion.ome").unlink()
    with pytest.raises(ReadError, match=r"set\.companion\.ome, which says what a\.ome\.tif shows, is missing"):
        read_cells(tmp_path)


def test_a_companion_file_of_tiffs_without_metadata(tmp_path: Path) -> None:
    planes = [(c, 0, t, t, f"w{c}.tif", c) for t in range(3) for c in range(2)]
    (tmp_path / "set.companion.ome").write_text(ome(9, 2, 1, 3, planes))
    for channel in range(2):
        write_tiff(tmp_path / f"w{channel}.tif", CELLS[:3, channel], metadata=None)
    cells = read_cells(tmp_path)
    assert cells.channels == ("brightfield", "darkfield")
    np.testing.assert_array_equal(pixels_of(cells), CELLS[:3])
    (tmp_path / "w1.tif").unlink()
    assert said(read_cells(tmp_path), "w1.tif (SSC) is missing")
    with pytest.raises(ReadError, match=r"set\.companion\.ome only describes TIFF files; give these files, or their"):
        read_cells(tmp_path / "set.companion.ome")


def test_a_renamed_file_knows_itself(tmp_path: Path) -> None:
    planes = [(c, 0, t, 2 * t + c, "old.ome.tif", 0) for t in range(3) for c in range(2)]
    write_tiff(tmp_path / "new.ome.tif", CELLS[:3], description=ome(0, 2, 1, 3, planes), metadata=None)
    np.testing.assert_array_equal(pixels_of(read_cells(tmp_path)), CELLS[:3])


@given(st.text('<>/"=aFID0C 1-9', max_size=30), st.integers(0, 600))
def test_mutated_sets_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str, where: int) -> None:
    folder = tmp_path_factory.mktemp("set")
    planes = [(c, 0, t, t, f"C{c}.ome.tif", c) for c in range(2) for t in range(2)]
    xml = ome(0, 2, 1, 2, planes)
    write_tiff(folder / "C0.ome.tif", CELLS[:2, 0], description=xml[:where] + text + xml[where:], metadata=None)
    refused = ""
    try:
        cells = read_cells(folder)
        cells.read(range(min(len(cells), 4)))
    except CellCycleError as error:
        refused = str(error)
    assert "\n" not in refused


def write_series(path: Path, images: list[np.ndarray], axes: str = "CYX") -> None:
    with tifffile.TiffWriter(path, ome=True) as writer:
        for image in images:
            writer.write(image, metadata={"axes": axes}, photometric="minisblack")


def in_turn(images: list[np.ndarray], masks: list[np.ndarray]) -> list[np.ndarray]:
    return [each for pair in zip(images, masks, strict=True) for each in pair]


def test_masks_in_turn_with_images_are_those_of_the_cells(tmp_path: Path) -> None:
    sizes = [(36, 38), (40, 40), (33, 35)]
    images = [CELLS[k, :, :h, :w] for k, (h, w) in enumerate(sizes)]
    masks = [(image > image[0].mean()).astype(np.uint8) for image in images]
    write_series(tmp_path / "a.ome.tif", in_turn(images, masks))
    cells = read_cells(tmp_path)
    found = cells.read(range(len(cells)))
    assert [cell.pixels.shape[1:] for cell in found] == sizes
    for cell, mask in zip(found, masks, strict=True):
        np.testing.assert_array_equal(cell.mask, mask[0] > 0)  # that of brightfield
    assert cells.select_channels([cells.channels[1]]).read([2])[0].mask.sum() == masks[2][0].sum()
    assert said(cells, "of 6 are read as the masks of the others")


def test_a_mask_in_each_of_many_files(tmp_path: Path) -> None:
    for number in range(10):
        mask = (CELLS[number, :1] > CELLS[number, 0].mean()).astype(np.uint8)
        write_series(tmp_path / f"{number}.ome.tif", [CELLS[number], mask])
    found = read_cells(tmp_path).read([9])[0]
    np.testing.assert_array_equal(found.mask, CELLS[9, 0] > CELLS[9, 0].mean())


def test_labels_in_turn_with_fields_cut_their_cells(tmp_path: Path) -> None:
    write_series(tmp_path / "a.ome.tif", in_turn([FIELD, FIELD[::-1]], [LABELS, LABELS[::-1]]), "YX")
    cells = read_cells(tmp_path)
    assert cells.ids.tolist() == [*range(2, 14, 2)] * 2
    assert set(cells.sources) == {"a.ome.tif[image=0]", "a.ome.tif[image=2]"}
    for cell in (0, 6):
        assert np.isin(cells[cell].pixels[0][cells[cell].mask], FIELD[LABELS == 2]).all()
    assert {part.kind for part in describe_inputs(tmp_path).parts} == {"field with the labels inside it"}


def test_masks_that_belong_to_no_image_are_left_out(tmp_path: Path) -> None:
    mask = (CELLS[0, :1] > CELLS[0, 0].mean()).astype(np.uint8)
    write_series(tmp_path / "a.ome.tif", [CELLS[0], mask, CELLS[1], CELLS[2]])
    cells = read_cells(tmp_path)
    assert len(cells) == 3
    assert all(cell.mask is None for cell in cells)
    assert said(cells, "image 1", "of 4 is left out, since a mask is no image")


def test_every_scene_is_used_or_named(tmp_path: Path) -> None:
    write_series(tmp_path / "a.ome.tif", [FIELD, FIELD[:170], FIELD[::8, ::8].copy()], "YX")
    cells = read_cells(tmp_path)
    assert set(cells.sources) == {"a.ome.tif[image=0]", "a.ome.tif[image=1]"}
    assert said(cells, "image 2", "of 3 is left out", "far smaller")
    write_tiff(tmp_path / "a_labels.tif", LABELS)
    with pytest.raises(ImageError, match=r"a_labels\.tif have 1 image, but a\.ome\.tif has 2"):
        read_cells(tmp_path)


def test_levels_of_a_pyramid_are_no_fields(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for step in (1, 2, 4):
            writer.write(FIELD[::step, ::step].copy(), photometric="minisblack")
    cells = read_cells(tmp_path)
    assert set(cells.sources) == {"a.tif"}
    assert said(cells, "smaller copies")


def focal_planes(image: np.ndarray, sharp: int = 2, n_planes: int = 4) -> np.ndarray:
    """Planes (Z, ...) that are blurred, but one."""
    flat = np.broadcast_to(image.mean((-1, -2), keepdims=True), image.shape)
    return np.stack([(image * w + flat * (1 - w)) for w in [1 if z == sharp else 0.4 for z in range(n_planes)]])


@pytest.mark.parametrize("axes", ["ZCYX", "CZYX"])
def test_focal_planes_are_one_cell(tmp_path: Path, axes: str) -> None:
    planes = focal_planes(CELLS[0]).astype(np.uint16)
    stack = planes if axes == "ZCYX" else planes.swapaxes(0, 1)
    path = write_tiff(tmp_path / "a.ome.tif", stack, metadata={"axes": axes, **NAMES})
    cells = read_cells(path)
    np.testing.assert_array_equal(pixels_of(cells), CELLS[:1])
    assert said(cells, "4 focal planes (z)", "sharpest", "--plane 0 to 3")
    np.testing.assert_array_equal(pixels_of(cells.select_channels(["darkfield"])), CELLS[:1, 1:])
    np.testing.assert_array_equal(pixels_of(read_cells(path, plane=0))[0], planes[0])
    with pytest.raises(SettingError, match=r"plane is 4, but a\.ome\.tif has 4 focal planes; choose 0 to 3"):
        read_cells(path, plane=4)


def test_times_stay_frames_and_focal_planes_do_not(tmp_path: Path) -> None:
    sharp = [0, 3, 1, 2, 2]
    stack = np.stack([focal_planes(CELLS[k], z) for k, z in enumerate(sharp)]).astype(np.uint16)
    path = write_tiff(tmp_path / "a.ome.tif", stack, metadata={"axes": "TZCYX", **NAMES})
    np.testing.assert_array_equal(pixels_of(read_cells(path)), CELLS[:5])


def test_one_file_per_cell_and_channel_with_focal_planes(tmp_path: Path) -> None:
    for cell in range(10):
        planes = focal_planes(CELLS[cell], cell % 4).astype(np.uint16)
        for index, channel in enumerate(("Ch3", "Ch6")):
            write_tiff(tmp_path / f"{cell}_{channel}.ome.tif", planes[:, index], metadata={"axes": "ZYX"})
    cells = read_cells(tmp_path)
    np.testing.assert_array_equal(pixels_of(cells), CELLS[:10])
    np.testing.assert_array_equal(pixels_of(cells.select_channels(["darkfield"])), CELLS[:10, 1:])


@pytest.mark.parametrize("name", ["c{cell}_z{z}_{channel}", "img_00000000{cell}_{channel}_00{z}"])
def test_focal_planes_in_a_file_each_are_one_cell(tmp_path: Path, name: str) -> None:
    for cell, sharp in enumerate((1, 2, 0)):
        planes = focal_planes(CELLS[cell], sharp, 3).astype(np.uint16)
        for z in range(3):
            for index, channel in enumerate(("BF", "SSC")):
                write_tiff(tmp_path / f"{name.format(cell=cell, z=z, channel=channel)}.tif", planes[z, index])
    cells = read_cells(tmp_path)
    np.testing.assert_array_equal(pixels_of(cells), CELLS[:3])
    assert said(cells, "files such as", "the 3 focal planes (z)", "the sharpest", "--plane 0 to 2")
    lowest = read_cells(tmp_path, plane=0)
    np.testing.assert_array_equal(pixels_of(lowest)[2], CELLS[2])
    assert not said(lowest, "there are no focal planes")
    with pytest.raises(SettingError, match=r"plane is 3, but .* has 3 focal planes"):
        read_cells(tmp_path, plane=3)


def test_pages_that_look_like_channels_are_asked_for(tmp_path: Path) -> None:
    for cell in range(10):
        write_tiff(tmp_path / f"{cell}.tif", CELLS[cell], photometric="minisblack", metadata=None)
    with pytest.raises(ImageError, match=r"0\.tif has 2 pages, which may be as many channels or as many images"):
        read_cells(tmp_path)
    cells = read_cells(tmp_path, channels={"brightfield": 0, "darkfield": 1})
    np.testing.assert_array_equal(pixels_of(cells), CELLS[:10])
    assert len(read_cells(tmp_path, layout="cells")) == 20
    write_tiff(tmp_path / "alike" / "a.tif", CELLS[:6, 0], metadata=None)
    assert len(read_cells(tmp_path / "alike")) == 6


def test_a_png_with_two_samples_has_two_channels(tmp_path: Path) -> None:
    grey = (CELLS[0, 0] // 8).astype(np.uint8)
    Image.fromarray(np.dstack([grey, grey // 2]), "LA").save(tmp_path / "a.png")
    cells = read_cells(tmp_path)
    np.testing.assert_array_equal(pixels_of(cells)[0], [grey, grey // 2])
    assert said(cells, "a.png: the 2 values of each pixel are read as 2 channels")
    Image.fromarray(np.dstack([grey, np.full_like(grey, 255)]), "LA").save(tmp_path / "a.png")
    assert read_cells(tmp_path).channels == ("brightfield",)


@pytest.mark.parametrize("suffix", ["tf8", "btf", "tf2", "TIF", "OME.TIF"])
def test_other_endings_of_tiff(tmp_path: Path, suffix: str) -> None:
    write_tiff(tmp_path / f"a.{suffix}", CELLS[0, 0])
    assert read_cells(tmp_path).sources.tolist() == [f"a.{suffix}"]


def test_an_array_of_numpy_is_one_sentence(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", CELLS)
    with pytest.raises(ReadError, match=r"a\.npy is an array of NumPy; in Python give the array itself, or save it"):
        read_cells(tmp_path / "a.npy")


def test_a_field_with_focal_planes_is_no_time_lapse(tmp_path: Path) -> None:
    planes = focal_planes(FIELD.astype(float), 1, 3).astype(np.uint16)
    path = write_tiff(tmp_path / "a.ome.tif", planes, metadata={"axes": "ZYX"})
    write_tiff(tmp_path / "a_labels.tif", LABELS)
    (part,) = describe_inputs(path).parts
    assert (part.kind, part.n_cells) == ("field, 3 focal planes with the labels a_labels.tif", 6)
    (cell,) = read_cells(path).read([0])
    assert np.isin(cell.pixels[0][cell.mask], FIELD[LABELS == 2]).all()


def test_slices_of_imagej_are_asked_for(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", CELLS[:6], imagej=True, metadata={"axes": "ZCYX"})
    with pytest.raises(ImageError, match=r"a\.tif has 6 slices, which may be 6 cells or .*; say --layout cells or"):
        read_cells(path)
    np.testing.assert_array_equal(pixels_of(read_cells(path, layout="cells")), CELLS[:6])
    np.testing.assert_array_equal(pixels_of(read_cells(path, plane=3)), CELLS[3:4])
    planes = focal_planes(CELLS[0]).astype(np.uint16)
    write_tiff(path, planes, imagej=True, metadata={"axes": "ZCYX"})
    assert len(read_cells(path)) == 1


@pytest.mark.parametrize("n_channels", [2, 3, 5, 12])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
def test_channels_that_were_saved_last(tmp_path: Path, n_channels: int, options: dict) -> None:
    array = np.concatenate([CELLS[:6]] * 6, 1)[:, :n_channels].transpose(0, 2, 3, 1).copy()
    array[..., 1:] += 1
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    cells = read_cells(tmp_path)
    np.testing.assert_array_equal(pixels_of(cells), array.transpose(0, 3, 1, 2))
    assert said(cells, f"{n_channels} channels")
    tifffile.imwrite(tmp_path / "a.tif", array[0], **options)
    np.testing.assert_array_equal(pixels_of(read_cells(tmp_path)), array[:1].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_two_samples_per_pixel(tmp_path: Path, planar: str) -> None:
    array = CELLS[:6].transpose(0, 2, 3, 1).copy() if planar == "contig" else CELLS[:6]
    write_tiff(tmp_path / "a.tif", array, planarconfig=planar)
    np.testing.assert_array_equal(pixels_of(read_cells(tmp_path)), CELLS[:6])


def test_grey_rgb_stays_grey(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", np.repeat(BF[0][..., np.newaxis], 3, -1), photometric="rgb")
    np.testing.assert_array_equal(pixels_of(read_cells(tmp_path)), BF[:1, np.newaxis])


def test_more_channels_than_there_are_count_cells(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", np.concatenate([BF, BF]), imagej=True, metadata={"axes": "CYX"})
    cells = read_cells(tmp_path)
    assert (len(cells), cells.channels) == (24, ("brightfield",))
    assert said(cells, "24 channels are read as 24 images")


def test_a_sliver_is_no_cell(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", BF[:6, :, :5].copy())
    with pytest.raises(
        ImageError, match=r"a\.tif shows 40 x 5 pixels, too few for a cell; check the order of its axes"
    ):
        read_cells(tmp_path)


@given(st.integers(1, 50), st.integers(8, 150), st.integers(13, 150))
def test_images_are_not_taken_for_channels(n_cells: int, height: int, width: int) -> None:
    assert not has_channels_last("QYX", (n_cells, height, width))
    assert not has_channels_last("QQYX", (n_cells, 2, height, width))


def cells_with(n_cells: int, **columns: list[str]) -> Cells:
    images = type("Images", (), {"__len__": lambda _: n_cells})()
    return Cells.build(images, ("brightfield",), "a.tif", columns=columns)


def test_columns_go_with_their_cells() -> None:
    joined = join_cells([cells_with(2, well=["A1", "B2"]), cells_with(1)])
    assert joined.columns["well"].tolist() == ["A1", "B2", ""]
    assert joined.subset([2, 1]).columns["well"].tolist() == ["", "B2"]
    assert group_names(joined, "well").tolist() == ["A1", "B2", ""]
    with pytest.raises(SettingError, match="must be file, folder, well, or folder1"):
        group_names(joined, "row")
    prediction = Prediction(joined.sources, joined.ids, np.full((3, 7), 1 / 7, np.float32), columns=joined.columns)
    assert prediction.to_table().columns[-1] == "well"
    with pytest.raises(ValueError, match="well has 1 entries for 2 cells"):
        cells_with(2, well=["A1"])


def test_the_last_of_several_montages_may_have_few_tiles(tmp_path: Path) -> None:
    tiles = example_tiles(31, 40)
    for number, some in enumerate((tiles[:25], tiles[25:])):
        grid = np.zeros((25, 40, 40), np.uint16)
        grid[: len(some)] = some  # row by row, then zeros
        image = grid.reshape(5, 5, 40, 40).transpose(0, 2, 1, 3).reshape(200, 200)
        write_tiff(tmp_path / f"Ch3_{number}.tif", image)
    found = pixels_of(read_cells(tmp_path))[:, 0]
    np.testing.assert_array_equal(found[25:], tiles[25:])
    assert {tile.tobytes() for tile in found} == {tile.tobytes() for tile in tiles}


@pytest.mark.parametrize(("n_cells", "n_columns"), [(25, 5), (23, 5), (17, 6)])
@pytest.mark.parametrize("layout", ["auto", "montage"])
def test_zero_padded_montages_are_counted_row_by_row(tmp_path: Path, n_cells: int, n_columns: int, layout: str) -> None:
    tiles = example_tiles(n_cells, 40)
    grid = np.zeros((10, 10, 40, 40), np.uint16)
    for index, tile in enumerate(tiles):
        grid[index // n_columns, index % n_columns] = tile
    image = grid.transpose(0, 2, 1, 3).reshape(400, 400)
    write_tiff(tmp_path / "Ch3_1.tif", image)
    write_tiff(tmp_path / "Ch6_1.tif", np.where(np.arange(400) < 40, image // 20, 0).astype(np.uint16))
    cells = read_cells(tmp_path, layout=layout)
    np.testing.assert_array_equal(pixels_of(cells.select_channels(["brightfield"])), tiles[:, np.newaxis])


Writer = Callable[..., None]


@pytest.fixture
def write_image() -> Writer:
    """An OME-Zarr image of one field with two channels, and labels of the given names."""
    pytest.importorskip("zarr")
    writer = pytest.importorskip("ome_zarr.writer")
    formats = pytest.importorskip("ome_zarr.format")

    def write(group: object, labels: tuple[str, ...] = ()) -> None:
        fmt = formats.format_from_version("0.4")
        options = {"fmt": fmt, "scale_factors": ()}
        writer.write_image(np.stack([FIELD, FIELD // 8])[None, :, None], group, axes="tczyx", **options)
        for name in labels:
            writer.write_labels(LABELS, group, name=name, axes="yx", scaler=None, **options)

    return write


def write_plate(path: Path, write_image: Writer, labels: tuple[str, ...] = ("cells",)) -> Path:
    import zarr

    root = zarr.open_group(str(path), mode="w", zarr_format=2)
    root.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "G/1"}]}
    for well in ("A/1", "G/1"):
        group = root.require_group(well)
        group.attrs["well"] = {"images": [{"path": "0"}, {"path": "1"}]}
        for field in "01":
            write_image(group.require_group(field), labels)
    return path


def test_wells_and_fields_are_columns_and_no_phases(tmp_path: Path, write_image: Writer) -> None:
    plate = write_plate(tmp_path / "p.zarr", write_image)
    cells = read_cells(tmp_path)
    assert len(cells) == 24
    assert set(cells.sources) == {f"p.zarr/{well}/{field}" for well in ("A/1", "G/1") for field in "01"}
    assert cells.columns["well"].tolist() == ["A1"] * 12 + ["G1"] * 12
    assert set(cells.columns["field"]) == {"0", "1"}
    assert (cells.phases == -1).all()
    for inside, n_cells in (("G/1", 12), ("G/1/0", 6), ("G", 12), ("G/1/0/.zattrs", 6)):
        some = read_cells(plate / inside)
        assert (len(some), set(some.columns["well"])) == (n_cells, {"G1"})
        assert some.sources[0] == "p.zarr/G/1/0"
    with pytest.raises(ReadError, match=r"p\.zarr/G/1/0/labels/cells is a label image; open the image"):
        read_cells(plate / "G/1/0/labels/cells")
    (level,) = (path.name for path in (plate / "G/1/0").iterdir() if path.is_dir() and path.name != "labels")
    with pytest.raises(ReadError, match=rf"p\.zarr/G/1/0/{level} is one resolution of an image; open p\.zarr/G/1/0"):
        read_cells(plate / "G/1/0" / level)


def test_labels_of_your_choice(tmp_path: Path, write_image: Writer) -> None:
    import zarr

    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    write_image(group, ("a", "b"))
    with pytest.raises(ReadError, match=r"a\.zarr has the label images a, b; choose one, as in --labels a"):
        read_cells(tmp_path)
    assert read_cells(tmp_path / "a.zarr", labels="b").ids.tolist() == [2, 4, 6, 8, 10, 12]
    group = zarr.open_group(str(tmp_path / "b.zarr"), mode="w", zarr_format=2)
    write_image(group, ("a", "nuclei"))
    assert said(read_cells(tmp_path / "b.zarr"), "cut by its labels nuclei, not by a", "--labels NAME")


@pytest.mark.parametrize("listed", [True, False])
def test_every_series_of_bioformats2raw(tmp_path: Path, write_image: Writer, listed: bool) -> None:
    import zarr

    root = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    for series in "01":
        write_image(root.require_group(series))
    root.require_group("OME").attrs.update({"series": ["0", "1"]} if listed else {})
    assert set(read_cells(tmp_path).sources) == {"a.zarr/0", "a.zarr/1"}
    assert set(read_cells(tmp_path / "a.zarr" / "1").sources) == {"a.zarr/1"}
