"""Figures of a report, drawn into matplotlib axes: the same in files, in the page and in napari.

Nothing here touches pyplot or any global state. Each function draws one figure into axes that the caller owns, in the
colours of a `Theme`; text sizes and the size of the figure are the caller's too.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cellcycle.evaluation.protocols import PROTOCOLS
from napari_cellcycle.phases import COLOURS, N_PHASES, PHASE_LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_cellcycle.evaluation.report import Report


@dataclass(frozen=True)
class Theme:
    """Colours of a figure.

    Attributes
    ----------
    text, background : str
        Of letters and axes, and of what they stand on; ``"none"`` lets the ground show through.
    faint : str
        Of grids and aids.
    low, high : str
        Ends of the colour scale of a confusion matrix.
    line : str
        Of curves.
    """

    text: str
    background: str
    faint: str
    low: str
    high: str
    line: str


LIGHT = Theme(text="#1d232a", background="#ffffff", faint="#c9ced6", low="#ffffff", high="#0b5a8f", line="#0b5a8f")
DARK = Theme(text="#e8eaed", background="#22262b", faint="#565d66", low="#22262b", high="#7cc4f2", line="#7cc4f2")


def draw_confusion(axes: Axes, report: Report, *, normalise: bool = False, theme: Theme = LIGHT) -> None:
    """Confusion matrix: rows true, columns called, so that field (x, y) of the axes is column and row.

    The colour is always the share of the row: in counts, the colour of a rare phase would never be seen.

    Parameters
    ----------
    axes : matplotlib Axes
        Is cleared first.
    report : Report
        The figures.
    normalise : bool
        Write percents of the row rather than counts.
    theme : Theme
        Colours.
    """
    from matplotlib.colors import LinearSegmentedColormap

    _clear(axes, theme)
    counts, support = report.confusion, report.confusion.sum(axis=1)
    shares = counts / np.maximum(support, 1)[:, None]
    scale = LinearSegmentedColormap.from_list("share", [theme.low, theme.high])
    axes.imshow(shares, cmap=scale, vmin=0, vmax=1, aspect="equal")
    for row, column in np.ndindex(N_PHASES, N_PHASES):
        number = f"{100 * shares[row, column]:.0f}" if normalise else f"{counts[row, column]}"
        if counts[row, column]:
            colour = _readable_on(scale(shares[row, column]))
            axes.text(column, row, number, ha="center", va="center", color=colour)
    axes.set_xticks(range(N_PHASES), PHASE_LABELS, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(N_PHASES), [f"{name} ({n})" for name, n in zip(PHASE_LABELS, support, strict=True)])
    axes.set_xticks(np.arange(0.5, N_PHASES - 1), minor=True)
    axes.set_yticks(np.arange(0.5, N_PHASES - 1), minor=True)
    axes.grid(which="minor", color=theme.faint, linewidth=0.5)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("called" + (", % of the true phase" if normalise else ""))
    axes.set_ylabel("true phase (cells)")


def draw_f1(axes: Axes, report: Report, *, theme: Theme = LIGHT) -> None:
    """F1 of each phase as a bar with its 95 % interval, and the macro F1 as a line."""
    from matplotlib.patheffects import withStroke

    _clear(axes, theme)
    present = [(label, scores) for label, scores in report.scores.per_phase.items() if scores.support]
    places = np.arange(len(present))
    f1 = [scores.f1 for _, scores in present]
    values = np.array([estimate.value for estimate in f1])
    reach = np.array([[e.value - e.low for e in f1], [e.high - e.value for e in f1]])
    colours = [COLOURS[number] for number, phase in zip(COLOURS, PHASE_LABELS, strict=True) if phase in dict(present)]
    axes.barh(places, values, color=colours, height=0.7)
    bars = axes.errorbar(
        values, places, xerr=reach.clip(min=0), fmt="none", ecolor=theme.text, capsize=3, linewidth=1.2
    )
    for line in (*bars.lines[1], *bars.lines[2]):  # the outline keeps it visible on bars of any colour
        line.set_path_effects([withStroke(linewidth=3, foreground=theme.low)])
    macro = report.scores.overall["macro_f1"].value
    axes.axvline(macro, color=theme.text, linestyle=":", linewidth=1.2)
    axes.text(macro, -0.75, f"macro F1 {macro:.2f}", ha="center", va="bottom", color=theme.text)
    axes.set_yticks(places, [f"{label} ({scores.support})" for label, scores in present])
    axes.set(xlim=(0, 1), ylim=(len(present) - 0.4, -0.6), xlabel="F1, with 95 % interval")
    _grid(axes, "x", theme)


def draw_reliability(axes: Axes, report: Report, *, theme: Theme = LIGHT) -> None:
    """Accuracy against the probability that the model gave, and where its cells lie."""
    _clear(axes, theme)
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
    """Accuracy of the calls left when the least sure cells are called unsure."""
    _clear(axes, theme)
    curve = report.coverage
    axes.plot(curve.coverage, curve.accuracy, color=theme.line)
    wanted = [value for value in (0.5, 0.7, 0.9) if curve.min_probability[0] < value <= curve.min_probability[-1]]
    for value in wanted:
        point = np.searchsorted(curve.min_probability, value)
        axes.plot(curve.coverage[point], curve.accuracy[point], "o", color=theme.line, markersize=5)
        place = (curve.coverage[point], curve.accuracy[point])
        axes.annotate(f"p ≥ {value}", place, (6, 6), textcoords="offset points", color=theme.text)
    axes.set(xlim=(0, 1.02), ylim=(min(0.5, curve.accuracy.min()), 1.02), xlabel="share of cells called")
    axes.set_ylabel("accuracy of these calls")
    _grid(axes, "both", theme)


def draw_losses(axes: Axes, report: Report, *, theme: Theme = LIGHT) -> None:
    """Loss of each fold's training and validation cells, epoch by epoch."""
    _clear(axes, theme)
    for number, curve in enumerate(report.losses):
        first = number == 0
        for values, style, name in ((curve.training, ":", "training"), (curve.validation, "-", "validation")):
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, values, style, color=theme.line, alpha=0.8, linewidth=1.2, label=name if first else None)
    axes.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    axes.legend(frameon=False, labelcolor=theme.text)
    _grid(axes, "y", theme)


