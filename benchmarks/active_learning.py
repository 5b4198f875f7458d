"""How many labels each queue needs, written as tables to docs/active-learning.md.

NAPARI_CELLCYCLE_DATA=... python benchmarks/active_learning.py [FOLDER FOR THE MODELS]

Labels are asked for in rounds of 25, of which the first is drawn at random. After each round everything is learned from
all labels so far, and all other cells of the pool are put in a queue. The test cells are a third of the cells, never in
the pool, and nothing is chosen by them. Three starts:

- hand-made features of each cell, which know no phase, and a linear discriminant analysis of them;
- the same, but the pool has the natural mix of phases (as far as there are cells), so that rare phases are rare;
- the features of `default`, trained on two fifths of the cells, which are in neither pool nor test: a model from
  another lab, as pool and test are made to look like images of another instrument. Its labels are not counted.

The queues were tuned with the splits 100 to 129; those of the tables are 0 to 39 (10 for the network). With 10 splits
the number of labels that are needed lies anywhere, as the curves are flat.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from fine_tuning import as_other_instrument
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from napari_cellcycle.annotate.confident_learning import held_out_probabilities, likely_wrong
from napari_cellcycle.annotate.queue_names import LEAST_SURE, RANDOM, RARE_FIRST, UNLIKE
from napari_cellcycle.annotate.queues import farthest_first, least_sure, rare_first
from napari_cellcycle.cells import Cells
from napari_cellcycle.datasets.duplicates import find_duplicates
from napari_cellcycle.datasets.splits import make_folds
from napari_cellcycle.datasets.training_cells import prepare_cells
from napari_cellcycle.evaluation.natural_prevalence import normalised_shares
from napari_cellcycle.events import result_of
from napari_cellcycle.images.cell_features import measure_cells
from napari_cellcycle.jobs.config import ReadSettings, TrainSettings
from napari_cellcycle.jobs.read import open_cells
from napari_cellcycle.jobs.train import train_cells
from napari_cellcycle.phases import N_PHASES, Phase
from napari_cellcycle.predict import extract_features
from napari_cellcycle.store.models import HOME, load_model
from napari_cellcycle.training.recipes import recipe_called

PAGE = Path(__file__).parents[1] / "docs" / "active-learning.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
STEP, MOST = 25, 400
SHOWN = (100, 200, 300, 400)
SPLITS = range(40)
NETWORK_DRAWS = 10
TESTED_QUEUES = (RANDOM, LEAST_SURE, RARE_FIRST, UNLIKE)
WRONG = 0.1

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Task:
    """Cells to choose from and cells to test on, with the features and true phases (N,) of all."""

    features: NDArray[np.float64]
    phases: NDArray[np.intp]
    pool: Rows
    tested: Rows
    seed: int


def main() -> None:
    """Measure, and write the page."""
    torch.set_num_threads(1)
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    os.environ[HOME] = str(output / "home")  # so that these models do not become the user's own
    cells, n_first = read()
    features, phases = hand_made(cells), cells.phases.astype(np.intp)
    starts = {
        "Hand-made features, pool as in the data": [split(features, phases, n_first, seed) for seed in SPLITS],
        "Hand-made features, natural mix": [
            natural(split(features, phases, n_first, seed), n_first, seed) for seed in SPLITS
        ],
        "A model from another lab": list(from_another_lab(cells.subset(np.arange(n_first)), output)),
    }
    parts = [f"### {name}\n\n{table(tasks)}" for name, tasks in starts.items()]
    wrong = f"### Wrong labels\n\n{found_wrong(features[:n_first], phases[:n_first])}"
    text = "\n\n".join([*parts, wrong])
    print(text)
    first, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{first}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def read() -> tuple[Cells, int]:
    """The cells of both experiments without duplicates, those of the first experiment first, and their number."""
    jurkat = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat"
    cells = result_of(open_cells([jurkat / "Experiment_1", jurkat / "Experiment_2"], ReadSettings()))
    cells = cells.subset(find_duplicates(cells).keep)
    is_first = np.char.startswith(cells.sources, "Experiment_1")
    return cells.subset(np.argsort(~is_first, kind="stable")), int(is_first.sum())


def hand_made(cells: Cells) -> NDArray[np.float64]:
    """Features of shape, intensity and texture, which no phase took part in, on a scale for all of them."""
    prepared = result_of(prepare_cells(cells, recipe_called("default").input))
    parts = [measure_cells(prepared.images[at : at + 256], ("a", "b")) for at in range(0, len(cells), 256)]
    found = np.concatenate([np.stack(list(part.values()), axis=1) for part in parts]).astype(float)
    return standardised(np.sign(found) * np.log1p(np.abs(found)))


def standardised(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """With mean 0 and spread 1 over all cells, for which no label is needed."""
    return (features - features.mean(0)) / np.maximum(features.std(0), 1e-9)


def split(features: NDArray[np.float64], phases: NDArray[np.intp], n_first: int, seed: int) -> Task:
    """Two thirds of the first experiment as the pool, one third for testing."""
    folds = list(StratifiedKFold(3, shuffle=True, random_state=seed).split(features[:n_first], phases[:n_first]))
    pool, tested = folds[seed % 3]
    return Task(features, phases, pool, tested, seed)


def natural(task: Task, n_first: int, seed: int) -> Task:
    """The same with the natural mix of phases in the pool, which G1 cells of the second experiment make possible."""
    random, shares = np.random.default_rng(seed), normalised_shares("bbbc048")
    pool = np.r_[task.pool, np.arange(n_first, len(task.phases))]
    scale = (task.phases[pool] == Phase.S).sum() / shares[Phase.S]
    of_phase = [random.permutation(pool[task.phases[pool] == phase]) for phase in Phase]
    kept = [rows[: max(1, round(scale * share))] for rows, share in zip(of_phase, shares, strict=True)]
    return Task(task.features, task.phases, np.concatenate(kept), task.tested, seed)


def from_another_lab(cells: Cells, output: Path) -> Iterator[Task]:
    """Tasks with features of a network that was trained on other cells, which another instrument had recorded."""
    folds = np.zeros(len(cells), np.intp)
    for number, fold in enumerate(make_folds(cells, 5)):
        folds[fold.test] = number
    folder = output / "other_lab"
    if not folder.exists():
        run = TrainSettings(device="cpu", resume=True)
        result_of(train_cells(cells.subset(np.flatnonzero(folds < 2)), folder, run))
    rest = np.flatnonzero(folds >= 2)
    other = as_other_instrument(cells.subset(rest))
    found = result_of(extract_features(load_model(folder), other, device="cpu")).astype(float)
    for draw in range(NETWORK_DRAWS):
        tested = folds[rest] == 2 + draw % 3
        pool, phases = np.flatnonzero(~tested), cells.phases[rest].astype(np.intp)
        yield Task(standardised(found), phases, pool, np.flatnonzero(tested), draw)


def curve(task: Task, queue: str) -> NDArray[np.float64]:
    """Macro F1 on the test cells after each round."""
    random = np.random.default_rng(task.seed)
    labelled = random.permutation(task.pool)[:STEP]
    scores = []
    while True:
        probabilities = learn(task, labelled)
        called = probabilities[task.tested].argmax(axis=1)
        truth = task.phases[task.tested]
        scores.append(f1_score(truth, called, average="macro", labels=list(Phase), zero_division=0))
        if len(labelled) >= MOST:
            return np.array(scores)
        others = np.setdiff1d(task.pool, labelled)
        labelled = np.r_[labelled, queued(task, queue, labelled, others, probabilities, random)[:STEP]]


def learn(task: Task, labelled: Rows) -> NDArray[np.float64]:
    """Probabilities (N, 7) by what was learned from the labelled cells."""
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Only one sample available")  # a phase with one label yet
        model.fit(task.features[labelled], task.phases[labelled])
    probabilities, rows = np.full((len(task.phases), N_PHASES), np.nan), np.r_[task.pool, task.tested]
    probabilities[rows] = 0
    probabilities[np.ix_(rows, model.classes_)] = model.predict_proba(task.features[rows])
    return probabilities


def queued(
    task: Task,
    queue: str,
    labelled: Rows,
    others: Rows,
    probabilities: NDArray[np.float64],
    random: np.random.Generator,
) -> Rows:
    """The other cells of the pool in the order of a queue."""
    if queue == RANDOM:
        return random.permutation(others)
    if queue == UNLIKE:
        return farthest_first(task.features, labelled, others, task.seed)
    if queue == LEAST_SURE:
        return others[least_sure(probabilities[others])]
    counts = np.bincount(task.phases[labelled], minlength=N_PHASES)
    return others[rare_first(probabilities[others], counts, int(random.integers(2**32)))]


def table(tasks: list[Task]) -> str:
    """Macro F1 of each queue, and how many labels it needs for what 400 random ones give."""
    curves = {queue: np.array([curve(task, queue) for task in tasks]) for queue in TESTED_QUEUES}
    head = ["queue", *(f"{n} labels" for n in SHOWN), "labels for what 400 random ones give"]
    rows = [head, ["---"] * len(head)]
    for queue, found in curves.items():
        scores = [f"{found[:, n // STEP - 1].mean():.3f}" for n in SHOWN]
        rows.append([queue, *scores, needed_text(found, curves[RANDOM])])
    per_phase = np.bincount(tasks[0].phases[tasks[0].pool], minlength=N_PHASES)
    pool = ", ".join(f"{count} {phase.label}" for phase, count in zip(Phase, per_phase.tolist(), strict=True))
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{text}\n\nMeans of {len(tasks)} runs. Pool: {pool}."


def needed_text(found: NDArray[np.float64], random: NDArray[np.float64]) -> str:
    """Labels needed, with the interval of 1,000 draws of the runs with replacement."""
    draws = np.random.default_rng(0).integers(len(found), size=(1000, len(found)))
    resampled = [needed(found[rows], random[rows]) for rows in draws]
    low, high = np.percentile(resampled, [2.5, 97.5], method="nearest")  # infinite ones have no mean
    value, low, high = (f"{n:.0f}" if n <= MOST else f"more than {MOST}" for n in (needed(found, random), low, high))
    return f"{value} ({low} to {high})"


def needed(found: NDArray[np.float64], random: NDArray[np.float64]) -> float:
    """The first number of labels at which the mean curve of a queue reaches the end of that of random ones."""
    reached = np.flatnonzero(found.mean(axis=0) >= random.mean(axis=0)[-1])
    return float(STEP * (reached[0] + 1)) if len(reached) else np.inf


def found_wrong(features: NDArray[np.float64], phases: NDArray[np.intp]) -> str:
    """How many of some wrong labels are in the queue that checks labels, and how many cells it has."""
    shares = []
    for seed in SPLITS:
        random = np.random.default_rng(seed)
        rows = random.permutation(len(phases))[:MOST]
        given = phases[rows].astype(np.int8)
        wrong = random.permutation(MOST)[: round(WRONG * MOST)]
        given[wrong] = (given[wrong] + random.integers(1, N_PHASES, len(wrong))) % N_PHASES
        order = likely_wrong(given, held_out_probabilities(features[rows], given, seed))
        first = order[: len(wrong)]
        shares.append((np.isin(order, wrong).sum() / len(wrong), np.isin(first, wrong).mean(), len(order)))
    in_queue, in_first, length = np.mean(shares, axis=0)
    return (
        f"Of {MOST} random labels {WRONG:.0%} were replaced by another phase. The queue *likely wrong labels* had "
        f"{length:.0f} cells, with {in_queue:.0%} of the wrong labels; of its first {round(WRONG * MOST)} cells "
        f"{in_first:.0%} had a wrong label. Hand-made features, means of {len(SPLITS)} draws. The phases of these "
        "cells come from a threshold on a stain, so some of the other cells in the queue have a doubtful phase too."
    )


if __name__ == "__main__":
    main()
