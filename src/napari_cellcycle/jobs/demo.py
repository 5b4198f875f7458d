"""The demonstration: classify and evaluate the sample that comes with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.evaluation.reporting.files import REPORT_FILES, write_report
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.io.reserve import check_free
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.jobs.classify import Classified, classify_files
from napari_cellcycle.jobs.config import ClassifySettings, ReadSettings
from napari_cellcycle.jobs.evaluate import evaluate_prediction


@dataclass(frozen=True, eq=False)
class Demonstration:
    """The result of `run_demo`."""

    classified: Classified
    report: Report


def run_demo(output: Path, *, overwrite: bool = False) -> Job[Progress | Note, Demonstration]:
    """Classify the sample and evaluate the calls; with `overwrite`, replace what an earlier run wrote."""
    check_free(Path(output), REPORT_FILES, overwrite=overwrite)
    settings = ClassifySettings(), ReadSettings()
    done = yield from classify_files([sample_path()], Path(output), *settings, overwrite=overwrite)
    report = yield from evaluate_prediction(done.cells, done.prediction, done.card.name)
    yield from write_report(report, done.cells, Path(output))
    return Demonstration(done, report)
