"""How long phases last in the films that *Follow* followed, film by film or by condition."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_cellcycle.datasets.groups import ALL, FILE, groupings, in_order
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.gui.docks.follow_job import FollowedFilm
from napari_cellcycle.gui.widgets.layout import button, fill_column, form_rows, side_by_side, text_label
from napari_cellcycle.gui.widgets.picker import Picker
from napari_cellcycle.jobs.steps.film_durations import FilmNames, conditions_of
from napari_cellcycle.tracking.survival import SurvivalCurve, kaplan_meier

_TABLES = "Tables (*.csv *.tsv *.txt)"


class FollowDurations(QWidget):
    """Median durations as text; with several films, by what they are compared, and a table that says it.

    Parameters
    ----------
    on_error : callable
        Shows what the user can mend.
    """

    def __init__(self, on_error: Callable[[Exception], object]) -> None:
        super().__init__()
        self._films: list[FollowedFilm] = []
        self._on_error = on_error
        self.table: Path | None = None
        self.by = Picker(self._ways, "by what films are compared")
        self.by.currentIndexChanged.connect(lambda _index: self._show())
        self.table_button = button(
            "Table ...", "a CSV table with a column file, folder or well, and others such as condition", self._on_table
        )
        self.compare, self.text = QWidget(), text_label()
        form_rows(self.compare).addRow("Compare by", side_by_side(self.by, self.table_button))
        fill_column(self, self.compare, self.text)

    def show_films(self, films: Iterable[FollowedFilm]) -> None:
        """Show the durations of these films."""
        self._films = list(films)
        self.compare.setVisible(len(self._films) > 1)
        self.by.refresh()
        self._show()

    def _names(self) -> FilmNames:
        return FilmNames(np.array(_short([str(film.path or film.title) for film in self._films]), dtype=str))

    def _ways(self) -> list[tuple[str, str]]:
        found = [by for by in groupings(self._names()) if by not in (ALL, FILE)] if self._films else []
        if self.table is not None:
            found = [self._with_table(self.table), *found]
        return [("film", FILE), *((by, by) for by in found)]

    def _with_table(self, table: Path) -> str:
        return conditions_of(self._names(), "", table)[0].by

    def _on_table(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Table of conditions", "", _TABLES)
        if not path:
            return
        try:
            by = self._with_table(Path(path))
        except CellCycleError as error:
            self._on_error(error)
            return
        self.table = Path(path)
        self.by.refresh()
        self.by.choose(by)

    def _show(self) -> None:
        self.text.setText(durations_in_words(self._by_condition()))

    def _by_condition(self) -> list[tuple[str, list[FollowedFilm]]]:
        by = self.by.value()
        if by in (None, FILE):
            return [(film.title, [film]) for film in self._films]
        table = self.table if by not in groupings(self._names()) else None
        conditions, _ = conditions_of(self._names(), by, table)
        together = zip(conditions.of_films, self._films, strict=True)
        found: dict[str, list[FollowedFilm]] = {name: [] for name in in_order(np.array(conditions.of_films))}
        for condition, film in together:
            found[condition].append(film)
        return list(found.items())


def durations_in_words(films: Iterable[tuple[str, Sequence[FollowedFilm]]]) -> str:
    """How long phases last in films, by their condition: one line for each."""
    lines = [f"{name}: {_in_words(together)}." for name, together in films]
    return "\n".join(["Median durations, with intervals of 95 %:", *lines])


def _in_words(films: Sequence[FollowedFilm]) -> str:
    units = {"frames" if film.decoded.minutes_per_frame is None else "min" for film in films}
    if not all(film.prediction.is_reliable for film in films):
        return "withheld, as the model does not fit these cells"
    if len(units) > 1:
        return "some films have no minutes per frame; follow them again with it"
    (unit,) = units
    found = []
    for name, curve in pooled_curves(films).items():
        if curve.median == curve.median:
            low, high = (f"{value:.3g}" if value == value else "?" for value in curve.median_interval)
            found.append(f"{name} {curve.median:.3g} {unit} ({low} to {high})")
    return ", ".join(found) or "no phase was seen from start to end"


def pooled_curves(films: Sequence[FollowedFilm]) -> dict[str, SurvivalCurve]:
    """Curve of each phase, of all stays in it in these films."""
    names = dict.fromkeys(name for film in films for name in film.decoded.phase_set)
    found = {}
    for name in names:
        having = [film.decoded for film in films if name in film.decoded.phase_set]
        stays = [(one.stays, one.stays.phase == one.phase_set.index(name)) for one in having]
        durations, ended = (
            np.concatenate([getattr(each, values)[here] for each, here in stays]) for values in ("duration", "ended")
        )
        found[name] = kaplan_meier(durations, ended)
    return found


def _short(paths: Sequence[str]) -> list[str]:
    """Paths from the folder that they have in common; as they are where there is none."""
    try:
        folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:  # on several drives, or layers without a file
        folder = ""
    return [Path(os.path.relpath(path, folder) if folder else path).as_posix() for path in paths]
