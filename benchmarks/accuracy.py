"""All models on the same clean folds of the real cells, written as a table to docs/accuracy.md.

NAPARI_CELLCYCLE_DATA=... python benchmarks/accuracy.py FOLDER [MODEL ...]

Each model's report goes to FOLDER/<model>, together with the models of the folds. A model that already has a report is
not tested again. The table holds all models with a report. Of an interrupted run it holds the finished folds, and says
how many they are.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from napari_cellcycle.cells import Prediction
from napari_cellcycle.evaluation.compare import compare
from napari_cellcycle.evaluation.report import evaluate
from napari_cellcycle.events import result_of, run_job
from napari_cellcycle.io.writers.results import write_json
from napari_cellcycle.jobs.config import EvaluateSettings, ReadSettings
from napari_cellcycle.jobs.evaluate import evaluate_files
from napari_cellcycle.jobs.protocols.cross_validation import FoldDone
from napari_cellcycle.jobs.steps.training_data import TrainingData, load_training_data
from napari_cellcycle.phases import PHASE_LABELS, UNKNOWN
from napari_cellcycle.predict import classify
from napari_cellcycle.store.models import load_model
from napari_cellcycle.training.recipes import RECIPES

PAGE = Path(__file__).parents[1] / "docs" / "accuracy.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
SO_FAR = "metrics_so_far.json"
TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "Matthews correlation",
}


@dataclass(frozen=True, eq=False)
class FoldPredictions:
    """A model's report, read back, and the stain of its cells."""

    scores: dict[str, Any]
    prediction: Prediction
    truth: NDArray[np.int8]
    measured_dna: NDArray[np.float32]

    @property
    def dna_content(self) -> NDArray[np.float32]:
        """As the models of the folds predict it; NaN for cells that were not tested."""
        predicted = self.prediction.dna_content
        return np.full(len(self.truth), np.nan, np.float32) if predicted is None else predicted

    @classmethod
    def read(cls, folder: Path, measured_dna: NDArray[np.float32]) -> FoldPredictions:
        columns = [f"p_{label}" for label in PHASE_LABELS]
        empty = {column: [""] for column in (*columns, "dna_content")}  # only there: elsewhere "" is an unknown phase
        table = pd.read_csv(folder / "calls.csv", keep_default_na=False, na_values=empty)
        probabilities = table[columns].to_numpy(np.float32)
        dna = table["dna_content"].to_numpy(np.float32)
        numbers = {label: number for number, label in enumerate(PHASE_LABELS)} | {"": UNKNOWN}
        truth = table["truth"].map(numbers).to_numpy(np.int8)
        prediction = Prediction(table["source"].to_numpy(str), table["cell"].to_numpy(), probabilities, dna)
        scores = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return cls(scores, prediction, truth, measured_dna)

    @classmethod
    def of_folds(cls, folder: Path, training_data: TrainingData) -> FoldPredictions:
        """Calls of the finished folds' models for their test cells."""
        cells = training_data.cells
        fold = np.full(len(cells), -1)
        probabilities = np.full((len(cells), len(PHASE_LABELS)), np.nan, np.float32)
        for model in sorted((folder / "folds").iterdir()):
            test = np.flatnonzero(pd.read_csv(model / "split.csv")["part"] == "test")
            fold[test] = int(model.name) - 1
            probabilities[test] = classify(cells.subset(test), load_model(model)).probabilities
        prediction = Prediction(cells.sources, cells.ids, probabilities)
        truth = np.where(fold < 0, UNKNOWN, cells.phases).astype(np.int8)
        report = evaluate(prediction, truth, model=folder.name, protocol="clean", fold=fold, prevalence="bbbc048")
        write_json(report.to_dict(), folder / SO_FAR)
        return cls(report.to_dict(), prediction, truth, training_data.prepared.total_dna)


