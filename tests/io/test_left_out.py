"""What is counted once, left out, and said: links, copies, own outputs, files of the system, label images, names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from amnis_writer import WrittenObject, write_amnis
from example_files import example_tiles, write_cells, write_tiff
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_cellcycle.cells import Cells
from napari_cellcycle.cli import main
from napari_cellcycle.errors import ImageError, ReadError, SettingError
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.io.name_patterns import printable
from napari_cellcycle.phases import UNKNOWN, Phase, named_phases

PAIRS = [f"{number}_{channel}.tif" for number in range(3) for channel in ("Ch3", "Ch6")]


def said(cells: Cells, *words: str) -> bool:
    return any(all(word in note for word in words) for note in cells.notes)


def write_field(path: Path, size: int = 180) -> np.ndarray:
    """A noisy field, and labels of 3 cells in it."""
    labels = np.zeros((size, size), np.uint8)
    for number in range(3):
        labels[20 + 50 * number :, 30:60][:30] = number + 1
    random = np.random.default_rng(0)
    write_tiff(path, (random.integers(500, 600, labels.shape) + 90 * (labels > 0)).astype(np.uint16))
    return labels


@pytest.mark.parametrize("raw", ["run.rif", "raw/run.RIF"])
def test_raw_and_masked_images_of_a_run_count_once(tmp_path: Path, raw: str) -> None:
    planes = np.random.default_rng(0).integers(1, 99, (4, 2, 9, 9)).astype(np.int16)
    (tmp_path / "raw").mkdir()
    write_amnis(tmp_path / raw, [WrittenObject(image) for image in planes], (3, 6), brightfield=(3,))
    masked = [WrittenObject(image, np.ones(image.shape, np.uint8)) for image in planes]
    write_amnis(tmp_path / "run.cif", masked, (3, 6), brightfield=(3,))
    (tmp_path / "g1.TXT").write_text("Object Number\n1.0\n")
    cells = read_cells(tmp_path)
    assert set(cells.sources) == {"run.cif"}
    assert cells.phases.tolist() == [-1, 0, -1, -1]
    assert said(cells, Path(raw).name, "left out", "run.cif has the same objects")


def test_files_of_the_system_are_left_out(tmp_path: Path) -> None:
    write_cells(tmp_path / "G1", PAIRS)
    for folder in ("@eaDir", "__MACOSX", ".thumbnails"):
        write_cells(tmp_path / "G1" / folder, PAIRS)
    write_cells(tmp_path / "G1", ["._0_Ch3.tif", "0_Ch3_thumb.tif"])
    cells = read_cells(tmp_path)
    assert len(cells) == 3
    assert said(cells, "@eaDir", "__MACOSX", ".thumbnails", "._0_Ch3.tif")
    assert said(cells, "thumbnails are left out: 0_Ch3_thumb.tif")


def test_own_outputs_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_cells(tmp_path / "G1", PAIRS)
    assert main(["convert", str(tmp_path), "-o", str(tmp_path / "all.ome.tif")]) == 0
    for name, marker in (("montage.png", "summary.json"), ("samples.png", "quality.json")):
        Image.fromarray(example_tiles(1, 40)[0]).save(tmp_path / name)
        (tmp_path / marker).write_text("{}")
    cells = read_cells(tmp_path)
    assert len(cells) == 3
    assert said(cells, "all.ome.tif is left out", "G1/0_Ch3.tif")
    assert said(cells, "pictures of results", "montage.png", "samples.png")
    assert len(read_cells(tmp_path / "all.ome.tif")) == 3


def test_a_stack_with_some_of_the_cells_is_named(tmp_path: Path) -> None:
    write_cells(tmp_path / "G1", PAIRS)
    write_cells(tmp_path / "S", PAIRS)
    assert main(["convert", str(tmp_path), "-o", str(tmp_path / "all.ome.tif")]) == 0
    for name in PAIRS:
        (tmp_path / "S" / name).unlink()
    cells = read_cells(tmp_path)
    assert len(cells) == 9
    assert said(cells, "all.ome.tif has cells of files that are read too", "G1/0_Ch3.tif")


def test_a_file_is_read_once_by_whatever_path(tmp_path: Path) -> None:
    write_cells(tmp_path / "store" / "G1", PAIRS)
    write_cells(tmp_path / "plate" / "S", PAIRS)
    os.symlink(tmp_path / "store" / "G1", tmp_path / "plate" / "G1")
    os.symlink(tmp_path / "plate", tmp_path / "plate" / "S" / "up")
    os.symlink(tmp_path / "plate" / "S", tmp_path / "plate" / "again")
    cells = read_cells(tmp_path / "plate")
    assert np.bincount(cells.phases).tolist() == [3, 3]
    assert cells.sources[0].startswith("G1/"), "a link lies where its name puts it"
    assert said(cells, "up is a link to a folder above it")
    assert said(cells, "again is another path to the folder S")
    assert len(read_cells([tmp_path / "plate", tmp_path / "store"])) == 6


@pytest.mark.skipif(os.name != "posix", reason="file numbers are cheap only there")
def test_links_to_files_are_read_once(tmp_path: Path) -> None:
    write_cells(tmp_path, ["1_Ch3.tif"])
    os.link(tmp_path / "1_Ch3.tif", tmp_path / "2_Ch3.tif")
    os.symlink(tmp_path / "1_Ch3.tif", tmp_path / "0_Ch3.tif")
    os.symlink(tmp_path / "nothing.tif", tmp_path / "4_Ch3.tif")
    cells = read_cells(tmp_path)
    assert len(cells) == 1
    assert said(cells, "the same file is read by another path")
    assert len(read_cells([tmp_path / "0_Ch3.tif"])) == 1
    assert len(read_cells([tmp_path / "0_Ch3.tif", tmp_path / "1_Ch3.tif"])) == 1


def test_the_same_name_in_two_formats_counts_once(tmp_path: Path) -> None:
    write_cells(tmp_path, PAIRS)
    for name in PAIRS:
        Image.fromarray(example_tiles(1, 40)[0]).save(tmp_path / name.replace(".tif", ".png"))
    cells = read_cells(tmp_path)
    assert len(cells) == 3
    assert said(cells, "a file of the same name", "0_Ch3.png")


def test_a_missing_channel_of_a_montage_is_named(tmp_path: Path) -> None:
    for name in ("Ch3_CP0001", "Ch6_CP0001", "Ch3_CP0002"):
        write_tiff(tmp_path / "G1" / f"{name}.tif", np.concatenate(list(example_tiles(4, 20)), axis=1))
    assert said(read_cells(tmp_path, layout="montage"), "lack one of Ch3, Ch6", "Ch3_CP0002.tif")


def test_channels_differ_in_case_only(tmp_path: Path) -> None:
    write_cells(tmp_path, ["1_Ch3.tif", "1_ch6.tif", "2_ch3.tif", "2_CH6.tif"])
    cells = read_cells(tmp_path)
    assert (len(cells), cells.channels) == (2, ("brightfield", "darkfield"))


@pytest.mark.parametrize("folder", ["masks", "Labels", "GT", "plate_masks"])
@pytest.mark.parametrize("images", ["images", ""])
def test_folders_of_labels_cut_the_cells(tmp_path: Path, folder: str, images: str) -> None:
    labels = write_field(tmp_path / images / "a.tif")
    write_tiff(tmp_path / folder / "a.tif", labels)
    write_tiff(tmp_path / folder / "b.tif", labels)
    cells = read_cells(tmp_path)
    assert cells.ids.tolist() == [1, 2, 3]
    assert said(cells, "without an image of this name", "b.tif")


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("t003", "man_seg003"),
        ("images/img_3", "masks/mask_3"),
        ("imagesTr/a_0000", "labelsTr/a"),
        ("img_0000", "img_0000_cp_masks"),
        ("a", "segmentation/a_seg"),
    ],
)
def test_label_images_with_names_of_public_data_sets(tmp_path: Path, image: str, labels: str) -> None:
    pixels = write_field(tmp_path / f"{image}.tif")
    write_tiff(tmp_path / f"{labels}.tif", pixels)
    cells = read_cells(tmp_path)
    assert (cells.ids.tolist(), set(cells.sources)) == ([1, 2, 3], {f"{image}.tif"})


def test_cell_tracking_challenge(tmp_path: Path) -> None:
    for frame in range(2):
        labels = write_field(tmp_path / "01" / f"t00{frame}.tif")
        write_tiff(tmp_path / "01_ST" / "SEG" / f"man_seg00{frame}.tif", labels)
        write_tiff(tmp_path / "01_GT" / "TRA" / f"man_track00{frame}.tif", labels)
    write_tiff(tmp_path / "01_GT" / "SEG" / "man_seg001.tif", labels * (labels < 3))
    cells = read_cells(tmp_path)
    assert cells.ids.tolist() == [1, 2, 3, 1, 2]  # gold truth of the second frame, silver truth of the first
    assert said(cells, "01_ST/SEG: man_seg001.tif left out, as 01_GT/SEG has labels of these images")
    assert said(cells, "01_GT/TRA: man_track000.tif, man_track001.tif left out")


def test_two_folders_of_labels_are_a_question(tmp_path: Path) -> None:
    labels = write_field(tmp_path / "images" / "a.tif")
    for folder in ("labels", "masks"):
        write_tiff(tmp_path / folder / "a.tif", labels)
    with pytest.raises(ReadError, match="a has label images in labels and in masks; keep one of these folders"):
        read_cells(tmp_path)


def test_folders_of_labels_below_phases(tmp_path: Path) -> None:
    labels = write_field(tmp_path / "images" / "G1" / "a_BF.tif")
    write_tiff(tmp_path / "masks" / "G1" / "a.tif", labels)
    assert read_cells(tmp_path).phases.tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", ["a_stardist.tif", "a_seg.tif", "a_gt.png", "a_cells.tif", "a.png", "a_mask.tif"])
def test_label_images_by_name_or_content(tmp_path: Path, name: str) -> None:
    labels = write_field(tmp_path / "a.tif")
    if name.endswith(".png"):
        picture = Image.fromarray(labels, "P")
        picture.putpalette(list(range(256)) * 3)
        picture.save(tmp_path / name)
    else:
        write_tiff(tmp_path / name, labels)
    cells = read_cells(tmp_path)
    assert cells.ids.tolist() == [1, 2, 3]
    assert set(cells.sources) == {"a.tif"}


def test_cell_acdc(tmp_path: Path) -> None:
    labels = write_field(tmp_path / "a_phase_contr.tif")
    np.savez_compressed(tmp_path / "a_segm.npz", labels.astype(np.uint32))
    assert read_cells(tmp_path).ids.tolist() == [1, 2, 3]
    np.savez_compressed(tmp_path / "a_segm.npz", np.array([{}], object))
    with pytest.raises(ImageError, match=r"a_segm\.npz has no labels"):
        read_cells(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x93NUMPY"])
def test_damaged_npz_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    write_field(tmp_path / "a.tif")
    (tmp_path / "a_segm.npz").write_bytes(content)
    with pytest.raises(ReadError, match=r"a_segm\.npz can't be read"):
        read_cells(tmp_path)


def test_a_mask_is_never_cut_into_cells(tmp_path: Path) -> None:
    labels = write_field(tmp_path / "elsewhere" / "a.tif")
    write_cells(tmp_path / "plate", ["1.tif"])
    write_tiff(tmp_path / "plate" / "other" / "b.tif", labels)
    write_tiff(tmp_path / "plate" / "crops" / "1.tif", labels[:60, :70])
    cells = read_cells(tmp_path / "plate")
    assert cells.sources.tolist() == ["1.tif"]
    assert said(cells, "crops/1.tif is a label image")
    assert said(cells, "other/b.tif is a label image")
    with pytest.raises(ImageError, match=r"b\.tif is a label image, not an image of cells"):
        read_cells(tmp_path / "plate" / "other")


def test_labels_of_other_programs_are_named_and_never_run(tmp_path: Path) -> None:
    write_cells(tmp_path, ["a.tif"])
    for name in ("a_seg.npy", "a_Probabilities.h5", "b.czi", "c.tif.part"):
        (tmp_path / name).write_bytes(b"cos\nsystem\n(S'touch /tmp/x'\ntR.")
    cells = read_cells(tmp_path)
    assert said(cells, "a_seg.npy", "save the masks as PNG or TIFF")
    assert said(cells, "a_Probabilities.h5", "ilastik as TIFF")
    assert said(cells, "b.czi", "OME-TIFF")
    assert said(cells, "c.tif.part", "copy them again")


def test_two_label_images_are_a_question(tmp_path: Path) -> None:
    labels = write_field(tmp_path / "a.tif")
    for name in ("a_mask.tif", "a_stardist.tif"):
        write_tiff(tmp_path / name, labels)
    with pytest.raises(ReadError, match=r"several label images \(a_mask\.tif, a_stardist\.tif\); keep one"):
        read_cells(tmp_path)


def test_labels_of_the_user_belong_to_one_field(tmp_path: Path) -> None:
    labels = write_field(tmp_path / "a.tif")
    write_field(tmp_path / "b.tif")
    mask = write_tiff(tmp_path / "elsewhere" / "x.tif", labels)
    assert len(read_cells(tmp_path / "a.tif", labels=mask)) == 3
    with pytest.raises(SettingError, match="labels belong to one full-field image, but the input has 2"):
        read_cells([tmp_path / "a.tif", tmp_path / "b.tif"], labels=mask)


def test_a_population_of_images_is_refused(tmp_path: Path) -> None:
    write_cells(tmp_path, PAIRS)
    with pytest.raises(SettingError, match=r"population is for \.cif and \.rif files"):
        read_cells(tmp_path, population="Focused")


@pytest.mark.parametrize("in_files", [True, False])
def test_wells_are_no_phases(tmp_path: Path, in_files: bool) -> None:
    for well in ("F12", "G1", "G2"):
        write_cells(tmp_path if in_files else tmp_path / well, [f"{well}_Ch3.tif", f"{well}_Ch6.tif"])
    cells = read_cells(tmp_path)
    assert set(cells.phases) == {UNKNOWN}
    assert said(cells, "G1 is read as a well, as F12", "G1_phase")
    one = tmp_path / ("G1_Ch3.tif" if in_files else "G1")
    assert read_cells(one).phases.tolist() == [UNKNOWN], "its neighbours count"


def test_names_that_can_be_wells_or_phases_are_a_question(tmp_path: Path) -> None:
    for name in ("G1.tif", "G2.tif"):
        write_tiff(tmp_path / name, example_tiles(4, 30))
    with pytest.raises(ReadError, match="may be phases or wells of a plate; call them G1_phase and G2_phase, or G01"):
        read_cells(tmp_path)
    for name in ("G1", "G2"):
        (tmp_path / f"{name}.tif").rename(tmp_path / f"{name}_phase.tif")
    assert set(read_cells(tmp_path).phases) == {Phase.G1, Phase.G2}


def test_folders_g1_and_g2_are_phases_and_said(tmp_path: Path) -> None:
    for name in ("G1", "G2"):
        write_cells(tmp_path / name, PAIRS)
    cells = read_cells(tmp_path)
    assert np.bincount(cells.phases).tolist() == [3, 0, 3]
    assert said(cells, "folders G1 and G2 are read as phases", "G01")


def test_a_short_name_is_a_phase_among_phases_only(tmp_path: Path) -> None:
    write_cells(tmp_path / "Ana", PAIRS)
    cells = read_cells(tmp_path)
    assert set(cells.phases) == {UNKNOWN}
    assert said(cells, "Ana is not read as anaphase")
    write_cells(tmp_path / "Meta", PAIRS)
    assert set(read_cells(tmp_path).phases) == {Phase.ANAPHASE, Phase.METAPHASE}


def test_copies_of_files_are_left_out(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", example_tiles(3, 40))
    for name in ("a (1).tif", "a - Copy.tif", "a - Kopie (2).tif", "a copy 3.tif"):
        (tmp_path / name).write_bytes((tmp_path / "a.tif").read_bytes())
    write_tiff(tmp_path / "a (2).tif", example_tiles(3, 40) + 1)
    cells = read_cells(tmp_path)
    assert set(cells.sources) == {"a.tif", "a (2).tif"}
    assert said(cells, "left out, as copies of other files there: a (1).tif, a - Copy.tif")


def test_further_channels_of_nnunet_are_no_images_of_their_own(tmp_path: Path) -> None:
    labels = write_field(tmp_path / "imagesTr" / "a_0000.tif")
    write_field(tmp_path / "imagesTr" / "a_0001.tif")
    write_tiff(tmp_path / "labelsTr" / "a.tif", labels)
    cells = read_cells(tmp_path)
    assert cells.ids.tolist() == [1, 2, 3]
    assert said(cells, "further channels of the images with _0000: a_0001.tif")


def test_files_g1_and_g2_are_phases_and_said(tmp_path: Path) -> None:
    for name in ("G1_7.tif", "G2_8.tif"):
        write_tiff(tmp_path / name, example_tiles(3, 40))
    cells = read_cells(tmp_path)
    assert set(cells.phases) == {Phase.G1, Phase.G2}
    assert said(cells, "that begin with G1 and G2 are read as phases; call them G01 and G02 if they are wells")


def test_a_channel_that_some_cells_lack_is_named(tmp_path: Path) -> None:
    write_cells(tmp_path / "G1", PAIRS)
    write_cells(tmp_path / "S", [name for name in PAIRS if "Ch3" in name])
    cells = read_cells(tmp_path)
    assert cells.channels == ("brightfield",)
    assert said(cells, "darkfield is not used, as 3 of 6 cells have none")


def test_pictures_of_cellpose_and_archives_are_no_images(tmp_path: Path) -> None:
    labels = write_field(tmp_path / "a.tif")
    write_tiff(tmp_path / "a_cp_masks.tif", labels)
    write_tiff(tmp_path / "a_cp_outlines.tif", labels + 5)
    (tmp_path / "b.zarr.zip").write_bytes(b"PK")
    cells = read_cells(tmp_path)
    assert set(cells.sources) == {"a.tif"}
    assert said(cells, "a_cp_outlines.tif")
    assert said(cells, "b.zarr.zip", "unpack them first")


@pytest.mark.parametrize("paths", [None, [[1.0, 2.0]], 7])
def test_what_is_no_path_and_no_array_is_one_sentence(paths: object) -> None:
    with pytest.raises(SettingError, match="can't be read; give a file or folder, several of them, or an array"):
        read_cells(paths)


def test_an_empty_path_is_no_input() -> None:
    with pytest.raises(ReadError, match="no input was given"):
        read_cells("")


def test_a_lonely_s_is_no_phase(tmp_path: Path) -> None:
    write_tiff(tmp_path / "s.tif", example_tiles(3, 40))
    cells = read_cells(tmp_path)
    assert set(cells.phases) == {UNKNOWN}
    assert said(cells, "s is not read as the S phase", "call it S_phase")
    write_tiff(tmp_path / "g1.tif", example_tiles(3, 40) + 1)
    assert sorted(read_cells(tmp_path).phases) == [Phase.G1] * 3 + [Phase.S] * 3


def test_names_without_a_phase_are_counted(tmp_path: Path) -> None:
    for name in ("G0G1", "S", "G2M", "Debris"):
        write_cells(tmp_path / name, PAIRS)
    cells = read_cells(tmp_path)
    assert np.bincount(cells.phases + 1).tolist() == [3, 3, 3, 3]
    assert said(cells, "the phases are G1, S and G2/M, as G2/M stands for several")
    assert said(cells, "no phase is known for Debris (3 cells)")
    assert said(cells, "G0G1 is read as G1")
    write_cells(tmp_path / "Anaphase", PAIRS)  # now G2M would hide what another folder tells
    cells = read_cells(tmp_path)
    assert np.bincount(cells.phases + 1).tolist() == [6, 3, 3, 0, 0, 0, 3]
    assert said(cells, "3 cells of G2M have no phase", "G2, Prophase, Metaphase, Anaphase, Telophase")


@pytest.mark.parametrize(
    ("text", "phases"),
    [
        ("01_G1", "G1"),
        ("1-G1", "G1"),
        ("G1 cells", "G1"),
        ("PRO", "PROPHASE"),
        ("Te\u0301lophase", "TELOPHASE"),
        ("T\u00e9lophase", "TELOPHASE"),
        ("SG2M", "S G2 PROPHASE METAPHASE ANAPHASE TELOPHASE"),
        ("M", "PROPHASE METAPHASE ANAPHASE TELOPHASE"),
        ("Interphase", "G1 S G2"),
        ("G01", ""),
        ("Group1", ""),
    ],
)
def test_spellings(text: str, phases: str) -> None:
    assert [phase.name for phase in named_phases(text)] == phases.split()


@pytest.mark.skipif(os.name != "posix", reason="other systems allow no such names")
@pytest.mark.parametrize("name", [b"zelle\xe4", b"a\nb", b"Te\xcc\x81lophase"])
def test_any_name_ends_in_a_table(tmp_path: Path, name: bytes) -> None:
    write_cells(tmp_path / "G1", PAIRS)
    for path in list((tmp_path / "G1").iterdir()):
        os.rename(path, os.fsencode(path.parent) + b"/" + name + b"_" + path.name.encode())
    assert main(["convert", str(tmp_path), "-o", str(tmp_path / "o.ome.tif")]) == 0
    assert len((tmp_path / "o.csv").read_text("utf-8").splitlines()) == 4
    assert main(["info", str(tmp_path)]) == 0
    assert len(read_cells(tmp_path)) == 3, "the stack is known as a copy by its escaped names"


def test_channels_in_two_unicode_forms_are_one_cell(tmp_path: Path) -> None:
    write_cells(tmp_path, ["T\u00e9_Ch3.tif", "Te\u0301_Ch6.tif"])
    assert read_cells(tmp_path).channels == ("brightfield", "darkfield")


@given(st.text())
def test_printable_names_stay_on_a_line(name: str) -> None:
    assert len(printable(name).splitlines()) <= 1
    printable(name).encode("utf-8")