@dataclass(frozen=True)
class Drawing:
    """One figure of a report: its title, what draws it, its size in inches, and its content in words."""

    title: str
    draw: Callable[..., None]
    size: tuple[float, float]
    describe: Callable[[Report], str]


def drawings(report: Report) -> dict[str, Drawing]:
    """The figures that this report has, by the names of their files."""
    counts, percent = "Confusion matrix, counts", "Confusion matrix, percent of the true phase"
    found = {
        "confusion": Drawing(counts, draw_confusion, (5.6, 5), _confusion_in_words),
        "confusion_percent": Drawing(percent, _draw_percent, (5.6, 5), _confusion_in_words),
        "f1": Drawing("F1 of each phase", draw_f1, (5, 4), _f1_in_words),
        "reliability": Drawing("Reliability of the probabilities", draw_reliability, (5, 4), _reliability_in_words),
        "coverage": Drawing("What abstaining buys", draw_coverage, (5, 4), _coverage_in_words),
    }
    if report.losses:
        found["losses"] = Drawing("Training, fold by fold", draw_losses, (5, 4), _losses_in_words)
    return found


def render(drawing: Drawing, report: Report, kind: str, theme: Theme = LIGHT) -> bytes:
    """A figure as the content of a ``png`` or ``svg`` file; the same report gives the same bytes.

    Where the figures of a report estimate nothing, this stands above each one, wherever it is shown.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=drawing.size, layout="constrained", facecolor=theme.background)
    drawing.draw(figure.add_subplot(), report, theme=theme)
    protocol = PROTOCOLS[report.protocol]
    if not protocol.estimates:
        figure.suptitle(protocol.title.replace(": ", ":\n"), color=theme.text, fontsize="medium", fontweight="bold")
    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "napari-cellcycle"}):  # else the names inside are random
        figure.savefig(content, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else None)
    return content.getvalue()


def _draw_percent(axes: Axes, report: Report, *, theme: Theme = LIGHT) -> None:
    draw_confusion(axes, report, normalise=True, theme=theme)


def _confusion_in_words(report: Report) -> str:
    right = zip(PHASE_LABELS, np.diag(report.confusion), report.confusion.sum(axis=1), strict=True)
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
    texts = (f"{curve.accuracy[i]:.3f} of the {curve.coverage[i]:.0%} surest cells" for i in dict.fromkeys(points))
    return "Right are " + ", ".join(texts)


def _losses_in_words(report: Report) -> str:
    lowest = ", ".join(f"{curve.validation.min():.3f}" for curve in report.losses if len(curve.validation))
    return f"Lowest validation loss of each fold: {lowest}"


def _clear(axes: Axes, theme: Theme) -> None:
    axes.clear()
    axes.set_facecolor(theme.background)
    axes.tick_params(which="both", colors=theme.text)
    for spine in axes.spines.values():
        spine.set_color(theme.faint)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(theme.text)


def _grid(axes: Axes, which: Any, theme: Theme) -> None:
    axes.grid(axis=which, color=theme.faint, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _readable_on(colour: tuple[float, float, float, float]) -> str:
    """Black or white, whichever is seen better on `colour` (WCAG relative luminance)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return "#000000" if np.dot(linear, [0.2126, 0.7152, 0.0722]) > 0.179 else "#ffffff"
