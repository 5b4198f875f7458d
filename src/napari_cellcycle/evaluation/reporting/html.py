"""The report as one HTML page that opens from disk, without a network, for years."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import sha256
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from napari_cellcycle.evaluation.duque2024_scores import COLUMNS
from napari_cellcycle.evaluation.metrics import OVERALL_METRICS, PHASE_METRICS, Estimate
from napari_cellcycle.evaluation.protocol_caveats import PROTOCOLS
from napari_cellcycle.evaluation.purity import SHOWN_PURITIES
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.evaluation.reporting.figures import Drawing, drawings, render
from napari_cellcycle.evaluation.reporting.theme import DARK, LIGHT
from napari_cellcycle.evaluation.reporting.thumbnails import cells_by_entry, shown_by_entry, worst_mistakes

_SHOWN_FIGURES = ("f1", "reliability", "coverage", "losses")


def render_page(report: Report, thumbnails: Mapping[int, bytes]) -> str:
    """Write the page as HTML.

    Parameters
    ----------
    report : Report
        The scores.
    thumbnails : mapping of int to bytes
        PNG pictures of cells, by their index in the prediction; cells without one are shown as text.

    Returns
    -------
    str
        A whole HTML document that loads nothing from elsewhere.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters.update(
        hash=_policy_hash, estimate=_estimate, number=_number, sentence=_sentence, setting=_setting
    )
    template = resources.files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    phases = report.phase_set
    calls = [*range(len(phases)), *([phases.unsure] if report.n_unsure else [])]
    return environment.from_string(template).render(
        title=_title(report),
        report=report,
        protocol=PROTOCOLS[report.protocol],
        facts=_facts(report),
        overall=OVERALL_METRICS,
        columns=COLUMNS,
        fold_names=_fold_names(report),
        per_phase=PHASE_METRICS,
        shares=[] if report.prevalence is None else zip(phases.names, report.prevalence, strict=True),
        purities=report.purities,
        shown_purities=SHOWN_PURITIES,
        calls=[phases.label(call) for call in calls],
        matrix=_matrix(report, calls),
        figures=[_figure(drawing, report) for name, drawing in drawings(report).items() if name in _SHOWN_FIGURES],
        worst=[_cell(report, int(cell), thumbnails) for cell in worst_mistakes(report)],
        settings={key: value for key, value in report.settings.items() if value not in (None, "")},
        content=_content(report, thumbnails),
    )


def _title(report: Report) -> str:
    """Also the title of the browser's tab, so what makes the scores less than estimates is said there too."""
    title, protocol = f"Evaluation of {report.model}" if report.model else "Evaluation", PROTOCOLS[report.protocol]
    marks = [] if protocol.estimates else [protocol.title]
    if not report.prediction.is_reliable:
        marks.append("The model does not fit these cells")
    return ". ".join([title, *marks])


def _fold_names(report: Report) -> list[str]:
    """Headings of the columns; where one fold is quoted they count from 0, as the seed paper does."""
    if report.seed_comparison is None:
        return [f"Fold {number + 1}" for number in range(len(report.per_fold))]
    is_quoted = {report.seed_comparison.number: ", quoted"}
    return [f"Fold {number}{is_quoted.get(number, '')}" for number in range(len(report.per_fold))]


def _facts(report: Report) -> list[str]:
    facts = [f"{report.n_cells:,} cells"]
    if report.folds:
        facts.append(f"{report.folds} folds")
    if report.seed_comparison is not None:
        facts.append(f"fold {report.seed_comparison.number}, counted from 0, is quoted")
    if report.n_unsure:
        facts.append(f"{report.n_unsure:,} called unsure ({100 * report.n_unsure / report.n_cells:.1f} %)")
    facts.append(f"duplicate cells removed: {report.duplicates_removed}")
    if report.temperature:
        facts.append(f"temperature {', '.join(f'{value:.2f}' for value in report.temperature)}")
    return [*facts, f"seed {report.seed}"]


def _matrix(report: Report, calls: list[int]) -> list[dict[str, Any]]:
    """Rows of the confusion matrix; unsure is a column where there are such cells."""
    counts = {entry: len(members) for entry, members in cells_by_entry(report).items()}
    rows, phases = [], report.phase_set
    for truth, (name, colour) in enumerate(zip(phases.names, phases.colours, strict=True)):
        row = {call: counts.get((truth, call), 0) for call in calls}
        support = sum(row.values())
        entries = [
            {
                "key": f"{truth}-{call}",
                "call": phases.label(call),
                "count": count,
                "share": round(count / max(support, 1), 3),
                "percent": round(100 * count / max(support, 1)),
            }
            for call, count in row.items()
        ]
        rows.append({"truth": name, "colour": colour, "support": support, "entries": entries})
    return rows


def _content(report: Report, thumbnails: Mapping[int, bytes]) -> dict[str, Any]:
    """Data of the page's script: the entries of the matrix, their cells, and the entry to show first."""
    entries, shown = cells_by_entry(report), shown_by_entry(report)
    mistakes = [entry for entry in entries if entry[0] != entry[1]]
    truth, call = max(mistakes or entries, key=lambda entry: len(entries[entry]))
    return {
        "first": f"{truth}-{call}",
        "entries": {
            f"{truth}-{call}": {
                "truth": report.phase_set.label(truth),
                "call": report.phase_set.label(call),
                "count": len(members),
                "cells": shown[truth, call].tolist(),
            }
            for (truth, call), members in entries.items()
        },
        "cells": {int(cell): _cell(report, cell, thumbnails) for cell in np.concatenate([*shown.values()])},
    }


def _cell(report: Report, cell: int, thumbnails: Mapping[int, bytes]) -> dict[str, str]:
    calls = report.prediction
    return {
        "png": base64.b64encode(thumbnails.get(cell, b"")).decode(),
        "truth": report.phase_set.label(int(report.truth[cell])),
        "call": report.phase_set.label(int(calls.best[cell])),
        "probability": f"{calls.confidence[cell]:.2f}",
        "source": str(calls.sources[cell]),
        "id": str(calls.ids[cell]),
    }


def _figure(drawing: Drawing, report: Report) -> dict[str, str]:
    light, dark = (base64.b64encode(render(drawing, report, "svg", theme)).decode() for theme in (LIGHT, DARK))
    return {
        "title": drawing.title,
        "alt": drawing.alt_text(report),
        "light": f"data:image/svg+xml;base64,{light}",
        "dark": f"data:image/svg+xml;base64,{dark}",
    }


def _estimate(estimate: Estimate) -> Any:
    if np.isnan(estimate.value):
        return Markup('<span class="interval">undefined</span>')
    if np.isnan([estimate.low, estimate.high]).any():
        return Markup('{:.3f} <span class="interval">no interval</span>').format(estimate.value)
    interval = Markup('<span class="interval">{:.3f} to {:.3f}</span>').format(estimate.low, estimate.high)
    return Markup("{:.3f} {}").format(estimate.value, interval)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"  # noqa: RUF001 - a dash where there is no score


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:].rstrip('.')}."


def _setting(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _policy_hash(script: str) -> str:
    """Lets the page's security policy allow this script and no other."""
    return "sha256-" + base64.b64encode(sha256(script.encode()).digest()).decode()
