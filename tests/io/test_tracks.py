"""Tracks of tables, of the Cell Tracking Challenge and of TrackMate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_cellcycle.errors import ReadError
from napari_cellcycle.io.trackmate import SpotFeature, write_spot_features
from napari_cellcycle.io.tracks import read_tracks

TRACKMATE = """<?xml version="1.0" encoding="UTF-8"?>
<TrackMate version="7.11.1">
  <Model spatialunits="µm" timeunits="min">
    <AllSpots nspots="7">
      <SpotsInFrame frame="0">
        <Spot ID="10" name="a" FRAME="0" POSITION_X="1.5" POSITION_Y="2.5" POSITION_T="0.0" />
        <Spot ID="99" name="alone" FRAME="0" POSITION_X="0" POSITION_Y="0" POSITION_T="0.0" />
      </SpotsInFrame>
      <SpotsInFrame frame="1"><Spot ID="11" FRAME="1" POSITION_X="2" POSITION_Y="3" /></SpotsInFrame>
      <SpotsInFrame frame="3">
        <Spot ID="12" FRAME="3" POSITION_X="1" POSITION_Y="3" /><Spot ID="13" FRAME="3" POSITION_X="3" POSITION_Y="3" />
        <Spot ID="14" FRAME="3" POSITION_X="9" POSITION_Y="9" />
      </SpotsInFrame>
      <SpotsInFrame frame="4"><Spot ID="15" FRAME="4" POSITION_X="1" POSITION_Y="4" /></SpotsInFrame>
    </AllSpots>
    <AllTracks>
      <Track name="Track_0" TRACK_ID="0">
        <Edge SPOT_SOURCE_ID="11" SPOT_TARGET_ID="10" /><Edge SPOT_SOURCE_ID="11" SPOT_TARGET_ID="12" />
        <Edge SPOT_SOURCE_ID="11" SPOT_TARGET_ID="13" /><Edge SPOT_SOURCE_ID="12" SPOT_TARGET_ID="15" />
      </Track>
      <Track name="Track_1" TRACK_ID="1"><Edge SPOT_SOURCE_ID="99" SPOT_TARGET_ID="14" /></Track>
    </AllTracks>
    <FilteredTracks><TrackID TRACK_ID="0" /></FilteredTracks>
  </Model>
