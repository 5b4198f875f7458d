"""Cells of films and their tracks: from tables, from labels that persist, and linked."""

from __future__ import annotations

import numpy as np
import pytest
from lineages import Lineage, lineages

from napari_cellcycle.errors import SettingError
from napari_cellcycle.tracking.film import Film, film_frames, films_of
from napari_cellcycle.tracking.linking import labels_persist, link_cells, persisting_tracks
from napari_cellcycle.tracking.matching import match_tracks
from napari_cellcycle.tracking.track_table import TrackTable, cut_at_divisions


def film_of(lineage: Lineage, labels: np.ndarray | None = None) -> Film:
    corner = np.round(lineage.position - 10)
    sources = np.array([f"film.tif[t={frame}]" for frame in lineage.frame])
    (film,) = films_of(sources, lineage.track + 1 if labels is None else labels, np.hstack([corner, corner + 21]))
    return film


@pytest.fixture
def lineage() -> Lineage:
    """Nine cells for 60 frames of half an hour; each divides about once."""
    return lineages(9, 60, 30)


def table_of(lineage: Lineage, **columns: object) -> TrackTable:
    return TrackTable(lineage.track, lineage.frame, lineage.parents, **columns)  # type: ignore[arg-type]


def test_cells_of_two_films_and_of_none() -> None:
    sources = np.array(["b.tif[t=0]", "single.tif", "a[t=1].tif[t=10]", "b.tif[t=2]"])
    films = films_of(sources, np.arange(4), np.full((4, 4), np.nan))
    assert [(film.name, film.rows.tolist(), film.frame.tolist()) for film in films] == [
        ("b.tif", [0, 3], [0, 2]),
        ("a[t=1].tif", [2], [10]),
    ]


@pytest.mark.parametrize(
    ("names", "film", "frames"),
    [
        (["01/t000.tif", "01/t001.tif", "01/t010.tif"], "01/t*.tif", [0, 1, 10]),
        (["a_t01_ch1.ome.tif", "a_t02_ch1.ome.tif"], "a_t*_ch1.ome.tif", [0, 1]),
        (["p/A1_s1_T1.TIF", "p/A1_s1_T2.TIF", "p/A1_s1_T10.TIF"], "p/A1_s1_T*.TIF", [0, 1, 9]),
        (["img_time000000003_z0.tif", "img_time000000004_z0.tif"], "img_time*_z0.tif", [3, 4]),
        (["t2/t005.tif", "t2/t006.tif"], "t2/t*.tif", [5, 6]),
    ],
)
def test_files_that_are_frames_of_a_film(names: list[str], film: str, frames: list[int]) -> None:
    assert film_frames([*names, "other.tif"]) == {
        name: (film, frame) for name, frame in zip(names, frames, strict=True)
    }


@pytest.mark.parametrize(
    "names", [["a_T1.tif", "a_T2.tif"], ["a_t01.tif"], ["list01.tif", "list02.tif"], ["t01/a.tif"]]
)
def test_other_files_are_no_film(names: list[str]) -> None:
    assert film_frames(names) == {}


def test_tracks_are_matched_by_label_and_by_position(lineage: Lineage) -> None:
    film = film_of(lineage)
    by_label = match_tracks(film, table_of(lineage, cell=lineage.track + 1))
    by_position = match_tracks(film, table_of(lineage, position=lineage.position))
    in_micrometres = match_tracks(film, table_of(lineage, position=lineage.position * 0.5, unit="µm"), 0.5)
    assert by_label.track.tolist() == by_position.track.tolist() == lineage.track.tolist()
    assert in_micrometres.track.tolist() == lineage.track.tolist()
    assert by_label.notes == by_position.notes == ()


def test_the_file_knows_its_pixels_better(lineage: Lineage) -> None:
    table = table_of(lineage, position=lineage.position * 0.3, unit="micron", pixel_size=0.3)
    assert match_tracks(film_of(lineage), table, 0.5).track.tolist() == lineage.track.tolist()


def test_each_cell_is_taken_by_the_nearest_of_two_positions() -> None:
    film = Film("f", np.arange(1), np.zeros(1, int), np.ones(1, int), np.array([[0.0, 0, 20, 20]]))
    for order in ([0, 1], [1, 0]):
        position = np.array([[9.0, 9.0], [4.0, 4.0]])[order]
        table = TrackTable(np.array([7, 8])[order], np.zeros(2, int), position=position)
        found = match_tracks(film, table)
        assert found.track.tolist() == [7]
        assert found.notes == ("1 of 2 cells of the tracks are not in f",)


def test_frames_counted_from_one_are_understood(lineage: Lineage) -> None:
    shifted = TrackTable(lineage.track, lineage.frame + 1, cell=lineage.track + 1)
    found = match_tracks(film_of(lineage), shifted)
    assert found.track.tolist() == lineage.track.tolist()
    assert "count their frames from 1" in found.notes[0]


def test_tracks_of_another_film_are_one_sentence(lineage: Lineage) -> None:
    with pytest.raises(SettingError, match=r"none of the .* cells of the tracks is in film\.tif"):
        match_tracks(film_of(lineage), table_of(lineage, position=lineage.position + 5000))
    with pytest.raises(SettingError, match="neither the label nor the position"):
        match_tracks(film_of(lineage), table_of(lineage))
    with pytest.raises(SettingError, match="positions in furlong"):
        match_tracks(film_of(lineage), table_of(lineage, position=lineage.position, unit="furlong"))


def test_labels_that_persist_are_told_from_those_numbered_anew(lineage: Lineage) -> None:
    anew = np.empty(len(lineage), int)
    random = np.random.default_rng(0)
    for frame in range(60):
        here = np.flatnonzero(lineage.frame == frame)
        anew[here] = random.permutation(len(here)) + 1
    assert labels_persist(film_of(lineage))
    assert not labels_persist(film_of(lineage, anew))
    assert persisting_tracks(film_of(lineage)).track.tolist() == (lineage.track + 1).tolist()


def test_linking_finds_the_true_links_and_divisions(lineage: Lineage) -> None:
    pytest.importorskip("laptrack")
    film = film_of(lineage)
    found = link_cells(film)
    agree = {int(true): int(other) for true, other in zip(lineage.track, found.track, strict=True)}
    assert [agree[int(track)] for track in lineage.track] == found.track.tolist()
    assert {agree[child]: agree[mother] for child, mother in lineage.parents.items()} == dict(found.parents)
    assert "at most 32 px" in found.notes[0]


def test_a_link_back_in_time_is_turned() -> None:
    assert cut_at_divisions({5: 3, 6: 2}, [(5, 6)]) == ({6: 0, 5: 0}, {})
