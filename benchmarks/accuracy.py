"""All models on the same clean folds of the real cells, written as a table to docs/accuracy.md.

NAPARI_CELLCYCLE_DATA=... python benchmarks/accuracy.py [FOLDER FOR THE REPORTS]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.events import Finished
from napari_cellcycle.jobs.evaluate import EvaluateConfig, Evaluation, FoldDone, compare_reports, evaluate_files
from napari_cellcycle.jobs.reading import ReadConfig
from napari_cellcycle.phases import PHASE_LABELS
from napari_cellcycle.training.recipes import RECIPES

PAGE = Path(__file__).parents[1] / "docs" / "accuracy.md"

BEGIN, END = "<!-- table -->", "<!-- end of table -->"
OVERALL = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "Matthews correlation",
}


def main() -> None:
    """Cross-validate every model, one process each, and write the page."""
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        reports = dict(zip(RECIPES, pool.map(cross_validate, RECIPES, [output] * len(RECIPES)), strict=True))
    write_table(Evaluation(reports, compare_reports(reports)))


def cross_validate(model: str, output: Path) -> Report:
    """Test one model by five folds, on one core."""
    torch.set_num_threads(1)
    jurkat = Path(os.environ["NAPARI_CELLCYCLE_DATA"]) / "jurkat"
    config = EvaluateConfig(model=model, cv=5, prevalence="bbbc048", also=str(jurkat / "Experiment_2"), device="cpu")
    started = time.monotonic()
    for event in evaluate_files([jurkat / "Experiment_1"], output / model, config, {}, ReadConfig()):
        if isinstance(event, FoldDone):
            print(f"{time.monotonic() - started:6.0f} s  {model}  {event}", flush=True)
        elif isinstance(event, Finished):
            print(event.result, flush=True)
            return event.result.reports[model]
    raise RuntimeError("the evaluation ended without a report")


def write_table(done: Evaluation) -> None:
    """Put the table and the comparisons in the place that the page keeps for them."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    comparisons = [f"- {comparison}" for comparison in done.comparisons]
    title = "Compared cell by cell (McNemar's test, paired bootstrap of the difference):"
    table = "\n".join(["", *figures(done), "", title, "", *comparisons, ""])
    PAGE.write_text(f"{before}{BEGIN}{table}{END}{after}", encoding="utf-8")


def figures(done: Evaluation) -> list[str]:
    """The table: a column a model."""
    reports = done.reports
    rows = [
        ["", *reports],
        ["---"] * (len(reports) + 1),
        *([name, *(str(r.scores.overall[key]) for r in reports.values())] for key, name in OVERALL.items()),
        ["accuracy at natural prevalence", *(_natural(r) for r in reports.values())],
        ["calibration error", *(f"{r.reliability.error:.3f}" for r in reports.values())],
    ]
    for label in PHASE_LABELS:
        support = next(iter(reports.values())).scores.per_phase[label].support
        rows.append([f"F1 {label} ({support} cells)", *(str(r.scores.per_phase[label].f1) for r in reports.values())])
    return ["| " + " | ".join(row) + " |" for row in rows]


def _natural(report: Report) -> str:
    return str(report.natural_scores.overall["accuracy"]) if report.natural_scores else ""


if __name__ == "__main__":
    main()
