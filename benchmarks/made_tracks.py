"""Phases along made tracks of real cells, with models that never saw them.

NAPARI_CELLCYCLE_DATA=... python benchmarks/made_tracks.py FOLDER

FOLDER is a report of `evaluate jurkat/Experiment_1 --cv 5 --keep-models`. Films of crops with seven phases are not to
be had, so the order in time is made: lineages with durations as in the literature (tests/helpers/lineages.py), of which
each frame shows a real cell of its phase from the test part of a fold, one whose stain fits how far the cell is in the
phase. The model of that fold calls it. So neighbouring frames err together less than in a real film, and the figures
are better than a real film would give.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from lineages import MINUTES, cells_along, lineages

from napari_cellcycle.evaluation.track_scores import score_tracks
from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.training_data import TrainingData, load_training_data
from napari_cellcycle.predict import classify
from napari_cellcycle.store.models import load_model
from napari_cellcycle.tracking.course import track_positions
from napari_cellcycle.tracking.decode import decode_tracks
from napari_cellcycle.training.recipes import RECIPES

FILMS = {5: 400, 15: 200, 30: 96}
"""Frames of a film by minutes a frame."""
N_FOUNDERS, GAPS, SEED = 40, 0.05, 0


def main() -> None:
    """Print one block for each pace of the camera."""
    jurkat = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"
    data: TrainingData = result_of(load_training_data([jurkat], None, RECIPES["default"], ReadSettings()))
    fold = sorted((Path(sys.argv[1]) / "folds").iterdir())[0]
    chosen = np.flatnonzero(pd.read_csv(fold / "split.csv")["part"] == "test")
    calls = classify(data.cells.subset(chosen), load_model(fold), device="cpu")
    phases, stain = data.cells.phases[chosen], data.prepared.total_dna[chosen]
    shares = np.array(list(MINUTES.values())) / sum(MINUTES.values())
    starts = np.append(0, np.cumsum(shares))
    print(f"{len(chosen)} real cells of fold {fold.name}, {(calls.best == phases).mean():.3f} called right")
    for minutes, n_frames in FILMS.items():
        made = lineages(N_FOUNDERS, n_frames, minutes, gaps=GAPS, seed=SEED)
        rows = cells_along(made, phases, stain, seed=SEED)
        found = calls.probabilities[rows]
        decoded = decode_tracks(found, made.track, made.frame, parents=made.parents, minutes_per_frame=minutes)
        signals = found if calls.dna_content is None else np.column_stack([found, np.log2(calls.dna_content[rows])])
        place = track_positions(decoded, signals, made.track, made.frame, made.parents)
        true = starts[made.phase] + shares[made.phase] * made.progress
        print(f"\n{minutes} min a frame: {len(made):,} frames, {len(np.unique(made.track))} tracks")
        for name, called in (("single frames", calls.best[rows]), ("along tracks", decoded.phases)):
            scores = score_tracks(made.phase, called, made.track, made.frame, minutes)
            print(
                f"  {name:<14} right {scores.right_frames:.3f}, transitions within 1 h {scores.within_hour:.0%}, mean "
                f"error {scores.mean_error_minutes:.0f} min, steps back {scores.impossible:,}"
            )
        print(
            f"  position: Spearman {spearmanr(place, true).statistic:.3f}, mean error {np.abs(place - true).mean():.3f}"
        )
        for name, median in MINUTES.items():
            curve = decoded.durations[name]
            low, high = curve.median_interval
            print(f"  {name:<10} true {median:.0f}, found {curve.median:.0f} ({low:.0f} to {high:.0f}) min")


if __name__ == "__main__":
    main()
