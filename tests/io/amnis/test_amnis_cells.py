"""Objects of Amnis files as cells: roles, masks, sizes, phases from lists in their folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from amnis_writer import WrittenObject, write_amnis

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.cells import Cells
from napari_cellcycle.errors import ChannelError, ReadError
from napari_cellcycle.io.amnis import cells as amnis_cells
from napari_cellcycle.io.amnis import open_amnis, read_amnis_cells
from napari_cellcycle.io.input_summary import describe_inputs
from napari_cellcycle.io.inputs import read_cells
from napari_cellcycle.phases import UNKNOWN, Phase

CHANNELS = (1, 3, 6, 12)


def read_objects(path: Path, root: Path, channels: dict[str, str] | None = None) -> Cells:
    return read_amnis_cells(open_amnis(path), path.relative_to(root).as_posix(), channels)


def write_cells(path: Path, n_objects: int = 5, **header: object) -> list[WrittenObject]:
    """Objects of growing size; in the mask each channel has a line of its own, so that its plane shows."""
    objects = []
    for number in range(n_objects):
        image = np.full((len(CHANNELS), 8 + number, 9), 100 + number, np.int16) * (1 + np.arange(4)[:, None, None])
        mask = np.zeros(image.shape, np.uint8)
        mask[np.arange(4), np.arange(4)] = np.array([[1], [2], [3], [1]])
        objects.append(WrittenObject(image.astype(np.int16), mask, object_id=10 * number))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_amnis(path, objects, CHANNELS, **{"brightfield": (3,), "magnification": 60, **header})
    return objects


def test_roles_ids_pixel_size_and_images(tmp_path: Path) -> None:
    objects = write_cells(tmp_path / "plate" / "run.cif")
    cells = read_objects(tmp_path / "plate" / "run.cif", tmp_path)
    assert cells.channels == ("Ch1", "brightfield", "darkfield", "Ch12")
    assert cells.ids.tolist() == [0, 10, 20, 30, 40]
    assert set(cells.sources) == {"plate/run.cif"}
    np.testing.assert_allclose(cells.pixel_size_um, 0.3)
    assert cells.notes == ("Ch6 read as darkfield, since run.cif doesn't say; change it with --channels",)
    for found, written in zip(cells.read([3, 0]), (objects[3], objects[0]), strict=True):
        assert isinstance(found, CellImage)
        np.testing.assert_array_equal(found.pixels, written.image)
        np.testing.assert_array_equal(found.mask, written.mask[1] != 0)


@pytest.mark.parametrize(
    ("asked", "roles"),
    [
        ({"darkfield": "Ch12"}, ("Ch1", "brightfield", "Ch6", "darkfield")),
        ({"brightfield": "ch1"}, ("brightfield", "Ch3", "darkfield", "Ch12")),
        ({"dna": "Ch6"}, ("Ch1", "brightfield", "dna", "darkfield")),
        ({"dna": "2"}, ("Ch1", "brightfield", "dna", "darkfield")),
    ],
)
def test_the_user_says_which_channel_is_which(tmp_path: Path, asked: dict[str, str], roles: tuple[str, ...]) -> None:
    write_cells(tmp_path / "run.cif")
    assert read_objects(tmp_path / "run.cif", tmp_path, asked).channels == roles


def test_a_channel_that_is_not_in_use(tmp_path: Path) -> None:
    write_cells(tmp_path / "run.cif")
    with pytest.raises(ChannelError, match=r"run\.cif has no channel 'Ch2'; choose one of Ch1, Ch3, Ch6, Ch12"):
        read_objects(tmp_path / "run.cif", tmp_path, {"darkfield": "Ch2"})


def test_two_brightfield_channels(tmp_path: Path) -> None:
    write_cells(tmp_path / "run.cif", brightfield=(1, 6))
    cells = read_objects(tmp_path / "run.cif", tmp_path)
    assert cells.channels == ("brightfield", "Ch3", "Ch6", "darkfield")
    assert cells.notes[0] == "Ch1 read as brightfield, the first of 2 of them"


def test_mask_of_all_channels_where_brightfield_has_none(tmp_path: Path) -> None:
    objects = write_cells(tmp_path / "run.cif")
    objects[0].mask[1] = 0
    write_amnis(tmp_path / "run.cif", objects, CHANNELS, brightfield=(3,))
    first, second = read_objects(tmp_path / "run.cif", tmp_path).read([0, 1])
    np.testing.assert_array_equal(first.mask, (objects[0].mask != 0).any(axis=0))
    np.testing.assert_array_equal(second.mask, objects[1].mask[1] != 0)


def test_raw_images_have_no_mask(tmp_path: Path) -> None:
    write_amnis(tmp_path / "a.rif", [WrittenObject(np.ones((1, 4, 4), np.int16))], (3,), brightfield=(3,))
    assert read_objects(tmp_path / "a.rif", tmp_path).read([0])[0].mask is None


def test_only_wanted_planes_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = write_cells(tmp_path / "run.cif")
    cells = read_objects(tmp_path / "run.cif", tmp_path)
    images = cells.images.take_planes([2, 1]).take_planes([1])
    asked = []
    read = amnis_cells.AmnisFile.read
    monkeypatch.setattr(
        amnis_cells.AmnisFile, "read", lambda self, indices, planes: asked.append(planes) or read(self, indices, planes)
    )
    np.testing.assert_array_equal(images.read([4])[0].pixels, objects[4].image[[1]])
    assert asked == [(1,)]


def test_a_damaged_object_spoils_no_other(tmp_path: Path) -> None:
    objects = write_cells(tmp_path / "run.cif")
    written = write_amnis(tmp_path / "run.cif", objects, CHANNELS, brightfield=(3,))
    content = bytearray((tmp_path / "run.cif").read_bytes())
    start = written.strips[2][0]
    content[start : start + 3] = b"\x88\x88\x88"  # six nibbles that end no number
    (tmp_path / "run.cif").write_bytes(content)
    found = read_objects(tmp_path / "run.cif", tmp_path).read([0, 1, 2])
    assert [isinstance(cell, Unreadable) for cell in found] == [False, True, False]
    assert found[1].reason.startswith("object 10 of run.cif is damaged: its strip of ")


def test_a_channel_that_was_not_recorded(tmp_path: Path) -> None:
    objects = write_cells(tmp_path / "run.cif")
    objects[2].image[1] = 0
    write_amnis(tmp_path / "run.cif", objects, CHANNELS, brightfield=(3,))
    found = read_objects(tmp_path / "run.cif", tmp_path).read([1, 2])
    assert isinstance(found[0], CellImage)
    assert found[1] == Unreadable("object 20 of run.cif is all zero in brightfield; was this channel recorded?")


def test_a_file_without_objects(tmp_path: Path) -> None:
    write_amnis(tmp_path / "a.cif", [], (3,))
    with pytest.raises(ReadError, match=r"a\.cif contains no objects; give another file"):
        read_objects(tmp_path / "a.cif", tmp_path)


def test_problems_are_said(tmp_path: Path) -> None:
    objects = write_cells(tmp_path / "run.cif")
    write_amnis(tmp_path / "run.cif", objects, CHANNELS, brightfield=(3,), n_objects=9)
    notes = read_objects(tmp_path / "run.cif", tmp_path).notes
    assert notes[-1] == "run.cif: only 5 of the 9 objects in its header are there"


@pytest.mark.parametrize("name", ["G1.cif", "G1/plate3.cif", "s_phase/a.rif"])
def test_folder_or_file_names_tell_the_phase(tmp_path: Path, name: str) -> None:
    write_cells(tmp_path / name)
    expected = Phase.S if name.startswith("s") else Phase.G1
    assert set(read_cells(tmp_path).phases) == {expected}


def test_population_lists_tell_the_phases(tmp_path: Path) -> None:
    write_cells(tmp_path / "plate3.cif")
    (tmp_path / "G1.txt").write_text("0\n20\n")
    (tmp_path / "plate3_Anaphase.txt").write_text("Anaphase\n\n40\n99\n")
    (tmp_path / "readme.txt").write_text("nothing here is a number")
    cells = read_objects(tmp_path / "plate3.cif", tmp_path)
    assert cells.phases.tolist() == [Phase.G1, UNKNOWN, Phase.G1, UNKNOWN, Phase.ANAPHASE]
    assert "G1.txt gives 2 objects of plate3.cif the phase G1" in cells.notes


def test_a_list_named_by_its_phase_alone_is_of_the_only_file(tmp_path: Path) -> None:
    write_cells(tmp_path / "a.cif")
    write_cells(tmp_path / "b.cif")
    (tmp_path / "G1.txt").write_text("0\n")
    (tmp_path / "b_S.txt").write_text("0\n")
    assert set(read_objects(tmp_path / "a.cif", tmp_path).phases) == {UNKNOWN}
    assert read_objects(tmp_path / "b.cif", tmp_path).phases[0] == Phase.S


def test_lists_given_with_their_file_are_no_problem(tmp_path: Path) -> None:
    write_cells(tmp_path / "plate3.cif")
    names = ("G1.txt", "plate3_S.txt", "readme.txt")
    for name in names:
        (tmp_path / name).write_text("0\n")
    found = describe_inputs([tmp_path / "plate3.cif", *(tmp_path / name for name in names)])
    assert found.problems == ("readme.txt is not a TIFF, PNG or JPEG image; export it again",)
    (note,) = describe_inputs([tmp_path, tmp_path / "G1.txt"]).problems
    assert note.endswith("not used: readme.txt")
    with pytest.raises(ReadError, match=r"G1\.txt is not a TIFF"):
        describe_inputs(tmp_path / "G1.txt")


def test_an_object_in_lists_of_two_phases(tmp_path: Path) -> None:
    write_cells(tmp_path / "a.cif")
    (tmp_path / "G1.txt").write_text("0\n10\n")
    (tmp_path / "S.txt").write_text("10\n")
    cells = read_objects(tmp_path / "a.cif", tmp_path)
    assert cells.phases[:2].tolist() == [Phase.G1, UNKNOWN]
    assert "1 objects of a.cif are in lists or populations of several phases, so their phase is unknown" in cells.notes


def test_real_file_as_cells(real_data: Path) -> None:
    cells = read_cells(real_data / "cif" / "example.cif", channels={"darkfield": "Ch6"})
    assert (len(cells), cells.channels[4:], cells.notes) == (111, ("brightfield", "darkfield"), ())
    reference = np.load(real_data / "cif" / "example_reference_first56.npz")
    for number, found in zip((55, 3), cells.select_channels(("darkfield", "brightfield")).read([55, 3]), strict=True):
        np.testing.assert_array_equal(found.pixels, reference[f"img_{number:05d}"][[5, 4]])
        np.testing.assert_array_equal(found.mask, reference[f"msk_{number:05d}"][4] != 0)
