"""The files of an evaluation: page, tables and figures."""

from __future__ import annotations

import json
from pathlib import Path

from napari_cellcycle.cells import Cells
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.evaluation.reporting.csv_tables import (
    calls_csv,
    calls_parquet,
    confusion_csv,
    per_phase_csv,
)
from napari_cellcycle.evaluation.reporting.figures import drawings, render
from napari_cellcycle.evaluation.reporting.html import render_page
from napari_cellcycle.evaluation.reporting.thumbnails import draw_thumbnails, shown_cells
from napari_cellcycle.events import Job, Progress
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.io.writers.results import PARQUET_ROWS


def write_report(report: Report, cells: Cells | None, folder: Path) -> Job[Progress, Path]:
    """Write all results of an evaluation into a folder.

    Everything is computed before the first file is written, and no file is ever half written.

    Parameters
    ----------
    report : Report
        The scores.
    cells : Cells or None
        The cells that were called, in the order of ``report.prediction``. Only the images that the report shows are
        read.
    folder : Path
        Is created if it does not exist.

    Returns
    -------
    Job of Path
        The result is the path of ``report.html``.

    Raises
    ------
    WriteError
        The folder can't be written to.
    """
    thumbnails: dict[int, bytes] = {}
    if cells is not None:
        thumbnails = yield from draw_thumbnails(cells, shown_cells(report))
    contents = {
        "metrics.json": json.dumps(report.to_dict(), indent=2, allow_nan=False).encode() + b"\n",
        "confusion.csv": confusion_csv(report).encode(),
        "per_phase.csv": per_phase_csv(report).encode(),
        "calls.csv": calls_csv(report).encode(),
    }
    if report.n_cells > PARQUET_ROWS:
        contents["calls.parquet"] = calls_parquet(report)
    figures = drawings(report)
    for number, (name, drawing) in enumerate(figures.items()):
        yield Progress(number, len(figures) + 1, "drawing the report")
        contents |= {f"{name}.{kind}": render(drawing, report, kind) for kind in ("png", "svg")}
    yield Progress(len(figures), len(figures) + 1, "writing the report")
    contents["report.html"] = render_page(report, thumbnails).encode()
    for name, content in contents.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    return folder / "report.html"