</TrackMate>
"""


def written(folder: Path, text: str, name: str = "tracks.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_in_any_usual_spelling(tmp_path: Path) -> None:
    text = "Track_ID;Frame;Parent ID;Label\n1;0;;7\n1;1;;8\n2;2;1;3\n3;2;1.0;4\n"
    table = read_tracks(written(tmp_path, text))
    assert table.track.tolist() == [1, 1, 2, 3]
    assert table.frame.tolist() == [0, 1, 2, 2]
    assert table.parents == {2: 1, 3: 1}
    assert table.cell is not None
    assert table.cell.tolist() == [7, 8, 3, 4]
    assert table.position is None


def test_a_table_with_positions(tmp_path: Path) -> None:
    table = read_tracks(written(tmp_path, "track\tt\ty\tx\n5\t0\t1.5\t2\n5\t1\t3\t4\n", "tracks.tsv"))
    assert table.position is not None
    assert table.position.tolist() == [[1.5, 2.0], [3.0, 4.0]]
    assert (table.cell, table.parents) == (None, {})


def test_the_cell_tracking_challenge(tmp_path: Path) -> None:
    table = read_tracks(written(tmp_path, "1 0 2 0\n2 3 4 1\n3 3 3 1\n", "man_track.txt"))
    assert table.track.tolist() == [1, 1, 1, 2, 2, 3]
    assert table.frame.tolist() == [0, 1, 2, 3, 4, 3]
    assert table.parents == {2: 1, 3: 1}
    assert table.cell is not None
    np.testing.assert_array_equal(table.cell, table.track)


def test_trackmate_lineages_are_cut_at_divisions(tmp_path: Path) -> None:
    table = read_tracks(written(tmp_path, TRACKMATE, "film.xml"))
    assert table.track.tolist() == [0, 0, 1, 1, 2]
    assert table.frame.tolist() == [0, 1, 3, 4, 3]
    assert table.parents == {1: 0, 2: 0}
    assert table.position is not None
    assert table.position[0].tolist() == [2.5, 1.5]
    assert table.unit == "µm"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("cell,phase\n1,G1\n", r"lacks the columns track and frame \(it has cell, phase\)"),
        ("track,frame\n", "has no rows"),
        ("track,frame\n1,a\n", "'a' in the column frame is no number"),
        ("track,frame\n1,0.5\n", "'0.5' in the column frame is no whole number"),
        ("track,frame\n1,nan\n", "'nan' in the column frame is no whole number"),
        ("track,frame,parent\n1,0,9\n", "names track 9 as a parent"),
        ("1 0 2 0\n2 3\n", "must have four whole numbers in each line"),
        ("1 5 2 0\n", "track 1 ends before it starts"),
        ("1 0 2 0\n1 3 4 0\n", "has a label twice"),
        ("<html></html>", "is no file of TrackMate or is damaged"),
        (TRACKMATE[:900], "is no file of TrackMate or is damaged"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><TrackMate>&b;</TrackMate>', "it defines entities"),
        (TRACKMATE.replace('ID="15" FRAME', 'ID="16" FRAME'), "links spots that it does not have"),
        (TRACKMATE.replace('SPOT_SOURCE_ID="12" SPOT_TARGET_ID="15"', 'SPOT_SOURCE_ID="10" SPOT_TARGET_ID="13"'),
         "links two cells to one in frame 3"),
        (TRACKMATE.replace('POSITION_X="2"', 'POSITION_X="two"'), "is no file of TrackMate"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ReadError, match=message):
        read_tracks(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"none\.csv"):
        read_tracks(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "text", ["3,0,1.5,2\n3,1,3,4\n", "3.0e+00 0.0 1.5 2.0\n3.0 1.0 3.0 4.0\n", "3;0;9;1.5;2\n3;1;9;3;4\n"]
)
def test_data_of_a_tracks_layer_without_a_heading(tmp_path: Path, text: str) -> None:
    table = read_tracks(written(tmp_path, text))
    assert table.position is not None
    assert (table.track.tolist(), table.frame.tolist(), table.position.tolist()) == ([3, 3], [0, 1], [[1.5, 2], [3, 4]])


def test_our_own_table_is_read_without_cells_that_have_no_track(tmp_path: Path) -> None:
    text = "source,cell,phase,track,frame,parent\nf[t=0],4,G1,2,0,-1\nf[t=0],5,G1,-1,0,-1\nf[t=1],9,S,3,1,2\n"
    table = read_tracks(written(tmp_path, text))
    assert table.cell is not None
    assert (table.track.tolist(), table.cell.tolist(), dict(table.parents)) == ([2, 3], [4, 9], {3: 2})


def test_trackmate_knows_its_pixels_and_its_spots(tmp_path: Path) -> None:
    image = '<Settings><ImageData pixelwidth="0.25" pixelheight="0.25" /></Settings></TrackMate>'
    table = read_tracks(written(tmp_path, TRACKMATE.replace("</TrackMate>", image), "t.xml"))
    assert table.spot is not None
    assert (table.pixel_size, table.unit, table.spot.tolist()) == (0.25, "µm", [10, 11, 12, 15, 13])


def test_phases_are_written_into_a_copy_and_all_else_stays_to_the_byte(tmp_path: Path) -> None:
    declared = '<FeatureDeclarations><SpotFeatures>\n<Feature feature="QUALITY" /></SpotFeatures></FeatureDeclarations>'
    original = written(tmp_path, TRACKMATE.replace("<AllSpots", f"{declared}<!-- a > b --><AllSpots"), "t.xml")
    before = original.read_bytes()
    features = [SpotFeature("PHASE", "Cell-cycle phase", {10: 1, 13: 3}, is_whole=True)]
    write_spot_features(original, features, tmp_path / "copy.xml")
    text = (tmp_path / "copy.xml").read_text(encoding="utf-8")
    assert original.read_bytes() == before
    assert text.count("CELLCYCLE_PHASE=") == 2
    assert '<Spot CELLCYCLE_PHASE="1" ID="10"' in text
    assert '<Feature feature="CELLCYCLE_PHASE" name="Cell-cycle phase"' in text
    assert read_tracks(tmp_path / "copy.xml").track.tolist() == read_tracks(original).track.tolist()
    write_spot_features(tmp_path / "copy.xml", [], tmp_path / "again.xml")
    assert (tmp_path / "again.xml").read_bytes() == before
    write_spot_features(tmp_path / "copy.xml", features, tmp_path / "twice.xml")
    assert (tmp_path / "twice.xml").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("directed", [True, False])
def test_a_graph_that_geff_wrote(tmp_path: Path, directed: bool) -> None:
    geff, networkx = pytest.importorskip("geff"), pytest.importorskip("networkx")
    graph = networkx.DiGraph() if directed else networkx.Graph()
    for node, t in ((30, 0), (31, 1), (40, 2), (41, 2), (42, 3)):
        graph.add_node(node, t=t, y=float(node), x=0.5, seg_id=node + 100)
    graph.add_edges_from([(30, 31), (31, 40), (31, 41), (41, 42)])
    names, kinds, units = ["t", "y", "x"], ["time", "space", "space"], ["minute", "micrometer", "micrometer"]
    geff.write(graph, str(tmp_path / "a.geff"), axis_names=names, axis_types=kinds, axis_units=units)
    table = read_tracks(tmp_path / "a.geff")
    assert table.cell is not None
    assert table.position is not None
    assert (table.track.tolist(), table.frame.tolist()) == ([0, 0, 1, 2, 2], [0, 1, 2, 2, 3])
    assert (table.cell.tolist(), dict(table.parents)) == ([130, 131, 140, 141, 142], {1: 0, 2: 0})
    assert (table.position[:, 0].tolist(), table.unit) == ([30, 31, 40, 41, 42], "micrometer")


def test_a_damaged_graph_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.geff").mkdir()
    (tmp_path / "a.geff" / ".zattrs").write_text('{"geff": {}}')
    (tmp_path / "a.geff" / ".zgroup").write_text('{"zarr_format": 2}')
    with pytest.raises(ReadError, match=r"a\.geff can't be read as GEFF"):
        read_tracks(tmp_path / "a.geff")


@pytest.mark.parametrize(("starts", "parents"), [(2, {1: 0}), (1, {})])
def test_parent_0_is_a_track_if_it_can_be_and_else_means_none(
    tmp_path: Path, starts: int, parents: dict[int, int]
) -> None:
    text = f"track,frame,parent\n0,0,0\n0,1,0\n1,{starts},0\n"
    assert dict(read_tracks(written(tmp_path, text)).parents) == parents


@pytest.mark.parametrize("line", ["1 0 999999999 0", "1 -5 3 0", "1 0 99999999999999999999 0"])
def test_frames_that_no_film_has(tmp_path: Path, line: str) -> None:
    with pytest.raises(ReadError, match=r"man_track\.txt"):
        read_tracks(written(tmp_path, f"{line}\n2 0 3 0\n", "man_track.txt"))


def test_an_encoding_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="is no file of TrackMate or is damaged"):
        read_tracks(written(tmp_path, TRACKMATE.replace('encoding="UTF-8"', 'encoding="UTF-255"'), "tracks.xml"))
