"""Position in the cycle against the DNA stain, on real cells that no model of a fold was trained on.

NAPARI_CELLCYCLE_DATA=... python benchmarks/cycle_position.py FOLDER [PART]

FOLDER is a report of `evaluate jurkat/Experiment_1 --cv 5 --keep-models`: each model in FOLDER/folds places the cells
of its own fold by a closed curve through its features. PART is ``test``, or ``validation`` to try settings out.
Spearman's correlation with the stain's sum is given per fold, with a bootstrap interval over all cells, ranked by fold.
Next to it stand the order by the calls alone, and the DNA content that the network predicts.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from napari_cellcycle.events import result_of
from napari_cellcycle.jobs.config import ReadSettings
from napari_cellcycle.jobs.steps.training_data import TrainingData, load_training_data
from napari_cellcycle.predict import classify, extract_features
from napari_cellcycle.store.models import load_model
from napari_cellcycle.tracking.cycle_curve import fit_cycle_curve
from napari_cellcycle.training.recipes import RECIPES

Floats = NDArray[np.float64]


def main() -> None:
    """Print a table."""
    folder, part = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "test"
    jurkat = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat" / "Experiment_1"
    data: TrainingData = result_of(load_training_data([jurkat], None, RECIPES["default"], ReadSettings()))
    ways: dict[str, list[Floats]] = {}
    stains: list[Floats] = []
    for fold in sorted((folder / "folds").iterdir()):
        chosen = np.flatnonzero(pd.read_csv(fold / "split.csv")["part"] == part)
        model, cells = load_model(fold), data.cells.subset(chosen)
        calls = classify(cells, model, device="cpu")
        features = result_of(extract_features(model, cells, device="cpu"))
        shares = calls.probabilities.mean(axis=0)
        found = {
            "closed curve": fit_cycle_curve(features, calls.probabilities).positions(features, calls.probabilities),
            "calls alone": calls.probabilities @ (np.cumsum(shares) - shares / 2),
            "predicted DNA content": np.asarray(calls.dna_content, float),
        }
        stains.append(rankdata(data.prepared.total_dna[chosen]) / len(chosen))
        for name, place in found.items():
            ways.setdefault(name, []).append(rankdata(place) / len(chosen))
    stain = np.concatenate(stains)
    print(f"{len(stain)} cells of the part {part!r}, {len(stains)} folds")
    for name, places in ways.items():
        each = [spearmanr(place, own).statistic for place, own in zip(places, stains, strict=True)]
        low, high = interval(np.concatenate(places), stain)
        whole = spearmanr(np.concatenate(places), stain).statistic
        print(f"{name:<22} {whole:.3f} ({low:.3f} to {high:.3f}); folds {', '.join(f'{value:.3f}' for value in each)}")


def interval(place: Floats, stain: Floats, n_draws: int = 1000) -> tuple[float, float]:
    """95 % bootstrap interval of Spearman's correlation."""
    random = np.random.default_rng(0)
    drawn = [random.integers(0, len(place), len(place)) for _ in range(n_draws)]
    low, high = np.percentile([spearmanr(place[rows], stain[rows]).statistic for rows in drawn], [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
