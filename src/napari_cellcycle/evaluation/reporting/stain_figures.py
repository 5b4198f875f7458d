"""Figures of cells that were labelled by their stain: histogram, doublets, and the scatter of FUCCI."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from napari_cellcycle.evaluation.reporting.theme import LIGHT, Theme, clear_axes
from napari_cellcycle.stain.fucci import FucciGates
from napari_cellcycle.stain.gates import G1_CONTENT, Gates
from napari_cellcycle.stain.names import DEBRIS, G1, G2M, LABEL_COLOURS, S
from napari_cellcycle.stain.result import StainLabels

_MOST_DOTS = 5000


def draw_histogram(axes: Axes, found: StainLabels, *, theme: Theme = LIGHT) -> None:
    """Draw the DNA histogram with the curves of the model and the gates.

    Parameters
    ----------
    axes : matplotlib Axes
        Cleared first.
    found : StainLabels
        Of a DNA stain.
    theme : Theme
        Colours.
    """
    _clear(axes, theme)
    fit, gates = found.fit, found.gates
    if fit is None or not isinstance(gates, Gates):
        return
    unit = G1_CONTENT / gates.g1_place
    axes.stairs(fit.counts, fit.edges * unit, fill=True, color=theme.faint, label="cells")
    curves = {G1: fit.curves.g1, S: fit.curves.s, G2M: fit.curves.g2m, DEBRIS: fit.curves.debris}
    for name, curve in curves.items():
        if curve.sum() >= 0.5:
            axes.plot(fit.middles * unit, curve, color=LABEL_COLOURS[name], linewidth=1.8, label=name)
    axes.plot(fit.middles * unit, fit.curves.total, color=theme.text, linewidth=1, linestyle=":", label="all")
    for gate in (gates.debris, gates.clumps):
        axes.axvline(gate, color=theme.text, linestyle=":", linewidth=1)
    for gate in {gates.g1_s, gates.s_g2m} if gates.separates_s else {gates.g1_s}:
        axes.axvline(gate, color=theme.text, linestyle="--", linewidth=1.2)
    axes.set(xlabel="DNA content (G1 = 2)", ylabel="cells", ylim=(0, None))
    axes.legend(frameon=False, labelcolor=theme.text)


def draw_doublets(axes: Axes, found: StainLabels, *, theme: Theme = LIGHT) -> None:
    """Draw the area of the stain against the DNA content, and from where on cells are doublets.

    Parameters
    ----------
    axes : matplotlib Axes
        Cleared first.
    found : StainLabels
        Of a DNA stain.
    theme : Theme
        Colours.
    """
    _clear(axes, theme)
    gates, (one, *_) = found.gates, found.measures
    if not isinstance(gates, Gates):
        return
    content = gates.content(one)
    _dots(axes, found, content, one.area, theme)
    x = np.linspace(max(gates.debris, 0.1), gates.clumps, 100)
    line = np.exp(gates.area_slope * np.log(x) + gates.area_offset)
    if gates.area_excess < 10:
        axes.plot(x, line, color=theme.text, linewidth=1)
        axes.plot(x, line * np.exp(gates.area_excess), color=theme.text, linewidth=1.2, linestyle="--")
    shown = np.nanquantile(one.area, 0.999) * 1.2
    axes.set(xlim=(0, gates.clumps * 1.3), ylim=(0, max(float(shown), 1.0)))
    axes.set(xlabel="DNA content (G1 = 2)", ylabel="area of the stain, pixels")


def draw_fucci(axes: Axes, found: StainLabels, *, theme: Theme = LIGHT) -> None:
    """Draw both stains of FUCCI cells with their thresholds.

    Parameters
    ----------
    axes : matplotlib Axes
        Cleared first.
    found : StainLabels
        Of two stains.
    theme : Theme
        Colours.
    """
    _clear(axes, theme)
    gates, (g1, s_g2m) = found.gates, found.measures
    if not isinstance(gates, FucciGates):
        return
    low = [np.nanquantile(one.dna[one.dna > 0], 0.02) for one in (g1, s_g2m)]
    _dots(axes, found, np.maximum(g1.dna, low[0]), np.maximum(s_g2m.dna, low[1]), theme)
    axes.axvline(gates.g1, color=theme.text, linestyle="--", linewidth=1.2)
    axes.axhline(gates.s_g2m, color=theme.text, linestyle="--", linewidth=1.2)
    axes.set(xscale="log", yscale="log", xlabel=f"{found.channels[0]} (G1), counts")
    axes.set(ylabel=f"{found.channels[1]} (S, G2, M), counts")


def draw_shares(axes: Axes, found: StainLabels, *, theme: Theme = LIGHT) -> None:
    """Draw how many cells have each label, sure and near a gate.

    Parameters
    ----------
    axes : matplotlib Axes
        Cleared first.
    found : StainLabels
        Any.
    theme : Theme
        Colours.
    """
    _clear(axes, theme)
    names = list(found.counts)
    totals = np.array([found.counts[name] for name in names], float) / max(len(found.cells), 1)
    sure = np.array([((found.gated.labels == name) & found.gated.sure).mean() for name in names])
    colours = [LABEL_COLOURS[name] for name in names]
    axes.barh(names, totals, color=colours, alpha=0.4)
    axes.barh(names, sure, color=colours)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set(xlabel="of all cells; pale: near a gate, or saturated")


def _dots(axes: Axes, found: StainLabels, x: np.ndarray, y: np.ndarray, theme: Theme) -> None:
    """One dot a cell, coloured by its label; of many cells a part is drawn, as pixels, so that the page stays small."""
    rows = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(rows) > _MOST_DOTS:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_DOTS).astype(int)]
    labels = found.gated.labels[rows]
    for name in [*found.counts, ""]:
        here = rows[labels == name]
        if len(here):
            colour = LABEL_COLOURS.get(name, theme.faint)
            axes.scatter(x[here], y[here], s=5, color=colour, linewidths=0, rasterized=True, label=name or "none")
    axes.legend(frameon=False, labelcolor=theme.text, markerscale=2)


def _clear(axes: Axes, theme: Theme) -> None:
    clear_axes(axes, theme)
    axes.spines[["top", "right"]].set_visible(False)
