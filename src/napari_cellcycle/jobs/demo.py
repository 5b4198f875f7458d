"""The whole main job on the cells that came with the package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.events import Finished, Note, Progress, passed_on
from napari_cellcycle.jobs.classify import Classified, ClassifyConfig, classify_files
from napari_cellcycle.jobs.reading import ReadConfig

if TYPE_CHECKING:
    from napari_cellcycle.evaluation.report import Report


@dataclass(frozen=True, eq=False)
class Demonstration:
    """What `run_demo` found."""

    classified: Classified
    report: Report


def sample_path() -> Path:
    """The shipped sample: cells that a generator made, with the phase that it was asked for."""
    return Path(str(files("napari_cellcycle") / "sample" / "jurkat_synthetic.ome.tif"))


def run_demo(output: Path) -> Iterator[Progress | Note | Finished]:
    """Classify the shipped sample and evaluate the calls; the result is a `Demonstration`."""
    from napari_cellcycle.evaluation.pages import write_report
    from napari_cellcycle.evaluation.report import evaluate

    done: Classified = yield from passed_on(
        classify_files([sample_path()], Path(output), ClassifyConfig(), ReadConfig())
    )
    report = evaluate(done.prediction, done.cells, model=done.card.name, protocol="demonstration")
    yield from passed_on(write_report(report, done.cells, Path(output)))
    yield Finished(Demonstration(done, report))