def main() -> None:
    """Cross-validate the models without a report, one process per model, and write the page."""
    output = Path(sys.argv[1])
    missing = [model for model in sys.argv[2:] or RECIPES if not (output / model / "metrics.json").exists()]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        list(pool.map(cross_validate, missing, [output] * len(missing)))
    training_data: TrainingData = result_of(
        load_training_data([jurkat() / "Experiment_1"], jurkat() / "Experiment_2", RECIPES["default"], ReadSettings())
    )
    tested = {}
    for model in RECIPES:
        if (output / model / "metrics.json").exists():
            tested[model] = FoldPredictions.read(output / model, training_data.prepared.total_dna)
        elif (output / model / "folds").exists():
            tested[model] = FoldPredictions.of_folds(output / model, training_data)
    write_page(tested)


def jurkat() -> Path:
    """Folder of the real cells."""
    return Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat"


def cross_validate(model: str, output: Path) -> None:
    """Test one model in five folds, on one core."""
    torch.set_num_threads(1)
    config = EvaluateSettings(
        model=(model,), cv=5, prevalence="bbbc048", also=jurkat() / "Experiment_2", device="cpu", keep_models=True
    )
    started = time.monotonic()

    def show(event: object) -> None:
        if isinstance(event, FoldDone):
            print(f"{time.monotonic() - started:6.0f} s  {model}  {event}", flush=True)

    job = evaluate_files([jurkat() / "Experiment_1"], output / model, config, ReadSettings(), overwrite=True)
    print(run_job(job, show), flush=True)


def write_page(tested: dict[str, FoldPredictions]) -> None:
    """Write the table and the comparisons between their marks in the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    title = "Compared cell by cell (McNemar's test, paired bootstrap of the difference):"
    table = "\n".join(["", *score_rows(tested), "", title, "", *comparisons(tested), ""])
    PAGE.write_text(f"{before}{BEGIN}{table}{END}{after}", encoding="utf-8")


def comparisons(tested: dict[str, FoldPredictions]) -> list[str]:
    """`default` against each of the others."""
    ours = tested["default"]
    return [
        f"- {compare(ours.prediction, other.prediction, ours.truth, names=('default', name))}"
        for name, other in tested.items()
        if name != "default"
    ]


def score_rows(tested: dict[str, FoldPredictions]) -> list[str]:
    """The table: one row per score, one column per model."""
    found = {name: one.scores for name, one in tested.items()}
    support = {label: one["support"] for label, one in found["default"]["per_phase"].items()}
    rows = [
        ["", *found],
        ["---"] * (len(found) + 1),
        ["cells tested, folds done of 5", *(f"{one['n_cells']}, {one['folds']}" for one in found.values())],
        *([title, *(_estimate(one[key]) for one in found.values())] for key, title in TITLES.items()),
        [
            "accuracy at natural prevalence",
            *(_estimate(one["natural_prevalence"]["accuracy"]) for one in found.values()),
        ],
        ["calibration error", *(f"{one['calibration_error']:.3f}" for one in found.values())],
        ["DNA content, Pearson r", *(_correlation(one.dna_content, one.measured_dna) for one in tested.values())],
        *(
            [f"F1 {label} ({support[label]} cells)", *(_f1(one, label) for one in found.values())]
            for label in PHASE_LABELS
        ),
    ]
    return ["| " + " | ".join(row) + " |" for row in rows]


def _f1(scores: dict[str, Any], label: str) -> str:
    low, high = scores["per_phase_intervals"][label]["f1"]
    return _estimate({"value": scores["per_phase"][label]["f1"], "low": low, "high": high})


def _correlation(predicted: NDArray[np.float32], measured: NDArray[np.float32]) -> str:
    """Pearson's r with its interval from Fisher's z; a dash for models that do not predict the DNA content."""
    both = np.isfinite(predicted) & np.isfinite(measured)
    if both.sum() < 4:
        return "-"
    r = float(np.corrcoef(predicted[both], measured[both])[0, 1])
    low, high = np.tanh(np.arctanh(r) + np.array([-1.96, 1.96]) / np.sqrt(both.sum() - 3))
    return _estimate({"value": r, "low": low, "high": high})


def _estimate(estimate: dict[str, float]) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


if __name__ == "__main__":
    main()
