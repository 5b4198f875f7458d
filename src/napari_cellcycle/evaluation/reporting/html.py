"""The report as one web page that opens from disk, without network, for years."""

from __future__ import annotations

import base64
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.evaluation.metrics import OVERALL, PER_PHASE, Estimate
from napari_cellcycle.evaluation.protocols import PROTOCOLS
from napari_cellcycle.evaluation.reporting.figures import DARK, LIGHT, Drawing, drawings, render
from napari_cellcycle.evaluation.reporting.thumbnails import cells_by_field, shown_by_field, worst_mistakes
from napari_cellcycle.evaluation.seed_comparison import COLUMNS
from napari_cellcycle.phases import COLOURS, N_PHASES, PHASE_LABELS, UNSURE, phase_label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_cellcycle.evaluation.report import Report

IN_PAGE = ("f1", "reliability", "coverage", "losses")


def render_page(report: Report, thumbnails: Mapping[int, bytes]) -> str:
    """The page as HTML.

    Parameters
    ----------
    report : Report
        The figures.
    thumbnails : mapping of int to bytes
        PNG pictures of cells, by their position in the prediction; cells without one are shown as text.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters.update(
        hash=_policy_hash, estimate=_estimate, number=_number, sentence=_sentence, setting=_setting
    )
    template = (
        resources.files("napari_cellcycle.evaluation.reporting").joinpath("report.html").read_text(encoding="utf-8")
    )
    return environment.from_string(template).render(
        title=_title(report),
        report=report,
        protocol=PROTOCOLS[report.protocol],
        facts=_facts(report),
        overall=OVERALL,
        columns=COLUMNS,
        fold_names=_fold_names(report),
        per_phase=PER_PHASE,
        shares=_shares(report),
        calls=[phase_label(call) for call in _calls(report)],
        matrix=_matrix(report),
        figures=[_figure(drawing, report) for name, drawing in drawings(report).items() if name in IN_PAGE],
        worst=[_cell(report, int(cell), thumbnails) for cell in worst_mistakes(report)],
        settings={key: value for key, value in report.settings.items() if value not in (None, "")},
        content=_content(report, thumbnails),
    )


def _title(report: Report) -> str:
    """What the window shows too: figures that estimate nothing say so there."""
    title, protocol = f"Evaluation of {report.model}" if report.model else "Evaluation", PROTOCOLS[report.protocol]
    return title if protocol.estimates else f"{title}. {protocol.title}"


def _fold_names(report: Report) -> list[str]:
    """Above the columns of the folds; those of which one is quoted are counted from 0, as the paper counts them."""
    if report.quoted is None:
        return [f"Fold {number + 1}" for number in range(len(report.per_fold))]
    is_quoted = {report.quoted.number: ", quoted"}
    return [f"Fold {number}{is_quoted.get(number, '')}" for number in range(len(report.per_fold))]


def _facts(report: Report) -> list[str]:
    facts = [f"{report.n_cells:,} cells"]
    if report.folds:
        facts.append(f"{report.folds} folds")
    if report.quoted is not None:
        facts.append(f"fold {report.quoted.number}, counted from 0, is quoted")
    if report.n_unsure:
        facts.append(f"{report.n_unsure:,} called unsure ({100 * report.n_unsure / report.n_cells:.1f} %)")
    facts.append(f"repeated cells removed: {report.duplicates_removed}")
    if report.temperature:
        facts.append(f"temperature {', '.join(f'{value:.2f}' for value in report.temperature)}")
    return [*facts, f"seed {report.seed}"]


def _shares(report: Report) -> str:
    if report.prevalence is None:
        return ""
    return ", ".join(f"{name} {share:.2%}" for name, share in zip(PHASE_LABELS, report.prevalence, strict=True))


def _calls(report: Report) -> list[int]:
    """Columns of the matrix: unsure is one where there are such cells."""
    return [*range(N_PHASES), *([UNSURE] if report.n_unsure else [])]


def _matrix(report: Report) -> list[dict[str, Any]]:
    counts = {field: len(members) for field, members in cells_by_field(report).items()}
    rows = []
    for truth, colour in COLOURS.items():
        support = sum(counts.get((truth, call), 0) for call in _calls(report))
        fields = [
            {
                "key": f"{truth:d}-{call}",
                "call": phase_label(call),
                "count": counts.get((truth, call), 0),
                "share": round(counts.get((truth, call), 0) / max(support, 1), 3),
                "percent": round(100 * counts.get((truth, call), 0) / max(support, 1)),
            }
            for call in _calls(report)
        ]
        rows.append({"truth": truth.label, "colour": colour, "support": support, "fields": fields})
    return rows


def _content(report: Report, thumbnails: Mapping[int, bytes]) -> dict[str, Any]:
    """What the script shows on a press: the fields, their cells, and the field to begin with."""
    fields, shown = cells_by_field(report), shown_by_field(report)
    mistakes = {field: len(members) for field, members in fields.items() if field[0] != field[1]}
    first = max(mistakes or fields, key=lambda field: len(fields[field]))
    return {
        "first": f"{first[0]}-{first[1]}",
        "fields": {
            f"{truth}-{call}": {
                "truth": phase_label(truth),
                "call": phase_label(call),
                "count": len(members),
                "cells": shown[truth, call].tolist(),
            }
            for (truth, call), members in fields.items()
        },
        "cells": {int(cell): _cell(report, cell, thumbnails) for cell in np.concatenate([*shown.values()])},
    }


def _cell(report: Report, cell: int, thumbnails: Mapping[int, bytes]) -> dict[str, str]:
    found = report.prediction
    return {
        "png": base64.b64encode(thumbnails.get(cell, b"")).decode(),
        "truth": phase_label(int(report.truth[cell])),
        "call": phase_label(int(found.best[cell])),
        "probability": f"{found.confidence[cell]:.2f}",
        "source": str(found.sources[cell]),
        "id": str(found.ids[cell]),
    }


def _figure(drawing: Drawing, report: Report) -> dict[str, str]:
    light, dark = (base64.b64encode(render(drawing, report, "svg", theme)).decode() for theme in (LIGHT, DARK))
    return {
        "title": drawing.title,
        "alt": drawing.describe(report),
        "light": f"data:image/svg+xml;base64,{light}",
        "dark": f"data:image/svg+xml;base64,{dark}",
    }


def _estimate(estimate: Estimate) -> Any:
    from markupsafe import Markup

    if np.isnan(estimate.value):
        return Markup('<span class="interval">undefined</span>')
    interval = Markup('<span class="interval">{:.3f} to {:.3f}</span>').format(estimate.low, estimate.high)
    return Markup("{:.3f} {}").format(estimate.value, interval)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"  # noqa: RUF001 - a dash for a figure that is not there


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:].rstrip('.')}."


def _setting(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _policy_hash(script: str) -> str:
    """By which the page's own policy allows this script and no other."""
    return "sha256-" + base64.b64encode(sha256(script.encode()).digest()).decode()
