"""What *Evaluate* runs in a thread: from called phases in the viewer to figures."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellcycle.annotate.data_labels import apply_labels
from napari_cellcycle.cells import Cells, Prediction
from napari_cellcycle.errors import TooFewCellsError
from napari_cellcycle.evaluation.compare import Comparison
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.evaluation.reporting.theme import Theme
from napari_cellcycle.events import Job, Note, Progress
from napari_cellcycle.gui.layers.data_set import DataSet
from napari_cellcycle.gui.layers.gallery import reread_cells
from napari_cellcycle.gui.layers.labelled_cells import settled_labels
from napari_cellcycle.gui.layers.phase_table import prediction_of, truth_of
from napari_cellcycle.gui.layers.source import KEY, GallerySource, Source, source_of
from napari_cellcycle.io.reserve import check_free
from napari_cellcycle.jobs.config import EvaluateSettings, ReadSettings
from napari_cellcycle.phase_sets import PhaseSet
from napari_cellcycle.phases import UNKNOWN

if TYPE_CHECKING:
    from napari.layers import Labels

FIGURES = {"f1": "F1", "reliability": "Reliability"}
"""Figures of the report that the dock shows, by their names there, with their titles."""
_DPI = 100


@dataclass(frozen=True)
class FigureStyle:
    """How figures are drawn: colours, size in pixels of Qt, and the screen's pixels per pixel of Qt."""

    theme: Theme
    size_px: tuple[int, int]
    zoom: float


