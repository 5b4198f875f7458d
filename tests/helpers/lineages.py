"""Made tracks of cells: lineages with phases in order and durations as in the literature, of which each frame shows a
cell of its phase. The cells may be made or real, the order in time never is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

MINUTES = {
    "G1": 660.0,
    "S": 480.0,
    "G2": 240.0,
    "Prophase": 25.0,
    "Metaphase": 20.0,
    "Anaphase": 5.0,
    "Telophase": 10.0,
}
"""Of a human cell that divides once a day: G1 11 h, S 8 h, G2 4 h, mitosis 1 h (Cooper 2000, The Cell, 2nd edition);
how mitosis divides into its four phases is our choice."""


@dataclass
class Lineage:
    """Rows of tracks: true phase (number) and how far the cell is in it, from 0 to 1; position in pixels."""

    track: np.ndarray
    frame: np.ndarray
    phase: np.ndarray
    progress: np.ndarray
    position: np.ndarray
    parents: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.track)

    def __getitem__(self, rows: np.ndarray) -> Lineage:
        parts = (self.track, self.frame, self.phase, self.progress, self.position)
        return Lineage(*(values[rows] for values in parts), self.parents)

    def csv(self, *, labels: bool = True, truth: bool = False) -> str:
        """As a table of tracks; the label of a cell is its track and 1."""
        lines = [f"track,frame,parent,{'cell' if labels else 'x,y'}{',truth' if truth else ''}"]
        names = list(MINUTES)
        for track, frame, phase, (y, x) in zip(self.track, self.frame, self.phase, self.position, strict=True):
            where = f"{track + 1}" if labels else f"{x:.1f},{y:.1f}"
            told = f",{names[phase]}" if truth else ""
            lines.append(f"{track},{frame},{self.parents.get(int(track), '')},{where}{told}")
        return "\n".join(lines) + "\n"


def lineages(
    n_founders: int,
    n_frames: int,
    minutes_per_frame: float,
    *,
    durations: dict[str, float] = MINUTES,
    spread: float = 0.25,
    gaps: float = 0.0,
    size: float = 400.0,
    step: float = 2.0,
    apart: float = 9.0,
    seed: int = 0,
) -> Lineage:
    """Cells that are somewhere in the cycle when the film starts, their daughters, and so on until it ends."""
    random = np.random.default_rng(seed)
    medians = np.array(list(durations.values())) / minutes_per_frame
    rows: list[tuple[float, ...]] = []
    parents: dict[int, int] = {}
    side = int(np.ceil(np.sqrt(n_founders)))
    grid = (np.mgrid[:side, :side].reshape(2, -1).T[:n_founders] + 0.5) * size / side
    waiting: list[tuple[float, np.ndarray, int]] = []
    for place in grid:
        lengths = medians * np.exp(random.normal(0, spread, len(medians)))
        waiting.append((-random.uniform(0, lengths.sum()), place, -1))
    n_tracks = 0
    while waiting:
        birth, place, mother = waiting.pop(0)
        track, n_tracks = n_tracks, n_tracks + 1
        if mother >= 0:
            parents[track] = mother
        ends = birth + np.cumsum(medians * np.exp(random.normal(0, spread, len(medians))))
        if mother < 0 and ends[-1] < 0.5:
            ends += 0.5 - ends[-1]
        starts = np.append(birth, ends[:-1])
        first, last = max(int(np.ceil(birth)), 0), min(int(np.ceil(ends[-1])), n_frames)
        for frame in range(first, last):
            phase = int((frame >= ends).sum())
            place = np.clip(place + random.normal(0, step, 2), 15, size - 15)
            progress = (frame - starts[phase]) / max(ends[phase] - starts[phase], 1e-9)
            rows.append((track, frame, phase, progress, *place))
        if first >= last:
            n_tracks -= 1
            parents.pop(track, None)
        elif last < n_frames:
            turn = random.uniform(0, np.pi)
            away = apart * np.array([np.sin(turn), np.cos(turn)])
            waiting += [(ends[-1], place + side * away, track) for side in (-1, 1)]
    table = np.array(rows)
    whole = [table[:, column].astype(int) for column in range(3)]
    found = Lineage(*whole, table[:, 3], table[:, 4:], parents)
    return found[random.random(len(found)) >= gaps] if gaps else found


def cells_along(
    lineage: Lineage, phases: np.ndarray, stain: np.ndarray | None = None, *, jitter: float = 0.1, seed: int = 0
) -> np.ndarray:
    """For each row of a lineage, the index of a cell of its phase; with the stain, of one that fits its progress.

    Ranks of stain within the phase differ from the progress by a normal error of `jitter`.
    """
    random = np.random.default_rng(seed)
    chosen = np.empty(len(lineage), np.int64)
    for phase in np.unique(lineage.phase):
        rows, cells = np.flatnonzero(lineage.phase == phase), np.flatnonzero(phases == phase)
        if stain is None:
            chosen[rows] = random.choice(cells, len(rows))
        else:
            cells = cells[np.argsort(stain[cells], kind="stable")]
            rank = np.clip(lineage.progress[rows] + random.normal(0, jitter, len(rows)), 0, 0.999999)
            chosen[rows] = cells[(rank * len(cells)).astype(int)]
    return chosen


def draw_film(
    lineage: Lineage, tiles: np.ndarray, *, size: int = 400, radius: float = 12
) -> tuple[np.ndarray, np.ndarray]:
    """Film (T, C, Y, X) of the tile (C, 40, 40) of each row, and its labels (T, Y, X): the track and 1."""
    n_frames, (n_channels, side) = int(lineage.frame.max()) + 1, tiles.shape[1:3]
    film = np.empty((n_frames, n_channels, size, size), tiles.dtype)
    film[:] = np.median(tiles[:, :, :2], axis=(0, 2, 3)).astype(tiles.dtype)[:, None, None]
    labels = np.zeros((n_frames, size, size), np.int32)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    disc = np.hypot(y, x) < radius
    for row in range(len(lineage)):
        top, left = (np.clip(lineage.position[row] - side / 2, 0, size - side)).astype(int)
        frame, where = lineage.frame[row], np.s_[top : top + side, left : left + side]
        film[frame][:, where[0], where[1]][:, disc] = tiles[row][:, disc]
        labels[frame][where][disc] = lineage.track[row] + 1
    return film, labels
