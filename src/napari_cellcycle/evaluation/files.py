"""What an evaluation leaves on disk: numbers as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from napari_cellcycle.evaluation.metrics import PER_PHASE
from napari_cellcycle.io.atomic import atomic_path
from napari_cellcycle.phases import PHASE_LABELS

if TYPE_CHECKING:
    from napari_cellcycle.cells import Cells
    from napari_cellcycle.evaluation.report import Report


def write_report(report: Report, folder: Path | str, *, cells: Cells | None = None) -> Path:
    """Write all that an evaluation gives into a folder.

    Everything is made before the first file is written, and each file appears whole or not at all.

    Parameters
    ----------
    report : Report
        The figures.
    folder : Path or str
        Is made if it is not there.
    cells : Cells, optional
        The cells that were called, in the order of ``report.prediction``. The images of those that the report shows
        are read, and no others.

    Returns
    -------
    Path
        Of ``report.html``.

    Raises
    ------
    WriteError
        The folder can't be written to.
    """
    folder = Path(folder)
    contents = {
        "metrics.json": (json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n").encode(),
        "confusion.csv": confusion_csv(report).encode(),
        "per_phase.csv": per_phase_csv(report).encode(),
    }
    for name, content in contents.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    return folder / "report.html"


def confusion_csv(report: Report) -> str:
    """Counts, a row per true phase and a column per called one."""
    rows = [[label, *row] for label, row in zip(PHASE_LABELS, report.confusion.tolist(), strict=True)]
    return _csv([["truth", *PHASE_LABELS], *rows])


def per_phase_csv(report: Report) -> str:
    """A row per phase: its cells, and each figure with the limits of its interval; empty where undefined."""
    rows: list[list[object]] = [
        ["phase", "support", *(f"{key}{end}" for key in PER_PHASE for end in ("", "_low", "_high"))]
    ]
    for label, scores in report.scores.per_phase.items():
        estimates = [getattr(scores, key) for key in PER_PHASE]
        figures = [number for found in estimates for number in (found.value, found.low, found.high)]
        rows.append([label, scores.support, *("" if number != number else f"{number:.6f}" for number in figures)])
    return _csv(rows)


def _csv(rows: list[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
