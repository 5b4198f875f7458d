"""How long phases last in films: of all together, of each, and of films of one condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.groups import FILE, in_order, sample_names
from napari_cellcycle.events import Job, Note
from napari_cellcycle.jobs.config import CompareSettings
from napari_cellcycle.population.sample_table import join_samples, read_sample_table
from napari_cellcycle.tracking.track_table import NO_TRACK

if TYPE_CHECKING:
    import pandas as pd

    from napari_cellcycle.tracking.decode import DecodedTracks
    from napari_cellcycle.tracking.film import Film
    from napari_cellcycle.tracking.survival import SurvivalCurve

ALL_FILMS = "all films"


class Durations(NamedTuple):
    """Curves of the phases of a film, or of several; `condition` is empty if they have none in common."""

    film: str
    condition: str
    curves: Mapping[str, SurvivalCurve]


class Conditions(NamedTuple):
    """Condition of each film, and what the conditions are called."""

    by: str
    of_films: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FilmNames:
    """Films as `datasets.groups` groups cells: one entry for each.

    Attributes
    ----------
    sources : ndarray of str, shape (F,)
        Names of the films, with their folders.
    columns : mapping of str to ndarray of str, each of shape (F,)
        What else is known of them.
    """

    sources: NDArray[np.str_]
    columns: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)


def film_conditions(films: Sequence[Film], cells: Cells, settings: CompareSettings) -> Job[Note, Conditions | None]:
    """Condition of each film, as `settings` ask; None if they ask for none.

    Raises
    ------
    SettingError
        The films can't be grouped so.
    ReadError
        The table can't be read, or does not match.
    """
    if not settings.is_asked:
        return None
    first = [int(film.rows[0]) for film in films]
    names = FilmNames(
        np.array([film.name for film in films], dtype=str),
        {name: texts[first] for name, texts in cells.columns.items()},
    )
    found, notes = conditions_of(names, settings.by, settings.table)
    yield from map(Note, notes)
    return found


def conditions_of(films: FilmNames, by: str, table: Path | None) -> tuple[Conditions, tuple[str, ...]]:
    """Condition of each film, and what did not match; without `by`, the first column of the table is taken."""
    notes: tuple[str, ...] = ()
    if table is not None:
        joined = join_samples(films, read_sample_table(table), "films")
        films, notes = FilmNames(films.sources, {**films.columns, **joined.columns}), joined.notes
        by = by or next(iter(joined.columns))
    by = by or FILE
    return Conditions(by, tuple(sample_names(films, by).tolist())), notes


def durations_of_films(
    films: Sequence[Film], key: NDArray[np.int64], decoded: DecodedTracks, conditions: Conditions | None = None
) -> list[Durations]:
    """Durations of phases of all films together, of those of each condition, and of each of several.

    Parameters
    ----------
    films : sequence of Film
        The films.
    key : ndarray of int, shape (N,)
        Track of each cell, as `decoded` calls it; -1 for none.
    decoded : DecodedTracks
        Phases along the tracks of all films.
    conditions : Conditions, optional
        Condition of each film.

    Returns
    -------
    list of Durations
        Films without a track are left out.
    """
    tracks = [np.unique(key[film.rows][key[film.rows] != NO_TRACK]) for film in films]
    of_films = [""] * len(films) if conditions is None else list(conditions.of_films)

    def curves(some: Sequence[NDArray[np.int64]]) -> Mapping[str, SurvivalCurve]:
        return decoded.stays.of(np.concatenate(some)).curves(decoded.phase_set)

    found = [Durations(ALL_FILMS, "", decoded.durations)]
    for condition in in_order(np.array(of_films)) if conditions is not None else ():
        some = [own for own, of_film in zip(tracks, of_films, strict=True) if of_film == condition]
        found.append(Durations(ALL_FILMS, condition, curves(some)))
    if len(films) > 1:
        each = zip(films, of_films, tracks, strict=True)
        found += [Durations(film.name, condition, curves([own])) for film, condition, own in each if own.size]
    return found


def duration_tables(found: Sequence[Durations], unit: str, by: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Median durations of the phases of films, and their Kaplan-Meier curves.

    Parameters
    ----------
    found : sequence of Durations
        What becomes a row, or rows, for each phase.
    unit : str
        Of the durations.
    by : str
        Name of the conditions, which are a column then.

    Returns
    -------
    medians, curves : DataFrame
    """
    import pandas as pd

    medians, curves = [], []
    for film, condition, phases in found:
        for phase, curve in phases.items():
            about = {"source": film, **({by: condition} if by else {}), "phase": phase}
            medians.append({**about, "unit": unit, **_median(curve)})
            values = {unit: curve.times, "share": curve.share, "low": curve.low, "high": curve.high}
            curves.append(pd.DataFrame(values).assign(**about)[[*about, *values]])
    return pd.DataFrame(medians), pd.concat(curves, ignore_index=True)


def unit_of(decoded: DecodedTracks) -> str:
    """Unit of its durations."""
    return "frames" if decoded.minutes_per_frame is None else "minutes"


def _median(curve: SurvivalCurve) -> dict[str, float]:
    low, high = curve.median_interval
    return {"median": curve.median, "low": low, "high": high, "n_ended": curve.n_ended, "n_cut": curve.n_cut}
