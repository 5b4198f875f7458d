"""Figures in which single cells are counted: histograms of DNA content, and a map of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_cellcycle.evaluation.phase_fractions import counted_cells
from napari_cellcycle.evaluation.reporting.theme import Theme
from napari_cellcycle.population.drawing import (
    MOST_PANELS,
    WIDTH_IN,
    Picked,
    add_legend,
    phase_colours,
    say,
    style_axes,
    tail,
)
from napari_cellcycle.population.embedding import Embedding
from napari_cellcycle.population.summary import Populations, Sample

if TYPE_CHECKING:
    import pandas as pd

_PANEL_IN = 1.3
_N_BINS = 48
_MOST_VECTORS = 2000
"""Dots that are shapes in an SVG; more are a picture in it, as an SVG of 100,000 dots opens nowhere."""


@dataclass(frozen=True, eq=False)
class DnaFigure:
    """Histograms of DNA content, one for each sample, coloured by phase; `only` shows one sample."""

    populations: Populations
    only: str | None = None

    @property
    def title(self) -> str:
        """What it shows."""
        return "DNA content by phase"

    @property
    def size(self) -> tuple[float, float]:
        """Grows with the samples."""
        return (
            WIDTH_IN,
            max(3.2, 1.2 + _PANEL_IN * max(1, len(self._shown))),
        )  # a single sample needs room for its title

    @cached_property
    def _shown(self) -> list[Sample]:
        named = [s for s in self.populations.samples if self.only in (None, s.name)]
        return named[:MOST_PANELS]

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """Borders of the bins; what lies outside is counted in the first and the last one."""
        values = self._values()[counted_cells(self.populations.prediction)]
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, [0.1, 99.9]) if len(values) else (2, 4)
        return np.linspace(min(low, 1.5), max(high, 4.5), _N_BINS + 1)

    def _values(self) -> NDArray[np.float32]:
        known = self.populations.prediction.dna_content
        return np.full(len(self.populations.prediction), np.nan, np.float32) if known is None else known

    def _bins(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Bin of each cell, -1 where its DNA content is not known."""
        values = self._values()[rows]
        inside = np.clip(values, self.edges[0], np.nextafter(self.edges[-1], 0, dtype=np.float64))
        bins = (np.searchsorted(self.edges, np.nan_to_num(inside), side="right") - 1).clip(0, _N_BINS - 1)
        return np.where(np.isfinite(values), bins, -1)

    def counts_of(self, sample: Sample) -> NDArray[np.int64]:
        """Cells of each phase, and unsure ones, in each bin, shape (P + 1, bins)."""
        phases, bins = self.populations.phases[sample.rows], self._bins(sample.rows)
        known = (phases >= 0) & (bins >= 0)
        flat = phases[known].astype(np.int64) * _N_BINS + bins[known]
        n_kinds = len(self.populations.phase_set) + 1
        return np.bincount(flat, minlength=n_kinds * _N_BINS).reshape(n_kinds, _N_BINS)

    def draw(self, figure: Figure, theme: Theme) -> Mapping[str, Axes]:
        """Draw it into an empty figure."""
        if self.populations.prediction.dna_content is None or not self._shown:
            say(figure, theme, "The model estimates no DNA content.")
            return {}
        colours = phase_colours(self.populations)
        panels = np.ravel(figure.subplots(len(self._shown), 1, sharex=True, squeeze=False))
        for axes, sample in zip(panels, self._shown, strict=True):
            style_axes(axes, theme, "y")
            counts = self.counts_of(sample)
            tops = np.cumsum(counts, axis=0)
            for phase, (number, top) in enumerate(zip(counts, tops, strict=True)):
                if number.any():
                    axes.stairs(top, self.edges, baseline=top - number, fill=True, color=colours[phase])
            name = tail(sample.name, figure.get_figwidth())
            axes.set_title(f"{name} ({int(counts.sum()):,})", loc="left", color=theme.text, fontsize="small", pad=2)
            axes.set(xlim=(self.edges[0], self.edges[-1]), ylim=(0, max(1, 1.05 * tops[-1].max())))
            axes.yaxis.get_major_locator().set_params(integer=True, nbins=3)
        more = len(self.populations.samples) - len(self._shown) if self.only is None else 0
        panels[-1].set_xlabel("DNA content (2 in G1)" + (f"; {more:,} more samples in the table" if more else ""))
        figure.supylabel("cells", color=theme.text, fontsize="small")
        add_legend(figure, self.populations, theme, unsure=self.populations.has_unsure)
        return {sample.name: axes for sample, axes in zip(self._shown, panels, strict=True)}

    def table(self) -> pd.DataFrame:
        """One row for each sample, phase and bin that holds cells."""
        import pandas as pd

        rows = []
        for sample in self.populations.samples:
            counts = self.counts_of(sample)
            for phase, number in np.argwhere(counts).tolist():
                low, high = self.edges[number], self.edges[number + 1]
                rows.append((sample.name, self.populations.phase_set.label(phase), low, high, counts[phase, number]))
        return pd.DataFrame(rows, columns=[self.populations.by, "phase", "dna_from", "dna_to", "cells"])

    def pick(self, panel: str, x: float, y: float) -> Picked | None:
        """The cells of the coloured piece that is there, or of the whole bin above the bar."""
        sample = next((s for s in self._shown if s.name == panel), None)
        if sample is None or not self.edges[0] <= x <= self.edges[-1]:
            return None
        number = min(int(np.searchsorted(self.edges, x, side="right")) - 1, _N_BINS - 1)
        inside = self._bins(sample.rows) == number
        tops = np.cumsum(self.counts_of(sample)[:, number])
        what = f"DNA content {self.edges[number]:.2f} to {self.edges[number + 1]:.2f} in {sample.name}"
        if 0 <= y < tops[-1]:
            phase = int(np.searchsorted(tops, y, side="right"))
            inside &= self.populations.phases[sample.rows] == phase
            what = f"{self.populations.phase_set.label(phase)}, {what}"
        return Picked(sample.rows[inside], what) if inside.any() else None


