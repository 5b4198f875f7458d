"""The table of a stack."""

from __future__ import annotations

from pathlib import Path

import pytest
from example_files import example_tiles, write_tiff

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.formats.base import SYNTHETIC
from napari_cellcycle.io.inputs import read_cells


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Three cells in a file that can have a table."""
    return write_tiff(tmp_path / "plate.ome.tif", example_tiles(3, 30), metadata={"axes": "TYX"})


def test_table_tells_phases_and_what_is_synthetic(stack: Path) -> None:
    stack.with_name("plate.csv").write_text("cell,phase,synthetic\n2,telofase,1\n0,S_phase,False\n")
    cells = read_cells(stack)
    assert cells.phases.tolist() == [1, -1, 6]
    assert cells.synthetic.tolist() == [False, False, True]


def test_file_that_is_synthetic_stays_so(tmp_path: Path) -> None:
    metadata = {"axes": "TYX", "Description": SYNTHETIC}
    path = write_tiff(tmp_path / "plate.ome.tif", example_tiles(3, 30), metadata=metadata)
    path.with_name("plate.csv").write_text("cell,phase\n0,G1\n")
    assert read_cells(path).synthetic.all()


def test_table_is_stronger_than_the_folder(stack: Path) -> None:
    folder = stack.parent / "G1"
    folder.mkdir()
    stack.rename(folder / stack.name)
    (folder / "plate.csv").write_text("cell,phase\n1,G2\n2,\n")
    assert read_cells(folder).phases.tolist() == [0, 2, -1]


def test_table_of_something_else_is_left_alone(stack: Path) -> None:
    stack.with_name("plate.csv").write_text("well;treatment\nA1;DMSO\n")
    assert read_cells(stack).phases.tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"cell,phase\n0,G1\n1,G3\n", r"plate\.csv line 3: 'G3' is not a phase; write one of G1, S, G2"),
        (b"cell,phase\n3,G1\n", r"plate\.csv line 2: plate\.ome\.tif has no cell '3'; correct the table"),
        (b"cell,phase\n-1,G1\n", r"plate\.csv line 2: plate\.ome\.tif has no cell '-1'"),
        (b"cell,phase\nx,G1\n", r"plate\.csv line 2: plate\.ome\.tif has no cell 'x'"),
        (b"cell,phase,synthetic\n0,G1,maybe\n", r"plate\.csv line 2: synthetic is 'maybe', but must be 0 or 1"),
        (b"cell,phase\n\xff\xfe,G1\n", r"plate\.csv line 2: plate\.ome\.tif has no cell"),
    ],
)
def test_wrong_table_is_one_sentence(stack: Path, content: bytes, reason: str) -> None:
    stack.with_name("plate.csv").write_bytes(content)
    with pytest.raises(ReadError, match=reason):
        read_cells(stack)


TABLE = [["Cell ", "PHASE"], ["0", "G1"], ["1.0", "s phase"], ["2", ""]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(("separator", "first"), [(",", ""), (";", ""), ("\t", ""), (";", "sep=;\r\n")])
def test_tables_of_any_program(stack: Path, encoding: str, separator: str, first: str) -> None:
    text = first + "\r\n".join(separator.join([*row, "\u00e4"]) for row in TABLE)
    stack.with_name("plate.csv").write_bytes(text.encode(encoding))
    assert read_cells(stack).phases.tolist() == [0, 1, -1]


@pytest.mark.parametrize("suffix", [".tsv", ".txt", ".CSV"])
def test_other_names_of_a_table(stack: Path, suffix: str) -> None:
    stack.with_name(f"plate{suffix}").write_text("cell\tphase\n1,0\tMeta\n")
    assert read_cells(stack).phases.tolist() == [-1, 4, -1]


def test_coarse_phases_and_other_tables_are_named(stack: Path) -> None:
    stack.with_name("plate.csv").write_text('cell,phase\n"0",G2/M\n1,G2/M\n2,unknown\n')
    cells = read_cells(stack)
    assert set(cells.phases) == {-1}
    assert any("2 cells of G2/M in plate.csv have no phase" in note for note in cells.notes)
    stack.with_name("plate.csv").write_text("well;treatment\nA1;DMSO\n")
    assert "plate.csv is not used, as it has no columns cell and phase" in read_cells(stack).notes


def test_a_cell_that_is_there_twice_differently(stack: Path) -> None:
    stack.with_name("plate.csv").write_text("cell,phase\n0,G1\n0,G1\n1,S\n")
    assert read_cells(stack).phases.tolist() == [0, 1, -1]
    stack.with_name("plate.csv").write_text("cell,phase\n0,G1\n0,S\n")
    with pytest.raises(ReadError, match=r"plate\.csv line 3: cell 0 is there twice, and differently"):
        read_cells(stack)


def test_cells_counted_from_1_are_one_sentence(stack: Path) -> None:
    stack.with_name("plate.csv").write_text("cell,stage\n1,G1\n2,G1\n3,S\n")
    with pytest.raises(ReadError, match=r"has no cell '3'; correct the table \(cells are counted from 0\)"):
        read_cells(stack)


def test_dead_cells_have_no_phase(stack: Path) -> None:
    stack.with_name("plate.csv").write_text("cell,phase\n0,dead\n1,G1\n2,G2/M\n")
    cells = read_cells(stack)
    assert cells.phase_set.labels(cells.phases).tolist() == ["", "G1", "G2/M"]
    assert "1 cell of dead in plate.csv has no phase" in cells.notes
