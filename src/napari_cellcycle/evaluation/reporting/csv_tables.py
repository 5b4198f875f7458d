"""The scores and calls of a report as CSV tables for other programs; long ones as Parquet too."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari_cellcycle.evaluation.metrics import PHASE_METRICS
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.io.csv_cells import csv_text

if TYPE_CHECKING:
    import pandas as pd


def confusion_csv(report: Report) -> str:
    """Counts, one row per true phase and one column per called phase."""
    names = report.phase_set.names
    rows = ([label, *row] for label, row in zip(names, report.confusion.tolist(), strict=True))
    return _csv([["truth", *names], *rows])


def per_phase_csv(report: Report) -> str:
    """One row per phase: its cells, each score with its interval, and the protocol; empty where undefined."""
    header = [f"{key}{end}" for key in PHASE_METRICS for end in ("", "_low", "_high")]
    rows: list[list[object]] = [["phase", "support", *header, "protocol"]]
    for label, scores in report.scores.per_phase.items():
        estimates = [getattr(scores, key) for key in PHASE_METRICS]
        numbers = [number for one in estimates for number in (one.value, one.low, one.high)]
        written = ("" if number != number else f"{number:.6f}" for number in numbers)  # NaN differs from itself
        rows.append([label, scores.support, *written, report.protocol])
    return _csv(rows)


def calls_csv(report: Report) -> str:
    """One row per cell: its call and its true phase, which is empty where it is unknown or counts for no score."""
    return csv_text(_calls(report), float_format="%.6g", lineterminator="\n")


def calls_parquet(report: Report) -> bytes:
    """The same table as Parquet, with all digits."""
    content: bytes = _calls(report).to_parquet(index=False)
    return content


def _calls(report: Report) -> pd.DataFrame:
    table = report.prediction.to_table()
    table.insert(2, "truth", report.phase_set.labels(report.truth))
    return table


def _csv(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
