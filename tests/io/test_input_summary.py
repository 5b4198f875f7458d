"""What is said of inputs before the work: their description, and the proposal of channels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from example_files import example_tiles, montage_of, write_cells, write_tiff

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.channel_preview import propose_channels
from napari_cellcycle.io.formats.base import SYNTHETIC
from napari_cellcycle.io.input_summary import describe_inputs
from napari_cellcycle.io.inputs import read_cells


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A montage of 5 G1 cells, 3 cells of S in files, a stack of 4 without a phase, and a file that is no image."""
    tiles = example_tiles(5, 20)
    for channel in ("Ch3", "Ch6"):
        write_tiff(tmp_path / "G1" / f"{channel}_CP0001.tif", montage_of(tiles, 3, 3))
        write_cells(tmp_path / "S", [f"{number}_{channel}.tif" for number in range(3)])
    metadata = {"axes": "TCYX", "Channel": {"Name": ["BF", "DF"]}, "PhysicalSizeX": 0.5, "Description": SYNTHETIC}
    write_tiff(tmp_path / "stack.ome.tif", np.stack([example_tiles(4, 30)] * 2, 1), metadata=metadata)
    (tmp_path / "text.tif").write_text("no image")
    return tmp_path


def test_every_part_is_described(plate: Path) -> None:
    found = describe_inputs(plate)
    stack, montage, files = found.parts
    assert (montage.where, montage.kind) == ("G1/Ch3_CP0001.tif", "montage of 20 x 20 pixel tiles")
    assert (montage.n_cells, montage.phases) == (5, {"G1": 5})
    assert montage.channels == {"Ch3": "brightfield", "Ch6": "darkfield"}
    assert (files.where, files.kind, files.n_cells) == ("S", "one file per cell and channel", 3)
    assert (files.heights_px, files.widths_px, files.dtypes) == ((36, 36), (40, 40), ("uint16",))
    assert (stack.kind, stack.pixel_size_um, stack.n_synthetic) == ("stack of cells", 0.5, 4)
    assert (found.n_cells, found.phases) == (12, {"G1": 5, "S": 3})
    problem = found.problems[-1]
    assert "text.tif is not a TIFF" in problem


def test_description_as_text(plate: Path) -> None:
    text = describe_inputs(plate).to_text()
    assert "S: one file per cell and channel\n  cells     3\n  phases    S 3 (from the name of the folder)\n" in text
    assert "  channels  BF = brightfield, DF = darkfield\n" in text
    assert "  images    30 x 30 pixels, uint16, 0.5 um per pixel\n" in text
    assert "  synthetic 4\n" in text
    assert text.count("Ch3 read as brightfield") == 1, "what is said of several parts is said once"
    assert "\nproblem: text.tif is not a TIFF" in text
    assert text.endswith("in all 12 cells: G1 5, S 3")


def test_description_as_json(plate: Path) -> None:
    found = json.loads(json.dumps(describe_inputs(plate).to_dict()))
    assert found["n_cells"] == 12
    assert found["phases"] == {"G1": 5, "S": 3}
    assert [part["n_cells"] for part in found["parts"]] == [4, 5, 3]
    assert found["problems"][0] == "no phase is known for stack (4 cells), as these names give none"


def test_cells_right_in_the_input_are_told_by_its_name(plate: Path) -> None:
    assert describe_inputs(plate / "S").parts[0].where == "S"


def test_nothing_to_describe_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("no image")
    with pytest.raises(ReadError, match=r"text\.tif is not a TIFF"):
        describe_inputs(tmp_path)


def test_proposal_shows_each_channel_and_what_it_seems_to_be(plate: Path) -> None:
    proposal = propose_channels(plate / "G1")
    assert [(channel.name, channel.role) for channel in proposal.channels] == [
        ("Ch3", "brightfield"),
        ("Ch6", "darkfield"),
    ]
    for channel in proposal.channels:
        assert channel.example is not None
        np.testing.assert_array_equal(channel.example, example_tiles(5, 20)[0])


def test_proposal_of_a_field_shows_the_field(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.random.default_rng(0).integers(1, 9, (180, 200), dtype=np.uint16))
    (channel,) = propose_channels(path).channels
    assert (channel.name, channel.role) == ("0", "brightfield")
    assert channel.example is not None
    assert channel.example.shape == (180, 200)


def test_proposal_is_what_read_cells_understands(tmp_path: Path) -> None:
    write_tiff(tmp_path / "x.tif", np.stack([example_tiles(4, 30)] * 2, 1), metadata={"axes": "NCYX"})
    proposal = propose_channels(tmp_path)
    assert proposal.mapping == {"brightfield": "0", "darkfield": "1"}
    cells = read_cells(tmp_path, channels=proposal.mapping)
    assert cells.channels == ("brightfield", "darkfield")
    assert cells.notes == (), "what the user says is no guess"


def test_channel_without_a_role_is_proposed_without(tmp_path: Path) -> None:
    metadata = {"axes": "TCYX", "Channel": {"Name": ["GFP", "BF"]}}
    write_tiff(tmp_path / "x.ome.tif", np.stack([example_tiles(4, 30)] * 2, 1), metadata=metadata)
    assert [channel.role for channel in propose_channels(tmp_path).channels] == [None, "brightfield"]


def test_proposal_tells_what_is_unlike_the_first(plate: Path) -> None:
    notes = propose_channels(plate).notes
    assert any(
        "the channels of G1/Ch3_CP0001.tif differ from those of stack.ome.tif: Ch3, Ch6" in note for note in notes
    )
    assert any("text.tif is not a TIFF" in note for note in notes)
