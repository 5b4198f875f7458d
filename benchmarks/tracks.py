"""Phases along tracks on published predictions, written as tables to docs/tracks.md.

NAPARI_CELLCYCLE_DATA=... python benchmarks/tracks.py [--speed]

179 tracks of RPE1 cells from birth to division (Leger et al. 2025): two FUCCI signals as three networks predict them from
brightfield. True is the one switch from G1 to the rest that explains the measured second signal best. The predictions are
calibrated, and durations learned, on four fifths of the tracks and tested on the others, five times.

``--speed`` decodes 10^6 frames of 10^4 made tracks in seven phases instead, and prints time and memory.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from napari_cellcycle.evaluation.track_scores import TrackScores, score_tracks
from napari_cellcycle.tracking.decode import DecodedTracks, decode_tracks

PAGE = Path(__file__).parents[1] / "docs" / "tracks.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
NETWORKS = {"single_frame": "single frame", "lstm": "LSTM", "transformer": "transformer"}
PHASES = ("G1", "S/G2/M")
MINUTES = 5
COMMAND = "NAPARI_CELLCYCLE_DATA=... python benchmarks/tracks.py"


@dataclass(frozen=True, eq=False)
class Rpe1:
    """The given half of the tracks."""

    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    green: NDArray[np.bool_]
    """Whether the second signal is above one half: what the calibration learns."""
    truth: NDArray[np.int64]
    signals: dict[str, NDArray[np.float64]]

    def rows(self) -> Iterator[NDArray[np.intp]]:
        """Rows of each track, in order."""
        for track in np.unique(self.track):
            rows = np.flatnonzero(self.track == track)
            yield rows[np.argsort(self.frame[rows])]


def one_switch(log_odds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Phases of a track with one switch, where it explains the log-odds of G1 best."""
    sums = np.append(0, np.cumsum(log_odds))
    return (np.arange(len(log_odds)) >= np.argmax(2 * sums - sums[-1])).astype(np.int64)


def read_rpe1() -> Rpe1:
    """Read the tracks, and cut each by its measured signal."""
    with np.load(Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "tracks" / "rpe1_fucci_tracks.npz") as found:
        signals = {name: found[name].astype(float) for name in NETWORKS}
        green = found["fucci"][:, 1] > 0.5
        data = Rpe1(found["track"].astype(int), found["frame"].astype(int), green, np.zeros(len(green), int), signals)
    for rows in data.rows():
        data.truth[rows] = one_switch(green[rows] - 0.5)
    return data


