"""The figures of a report as tables for other programs."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from napari_cellcycle.evaluation.metrics import PER_PHASE
from napari_cellcycle.phases import PHASE_LABELS, phase_label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_cellcycle.evaluation.report import Report


def confusion_csv(report: Report) -> str:
    """Counts, a row per true phase and a column per called one."""
    rows = ([label, *row] for label, row in zip(PHASE_LABELS, report.confusion.tolist(), strict=True))
    return _csv([["truth", *PHASE_LABELS], *rows])


def per_phase_csv(report: Report) -> str:
    """A row per phase: its cells, each figure with the limits of its interval, and the protocol; empty: undefined."""
    header = [f"{key}{end}" for key in PER_PHASE for end in ("", "_low", "_high")]
    rows: list[list[object]] = [["phase", "support", *header, "protocol"]]
    for label, scores in report.scores.per_phase.items():
        estimates = [getattr(scores, key) for key in PER_PHASE]
        figures = [number for found in estimates for number in (found.value, found.low, found.high)]
        written = ("" if number != number else f"{number:.6f}" for number in figures)
        rows.append([label, scores.support, *written, report.protocol])
    return _csv(rows)


def calls_csv(report: Report) -> str:
    """A row per cell: what was called, and its true phase, empty where that is unknown or no figure is of it."""
    table = report.prediction.to_table()
    table.insert(2, "truth", [phase_label(int(number)) for number in report.truth])
    text: str = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return text


def _csv(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
