"""The dock *Follow*: phases along the tracks of a film."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QScrollArea, QWidget

from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.gui.docks.base import Dock
from napari_cellcycle.gui.docks.follow_durations import FollowDurations
from napari_cellcycle.gui.docks.follow_job import (
    FollowedFilm,
    decode_again,
    follow_film,
    labels_as_numbers,
    save_followed,
)
from napari_cellcycle.gui.docks.notices import Notice
from napari_cellcycle.gui.layers.cell_link import CellLink, layers_of
from napari_cellcycle.gui.layers.data_set import DataSet, data_set_of, remember_data_set
from napari_cellcycle.gui.layers.field import find_field
from napari_cellcycle.gui.layers.labelled_phases import MOST_KEYS
from napari_cellcycle.gui.layers.phase_table import keep_tracks, kept_tracks, prediction_of
from napari_cellcycle.gui.layers.source import PHASE, FieldSource, find_layer, role_of, source_of
from napari_cellcycle.gui.layers.tracks_layer import PHASE as BY_PHASE
from napari_cellcycle.gui.layers.tracks_layer import POSITION, middle_of, show_tracks, table_of, tracks_layers
from napari_cellcycle.gui.layers.tracks_layer import RAW as BY_RAW
from napari_cellcycle.gui.widgets.layout import button, form_rows, side_by_side, stacked, text_label
from napari_cellcycle.gui.widgets.picker import Picker
from napari_cellcycle.gui.widgets.settings_form import Form
from napari_cellcycle.gui.widgets.track_strips import Strips, TrackStrips
from napari_cellcycle.jobs.config import AUTO, LABELS, LINK, FollowSettings
from napari_cellcycle.jobs.steps.advice import as_sentences
from napari_cellcycle.tracking.lineage_order import lineage_order

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_cellcycle.tracking.track_table import TrackTable

_WORDS = {"label images if their labels persist, else linked": AUTO, "the labels": LABELS, "link the cells": LINK}
_COLOUR_BY = {"phases along tracks": BY_PHASE, "calls of single frames": BY_RAW, "position in the cycle": POSITION}
_SETTINGS = ("minutes_per_frame", "max_move_px")
_HIGHEST_PX = 320
_FILES = "Tracks (*.xml *.csv *.tsv *.txt);;All files (*)"


class FollowWidget(Dock):
    """Choose a classified film and its tracks; see phases along time, correct them, and see how long they last."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.film: FollowedFilm | None = None
        self.others: dict[str, FollowedFilm] = {}
        self._waiting: list[tuple[str, FollowSettings]] = []
        self._file: Path | None = None
        self._link: CellLink | None = None
        self.empty = Notice(
            "No classified film yet.",
            {
                "Classify cells": (
                    "let a model call the phases of a time-lapse first",
                    lambda: self.open_dock("Classify"),
                )
            },
        )
        self.add_inputs(self.empty, self._build_inputs())
        self.add_results(self._build_results())
        self.locked_while_busy.append(self.save_button)
        self.cells.changed.connect(self._on_choice)
        self._on_choice()

    def _build_inputs(self) -> QWidget:
        self.cells = Picker(self._films, "classified film; the newest is chosen for you", self.viewer)
        self.tracks = Picker(self._offers, "where the tracks come from", self.viewer)
        self.file_button = button(
            "File ...", "tracks of TrackMate, of the Cell Tracking Challenge, or a table", self._on_file
        )
        inputs = QWidget()
        rows = form_rows(inputs)
        rows.addRow("Film", self.cells)
        rows.addRow("Tracks", side_by_side(self.tracks, self.file_button))
        self.form = Form(FollowSettings, list(_SETTINGS))
        self.run_button = button("Follow", "find the tracks, and the phases along them", self._on_run)
        self.setup = stacked(inputs, self.form, self.run_button)
        return self.setup

    def _build_results(self) -> QWidget:
        self.colour_by = Picker(lambda: list(_COLOUR_BY.items()), "what strips and tracks are coloured by")
        self.colour_by.currentIndexChanged.connect(lambda _index: self._recolour())
        self.strips = TrackStrips(self.describe)
        self.strips.chosen.connect(self._on_chosen)
        self.strips.key_pressed.connect(self._on_key)
        self.scroller = QScrollArea()
        self.scroller.setWidgetResizable(True)
        self.scroller.setWidget(self.strips)
        self.current, self.durations = text_label(), FollowDurations(self.show_error)
        self.current.setMinimumHeight(3 * self.current.fontMetrics().lineSpacing())  # else it grows over the strips
        self.hint = text_label()
        self.save_button = button("Save ...", "save phases, transitions and durations as tables", self._on_save)
        self.results = stacked(self.colour_by, self.scroller, self.current, self.hint, self.durations, self.save_button)
        self.results.hide()
        return self.results

    # --- what is chosen ---

    def _films(self) -> list[tuple[str, str]]:
        found = {}
        for layer in self.viewer.layers:
            source = source_of(layer)
            if isinstance(source, FieldSource) and role_of(layer) == PHASE and layer.ndim == 3:
                found[source.group] = source.title
        return [(title, group) for group, title in reversed(found.items())]

    def _offers(self) -> list[tuple[str, Any]]:
        layers = [(layer.name, layer) for layer in tracks_layers(self.viewer.layers)]
        file = [] if self._file is None else [(self._file.name, self._file)]
        return [*file, *layers, *_WORDS.items()]

    def _layer(self) -> Labels | None:
        group = self.cells.value()
        return None if group is None else find_layer(self.viewer.layers, group, PHASE)

    def _data_set(self) -> DataSet | None:
        layer = self._layer()
        return None if layer is None else data_set_of(self.viewer.layers, source_of(layer))

    def _on_choice(self) -> None:
        chosen = self.cells.value()
        self.empty.setVisible(chosen is None)
        self.setup.setVisible(chosen is not None)
        film = self.others.get(chosen) if chosen else None
        if film is not self.film:  # pickers look their values up again at every new layer
            self._show(film)

    def _on_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Tracks", "", _FILES)
        if path:
            self._file = Path(path)
            self.tracks.refresh()
            self.tracks.choose(self._file)

    # --- following ---

    def _on_run(self) -> None:
        layer, how = self._layer(), self.tracks.value()
        if layer is None:
            return
        table = None if isinstance(how, str | Path) else table_of(how)
        try:
            settings = FollowSettings(tracks=None if table else str(how), **self.form.values())
        except CellCycleError as error:
            self.show_error(error)
            return
        self._follow(layer, settings, table)

    def _follow(self, layer: Labels, settings: FollowSettings, table: TrackTable | None) -> None:
        source, known = source_of(layer), self._data_set()
        assert isinstance(source, FieldSource)
        field = find_field(self.viewer, source)
        if known is None and field is None:
            self.show_status("The layers of this film are gone or renamed; classify it again.")
            return
        if field is not None:
            field = replace(field, source=source)  # which is that of the calls, also if a layer was renamed since
        self.start(follow_film(source, field, known, prediction_of(layer), settings, table), self._on_followed)

    def _on_followed(self, found: tuple[DataSet, FollowedFilm]) -> None:
        data_set, film = found
        layer = self._layer()
        if layer is None:
            return
        remember_data_set([*layers_of(self.viewer.layers, data_set.source), layer], data_set)
        self.others[data_set.source.group] = film
        keep_tracks(layer, film.followed.track, film.followed.parent)
        layer.events.features.connect(self._on_new_calls)
        self._show(film)
        tracks = (
            f"{film.followed.n_tracks:,} tracks; steps back: {film.decoded.impossible_before:,} before, none after."
        )
        self.show_status(" ".join([tracks, as_sentences(film.notes)]))

    # --- projects ---

    def project_state(self) -> dict[str, Any]:
        """How the films were followed; their tracks are in the tables of their phase layers."""
        films = [{"group": group, **film.settings.to_dict()} for group, film in self.others.items()]
        return {"films": films, "shown": self.cells.value(), "colour_by": self.colour_by.value()} if films else {}

    def restore_state(self, state: dict[str, Any]) -> None:
        """Follow the films again, by the tracks that they had; the one that was shown comes last, and stays."""
        films = state.get("films")
        known = [film for film in films if isinstance(film, dict)] if isinstance(films, list) else []
        for film in sorted(known, key=lambda film: film.get("group") == state.get("shown")):
            with suppress(CellCycleError):
                self._waiting.append((str(film.get("group")), FollowSettings.from_dict(film)))
        if state.get("colour_by") in _COLOUR_BY.values():
            self.colour_by.choose(state["colour_by"])
        self._follow_again()

    def on_end(self) -> None:
        """Go on with the films of a project."""
        super().on_end()
        self._follow_again()

    def _follow_again(self) -> None:
        while self._waiting and self.job is None:
            group, settings = self._waiting.pop(0)
            if group in dict(self._films()).values():
                self.cells.choose(group)
            layer = self._layer()
            table = None if layer is None else kept_tracks(layer)
            if self.cells.value() == group and layer is not None and table is not None:
                self.form.show_values({name: getattr(settings, name) for name in _SETTINGS})
                self._follow(layer, settings, table)

    def _on_new_calls(self, _event: Any = None) -> None:
        """The film was classified again, so what was found along its tracks is out of date."""
        layer, chosen = self._layer(), self.cells.value()
        if layer is not None and self.film is not None and _calls_differ(layer, self.film):
            self.others.pop(chosen, None)
            self._show(None)

    def on_labels(self, group: str) -> None:
        """Find the phases again along tracks with new labels."""
        data_set = self._data_set()
        if self.film is None or data_set is None or data_set.source.group != group:
            return
        if self.job is not None:
            self._on_labels(group)  # later
            return
        labels = labels_as_numbers(data_set.labels)
        if not np.array_equal(labels, self.film.labels):
            self.start(decode_again(self.film, labels), self._on_decoded)

    def _on_decoded(self, film: FollowedFilm) -> None:
        assert self.film is not None
        changed = int((film.phases != self.film.phases).sum())
        self.others[self.cells.value()] = film
        current = self.strips.current
        self._show(film)
        self._on_chosen(current, centre=False)
        self.strips.setFocus()
        self.show_status(f"{changed:,} {'frame has' if changed == 1 else 'frames have'} another phase now.")

    # --- showing ---

    def _show(self, film: FollowedFilm | None) -> None:
        self.film = film
        self.results.setVisible(film is not None)
        data_set = self._data_set()
        if self._link is not None:
            self._link.close()
            self._link = None
        if film is None or data_set is None:
            return
        self._link = CellLink(
            self.viewer, data_set.source, data_set.cells, lambda row: self._on_chosen(row, centre=False)
        )
        self.strips.show_strips(strips_of(film), self._colours())
        keys = min(len(film.prediction.phase_set), MOST_KEYS)
        self.hint.setText(f"Click a strip or a cell. Keys: 1 to {keys} label, 0 clears, arrows move along the track.")
        self.scroller.setFixedHeight(min(self.strips.sizeHint().height() + 4, _HIGHEST_PX))
        self.durations.show_films(self.others.values())
        self._show_layer()

    def _show_layer(self) -> None:
        data_set = self._data_set()
        if self.film is None or data_set is None:
            return
        film, rows = self.film, self.film.followed.rows
        order = np.lexsort((film.followed.frame[rows], film.followed.key[rows]))
        cells = rows[order]
        place = [film.followed.key[cells], film.followed.frame[cells], *film.centres[cells].T]
        colours = film.colours
        columns = {BY_PHASE: middle_of(film.phases, len(colours)), BY_RAW: middle_of(film.raw, len(colours))}
        columns |= {POSITION: film.position}
        columns = {name: values[order] for name, values in columns.items()}
        by = self.colour_by.value()
        like = self._layer()
        data = np.column_stack(place)
        show_tracks(
            self.viewer, data_set.source, data, film.followed.mothers, columns, colours, colour_by=by, like=like
        )

    def _recolour(self) -> None:
        if self.film is not None:
            self.strips.show_strips(self.strips.strips, self._colours())
            self._show_layer()

    def _colours(self) -> NDArray[np.uint8]:
        """Colour of each cell, (N, 4)."""
        from matplotlib import colormaps
        from matplotlib.colors import to_rgba_array

        assert self.film is not None
        film, rows = self.film, self.film.followed.rows
        colours = np.zeros((len(film.followed.key), 4))
        by = self.colour_by.value()
        if by == POSITION:
            colours[rows] = colormaps["viridis"](film.position)
        else:
            phases = to_rgba_array([*film.colours, "#00000000"])
            colours[rows] = phases[film.phases if by == BY_PHASE else film.raw]
        return (colours * 255).round().astype(np.uint8)

    def describe(self, cell: int) -> str:
        """What is known of a cell."""
        film = self.film
        if film is None or film.followed.key[cell] < 0:
            return "This cell is in no track."
        row = int(np.searchsorted(film.followed.rows, cell))
        names = film.prediction.phase_set
        phase, raw = names.label(int(film.phases[row])), names.label(int(film.prediction.phases[cell])) or "unreadable"
        told = f"; labelled {names.label(int(film.labels[cell]))}" if film.labels[cell] >= 0 else ""
        return (
            f"Track {film.followed.track[cell]}, frame {film.followed.frame[cell]}: "
            f"{phase} ({film.prediction.columns['posterior'][cell]:.0%}); single frame {raw} "
            f"({film.prediction.confidence[cell]:.0%}); position {film.position[row]:.2f}{told}."
        )

    # --- one cell ---

    def _on_chosen(self, cell: int, *, centre: bool = True) -> None:
        """Show a cell in its frame of the field, and in its strip."""
        if self._link is None or cell < 0:
            return
        self._link.show(cell, centre=centre)
        self.strips.show_current(cell)
        place = self.strips.strips.place_of(cell)
        if place is not None:
            box = self.strips.rect_of(*place)
            self.scroller.ensureVisible(int(box.center().x()), int(box.center().y()), 0, 40)
        self.current.setText(self.describe(cell))

    def _on_key(self, key: str) -> None:
        """A digit labels the chosen cell."""
        data_set, cell = self._data_set(), self.strips.current
        if self.film is None or data_set is None or cell < 0 or not key.isdecimal():
            return
        names = ("", *self.film.prediction.phase_set.names)
        if int(key) >= len(names):
            return
        label = names[int(key)]
        try:
            data_set.labels.decide(np.array([cell]), [label])
        except CellCycleError as error:
            self.show_error(error)

    def _on_save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the tables")
        if folder and self.film is not None:
            self.start(save_followed(self.film, Path(folder)), lambda saved: self.show_status(f"Saved in {saved}."))


def _calls_differ(layer: Labels, film: FollowedFilm) -> bool:
    now = prediction_of(layer).probabilities
    return not np.array_equal(now, film.prediction.probabilities, equal_nan=True)


def strips_of(film: FollowedFilm) -> Strips:
    """The tracks of a film as strips, each mother above her daughters."""
    rows = film.followed.rows
    key, frame = film.followed.key[rows], film.followed.frame[rows]
    tracks, first = np.unique(key, return_index=True)
    order = [track for track, _ in lineage_order(tracks.tolist(), film.followed.mothers)]
    place = {track: number for number, track in enumerate(order)}
    cells = np.full((len(order), int(frame.max(initial=0)) + 1), -1)
    cells[[place[track] for track in key.tolist()], frame] = rows
    names = dict(zip(tracks.tolist(), film.followed.track[rows[first]].tolist(), strict=True))
    mothers = {place[child]: place[mother] for child, mother in film.followed.mothers.items()}
    return Strips(tuple(str(names[track]) for track in order), cells, mothers)