@dataclass(frozen=True, eq=False)
class Calls:
    """What a phase layer holds of its cells, copied in the GUI thread; those of a gallery are read again.

    `truth` is in `phase_set`, which may be coarser than that of the calls, as after *Label by stain*.
    """

    source: Source
    cells: Cells | None
    prediction: Prediction
    truth: NDArray[np.int8]
    phase_set: PhaseSet
    synthetic: NDArray[np.bool_]
    model: str


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Figures that are ready for the dock.

    Attributes
    ----------
    group : str
        The gallery that they are about.
    report : Report
        The figures.
    cells : Cells
        The cells behind them, in the order of the gallery.
    pictures : dict of str to bytes
        PNG of each figure of the dock.
    comparisons : dict of str to Comparison or None
        Other models on these very cells, each against this one, by name; None where no cell was tested with both.
    """

    group: str
    report: Report
    cells: Cells
    pictures: dict[str, bytes]
    comparisons: dict[str, Comparison | None]


def snapshot_calls(layer: Labels, data_set: DataSet | None) -> Calls:
    """What a job needs of a phase layer; the cells of a field come from its `data_set`."""
    source = source_of(layer)
    if source is None:
        raise TypeError(f"{layer.name} is no phase layer")
    synthetic = layer.features["synthetic"].to_numpy(bool)
    prediction, model = prediction_of(layer), layer.metadata[KEY]["model"]
    if data_set is None:
        return Calls(source, None, prediction, truth_of(layer), prediction.phase_set, synthetic, model)
    labels = settled_labels(data_set)
    return Calls(source, field_cells(data_set), prediction, labels.phases, labels.phase_set, synthetic, model)


def field_cells(data_set: DataSet | None) -> Cells | None:
    """The cells of a field, with their labels; None for those of a gallery, which are read from their files."""
    if data_set is None or isinstance(data_set.source, GallerySource):
        return None
    return apply_labels(data_set.cells, settled_labels(data_set))


def evaluate_calls(
    calls: Calls, style: FigureStyle, earlier: Iterable[Evaluated] = ()
) -> Job[Progress | Note, Evaluated]:
    """Compare calls with the truth, and with `earlier` ones of other models."""
    from napari_cellcycle.jobs.evaluate import evaluate_prediction
    from napari_cellcycle.jobs.steps.shared_settings import shared_settings

    cells = yield from _open(calls.source, calls.cells)
    cells = replace(cells, phases=calls.truth, synthetic=calls.synthetic, phase_set=calls.phase_set)
    settings = {"model": calls.model, "input": _names(calls.source), **_reading(calls.source).to_dict()}
    report = yield from evaluate_prediction(cells, calls.prediction, calls.model, settings=shared_settings(settings))
    same = [other.report for other in earlier if other.group == calls.source.group]
    comparisons = compare_with(report, same)
    pictures = yield from draw_figures(report, style)
    return Evaluated(calls.source.group, report, cells, pictures, comparisons)


def cross_validate_source(
    source: Source, cells: Cells | None, config: EvaluateSettings, style: FigureStyle, earlier: Iterable[Evaluated] = ()
) -> Job[Any, Evaluated]:
    """Train and test fold by fold on the cells of known phase of a gallery, or on the `cells` of a field."""
    yield Note("Opening the cells ...")
    from napari_cellcycle.jobs.protocols.cross_validation import cross_validate_cells

    opened = yield from _open(source, cells)
    yield Note("")
    report, tested = yield from cross_validate_cells(opened, config, _reading(source), _names(source))
    report = replace(report, model=f"{report.model}, {config.cv} folds")
    comparisons = compare_with(report, [other.report for other in earlier if other.group == source.group])
    pictures = yield from draw_figures(report, style)
    return Evaluated(source.group, report, tested, pictures, comparisons)


def _open(source: Source, cells: Cells | None) -> Job[Progress | Note, Cells]:
    if cells is not None:
        return cells
    assert isinstance(source, GallerySource)
    return (yield from reread_cells(source))


def _names(source: Source) -> list[str]:
    """Where the cells of a source come from, for the report."""
    return [*source.paths, *source.made] if isinstance(source, GallerySource) else [source.title]


def _reading(source: Source) -> ReadSettings:
    return ReadSettings.from_dict(source.reading) if isinstance(source, GallerySource) else ReadSettings()


def compare_with(newest: Report, others: Iterable[Report]) -> dict[str, Comparison | None]:
    """Other models against the newest on the same cells, by name; those with calls of other cells are left out."""
    same = [one for one in others if (one.data_sha256, one.phase_set) == (newest.data_sha256, newest.phase_set)]
    return {report.model: _compare(report, newest) for report in same if report.model != newest.model}


def _compare(report: Report, newest: Report) -> Comparison | None:
    """Only cells that were tested with both count, as the training cells of each model are left out."""
    from napari_cellcycle.evaluation.compare import compare

    truth = np.where(newest.truth == UNKNOWN, UNKNOWN, report.truth)
    try:
        return compare(report.prediction, newest.prediction, truth, names=(report.model, newest.model))
    except TooFewCellsError:
        return None


def draw_figures(report: Report, style: FigureStyle) -> Job[Progress | Note, dict[str, bytes]]:
    """Draw the figures of the dock: a PNG by name, with a transparent ground."""
    yield Note("")
    from matplotlib.figure import Figure

    from napari_cellcycle.evaluation.reporting.figures import drawings

    pictures, (width, height) = {}, style.size_px
    for name in FIGURES:
        figure = Figure(figsize=(width / _DPI, height / _DPI), layout="constrained", facecolor="none")
        drawings(report)[name].draw(figure.add_subplot(), report, theme=style.theme)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=_DPI * style.zoom)
        pictures[name] = content.getvalue()
    return pictures


def save_report(evaluated: Evaluated, folder: Path) -> Job[Progress | Note, Path]:
    """Write the report with its tables and figures, and return the path of ``report.html``.

    Raises
    ------
    WriteError
        The folder holds the report of an earlier run, or can't be written.
    """
    from napari_cellcycle.evaluation.reporting.files import REPORT_FILES, write_report

    check_free(folder, REPORT_FILES, overwrite=False)
    return (yield from write_report(evaluated.report, evaluated.cells, folder))
