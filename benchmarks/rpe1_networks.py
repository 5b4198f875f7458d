"""Networks that read whole tracks, on the signals of RPE1 cells that `benchmarks/tracks.py` decodes.

NAPARI_CELLCYCLE_DATA=... python benchmarks/rpe1_networks.py

The recurrent part of `causal` and `two-sided` reads the two signals that a published network found in each frame
(Leger et al. 2025), in place of features. Folds, truth and scores are those of `benchmarks/tracks.py`: no track is in
the training and in the test part, and a tenth of the training tracks chooses the best epoch.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from tracks import FILM_FRAMES, HEADING, MINUTES, NETWORKS, PHASES, Rpe1, Way, family, folds, in_film, line, read_rpe1

from napari_cellcycle.events import result_of
from napari_cellcycle.models import build
from napari_cellcycle.models.sequence import CellTracks
from napari_cellcycle.tracking.decode import decode_tracks
from napari_cellcycle.training.classifier import train_classifier
from napari_cellcycle.training.recipes import RECIPES
from napari_cellcycle.training.track_set import TrackSet

CPU = torch.device("cpu")
EPOCHS = 20
"""Of some 15 steps each; the recipe has more, for fewer tracks."""


def track_set(data: Rpe1, signals: NDArray[np.float64], rows: NDArray[np.intp]) -> tuple[TrackSet, NDArray[np.intp]]:
    """Tracks of some rows, and these rows in their order."""
    order, track, step = CellTracks(data.track[rows], data.frame[rows]).in_order()
    rows = rows[order]
    values = torch.from_numpy(signals[rows]).float()
    return TrackSet(values, torch.from_numpy(data.truth[rows]), track, step, len(PHASES), 1000), rows


def calls_of(name: str, data: Rpe1, signals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of all rows, each by the network of the fold that tests it."""
    calls = np.full((len(data.truth), len(PHASES)), np.nan)
    for number, (learn, test) in enumerate(folds(data)):
        torch.manual_seed(number)
        network = build(name, n_phases=len(PHASES), n_inputs=signals.shape[1])
        held_back = np.isin(data.track[learn], np.unique(data.track[learn])[::10])
        training, validation = (track_set(data, signals, learn[part])[0] for part in (~held_back, held_back))
        result_of(train_classifier(network, training, validation, replace(RECIPES[name].config, epochs=EPOCHS), CPU))
        tested, rows = track_set(data, signals, test)
        calls[rows] = tested.logits(network, CPU).softmax(1).numpy()
    return calls


def main() -> None:
    """Print a table for whole tracks, and one for a film."""
    whole = read_rpe1()
    film, _ = in_film(whole)
    for title, data, parents in (("whole tracks", whole, None), ("film", film, family(film, FILM_FRAMES))):
        print(f"{title}\n{HEADING}")
        for key in ("single_frame", "lstm"):
            for name in ("causal", "two-sided"):
                calls = calls_of(name, data, data.signals[key])
                decoded = decode_tracks(calls, data.track, data.frame, PHASES, parents, MINUTES)
                print(line(data, f"{NETWORKS[key]}: {name}", Way(calls.argmax(axis=1), [])), flush=True)
                print(line(data, f"{NETWORKS[key]}: {name}, decoded", Way(decoded.phases, [])), flush=True)


if __name__ == "__main__":
    main()
