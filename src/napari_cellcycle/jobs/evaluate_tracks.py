"""Test a model on the cells of films, frame by frame and along tracks, and write a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray

from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.datasets.duplicates import in_training_set, iter_duplicates
from napari_cellcycle.errors import SettingError
from napari_cellcycle.evaluation.checks import HELD_OUT, TRAINED_ON, leave_out_seen
from napari_cellcycle.evaluation.track_scores import TrackScores, score_tracks
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.csv_cells import write_csv
from napari_cellcycle.io.reserve import check_free, reserved
from napari_cellcycle.io.writers.results import write_json
from napari_cellcycle.jobs.config import CLEAN, EvaluateSettings, FollowSettings, ReadSettings
from napari_cellcycle.jobs.cross_validate_tracks import cross_validate_tracks
from napari_cellcycle.jobs.follow import Followed, decode_followed, follow_cells, note_on_pace, summarise_tracks
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.steps.shared_settings import shared_settings
from napari_cellcycle.jobs.track_data import true_phases
from napari_cellcycle.models.sequence import CellTracks
from napari_cellcycle.phases import UNKNOWN
from napari_cellcycle.predict import classify_cells, model_for_channels, unfamiliar_warning
from napari_cellcycle.store.models import load_model
from napari_cellcycle.tracking.track_table import NO_TRACK
from napari_cellcycle.training.classifier import EpochDone
from napari_cellcycle.versions import installed_versions

_FOLDS = (
    "each track was called by a network that saw no frame of its film or, of a single film, none of its lineage; the "
    "phases along tracks are found from these calls"
)
TRACK_REPORT_FILES = ("tracks.html", "track_scores.csv", "track_scores.json")
_ROWS = {
    "right_frames": ("frames with the true phase", "{:.3f}"),
    "n_transitions": ("true transitions", "{:,}"),
    "n_missed": ("transitions missed", "{:,}"),
    "n_added": ("transitions added", "{:,}"),
    "within_hour": ("transitions found within 1 h", "{:.0%}"),
    "mean_error_minutes": ("mean error, minutes", "{:.0f}"),
    "median_error_minutes": ("median error, minutes", "{:.0f}"),
    "mean_error_frames": ("mean error, frames", "{:.1f}"),
    "median_error_frames": ("median error, frames", "{:.1f}"),
    "impossible": ("steps back, which no cell takes", "{:,}"),
}
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Phases along tracks: {{ model }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
:root { color-scheme: light dark; }
table { border-collapse: collapse; } td, th { padding: .3rem .8rem; border-bottom: 1px solid #8886; text-align: right; }
td:first-child, th:first-child { text-align: left; }
</style></head><body>
<h1>Phases along tracks: {{ model }}</h1>
<p>{{ n_known }} cells of known phase in {{ n_tracks }} tracks ({{ source }}), {{ n_divisions }} divisions.</p>
{% for note in notes %}<p>{{ note }}.</p>
{% endfor %}<table><tr><th></th><th>raw calls</th><th>along tracks</th></tr>
{% for name, raw, decoded in rows %}<tr><td>{{ name }}</td><td>{{ raw }}</td><td>{{ decoded }}</td></tr>
{% endfor %}</table>
<p>An error can only be measured where both truth and call change phase; transitions that were missed count as not found
within an hour. Raw calls that jump to and fro have a transition at their first jump.</p>
</body></html>
"""