@dataclass(frozen=True, eq=False)
class EmbeddingFigure:
    """A map of the cells, coloured by phase.

    Attributes
    ----------
    populations : Populations
        The cells by sample.
    embedding : Embedding
        Where they are.
    only : str or None
        Show one sample in colour, the others in grey.
    side_by_side : bool
        Show each sample so, in a panel of its own.
    """

    populations: Populations
    embedding: Embedding
    only: str | None = None
    side_by_side: bool = False

    @property
    def title(self) -> str:
        """What it shows."""
        return f"Cells by the features of the network ({self.embedding.method.upper()})"

    @property
    def size(self) -> tuple[float, float]:
        """The same for all, but for panels."""
        return (WIDTH_IN, 3.3 * -(-len(self._panels) // 2) + 0.4 if self.side_by_side else 6.0)

    @property
    def _panels(self) -> list[str | None]:
        """The sample in colour of each panel; None for all."""
        if not self.side_by_side:
            return [self.only]
        return [sample.name for sample in self.populations.samples[:MOST_PANELS]]

    @cached_property
    def shown(self) -> NDArray[np.intp]:
        """Cells that are drawn, in an order in which no phase covers the others."""
        known = np.isfinite(self.embedding.positions).all(axis=1) & (self.populations.phases >= 0)
        rows = np.flatnonzero(known & counted_cells(self.populations.prediction))
        return np.random.default_rng(0).permutation(rows)

    def draw(self, figure: Figure, theme: Theme) -> Mapping[str, Axes]:
        """Draw it into an empty figure."""
        colours, names = phase_colours(self.populations), self._panels
        columns = min(2, len(names))
        panels = np.ravel(figure.subplots(-(-len(names) // columns), columns, squeeze=False, sharex=True, sharey=True))
        for axes in panels[len(names) :]:
            axes.remove()
        for axes, name in zip(panels[: len(names)], names, strict=True):
            style_axes(axes, theme)
            self._draw_dots(axes, name, colours, theme)
        add_legend(figure, self.populations, theme, unsure=self.populations.has_unsure)
        return {name or "": axes for axes, name in zip(panels[: len(names)], names, strict=True)}

    def _draw_dots(self, axes: Axes, only: str | None, colours: Mapping[int, str], theme: Theme) -> None:
        rows, positions = self.shown, self.embedding.positions
        width = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
        area = np.clip(900 / max(1, len(rows)) ** 0.6, 0.3, 30) * width / WIDTH_IN
        own = rows if only is None else rows[self.populations.names[rows] == only]
        many = len(rows) > _MOST_VECTORS
        for some, colour in ((rows if only else rows[:0], [theme.faint]), (own, self._colours(own, colours))):
            axes.scatter(positions[some, 0], positions[some, 1], s=area, c=colour, linewidths=0, rasterized=many)
        first, second = self.embedding.axes
        axes.set(xlabel=first, ylabel=second, xticks=[], yticks=[])
        if only is not None:
            axes.set_title(f"{tail(only, width)} ({len(own):,})", loc="left", color=theme.text, fontsize="small", pad=2)

    def _colours(self, rows: NDArray[np.intp], colours: Mapping[int, str]) -> NDArray[np.float64]:
        palette = np.array([list(bytes.fromhex(colours[n][1:])) for n in range(len(colours))]) / 255
        return palette[self.populations.phases[rows]].reshape(-1, 3)

    def table(self) -> pd.DataFrame:
        """One row for each cell that is drawn."""
        import pandas as pd

        rows, prediction = np.sort(self.shown), self.populations.prediction
        columns, labels = (
            {"source": prediction.sources[rows], "cell": prediction.ids[rows]},
            prediction.phase_set.labels,
        )
        columns |= {self.populations.by: self.populations.names[rows], "phase": labels(self.populations.phases[rows])}
        positions = self.embedding.positions[rows]
        return pd.DataFrame(columns | {"x": positions[:, 0], "y": positions[:, 1]})

    def pick(self, panel: str, x: float, y: float) -> Picked | None:
        """Nothing: a single dot can't be told from those under it; see `inside`."""
        return None

    def inside(self, outline: NDArray[np.float64]) -> Picked | None:
        """The cells inside an outline, (K, 2), in the units of the map; with `only`, those of this sample."""
        from matplotlib.path import Path

        rows = np.sort(self.shown)
        if self.only is not None:
            rows = rows[self.populations.names[rows] == self.only]
        rows = rows[Path(outline).contains_points(self.embedding.positions[rows])]
        where = "" if self.only is None else f", {self.only}"
        return Picked(rows, f"part of the map{where}") if len(rows) else None
