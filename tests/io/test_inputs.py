"""Any input, and what is said of those that are none."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from example_files import example_tiles, montage_of, write_cells, write_ideas_tiff, write_tiff
from PIL import Image

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.errors import CellCycleError, ChannelError, ImageError, ReadError, SettingError
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.phases import Phase

NOISE = np.random.default_rng(0).integers(300, 900, (40, 44), dtype=np.uint16)
GREY = (NOISE // 4).astype(np.uint8)

SPELLINGS = {
    Phase.G1: ["G1", "g1", "G1_phase", "G1-Phase"],
    Phase.S: ["S", "s", "S_phase", "S phase", "SPHASE"],
    Phase.G2: ["G2", "g2", "G2 phase"],
    Phase.PROPHASE: ["Prophase", "Profase", "PROPHASE"],
    Phase.METAPHASE: ["Metaphase", "metafase"],
    Phase.ANAPHASE: ["Anaphase", "Anafase"],
    Phase.TELOPHASE: ["Telophase", "TELOFASE"],
}


@pytest.mark.parametrize(("phase", "name"), [(phase, name) for phase, names in SPELLINGS.items() for name in names])
def test_folder_tells_the_phase_in_any_spelling(tmp_path: Path, phase: Phase, name: str) -> None:
    write_cells(tmp_path / "plate" / name / "day 1", ["1_Ch3.tif"])
    assert read_cells(tmp_path / "plate").phases.tolist() == [phase]
    assert read_cells(tmp_path / "plate" / name).phases.tolist() == [phase], "the input's own name counts"


def test_misspelt_phase_is_not_guessed(tmp_path: Path) -> None:
    write_cells(tmp_path / "Anaphsae", ["1_Ch3.tif"])
    assert read_cells(tmp_path).phases.tolist() == [-1]


def test_population_in_a_name_tells_the_phase(tmp_path: Path) -> None:
    write_cells(tmp_path, ["G1_1078_Ch3.ome.tif", "Anafase_9_Ch3.ome.tif", "Ciliated_3_Ch3.ome.tif"])
    cells = read_cells(tmp_path)
    assert dict(zip(cells.sources.tolist(), cells.phases.tolist(), strict=True)) == {
        "G1_1078_Ch3.ome.tif": Phase.G1,
        "Anafase_9_Ch3.ome.tif": Phase.ANAPHASE,
        "Ciliated_3_Ch3.ome.tif": -1,
    }


def test_one_file_per_cell_and_channel(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    sizes = {1: (37, 50), 2: (52, 38), 10: (41, 41)}
    written = {number: random.integers(1, 900, (3, *size), dtype=np.uint16) for number, size in sizes.items()}
    for number, planes in written.items():
        for channel, plane in zip(("Ch3", "Ch4", "Ch6"), planes, strict=True):
            write_ideas_tiff(tmp_path / "S_phase" / f"{number}_{channel}.ome.tif", plane)
    cells = read_cells(tmp_path)
    assert cells.channels == ("brightfield", "dna", "darkfield")
    assert cells.sources.tolist() == [f"S_phase/{number}_Ch3.ome.tif" for number in (1, 2, 10)]
    assert cells.ids.tolist() == [0, 0, 0]
    assert cells.notes == (
        "Ch3 read as brightfield, Ch6 read as darkfield, Ch4 read as dna; change it with --channels",
    )
    for cell, planes in zip(cells.read([0, 1, 2]), written.values(), strict=True):
        assert isinstance(cell, CellImage)
        np.testing.assert_array_equal(cell.pixels, planes)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_grey_images_of_8_bit(tmp_path: Path, suffix: str) -> None:
    for channel in ("Ch3", "Ch6"):
        Image.fromarray(np.stack([GREY] * 3, axis=-1)).save(tmp_path / f"5_{channel}.{suffix}")
    (cell,) = read_cells(tmp_path).read([0])
    assert isinstance(cell, CellImage)
    assert cell.pixels.shape == (2, 40, 44)
    np.testing.assert_allclose(cell.pixels[0].astype(int), GREY, atol=120 if suffix == "jpg" else 0)


def test_png_of_16_bit(tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "G2.png")
    cells = read_cells(tmp_path / "G2.png")
    (cell,) = cells.read([0])
    assert isinstance(cell, CellImage)
    np.testing.assert_array_equal(cell.pixels[0], NOISE)
    assert cells.phases.tolist() == [Phase.G2]


def test_stack_per_channel(tmp_path: Path) -> None:
    tiles = example_tiles(7, 30)
    write_tiff(tmp_path / "plate_BF.tif", tiles)
    write_tiff(tmp_path / "plate_DF.tif", tiles + 1, compression="zlib")
    cells = read_cells(tmp_path)
    assert cells.channels == ("brightfield", "darkfield")
    assert set(cells.sources) == {"plate_BF.tif"}
    (cell,) = cells.read([4])
    assert isinstance(cell, CellImage)
    np.testing.assert_array_equal(cell.pixels, np.stack([tiles[4], tiles[4] + 1]))


def test_channels_of_ome_and_pixel_size(tmp_path: Path) -> None:
    metadata = {"axes": "TCYX", "Channel": {"Name": ["SSC", "Bright Field"]}, "PhysicalSizeX": 0.33}
    path = write_tiff(tmp_path / "x.ome.tif", np.stack([example_tiles(5, 30)] * 2, axis=1), metadata=metadata)
    assert read_cells(path).channels == ("darkfield", "brightfield")
    assert read_cells(path).pixel_size_um == pytest.approx(0.33)
    assert read_cells(path, pixel_size_um=0.5).pixel_size_um.tolist() == [0.5] * 5
    assert read_cells(path, channels={"brightfield": "ssc"}).channels == ("brightfield", "Bright Field")


def test_channel_words_of_the_user_part_names(tmp_path: Path) -> None:
    write_cells(tmp_path, ["a_w1Trans.tif", "a_w2Side.tif", "b_w1Trans.tif", "b_w2Side.tif"])
    cells = read_cells(tmp_path, channels={"brightfield": "w1Trans", "darkfield": "w2Side"})
    assert (len(cells), cells.channels) == (2, ("brightfield", "darkfield"))


def test_files_and_folders_mixed_have_sources_below_their_common_folder(tmp_path: Path) -> None:
    write_cells(tmp_path / "plate" / "G1", ["1_Ch3.tif", "2_Ch3.tif"])
    write_cells(tmp_path / "other", ["7.tif"])
    cells = read_cells([tmp_path / "plate", tmp_path / "other" / "7.tif"])
    assert cells.sources.tolist() == ["plate/G1/1_Ch3.tif", "plate/G1/2_Ch3.tif", "other/7.tif"]
    assert cells.phases.tolist() == [0, 0, -1]


def test_channel_files_given_one_by_one_come_together(tmp_path: Path) -> None:
    write_cells(tmp_path, ["1_Ch3.tif", "1_Ch6.tif", "2_Ch3.tif"])
    cells = read_cells([str(tmp_path / "1_Ch3.tif"), str(tmp_path / "1_Ch6.tif")])
    assert (len(cells), cells.channels) == (1, ("brightfield", "darkfield"))


def test_position_of_a_channel_is_no_word_in_names(tmp_path: Path) -> None:
    stack = np.stack([example_tiles(4, 30)] * 2, axis=1)
    for number in range(2):
        write_tiff(tmp_path / f"plate_{number}.tif", stack, metadata={"axes": "NCYX"})
    cells = read_cells(tmp_path, channels={"brightfield": "1", "darkfield": "0"})
    assert (len(cells), cells.channels) == (8, ("darkfield", "brightfield"))


def test_input_named_twice_is_read_once(tmp_path: Path) -> None:
    write_cells(tmp_path / "G1", ["1_Ch3.tif", "2_Ch3.tif"])
    assert len(read_cells([tmp_path, tmp_path / "G1", tmp_path / "G1" / "1_Ch3.tif"])) == 2


def test_large_images_are_cells_if_the_user_says_so(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "x.tif", np.random.default_rng(0).integers(1, 9, (3, 200, 210), dtype=np.uint16))
    assert len(read_cells(path, layout="cells")) == 3


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    write_cells(tmp_path, ["1_Ch3.tif"])
    (tmp_path / "._1_Ch3.tif").write_bytes(b"of macOS")
    assert len(read_cells(tmp_path)) == 1


def bad_files(folder: Path) -> dict[str, Path]:
    """Inputs that hold no cells, each under what it is."""
    nan = NOISE.astype(np.float32)
    nan[3, 3] = np.nan
    colour = np.random.default_rng(0).integers(0, 255, (40, 44, 3), dtype=np.uint8)
    content = {"empty": b"", "text": b"some text\n", "pdf": b"%PDF-1.7", "start": b"II*\0"}
    for name, start in content.items():
        (folder / f"{name}.tif").write_bytes(start)
    Image.fromarray(colour).save(folder / "colour.png")
    Image.fromarray(GREY).convert("1").save(folder / "bits.png")
    Image.fromarray(GREY).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:700])
    Image.fromarray(GREY).save(folder / "header.png")
    (folder / "header.png").write_bytes((folder / "header.png").read_bytes()[:12])
    (folder / "folder").mkdir()
    return {
        **{name: folder / f"{name}.tif" for name in content},
        **{
            name: folder / name for name in ("colour.png", "bits.png", "cut.jpg", "header.png", "missing.tif", "folder")
        },
        "nan": write_tiff(folder / "nan.tif", nan),
        "infinity": write_tiff(folder / "infinity.tif", np.where(np.isnan(nan), np.inf, nan)),
        "complex": write_tiff(folder / "complex.tif", NOISE.astype(np.complex64)),
        "bool": write_tiff(folder / "bool.tif", NOISE > 500),
        "zero": write_tiff(folder / "zero.tif", NOISE * 0),
        "rgb": write_tiff(folder / "rgb.tif", colour, photometric="rgb"),
    }


REASONS = {
    "empty": (ReadError, r"empty\.tif is empty; export or copy it again"),
    "text": (ReadError, r"text\.tif is not a TIFF, PNG or JPEG image"),
    "pdf": (ReadError, r"pdf\.tif is not a TIFF, PNG or JPEG image"),
    "start": (ReadError, r"start\.tif is damaged"),
    "missing.tif": (ReadError, r"missing\.tif does not exist; check the name"),
    "folder": (ReadError, r"folder has no TIFF, PNG, JPEG, CIF, RIF or OME-Zarr images"),
    "header.png": (ReadError, r"header\.png is damaged"),
    "cut.jpg": (ImageError, r"cut\.jpg is damaged"),
    "colour.png": (ImageError, r"colour\.png is a colour image; save each channel as a grey image"),
    "rgb": (ImageError, r"rgb\.tif is a colour image"),
    "bits.png": (ImageError, r"bits\.png \(brightfield\) is a black-and-white mask"),
    "bool": (ImageError, r"bool\.tif \(brightfield\) is a black-and-white mask"),
    "nan": (ImageError, r"nan\.tif \(brightfield\) has values that are not finite numbers"),
    "infinity": (ImageError, r"infinity\.tif \(brightfield\) has values that are not finite numbers"),
    "complex": (ImageError, r"complex\.tif \(brightfield\) has complex64 values"),
    "zero": (ImageError, r"zero\.tif \(brightfield\) is all zero"),
}


@pytest.mark.parametrize("kind", REASONS)
def test_bad_input_is_one_sentence(tmp_path: Path, kind: str) -> None:
    error, reason = REASONS[kind]
    with pytest.raises(error, match=reason) as caught:
        read_cells(bad_files(tmp_path)[kind])
    assert "\n" not in str(caught.value)


def test_every_bad_file_is_named_and_the_good_ones_go_on(tmp_path: Path) -> None:
    bad = bad_files(tmp_path)
    write_cells(tmp_path / "good", ["1.tif", "2.tif"])
    cells = read_cells([*bad.values(), tmp_path / "good"])
    found = cells.read(range(len(cells)))
    readable = [source for source, cell in zip(cells.sources, found, strict=True) if isinstance(cell, CellImage)]
    assert readable == ["good/1.tif", "good/2.tif"]
    said = " ".join((*cells.notes, *(cell.reason for cell in found if isinstance(cell, Unreadable))))
    assert all(path.name in said for path in bad.values())


def test_first_of_bad_inputs_is_told(tmp_path: Path) -> None:
    bad = bad_files(tmp_path)
    with pytest.raises(ReadError, match=r"text\.tif"):
        read_cells([bad["text"], bad["empty"]])


def test_float_images_are_fine(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "x.tif", NOISE.astype(np.float32) / 7)
    (cell,) = read_cells(path).read([0])
    assert isinstance(cell, CellImage)


def test_bad_cell_of_a_stack_spoils_no_other(tmp_path: Path) -> None:
    stack = example_tiles(5, 30).astype(np.float32)
    stack[0, 2, 2] = np.inf
    cells = read_cells(write_tiff(tmp_path / "x.tif", stack))
    bad, good = cells.read([0, 1])
    assert isinstance(good, CellImage)
    assert bad == Unreadable(
        "x.tif (brightfield) has values that are not finite numbers (NaN or infinity); export it again"
    )


def test_all_zero_is_bad_only_where_models_look(tmp_path: Path) -> None:
    for number, channel in enumerate(("Ch3", "Ch4", "Ch6")):
        write_tiff(tmp_path / f"1_{channel}.tif", NOISE * (channel != "Ch4"))
        write_tiff(tmp_path / f"{number + 2}_{channel}.tif", NOISE)
    (cell,) = read_cells(tmp_path / "1_Ch3.tif").read([0])
    assert isinstance(cell, CellImage)
    (cell,) = read_cells([tmp_path / f"1_{channel}.tif" for channel in ("Ch3", "Ch4", "Ch6")]).read([0])
    assert isinstance(cell, CellImage)
    write_tiff(tmp_path / "1_Ch6.tif", NOISE * 0)
    with pytest.raises(ImageError, match=r"1_Ch6\.tif \(darkfield\) is all zero"):
        read_cells([tmp_path / f"1_{channel}.tif" for channel in ("Ch3", "Ch4", "Ch6")])


def test_stacks_of_different_counts_are_refused(tmp_path: Path) -> None:
    write_tiff(tmp_path / "Ch3.tif", example_tiles(5, 30))
    write_tiff(tmp_path / "Ch6.tif", example_tiles(4, 30))
    with pytest.raises(ReadError, match=r"different numbers of cells \(Ch3.tif 5, Ch6.tif 4\)"):
        read_cells(tmp_path)


def test_files_of_channels_that_are_not_wanted_stay_closed(tmp_path: Path) -> None:
    write_cells(tmp_path, [f"{number}_{channel}.tif" for number in range(3) for channel in ("Ch3", "Ch4", "Ch6")])
    cells = read_cells(tmp_path)
    for number in range(3):
        (tmp_path / f"{number}_Ch4.tif").unlink()
    (whole,) = cells.read([1])
    assert isinstance(whole, Unreadable)
    assert "1_Ch4.tif does not exist" in whole.reason
    for chosen in (cells.select_channels(["darkfield", "brightfield"]), cells.select_channels(["brightfield"])):
        for cell in chosen.read(range(3)):
            assert isinstance(cell, CellImage)
            assert len(cell.pixels) == len(chosen.channels)


@pytest.mark.parametrize("one_file", [True, False], ids=["one file", "file per channel"])
@pytest.mark.parametrize("n_cells", [1, 5])
def test_channels_are_selected_in_any_order(tmp_path: Path, n_cells: int, one_file: bool) -> None:
    planes = np.stack([example_tiles(n_cells, 30) + channel for channel in range(3)], axis=1)
    if one_file:
        metadata = {"axes": "TCYX", "Channel": {"Name": ["BF", "DF", "DNA"]}}
        write_tiff(tmp_path / "x.ome.tif", planes, metadata=metadata)
    else:
        for channel, name in enumerate(("BF", "DF", "DNA")):
            write_tiff(tmp_path / f"x_{name}.tif", planes[:, channel])
    cells = (
        read_cells(tmp_path)
        .select_channels(["dna", "darkfield", "brightfield"])
        .select_channels(["brightfield", "dna"])
    )
    assert cells.channels == ("brightfield", "dna")
    for cell, pixels in zip(cells.read(range(n_cells)), planes, strict=True):
        assert isinstance(cell, CellImage)
        np.testing.assert_array_equal(cell.pixels, pixels[[0, 2]])


def test_channels_of_different_sizes_spoil_their_cell_only(tmp_path: Path) -> None:
    write_cells(tmp_path, ["1_Ch3.tif", "1_Ch6.tif", "2_Ch3.tif"])
    write_cells(tmp_path, ["2_Ch6.tif"], shape=(9, 9))
    good, bad = read_cells(tmp_path).read([0, 1])
    assert isinstance(good, CellImage)
    assert bad == Unreadable(
        "2_Ch3.tif (36 x 40) and 2_Ch6.tif (9 x 9) differ in size, but must show the same cell; export them again"
    )


def test_unknown_channel_is_refused_before_any_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "1_Ch3.tif").write_bytes(b"no image")
    (tmp_path / "1_Ch6.tif").write_bytes(b"no image")
    with pytest.raises(ChannelError, match=r"has no channel 'Ch9'; choose one of Ch3, Ch6"):
        read_cells(tmp_path, channels={"brightfield": "Ch9"})


@pytest.mark.parametrize("options", [{"layout": "cell"}, {"pixel_size_um": 0}, {"pixel_size_um": float("nan")}])
def test_unknown_settings_are_refused(tmp_path: Path, options: dict) -> None:
    with pytest.raises(SettingError, match="must be"):
        read_cells(tmp_path, **options)


def test_no_input_is_refused() -> None:
    with pytest.raises(ReadError, match="no input was given"):
        read_cells([])


def test_amnis_files_come_with_the_phase_of_their_folder(tmp_path: Path, real_data: Path) -> None:
    (tmp_path / "G2").mkdir()
    (tmp_path / "G2" / "x.cif").write_bytes((real_data / "cif" / "example.cif").read_bytes())
    cells = read_cells(tmp_path)
    assert len(cells) == 111
    assert set(cells.phases.tolist()) == {Phase.G2}
    assert set(cells.sources) == {"G2/x.cif"}


def test_population_list_is_stronger_than_the_folder(tmp_path: Path, real_data: Path) -> None:
    (tmp_path / "G2").mkdir()
    (tmp_path / "G2" / "x.cif").write_bytes((real_data / "cif" / "example.cif").read_bytes())
    listed = read_cells(tmp_path).ids[:5].tolist()
    (tmp_path / "G2" / "x_Prophase.txt").write_text("\n".join(map(str, listed)))
    assert read_cells(tmp_path).phases.tolist() == [Phase.PROPHASE] * 5 + [Phase.G2] * 106


def test_damaged_amnis_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.cif").write_bytes(b"II*\0")
    with pytest.raises(CellCycleError, match=r"x\.cif"):
        read_cells(tmp_path)


def test_cells_travel_to_other_processes(tmp_path: Path) -> None:
    write_tiff(tmp_path / "Ch3_CP0001.tif", montage_of(example_tiles(5, 20), 3, 3), compression="zlib")
    write_tiff(tmp_path / "stack.tif", example_tiles(5, 30))
    write_tiff(tmp_path / "field.tif", montage_of(example_tiles(9, 60), 3, 3))
    write_cells(tmp_path / "G1", ["1_Ch3.tif", "2_Ch3.tif"])
    cells = read_cells(tmp_path)
    again = pickle.loads(pickle.dumps(cells))
    assert len(again) == 5 + 5 + 9 + 2
    for here, there in zip(cells.read(range(21)), again.read(range(21)), strict=True):
        assert isinstance(here, CellImage)
        np.testing.assert_array_equal(here.pixels, there.pixels)


def test_jpeg_rounding_is_no_colour(tmp_path: Path) -> None:
    pixels = np.stack([GREY, GREY + 1, GREY + 2], axis=-1)
    Image.fromarray(pixels).save(tmp_path / "1.png")
    (cell,) = read_cells(tmp_path).read([0])
    assert isinstance(cell, CellImage)
    np.testing.assert_array_equal(cell.pixels[0], GREY)


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, napari_cellcycle.io; "
        "print({'tifffile', 'torch', 'skimage', 'scipy', 'pandas', 'PIL', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
