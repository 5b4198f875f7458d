"""Figures of a report, drawn into matplotlib axes: the same in files, in the HTML page and in napari.

Nothing here touches pyplot or any global state. Each function draws one figure into axes that the caller owns, in the
colours of a `Theme`. Text sizes and the size of the figure are the caller's too.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from napari_cellcycle.evaluation.protocol_caveats import PROTOCOLS
from napari_cellcycle.evaluation.report import Report
from napari_cellcycle.evaluation.reporting.theme import LIGHT, Theme, clear_axes


def draw_confusion(axes: Axes, report: Report, *, normalise: bool = False, theme: Theme = LIGHT) -> None:
    """Draw the confusion matrix: rows true, columns called, so that x is the column and y is the row.

    The colour is always the share of the row: if it showed counts, a rare phase would have no colour.

    Parameters
    ----------
    axes : matplotlib Axes
        Cleared first.
    report : Report
        What is drawn.
    normalise : bool
        Write percentages of the row instead of counts.
    theme : Theme
        Colours.
    """
    clear_axes(axes, theme)
    counts, support = report.confusion, report.confusion.sum(axis=1)
    shares = counts / np.maximum(support, 1)[:, None]
    names, n_phases = report.phase_set.names, len(report.phase_set)
    scale = LinearSegmentedColormap.from_list("share", [theme.low, theme.high])
    axes.imshow(shares, cmap=scale, vmin=0, vmax=1, aspect="equal")
    for row, column in np.ndindex(n_phases, n_phases):
        number = f"{100 * shares[row, column]:.0f}" if normalise else f"{counts[row, column]}"
        if counts[row, column]:
            colour = _readable_on(scale(shares[row, column]))
            axes.text(column, row, number, ha="center", va="center", color=colour)
    axes.set_xticks(range(n_phases), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n_phases), [f"{name} ({n})" for name, n in zip(names, support, strict=True)])
    axes.set_xticks(np.arange(0.5, n_phases - 1), minor=True)
    axes.set_yticks(np.arange(0.5, n_phases - 1), minor=True)
    axes.grid(which="minor", color=theme.faint, linewidth=0.5)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("called" + (", % of the true phase" if normalise else ""))
    axes.set_ylabel("true phase (cells)")


def draw_f1(axes: Axes, report: Report, *, theme: Theme = LIGHT) -> None:
    """Draw the F1 of each phase as a bar with its 95 % interval, and the macro F1 as a line.

    Parameters
    ----------
    axes : matplotlib Axes
        Cleared first.
    report : Report
        What is drawn.
    theme : Theme
        Colours.
    """
    clear_axes(axes, theme)
    present = {label: scores for label, scores in report.scores.per_phase.items() if scores.support}
    positions = np.arange(len(present))
    values, low, high = np.array([(one.f1.value, one.f1.low, one.f1.high) for one in present.values()]).T
    errors = np.nan_to_num(np.array([values - low, high - values])).clip(min=0)  # some have no interval
    colours = [
        colour for colour, name in zip(report.phase_set.colours, report.phase_set.names, strict=True) if name in present
    ]
    axes.barh(positions, values, color=colours, height=0.7)
    bars = axes.errorbar(values, positions, xerr=errors, fmt="none", ecolor=theme.text, capsize=3, linewidth=1.2)
    for line in (*bars.lines[1], *bars.lines[2]):  # an outline keeps it visible on bars of any colour
        line.set_path_effects([withStroke(linewidth=3, foreground=theme.low)])
    macro = report.scores.overall["macro_f1"].value
    axes.axvline(macro, color=theme.text, linestyle=":", linewidth=1.2)
    axes.text(macro, -0.75, f"macro F1 {macro:.2f}", ha="center", va="bottom", color=theme.text)
    axes.set_yticks(positions, [f"{label} ({scores.support})" for label, scores in present.items()])
    axes.set(xlim=(0, 1), ylim=(len(present) - 0.4, -0.6), xlabel="F1, with 95 % interval")
    _grid(axes, "x", theme)


def draw_reliability(axes: Axes, report: Report, *, theme: Theme = LIGHT) -> None:
    """Draw the accuracy against the model's probability, and the share of cells at each probability.

    Parameters
    ----------
    axes : matplotlib Axes
        Cleared first.
    report : Report
        What is drawn.
    theme : Theme
        Colours.
    """
    clear_axes(axes, theme)
    found = report.reliability
    filled = found.n_cells > 0
    widths = np.diff(found.edges)
    axes.bar(found.edges[:-1], found.n_cells / found.n_cells.sum(), widths, align="edge", color=theme.faint, alpha=0.6)
    axes.plot([0, 1], [0, 1], color=theme.text, linestyle=":", linewidth=1.2)
    axes.plot(found.probability[filled], found.accuracy[filled], "o-", color=theme.line, markersize=5, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of the call", ylabel="share of calls that are right")
    axes.text(0.04, 0.95, f"calibration error {found.error:.3f}", va="top", color=theme.text)
    axes.text(0.04, 0.87, "grey: share of cells", va="top", color=theme.text, alpha=0.7)
    axes.set_aspect("equal")


def draw_coverage(axes: Axes, report: Report, *, theme: Theme = LIGHT) -> None:
    """Draw the accuracy of the remaining calls when the least sure cells are called unsure.

    Parameters
    ----------
    axes : matplotlib Axes
        Cleared first.
    report : Report
        What is drawn.
    theme : Theme
        Colours.
    """
    clear_axes(axes, theme)
    curve = report.coverage
    axes.plot(curve.coverage, curve.accuracy, color=theme.line)
    for value in (0.5, 0.7, 0.9):
        if curve.min_probability[0] < value <= curve.min_probability[-1]:
            number = np.searchsorted(curve.min_probability, value)
            point = (curve.coverage[number], curve.accuracy[number])
            axes.plot(*point, "o", color=theme.line, markersize=5)
            axes.annotate(f"p ≥ {value}", point, (6, 6), textcoords="offset points", color=theme.text)
    axes.set(xlim=(0, 1.02), ylim=(min(0.5, curve.accuracy.min()), 1.02), xlabel="share of cells called")
    axes.set_ylabel("accuracy of these calls")
    _grid(axes, "both", theme)


def draw_losses(axes: Axes, report: Report, *, theme: Theme = LIGHT) -> None:
    """Draw the training and validation loss of each fold, epoch by epoch.

    Parameters
    ----------
    axes : matplotlib Axes
        Cleared first.
    report : Report
        What is drawn.
    theme : Theme
        Colours.
    """
    clear_axes(axes, theme)
    for number, curve in enumerate(report.losses):
        for values, style, name in ((curve.training, ":", "training"), (curve.validation, "-", "validation")):
            epochs, label = np.arange(1, len(values) + 1), None if number else name
            axes.plot(epochs, values, style, color=theme.line, alpha=0.8, linewidth=1.2, label=label)
    axes.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    axes.legend(frameon=False, labelcolor=theme.text)
    _grid(axes, "y", theme)


@dataclass(frozen=True)
class Drawing:
    """One figure of a report: its title, the function that draws it, its size in inches, and its content in words."""

    title: str
    draw: Callable[..., None]
    size: tuple[float, float]
    alt_text: Callable[[Report], str]


def drawings(report: Report) -> dict[str, Drawing]:
    """The figures of this report, by the names of their files."""
    counts, percent = "Confusion matrix, counts", "Confusion matrix, percent of the true phase"
    draw_percent = partial(draw_confusion, normalise=True)
    found = {
        "confusion": Drawing(counts, draw_confusion, (5.6, 5), _confusion_in_words),
        "confusion_percent": Drawing(percent, draw_percent, (5.6, 5), _confusion_in_words),
        "f1": Drawing("F1 of each phase", draw_f1, (5, 4), _f1_in_words),
        "reliability": Drawing("Reliability of the probabilities", draw_reliability, (5, 4), _reliability_in_words),
        "coverage": Drawing("Accuracy without the least sure cells", draw_coverage, (5, 4), _coverage_in_words),
    }
    if report.losses:
        found["losses"] = Drawing("Training, fold by fold", draw_losses, (5, 4), _losses_in_words)
    return found


def render(drawing: Drawing, report: Report, kind: Literal["png", "svg"], theme: Theme = LIGHT) -> bytes:
    """Draw a figure as a file; the same report gives the same bytes.

    If the scores of the report are not estimates, the figure says so above its axes, wherever it is shown.

    Parameters
    ----------
    drawing : Drawing
        One of `drawings`.
    report : Report
        What is drawn.
    kind : {"png", "svg"}
        File format.
    theme : Theme
        Colours.

    Returns
    -------
    bytes
        Content of the file; a PNG has 200 pixels per inch.
    """
    figure = Figure(figsize=drawing.size, layout="constrained", facecolor=theme.background)
    drawing.draw(figure.add_subplot(), report, theme=theme)
    protocol = PROTOCOLS[report.protocol]
    if not protocol.estimates:
        figure.suptitle(protocol.title.replace(": ", ":\n"), color=theme.text, fontsize="medium", fontweight="bold")
    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "napari-cellcycle"}):  # otherwise the names inside are random
        figure.savefig(content, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else None)
    return content.getvalue()


def _confusion_in_words(report: Report) -> str:
    names = report.phase_set.names
    right = zip(names, np.diag(report.confusion), report.confusion.sum(axis=1), strict=True)
    return "Called right: " + ", ".join(f"{label} {n} of {support}" for label, n, support in right if support)


def _f1_in_words(report: Report) -> str:
    return "F1: " + ", ".join(f"{label} {scores.f1}" for label, scores in report.scores.per_phase.items())


def _reliability_in_words(report: Report) -> str:
    found = report.reliability
    bins = zip(found.probability, found.accuracy, found.n_cells, strict=True)
    return "Share of right calls at a probability: " + ", ".join(f"{a:.2f} at {p:.2f}" for p, a, n in bins if n)


def _coverage_in_words(report: Report) -> str:
    curve = report.coverage
    points = [int(np.argmin(np.abs(curve.coverage - share))) for share in (1, 0.9, 0.8, 0.5)]
    texts = (f"{curve.accuracy[i]:.3f} of the surest {curve.coverage[i]:.0%} of cells" for i in dict.fromkeys(points))
    return "Share of right calls: " + ", ".join(texts)


def _losses_in_words(report: Report) -> str:
    lowest = ", ".join(f"{curve.validation.min():.3f}" for curve in report.losses if len(curve.validation))
    return f"Lowest validation loss of each fold: {lowest}"


def _grid(axes: Axes, which: Literal["both", "x", "y"], theme: Theme) -> None:
    axes.grid(axis=which, color=theme.faint, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _readable_on(colour: tuple[float, float, float, float]) -> str:
    """Black or white, whichever is easier to read on `colour` (WCAG relative luminance)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return "#000000" if np.dot(linear, [0.2126, 0.7152, 0.0722]) > 0.179 else "#ffffff"
