"""The dock Follow as users meet it, on a viewer without a window."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lineages import Lineage, draw_film, lineages
from made import made_pixels
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog

from napari_cellcycle.annotate.label_table import LabelTable
from napari_cellcycle.events import result_of
from napari_cellcycle.gui.docks.follow import FollowWidget
from napari_cellcycle.gui.docks.follow_durations import FollowDurations, durations_in_words, pooled_curves
from napari_cellcycle.gui.docks.follow_job import labels_as_numbers
from napari_cellcycle.gui.layers.data_set import data_set_of
from napari_cellcycle.gui.layers.field import FieldOnScreen, cut_field, data_set_of_field
from napari_cellcycle.gui.layers.phase_layer import phase_layer, show_phases
from napari_cellcycle.gui.layers.phase_table import prediction_of, result_table
from napari_cellcycle.gui.layers.project_fields import load_fields, open_fields, show_field, write_fields
from napari_cellcycle.gui.layers.source import PHASE, FieldSource, find_layer
from napari_cellcycle.gui.layers.tracks_layer import POSITION, TRACKS, middle_of
from napari_cellcycle.gui.layers.view_fit import camera_of
from napari_cellcycle.images.field_map import LabelMap
from napari_cellcycle.phase_sets import phase_set
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN
from napari_cellcycle.verdict import DOES_NOT_FIT, Verdict

BAD = Verdict(answer=DOES_NOT_FIT, share_unlike=1.0, reliable=False, reason="size", text="it does not fit")
SOURCE = FieldSource(group="g", title="film", brightfield="film", darkfield="", labels="cells")


@pytest.fixture(scope="module")
def lineage() -> Lineage:
    return lineages(4, 16, 30, durations={"G1": 200.0, "S": 150.0, "G2": 100.0}, apart=24, size=300, seed=3)


@pytest.fixture
def coloured(request: pytest.FixtureRequest, viewer: Any, lineage: Lineage, predict: Any) -> Any:
    """A film whose phases were called, wrongly in some frames; a verdict on the model can be given."""
    film, labels = draw_film(lineage, made_pixels(lineage.phase)[:, :1], size=300, radius=10)
    viewer.add_image(film[:, 0], name="film")
    viewer.add_labels(labels, name="cells")
    field = FieldOnScreen(SOURCE, film[:, 0], None, labels, 0.5)
    cells = cut_field(field)
    order = np.lexsort((lineage.track, lineage.frame))
    random = np.random.default_rng(0)
    truth = lineage.phase[order]
    shown = np.where(random.random(len(truth)) < 0.2, random.integers(0, 3, len(truth)), truth).astype(np.int8)
    calls = predict(shown, skill=3.0, dna_content=2.0 + truth)
    table = result_table(calls, np.full(len(truth), -1, np.int8), np.zeros(len(truth), bool))
    table["source"], table["cell"] = cells.sources, cells.ids
    cell_map = LabelMap(labels, frames=cells.images.frames, ids=cells.ids)  # type: ignore[attr-defined]
    layer = phase_layer(
        cell_map.draw_outlines((calls.phases + 1).astype(np.uint8)),
        table,
        SOURCE,
        model="nobody",
        min_probability=0.0,
        verdict=getattr(request, "param", None),
    )
    show_phases(viewer, data_set_of_field(field, cells), layer, cell_map, [viewer.layers["film"]])
    return lineage


@pytest.fixture
def dock(qtbot: Any, viewer: Any, coloured: Any) -> FollowWidget:
    dock = FollowWidget(viewer)
    qtbot.addWidget(dock)
    dock.resize(350, 900)
    dock.show()
    return dock


@pytest.fixture
def followed(dock: FollowWidget, finished: Any) -> FollowWidget:
    dock.form.show_values({"minutes_per_frame": 30})
    dock.run_button.click()
    finished(dock)
    return dock


def click(dock: FollowWidget, qtbot: Any, track: int, frame: int) -> int:
    place = dock.strips.rect_of(track, frame).center()
    qtbot.mouseClick(dock.strips, Qt.MouseButton.LeftButton, pos=QPoint(int(place.x()), int(place.y())))
    return int(dock.strips.strips.cells[track, frame])


def test_a_film_is_followed_and_shown(followed: FollowWidget, viewer: Any, lineage: Lineage) -> None:
    film = followed.film
    assert film is not None
    assert film.followed.n_tracks == len(np.unique(lineage.track))
    assert film.decoded.impossible_before > 0 == film.decoded.impossible_after
    assert "its labels are the same cells" in followed.status.text()
    assert "min (" in followed.durations.text.text()
    layer = find_layer(viewer.layers, "g", TRACKS)
    assert layer is not None
    assert sorted(layer.data[:, 0].astype(int)) == sorted(film.followed.key[film.followed.rows])
    colours = {tuple(colour) for colour in np.round(layer.track_colors * 255).astype(int)[:, :3]}
    assert len(colours) == len(np.unique(film.phases))
    followed.colour_by.choose(POSITION)
    assert find_layer(viewer.layers, "g", TRACKS).color_by == POSITION
    assert len(followed.others) == 1


@pytest.mark.parametrize("coloured", [BAD], indirect=True)
def test_phases_that_mean_nothing_are_greyed(followed: FollowWidget, viewer: Any, lineage: Lineage) -> None:
    film, layer = followed.film, find_layer(viewer.layers, "g", TRACKS)
    assert film is not None
    found = [np.round(layer.track_colors * 255)[:, :3], followed._colours()[film.followed.rows][:, :3]]
    for colours in found:
        assert len(np.unique(colours, axis=0)) == len(np.unique(film.phases))
        assert np.ptp(np.asarray(colours, float), axis=1).max() < 60  # the phases' own colours reach 178
    assert "withheld" in followed.durations.text.text()


def test_unsure_and_unknown_calls_have_no_colour_of_a_phase() -> None:
    assert middle_of(np.array([0, 1, 2, UNKNOWN]), 3).tolist() == pytest.approx([1 / 6, 1 / 2, 5 / 6, 5 / 6])


def test_labels_count_in_the_phase_set_of_the_data() -> None:
    coarse = LabelTable(["a"] * 4, range(4), phase_set=phase_set("g1-sg2m"))
    coarse.decide(np.array([0, 1, 2]), ["G1", "S/G2/M", "unsure"])
    assert labels_as_numbers(coarse).tolist() == [0, 1, -1, -1]


def test_a_strip_leads_to_its_cell_and_a_cell_to_its_strip(followed: FollowWidget, viewer: Any, qtbot: Any) -> None:
    track = int((followed.strips.strips.cells >= 0).sum(axis=1).argmax())
    frames = np.flatnonzero(followed.strips.strips.cells[track] >= 0)
    cell = click(followed, qtbot, track, int(frames[2]))
    assert viewer.dims.current_step[0] == frames[2]
    assert followed.film is not None
    np.testing.assert_allclose(np.asarray(camera_of(viewer).center)[-2:], followed.film.centres[cell], atol=1)
    assert followed.current.text() == followed.describe(cell)
    qtbot.keyClick(followed.strips, Qt.Key.Key_Right)
    assert viewer.dims.current_step[0] == frames[3]
    link = followed._link
    assert link is not None
    link._on_click(cell)
    assert followed.strips.current == cell


def test_a_digit_corrects_a_frame_and_its_track_follows(
    followed: FollowWidget, viewer: Any, qtbot: Any, finished: Any
) -> None:
    film = followed.film
    assert film is not None
    track = int((followed.strips.strips.cells >= 0).sum(axis=1).argmax())
    frames = np.flatnonzero(followed.strips.strips.cells[track] >= 0)
    cell = click(followed, qtbot, track, int(frames[-1]))
    before, row = film.phases.copy(), int(np.searchsorted(film.followed.rows, cell))
    qtbot.keyClick(followed.strips, Qt.Key.Key_1)
    qtbot.waitUntil(lambda: followed.film is not film, timeout=60_000)
    finished(followed)
    after = followed.film
    assert (PHASE_LABELS[after.phases[row]], "labelled G1" in followed.current.text()) == ("G1", True)
    changed = after.followed.key[after.followed.rows[after.phases != before]]
    assert set(changed.tolist()) == {int(after.followed.key[cell])}
    assert after.raw.tolist() == film.raw.tolist()
    labels = data_set_of(viewer.layers, SOURCE)
    assert labels is not None
    assert labels.labels.phases[cell] == 0
    qtbot.keyClick(followed.strips, Qt.Key.Key_0)
    qtbot.waitUntil(lambda: followed.film is not after, timeout=60_000)
    assert followed.film.phases.tolist() == before.tolist()


def test_tracks_of_a_layer_and_of_a_file(
    dock: FollowWidget, viewer: Any, lineage: Lineage, finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.column_stack([lineage.track, lineage.frame, lineage.position])
    viewer.add_tracks(
        data[np.lexsort((lineage.frame, lineage.track))],
        graph={child: [mother] for child, mother in lineage.parents.items()},
        name="mine",
    )
    dock.tracks.choose(viewer.layers["mine"])
    dock.run_button.click()
    finished(dock)
    assert dock.film is not None
    assert dock.film.followed.n_tracks == len(np.unique(lineage.track))
    assert dict(dock.film.followed.mothers) == lineage.parents
    assert [dock.strips.strips.names.index(str(child)) for child in lineage.parents] != []
    (tmp_path / "t.csv").write_text(lineage.csv())
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: (str(tmp_path / "t.csv"), ""))
    dock.file_button.click()
    dock.run_button.click()
    finished(dock)
    assert dock.film.followed.source == str(tmp_path / "t.csv")


def test_what_was_found_is_saved_and_nothing_is_replaced(
    followed: FollowWidget, finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_args: str(tmp_path))
    followed.save_button.click()
    finished(followed)
    table = pd.read_csv(tmp_path / "phases.csv")
    assert {"track", "frame", "parent", "phase", "phase_decoded", "posterior", "cycle_position"} <= set(table)
    assert (tmp_path / "transitions.csv").exists()
    followed.save_button.click()
    finished(followed)
    assert "of an earlier run" in followed.status.text()


def test_without_a_classified_film_the_dock_says_what_to_do(qtbot: Any, viewer: Any) -> None:
    dock = FollowWidget(viewer)
    qtbot.addWidget(dock)
    assert (dock.empty.isVisibleTo(dock), dock.setup.isVisibleTo(dock)) == (True, False)
    assert dock.empty.label.text() == "No classified film yet."


def test_results_go_with_their_film(followed: FollowWidget, viewer: Any) -> None:
    viewer.layers.remove(find_layer(viewer.layers, "g", PHASE))
    assert followed.film is None
    assert not followed.results.isVisibleTo(followed)


# --- durations ---


def test_durations_by_condition(
    followed: FollowWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    film, told = followed.film, []
    films = [replace(film, title=name, path=Path(f"/plate/{name}.tif")) for name in ("ctl/B02", "drug/B02", "drug/B03")]
    shown = FollowDurations(told.append)
    qtbot.addWidget(shown)
    shown.show_films(films[:1])
    assert shown.compare.isHidden()
    shown.show_films(films)
    assert not shown.compare.isHidden()
    assert [line.partition(":")[0] for line in shown.text.text().splitlines()[1:]] == [one.title for one in films]
    shown.by.choose("well")
    assert [line.partition(":")[0] for line in shown.text.text().splitlines()[1:]] == ["B02", "B03"]
    one, both = pooled_curves(films[:1])["S"], pooled_curves(films[:2])["S"]
    assert (both.n_ended, both.n_cut, both.median) == (2 * one.n_ended, 2 * one.n_cut, one.median)

    table = tmp_path / "conditions.csv"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(table), ""))
    table.write_text("folder,dose\nctl,0 uM\ndrug,5 uM\n")
    shown.table_button.click()
    assert shown.by.value() == "dose"
    assert [line.partition(":")[0] for line in shown.text.text().splitlines()[1:]] == ["0 uM", "5 uM"]
    table.write_text("well,dose\nH12,0 uM\n")
    shown.table_button.click()
    assert "no row of conditions.csv matches" in str(told[0])
    in_frames = replace(films[0], decoded=replace(film.decoded, minutes_per_frame=None))
    assert "no minutes per frame" in durations_in_words([("both", [films[0], in_frames])])


# --- projects ---


def saved_and_opened(dock: FollowWidget, viewer: Any, folder: Path, state: dict[str, Any]) -> dict[str, Any]:
    """Put the field of the dock into a project, and open it in the empty viewer; `state` as JSON gives it."""
    kept = json.loads(json.dumps(state))
    path = folder / "film.cellcycle.json"
    saved = result_of(write_fields(path, open_fields(viewer)))
    viewer.layers.clear()
    assert dock.film is None
    fields, notes = result_of(load_fields(path, saved))
    assert notes == []
    show_field(viewer, fields[0])
    return kept


def test_a_project_opens_a_followed_film_again(
    followed: FollowWidget, viewer: Any, tmp_path: Path, finished: Any, qtbot: Any
) -> None:
    before = followed.film
    followed.colour_by.choose(POSITION)
    state = saved_and_opened(followed, viewer, tmp_path, followed.project_state())
    assert find_layer(viewer.layers, "g", TRACKS) is None
    again = FollowWidget(viewer)
    qtbot.addWidget(again)
    again.restore_state(state)
    finished(again)
    assert again.film is not None
    np.testing.assert_array_equal(again.film.followed.key, before.followed.key)
    assert again.film.followed.mothers == before.followed.mothers
    np.testing.assert_array_equal(again.film.phases, before.phases)
    assert again.film.settings == before.settings
    assert again.form.values()["minutes_per_frame"] == 30
    assert again.colour_by.value() == POSITION
    assert find_layer(viewer.layers, "g", TRACKS).color_by == POSITION


def test_a_state_that_somebody_edited_follows_nothing(followed: FollowWidget, viewer: Any) -> None:
    followed.others.clear()
    films = [3, {"group": "h"}, {"group": "g", "minutes_per_frame": "soon"}]
    for state in ({}, {"films": 3}, {"films": films, "colour_by": "smell", "shown": []}):
        followed.restore_state(state)
        assert followed.job is None


def test_tracks_are_no_samples(followed: FollowWidget, viewer: Any) -> None:
    layer = find_layer(viewer.layers, "g", PHASE)
    assert {"track", "parent"} <= set(layer.features)
    assert "track" not in prediction_of(layer).columns
