"""Folders: which files show the same cell, and how little is opened."""

from __future__ import annotations

import os
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import pytest
from example_files import example_tiles, write_cells, write_tiff

from napari_cellcycle.cell_images import CellImage, Unreadable
from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.formats import open as open_image_file
from napari_cellcycle.io.inputs import read_cells


def test_cells_without_a_partner_are_named_and_left_out(tmp_path: Path) -> None:
    names = [f"{number}_{channel}.tif" for number in range(12) for channel in ("Ch3", "Ch6")]
    write_cells(tmp_path / "G1", [name for name in names if name not in ("3_Ch6.tif", "7_Ch3.tif")])
    cells = read_cells(tmp_path)
    assert len(cells) == 10
    assert any("2 of 12 are left out" in note and "3_Ch3.tif, 7_Ch6.tif" in note for note in cells.notes)


def test_no_cell_with_a_partner_is_one_sentence(tmp_path: Path) -> None:
    write_cells(tmp_path, ["1_Ch3.tif", "2_Ch3.tif", "8_Ch6.tif", "9_Ch6.tif"])
    with pytest.raises(ReadError, match="has no cell with all of the channels Ch3, Ch6; the files of one cell"):
        read_cells(tmp_path)


def test_channel_that_most_cells_lack_is_left_out(tmp_path: Path) -> None:
    write_cells(tmp_path, [f"{number}_Ch3.tif" for number in range(5)] + ["0_Ch1.tif"])
    cells = read_cells(tmp_path)
    assert (len(cells), cells.channels) == (5, ("brightfield",))
    assert any("channels that most cells do not have are left out: Ch1 (of 1 in 5)" in note for note in cells.notes)


def test_bad_file_among_one_cell_files_stays_in_its_place(tmp_path: Path) -> None:
    write_cells(tmp_path, [f"{number}.tif" for number in range(30)])
    for number in (1, 20):
        (tmp_path / f"{number}.tif").write_bytes(b"no image")
    cells = read_cells(tmp_path)
    found = cells.read(range(30))
    assert [number for number, cell in enumerate(found) if isinstance(cell, Unreadable)] == [1, 20]
    assert any(note.startswith("1.tif is not a TIFF") for note in cells.notes)


def test_stack_among_one_cell_files_is_told(tmp_path: Path) -> None:
    write_cells(tmp_path, [f"{number}.tif" for number in range(30)])
    write_tiff(tmp_path / "20.tif", example_tiles(7, 30))
    assert read_cells(tmp_path).read([20]) == [
        Unreadable("20.tif has 7 images, but the other files have one cell each; open it separately")
    ]


def test_stacks_beside_a_single_cell_are_all_read(tmp_path: Path) -> None:
    write_cells(tmp_path, ["0.tif"])
    for number in range(1, 20):
        write_tiff(tmp_path / f"{number}.tif", example_tiles(3, 30))
    cells = read_cells(tmp_path)
    assert len(cells) == 1 + 19 * 3
    assert all(isinstance(cell, CellImage) for cell in cells.read(range(len(cells))))


def test_very_many_bad_files_are_not_all_named(tmp_path: Path) -> None:
    write_cells(tmp_path / "good", ["1.tif"])
    (tmp_path / "bad").mkdir()
    for number in range(70):
        (tmp_path / "bad" / f"{number}.tif").write_bytes(b"no image")
    notes = read_cells(tmp_path).notes
    assert sum(note.startswith("left out: ") for note in notes) == 51
    assert notes[-1] == "left out: 20 more"


def test_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cells(tmp_path / "G1", ["1.tif"])
    (tmp_path / "G2").mkdir()
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("G2"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything, and tests may run as root
    cells = read_cells(tmp_path)
    assert len(cells) == 1
    assert any("G2 can't be read (Permission denied)" in note for note in cells.notes)


def test_file_that_may_not_be_read_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cells(tmp_path, ["1.tif"])

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ReadError, match=r"1\.tif can't be read \(Permission denied\); check its permissions"):
        read_cells(tmp_path)


N_MANY = 5000


class Entry:
    """What `os.scandir` gives, of a file that is not there."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.number = name, number

    def is_dir(self) -> bool:
        return False

    is_symlink = is_dir

    def is_file(self) -> bool:
        return True

    def inode(self) -> int:
        return self.number


@contextmanager
def listing(scan, folder: Path, names: list[str]):  # type: ignore[no-untyped-def]
    with scan(folder) as there:
        is_full = any(entry.name == names[0] for entry in there)
    with scan(folder) as there:
        yield (Entry(name, number) for number, name in enumerate(names, 1)) if is_full else there


def test_very_many_cells_open_without_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number}_{channel}.tif" for number in range(N_MANY) for channel in ("Ch3", "Ch6")]
    write_cells(tmp_path, names[:18])
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listing(scan, path, names))  # the other files are not even there
    opened: list[Path] = []
    first_bytes = open_image_file._first_bytes

    def spy(path: Path) -> bytes:
        opened.append(path)
        return first_bytes(path)

    read_cells(tmp_path / "0_Ch3.tif")  # what imports need is not counted
    monkeypatch.setattr(open_image_file, "_first_bytes", spy)
    tracemalloc.start()
    cells = read_cells(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(cells) == N_MANY
    assert len(opened) <= 30
    assert peak < 1500 * N_MANY
    good, bad = cells.read([8, N_MANY - 1])
    assert isinstance(good, CellImage)
    assert isinstance(bad, Unreadable)
    assert f"{N_MANY - 1}_Ch3.tif does not exist" in bad.reason