@dataclass(frozen=True, eq=False)
class TrackReport:
    """Scores of raw calls and of phases along tracks.

    Attributes
    ----------
    raw, decoded : TrackScores
        Of the same cells.
    n_known : int
        Cells of known phase in tracks.
    model : str
        Who called the phases.
    protocol : str
        A key of `protocols.PROTOCOLS`: whether the model was trained on these cells.
    notes : tuple of str
        What was left out, and whether the model fits; without full stops.
    about : dict
        What ``track_scores.json`` says of the tracks.
    """

    raw: TrackScores
    decoded: TrackScores
    n_known: int
    model: str
    protocol: str
    notes: tuple[str, ...]
    about: dict[str, Any]

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, score of raw calls, and score along tracks, as texts."""
        found = []
        for key, (title, form) in _ROWS.items():
            values = [getattr(scores, key) for scores in (self.raw, self.decoded)]
            raw, decoded = ("not known" if value is None or value != value else form.format(value) for value in values)
            found.append((title, raw, decoded))
        return found

    def __str__(self) -> str:
        lines = [f"{'':<34}{'raw calls':>15}{'along tracks':>15}"]
        return "\n".join([*lines, *(f"{name:<34}{raw:>15}{decoded:>15}" for name, raw, decoded in self.rows())])


def evaluate_tracks(
    paths: Sequence[str | Path],
    output: Path,
    config: EvaluateSettings,
    following: FollowSettings,
    reading: ReadSettings,
    *,
    overwrite: bool = False,
) -> Job[Progress | Note | EpochDone, TrackReport]:
    """Test a model on films whose cells have known phases, and write `TRACK_REPORT_FILES` to `output`.

    The true phases are those of labels, or of a column ``truth`` in the table of tracks. A track is left out if the
    model was trained on one of its frames, while there are others. With ``config.cv``, networks that read whole tracks
    are trained and tested fold by fold; see `cross_validate_tracks`.

    Raises
    ------
    SettingError
        The cells are of no film, no cell in a track has a known phase, or networks of single frames would be trained.
    WriteError
        The folder can't be written, or holds what an earlier run wrote.
    """
    check_free(Path(output), TRACK_REPORT_FILES, paths, overwrite=overwrite)
    with reserved(Path(output)):
        model = None if config.cv else load_model(config.model_name)
        cells = yield from open_cells(paths, reading, model=None if model is None else model.folder)
        followed = yield from follow_cells(cells, following)
        if model is None:
            prediction = yield from cross_validate_tracks(cells, followed, config)
        else:
            model, note = model_for_channels(model, cells)
            yield from (Note(text) for text in (note, note_on_pace(model.card, following)) if text)
            tracks = CellTracks(followed.key, followed.frame)
            prediction = yield from classify_cells(model, cells, device=config.device, tracks=tracks)
        settings = {**config.to_dict(), **following.to_dict(), **reading.to_dict()}
        settings["input"] = [str(path) for path in paths]
        fingerprints = None if config.cv else (yield from iter_duplicates(cells)).fingerprints
        report = score_followed(cells, prediction, followed, following, fingerprints, shared_settings(settings))
        _write(report, Path(output))
        yield Note(report.notes[0])  # whether the model fits is said with its calls
    return report


def score_followed(
    cells: Cells,
    prediction: Prediction,
    followed: Followed,
    following: FollowSettings,
    fingerprints: NDArray[np.uint64] | None,
    settings: dict[str, Any],
) -> TrackReport:
    """Compare raw calls and phases along tracks with the true phases.

    `fingerprints` of the cells tell which the model was trained on; None if each is called by one that never saw it.
    """
    truth, rows = true_phases(cells, followed, prediction.phase_set), followed.rows
    if not (truth[rows] != UNKNOWN).any():
        raise SettingError(
            "no cell in a track has a known phase; label some cells, or give a table of tracks with a column truth"
        )
    if fingerprints is None:
        protocol, note = CLEAN, _FOLDS
    else:
        seen = None if prediction.trained_on is None else in_training_set(fingerprints, prediction.trained_on)
        protocol, note = leave_out_seen_tracks(truth, followed.key, seen)
    notes = tuple(filter(None, (note, unfamiliar_warning(prediction))))
    decoded = decode_followed(followed, prediction, following)
    along = np.array(prediction.phase_set.numbers(decoded.phase_set))[decoded.phases]
    tracks, frames, minutes = followed.key[rows], followed.frame[rows], following.minutes_per_frame
    raw, better = (
        score_tracks(truth[rows], phases, tracks, frames, minutes) for phases in (prediction.best[rows], along)
    )
    about = summarise_tracks(followed, decoded, durations=prediction.is_reliable)
    about |= {"settings": settings, "versions": installed_versions()}
    return TrackReport(raw, better, int((truth[rows] != UNKNOWN).sum()), prediction.model, protocol, notes, about)


def leave_out_seen_tracks(
    truth: NDArray[np.int8], tracks: NDArray[np.int64], seen: NDArray[np.bool_] | None
) -> tuple[str, str]:
    """Mark the cells of a track as unknown if a model was trained on one of its frames, unless there are no others.

    All frames of a track show one cell.

    Parameters
    ----------
    truth : ndarray of int8, shape (N,)
        True phases; they are changed.
    tracks : ndarray of int, shape (N,)
        Track of each cell, -1 where it is in none.
    seen : ndarray of bool, shape (N,), or None
        Cells that the model was trained on; None where that is not known.

    Returns
    -------
    protocol : str
        ``held-out``, or ``trained-on``.
    note : str
        What was left out.
    """
    if seen is None or not seen.any():
        return leave_out_seen(truth, seen, HELD_OUT)
    known = np.unique(tracks[seen & (tracks != NO_TRACK)])
    n_tracks = len(np.unique(tracks[tracks != NO_TRACK]))
    protocol, _ = leave_out_seen(truth, seen | np.isin(tracks, known), HELD_OUT)
    if protocol == TRAINED_ON:
        return protocol, "the model was trained on frames of all tracks of known phase, so these scores are too good"
    return protocol, f"the model was trained on frames of {len(known):,} of {n_tracks:,} tracks, which are left out"


def _write(report: TrackReport, folder: Path) -> None:
    import pandas as pd

    names = [name for name, _, _ in report.rows()]
    scores = {"single_frames": report.raw.to_dict(), "along_tracks": report.decoded.to_dict()}
    finite = {
        way: {name: None if value is None or value != value else value for name, value in found.items()}
        for way, found in scores.items()
    }
    write_json(
        {
            "model": report.model,
            "n_known": report.n_known,
            "protocol": report.protocol,
            "notes": list(report.notes),
            **finite,
            "tracks": report.about,
        },
        folder / TRACK_REPORT_FILES[2],
    )
    table = pd.DataFrame(
        {
            "score": list(_ROWS),
            "meaning": names,
            **{way: [found[key] for key in _ROWS] for way, found in finite.items()},
        }
    )
    with atomic_path(folder / TRACK_REPORT_FILES[1]) as temporary:
        write_csv(table, temporary, float_format="%.6g")
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PAGE)
    about = {key: report.about[key] for key in ("n_tracks", "n_divisions", "source")}
    notes = [f"{note[:1].upper()}{note[1:]}" for note in report.notes]
    text = page.render(model=report.model, n_known=report.n_known, rows=report.rows(), notes=notes, **about)
    with atomic_path(folder / TRACK_REPORT_FILES[0]) as temporary:
        temporary.write_text(text, encoding="utf-8")
