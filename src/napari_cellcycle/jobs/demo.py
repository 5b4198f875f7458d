"""The whole main job on the cells that came with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.io.sample_data import sample_path
from napari_cellcycle.jobs.classify import Classified, classify_files
from napari_cellcycle.jobs.config import ClassifySettings, ReadSettings

if TYPE_CHECKING:
    from napari_cellcycle.evaluation.report import Report


@dataclass(frozen=True, eq=False)
class Demonstration:
    """What `run_demo` found."""

    classified: Classified
    report: Report


def run_demo(output: Path) -> Job[Progress | Note, Demonstration]:
    """Classify the shipped sample and evaluate the calls; the result is a `Demonstration`."""
    from napari_cellcycle.evaluation.report import evaluate
    from napari_cellcycle.evaluation.reporting.files import write_report

    done: Classified = yield from classify_files([sample_path()], Path(output), ClassifySettings(), ReadSettings())
    report = evaluate(done.prediction, done.cells, model=done.card.name, protocol="demonstration")
    yield from write_report(report, done.cells, Path(output))
    return Demonstration(done, report)
