"""Phases along tracks on published predictions, written as tables to docs/tracks.md.

NAPARI_CELLCYCLE_DATA=... python benchmarks/tracks.py [--speed]

179 tracks of RPE1 cells from birth to division (Leger et al. 2025): two FUCCI signals as three networks predict them
from brightfield. True is the one switch from G1 to the rest that explains the measured second signal best. The
predictions are calibrated, and durations learned, on four fifths of the tracks and tested on the others, five times.

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

from napari_cellcycle.evaluation.track_scores import score_tracks
from napari_cellcycle.tracking.decode import DecodedTracks, decode_tracks

PAGE = Path(__file__).parents[1] / "docs" / "tracks.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
NETWORKS = {"single_frame": "single frame", "lstm": "LSTM", "transformer": "transformer"}
PHASES = ("G1", "S/G2/M")
MINUTES = 5
FILM_FRAMES = 150
HEADING = (
    "| | right frames | median error, frames | mean error, minutes | within 1 h | intervals hold | steps back |\n"
    "|---|---|---|---|---|---|---|"
)
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


RAW, SWITCH, DECODED = "raw calls", "one switch, never back", "`decode_tracks`"
VITERBI, GIVEN = 'the same, `method="viterbi"`', "the same, births and divisions given"
NAMES = (RAW, SWITCH, DECODED, VITERBI, GIVEN)


@dataclass(frozen=True, eq=False)
class Way:
    """Phases by one way of decoding, and whether the interval of each transition holds the true one."""

    phases: NDArray[np.int64]
    held: list[bool]

    def add(self, data: Rpe1, rows: NDArray[np.intp], result: DecodedTracks) -> None:
        """Take over the result for some rows."""
        self.phases[rows] = result.phases
        self.held.extend(intervals_hold(data, result))


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


def ways(data: Rpe1, signals: NDArray[np.float64], parents: dict[object, object]) -> dict[str, Way]:
    """Phases of all rows by each way of decoding."""
    found = {name: Way(np.full(len(data.truth), -1), []) for name in NAMES}
    for learn, test in folds(data):
        calls = calibrated(data, signals, learn)
        found[RAW].phases[test] = calls[test].argmax(axis=1)
        for rows in data.rows():
            if np.isin(rows[0], test):
                found[SWITCH].phases[rows] = one_switch(np.log(calls[rows, 0] / calls[rows, 1]))
        for name, given in ((DECODED, None), (GIVEN, parents)):
            model = decoded(data, calls, learn, parents=given).model
            found[name].add(data, test, decoded(data, calls, test, parents=given, model=model))
            if name == DECODED:
                found[VITERBI].add(data, test, decoded(data, calls, test, model=model, method="viterbi"))
    return found


def family(data: Rpe1, n_frames: int | None = None) -> dict[object, object]:
    """Parents, as if births and divisions within `n_frames` frames (or all of them) had been tracked."""
    found: dict[object, object] = {}
    for rows in data.rows():
        track = int(data.track[rows[0]])
        if n_frames is None or data.frame[rows[0]] > 0:
            found[track] = "mother"
        if n_frames is None or data.frame[rows[-1]] < n_frames - 1:
            found[f"daughter of {track}"] = track
    return found


def in_film(data: Rpe1) -> tuple[Rpe1, NDArray[np.bool_]]:
    """What a film of 150 frames shows of cells that are born at any time before its end, and which rows these are."""
    random = np.random.default_rng(0)
    frame = data.frame.copy()
    for rows in data.rows():
        frame[rows] += random.integers(1 - len(rows), FILM_FRAMES)
    seen = (frame >= 0) & (frame < FILM_FRAMES)
    signals = {name: values[seen] for name, values in data.signals.items()}
    return Rpe1(data.track[seen], frame[seen], data.green[seen], data.truth[seen], signals), seen


def intervals_hold(data: Rpe1, result: DecodedTracks) -> list[bool]:
    """Whether the interval of each transition holds the true one."""
    found = result.transitions
    held = []
    for track, low, high in zip(found.track, found.low, found.high, strict=True):
        true = data.frame[(data.track == track) & (data.truth == 1)].min(initial=10_000)
        if true < 10_000:
            held.append(bool(low <= true <= high))
    return held


def line(data: Rpe1, name: str, way: Way) -> str:
    """One line of the table."""
    scores = score_tracks(data.truth, way.phases, data.track, data.frame, minutes_per_frame=MINUTES)
    held = f"{np.mean(way.held):.0%}" if way.held else ""
    return (
        f"| {name} | {scores.right_frames:.3f} | {scores.median_error_frames:.0f} | {scores.mean_error_minutes:.0f} | "
        f"{scores.within_hour:.0%} | {held} | {scores.impossible:,} |"
    )


def table(data: Rpe1, signals: NDArray[np.float64], parents: dict[object, object]) -> str:
    """All ways for one network."""
    return "\n".join([HEADING, *(line(data, name, way) for name, way in ways(data, signals, parents).items())])


def tables(data: Rpe1) -> str:
    """All networks on whole tracks and in a film, and what follows from the lengths of tracks alone."""
    by_length = Way(np.full(len(data.truth), -1), [])
    for learn, test in folds(data):
        share = np.mean(data.truth[learn] == 0)
        for rows in data.rows():
            if np.isin(rows[0], test):
                by_length.phases[rows] = np.arange(len(rows)) >= share * len(rows)
    film, _ = in_film(data)
    parts = [f"### Whole tracks, from birth to division\n\n{HEADING}"]
    parts[0] += "\n" + line(data, "no image: G1 is the same share of each track", by_length)
    parts += [f"**{title}**\n\n{table(data, data.signals[key], family(data))}" for key, title in NETWORKS.items()]
    parts.append("### Parts of the same tracks, as a film of 150 frames shows them")
    parts += [f"**{NETWORKS[key]}**\n\n{table(film, film.signals[key], family(film, FILM_FRAMES))}" for key in NETWORKS]
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