def folds(data: Rpe1) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to learn from and rows to test, with no track in both."""
    yield from GroupKFold(5, shuffle=True, random_state=0).split(data.green, groups=data.track)


def calibrated(data: Rpe1, signals: NDArray[np.float64], learn: NDArray[np.intp]) -> NDArray[np.float64]:
    """Probabilities of G1 and the rest for all rows, from both signals, learned on some."""
    found = LogisticRegression().fit(signals[learn], data.green[learn]).predict_proba(signals)
    return found[:, ::-1]


def decoded(data: Rpe1, calls: NDArray[np.float64], rows: NDArray[np.intp], **settings: object) -> DecodedTracks:
    """Decode these rows."""
    given = calls[rows], data.track[rows], data.frame[rows], PHASES, settings.pop("parents", None), MINUTES
    return decode_tracks(*given, **settings)  # type: ignore[arg-type]


def ways(data: Rpe1, signals: NDArray[np.float64]) -> dict[str, tuple[NDArray[np.int64], float]]:
    """Phases of all rows by each way of decoding, and how often intervals hold the true transition (NaN: none)."""
    names = ("raw calls", "one switch", "`decode_tracks`", 'the same, `method="viterbi"`', "the same, births given")
    names += ("the same, ends hidden",)
    found = {name: np.full(len(data.truth), -1) for name in names}
    held: dict[str, list[bool]] = {name: [] for name in names}
    for learn, test in folds(data):
        calls = calibrated(data, signals, learn)
        model = decoded(data, calls, learn).model
        found["raw calls"][test] = calls[test].argmax(axis=1)
        for rows in (test[data.track[test] == track] for track in np.unique(data.track[test])):
            found["one switch"][rows] = one_switch(np.log(calls[rows, 0] / calls[rows, 1]))
        births = {int(track): "not in the film" for track in np.unique(data.track)}
        born = decoded(data, calls, learn, parents=births).model
        for name, settings in zip(
            names[2:5], ({}, {"method": "viterbi"}, {"parents": births, "model": born}), strict=True
        ):
            result = decoded(data, calls, test, **{"model": model, **settings})
            found[name][test] = result.phases
            held[name] += intervals_hold(data, result)
        part = hidden_ends(data)
        cut_model = decoded(data, calls, learn[part[learn]]).model
        shown = test[part[test]]
        result = decoded(data, calls, shown, model=cut_model)
        found[names[5]][shown] = result.phases
        held[names[5]] += intervals_hold(data, result)
    return {name: (found[name], float(np.mean(held[name])) if held[name] else np.nan) for name in names}


def hidden_ends(data: Rpe1) -> NDArray[np.bool_]:
    """A film through which cells run: each track is seen for 60 % of its frames, from anywhere."""
    random = np.random.default_rng(0)
    seen = np.zeros(len(data.truth), bool)
    for rows in data.rows():
        length = int(0.6 * len(rows))
        start = random.integers(0, len(rows) - length + 1)
        seen[rows[start : start + length]] = True
    return seen


def intervals_hold(data: Rpe1, result: DecodedTracks) -> list[bool]:
    """Whether the interval of each transition holds the true one."""
    found = result.transitions
    held = []
    for track, low, high in zip(found.track, found.low, found.high, strict=True):
        true = data.frame[(data.track == track) & (data.truth == 1)].min(initial=10_000)
        held.append(bool(low <= true <= high))
    return held


def line(name: str, scores: TrackScores, held: float) -> str:
    """One line of the table."""
    share = "" if np.isnan(held) else f"{held:.0%}"
    return (
        f"| {name} | {scores.right_frames:.3f} | {scores.median_error_frames:.0f} | {scores.mean_error_minutes:.0f} | "
        f"{scores.within_hour:.0%} | {share} | {scores.impossible:,} |"
    )


def tables(data: Rpe1) -> str:
    """All networks, and what follows from the lengths of tracks alone."""
    parts = []
    heading = (
        "| | right frames | median error, frames | mean error, minutes | within 1 h | intervals hold | steps back |"
    )
    for key, title in NETWORKS.items():
        rows = [f"**{title}**", "", heading, "|---|---|---|---|---|---|---|"]
        for name, (phases, held) in ways(data, data.signals[key]).items():
            seen = phases >= 0
            columns = (column[seen] for column in (data.truth, phases, data.track, data.frame))
            rows.append(line(name, score_tracks(*columns, minutes_per_frame=MINUTES), held))
        parts.append("\n".join(rows))
    length_only = np.full(len(data.truth), -1)
    for learn, test in folds(data):
        share = np.mean(data.truth[learn] == 0)
        for rows in data.rows():
            if np.isin(rows[0], test):
                length_only[rows] = np.arange(len(rows)) >= share * len(rows)
    scores = score_tracks(data.truth, length_only, data.track, data.frame, MINUTES)
    parts.append("\n".join(["**no image at all**", "", heading, "|---|---|---|---|---|---|---|"]))
    parts[-1] += "\n" + line("G1 is the same share of each track", scores, np.nan)
    return "\n\n".join(parts)


def made_tracks(n_tracks: int, n_frames: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Noisy calls of seven phases, of cells that are met anywhere in their cycle."""
    random = np.random.default_rng(0)
    ends = np.cumsum(np.array([60, 45, 35, 4, 3, 2, 3]) * random.lognormal(0, 0.25, (n_tracks, 7)), axis=1)
    begin = -random.uniform(0, 1, n_tracks) * np.maximum(ends[:, -1] - n_frames, 0)
    times = np.arange(n_frames) - begin[:, None]
    phases = np.minimum((times[:, :, None] >= ends[:, None, :]).sum(axis=2), 6).ravel()
    calls = random.dirichlet(np.full(7, 0.5), n_tracks * n_frames) + np.eye(7)[phases]
    return calls / 2, np.repeat(np.arange(n_tracks), n_frames), np.tile(np.arange(n_frames), n_tracks)


def measure_speed() -> None:
    """Print time and memory for 10^6 frames."""
    for n_tracks, n_frames in ((10_000, 100), (2_500, 400)):
        calls = made_tracks(n_tracks, n_frames)
        before, start, used = (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            time.perf_counter(),
            time.process_time(),
        )
        decode_tracks(*calls)
        took, used = time.perf_counter() - start, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(
            f"{n_tracks} tracks of {n_frames} frames: {took:.1f} s, {used:.1f} s of CPU, "
            f"peak {peak / 2**20:.2f} GiB ({before / 2**20:.2f} before), load {os.getloadavg()[0]:.1f}"
        )


def main() -> None:
    """Measure, and write the page."""
    if "--speed" in sys.argv:
        measure_speed()
        return
    text = tables(read_rpe1())
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    stamp = f"`{COMMAND}`, {os.cpu_count()} cores, Python {platform.python_version()}, {date.today():%-d %B %Y}."
    PAGE.write_text(f"{head}{BEGIN}\n\n{stamp}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
