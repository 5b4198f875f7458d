"""Networks that read whole tracks, on made tracks of real cells.

NAPARI_CELLCYCLE_DATA=... python benchmarks/track_networks.py FOLDER [--model jose2023]

FOLDER is a report of `evaluate jurkat/Experiment_1 --cv 5 --keep-models`. As in `made_tracks.py`, films of crops with
seven phases are made, since there are none. The cells of the test part of the first fold are divided in two halves: of
one half a film is made to train on, of the other one to test on, so that neither a cell nor a track is in both. The
model of that fold, which never saw any of these cells, gives the features. Another film to train on is made of the
training part of the fold: eight times as many cells, which the model that gives the features knows. `jose2023`, which
learns from images alone, gets this one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from lineages import Lineage, cells_along, lineages

from napari_cellcycle.evaluation.track_scores import score_tracks
from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.fit_sequences import PreparedTracks, fit_sequence_model
from napari_cellcycle.jobs.steps.training_data import TrainingData, load_training_data
from napari_cellcycle.models import Model
from napari_cellcycle.models.sequence import CellTracks, Places, whole_tracks
from napari_cellcycle.predict import STEPS_OF_TRACKS, predict_prepared
from napari_cellcycle.store.models import load_model
from napari_cellcycle.tracking.decode import decode_tracks
from napari_cellcycle.training.recipes import RECIPES

MINUTES, N_FRAMES, N_FOUNDERS, GAPS = 30, 96, 40, 0.05
HELD_BACK = 0.15
"""Share of the lineages that choose the best epoch."""
CPU = torch.device("cpu")


def main() -> None:
    """Print one line for each network."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", action="append", choices=["causal", "two-sided", "jose2023"])
    options = parser.parse_args()
    jurkat = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"
    data: TrainingData = result_of(load_training_data([jurkat], None, RECIPES["default"], ReadSettings()))
    fold = sorted((options.folder / "folds").iterdir())[0]
    part, frozen = pd.read_csv(fold / "split.csv")["part"].to_numpy(), load_model(fold)
    halves = by_halves(np.flatnonzero(part == "test"), data.cells.phases)
    learned, to_train, to_test = (
        Film(data, rows, seed) for seed, rows in ((1, np.flatnonzero(part != "test")), (2, halves[0]), (3, halves[1]))
    )
    cells = ", ".join(f"{len(film.of):,} cells in {len(film.made):,} frames" for film in (learned, to_train, to_test))
    print(f"{MINUTES} min a frame; training part, first and second half of the test part: {cells}")
    to_test.score("single frames", to_test.called(frozen), 0)
    for name in options.model or ["causal", "two-sided", "jose2023"]:
        recipe = RECIPES[name]
        on_features = {"": to_train, ", of cells that the features know": learned}
        for where, film in on_features.items() if recipe.is_on_features else [("", learned)]:
            started = time.process_time()
            features_of, spec = (frozen, frozen.card.input) if recipe.is_on_features else (None, recipe.input)
            own, (training, validation) = replace(recipe, input=spec), film.divided()
            job = fit_sequence_model(name, own, training, validation, own.config, "cpu", features_of=features_of)
            model, _ = result_of(job)
            to_test.score(f"{name}{where}", to_test.called(model), time.process_time() - started)


def by_halves(rows: np.ndarray, phases: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every second cell of each phase."""
    shuffled = np.random.default_rng(0).permutation(rows)
    ordered = shuffled[np.argsort(phases[shuffled], kind="stable")]
    return ordered[::2], ordered[1::2]


class Film:
    """A made film of the cells `of`, by track and frame."""

    def __init__(self, data: TrainingData, of: np.ndarray, seed: int) -> None:
        self.of = of
        made = lineages(N_FOUNDERS, N_FRAMES, MINUTES, gaps=GAPS, seed=seed)
        chosen = cells_along(made, data.cells.phases[of], data.prepared.total_dna[of], seed=seed)
        order, track, step = CellTracks(made.track, made.frame).in_order()
        self.made: Lineage = made[order]
        cells = data.prepared.subset(of[chosen[order]])
        self.tracks = PreparedTracks(cells, track, step)

    def divided(self) -> tuple[PreparedTracks, PreparedTracks]:
        """Lineages to train on, and others to choose the best epoch."""
        first = {track: track for track in np.unique(self.made.track).tolist()}
        for track in first:
            while first[track] in self.made.parents:
                first[track] = self.made.parents[first[track]]
        founder = np.array([first[track] for track in self.made.track.tolist()])
        held_back = np.isin(founder, np.unique(founder)[: round(HELD_BACK * N_FOUNDERS)])
        return self.tracks.subset(np.flatnonzero(~held_back)), self.tracks.subset(np.flatnonzero(held_back))

    def called(self, model: Model) -> np.ndarray:
        """Probabilities of all cells."""
        found = []
        for rows in whole_tracks(self.tracks.track, self.tracks.step, STEPS_OF_TRACKS):
            images = self.tracks.cells.images[rows] / model.card.input.scales[:, None, None]
            reads_tracks = model.card.architecture in ("causal", "two-sided", "jose2023")
            places = Places.of(self.tracks.track[rows], self.tracks.step[rows], CPU) if reads_tracks else None
            found.append(predict_prepared(model, images, CPU, places).probabilities)
        return np.concatenate(found)

    def score(self, name: str, calls: np.ndarray, seconds: float) -> None:
        """Print how good calls are, as they are and decoded."""
        made = self.made
        decoded = decode_tracks(calls, made.track, made.frame, parents=made.parents, minutes_per_frame=MINUTES)
        for way, phases in (("", calls.argmax(1)), (" + decode_tracks", decoded.phases)):
            scores = score_tracks(made.phase, phases, made.track, made.frame, MINUTES)
            print(
                f"| {name}{way} | {scores.right_frames:.3f} | {scores.within_hour:.0%} | "
                f"{scores.mean_error_minutes:.0f} | {scores.impossible:,} | {seconds:.0f} s |",
                flush=True,
            )


if __name__ == "__main__":
    main()
