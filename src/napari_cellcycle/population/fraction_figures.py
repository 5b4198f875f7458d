"""Figures of fractions: stacked bars by sample, and curves over frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from napari_cellcycle.evaluation.phase_fractions import PhaseFractions
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
from napari_cellcycle.population.summary import CALLS, Populations, Sample, rows_of_phase

if TYPE_CHECKING:
    import pandas as pd

MOST_BARS = 96
_BAR_IN = 0.34
_NO_CALLS = "no cell has a phase"
_WITHHELD = "Withheld: most cells are unlike the cells that the model was trained on,\nso their phases mean nothing."
_FURTHEST = 1.25
"""Where an interval of few cells is cut off, as a share; it has no cap there."""


@dataclass(frozen=True, eq=False)
class FractionsFigure:
    """One stacked bar for each sample; `corrected` for the model's confusion where that is known."""

    populations: Populations
    corrected: bool = True

    @property
    def title(self) -> str:
        """What it shows."""
        return "Fractions of phases, with 95 % intervals"

    @property
    def size(self) -> tuple[float, float]:
        """Grows with the samples."""
        return (WIDTH_IN, 1.5 + _BAR_IN * len(self._shown))

    @property
    def _shown(self) -> tuple[Sample, ...]:
        return self.populations.samples[:MOST_BARS]

    def fractions_of(self, sample: Sample) -> PhaseFractions | None:
        """The fractions that its bar shows."""
        return sample.corrected if self.corrected and sample.corrected is not None else sample.called

    def draw(self, figure: Figure, theme: Theme) -> Mapping[str, Axes]:
        """Draw it into an empty figure."""
        if all(sample.called is None for sample in self.populations.samples):
            say(figure, theme, _WITHHELD if self.populations.is_greyed else "No cell has a phase.")
            return {}
        axes, colours = figure.add_subplot(), phase_colours(self.populations)
        style_axes(axes, theme, "x")
        width, bars = figure.get_figwidth(), dict[int, PhaseFractions]()
        for y, sample in enumerate(self._shown):
            found = self.fractions_of(sample)
            if found is None:
                axes.text(0.01, y, _NO_CALLS, va="center", color=theme.text, fontsize="small")
                continue
            bars[y] = found
            parts = [*zip(_starts(found), found.fractions, strict=True)]
            axes.broken_barh(parts, (y - 0.4, 0.8), facecolors=[colours[n] for n in range(len(found.fractions))])
        furthest = max(1.0, _draw_whiskers(axes, bars, theme))
        labels = [f"{tail(sample.name, width)} ({_n_counted(sample):,})" for sample in self._shown]
        axes.set_yticks(range(len(labels)), labels)
        ticks = np.linspace(0, 1, 5 if width >= 5 else 3)
        axes.set_xticks(ticks, [f"{100 * tick:.0f} %" for tick in ticks])
        axes.set(xlim=(0, min(furthest + 0.02, _FURTHEST)), ylim=(len(labels) - 0.4, -0.6), xlabel=self._x_label())
        axes.tick_params(axis="y", length=0)
        add_legend(figure, self.populations, theme)
        return {"": axes}

    def _x_label(self) -> str:
        kind = "corrected for confusion" if self.corrected and self.populations.is_corrected else "as called"
        kind = kind if self.populations.of == CALLS else "as labelled"
        more = len(self.populations.samples) - len(self._shown)
        return f"share of cells, {kind}" + (f"; {more:,} more samples in the table" if more else "")

    def table(self) -> pd.DataFrame:
        """One row for each sample and phase."""
        return self.populations.to_table()

    def pick(self, panel: str, x: float, y: float) -> Picked | None:
        """The cells of the phase whose segment is there, as they were called."""
        number = round(y)
        if not 0 <= number < len(self._shown) or abs(y - number) > 0.4:
            return None
        sample = self._shown[number]
        found = self.fractions_of(sample)
        if found is None or not 0 <= x <= 1:
            return None
        phase = min(int(np.searchsorted(np.cumsum(found.fractions), x)), len(found.fractions) - 1)
        return Picked(
            rows_of_phase(self.populations, sample, phase),
            f"{self.populations.phase_set.label(phase)} in {sample.name}",
        )


def _n_counted(sample: Sample) -> int:
    return len(sample.rows) if sample.called is None else int(sample.called.counts.sum())


def _starts(found: PhaseFractions) -> NDArray[np.float64]:
    """Where the segment of each phase begins in a bar."""
    return np.cumsum(found.fractions) - found.fractions


def _offsets(found: PhaseFractions) -> NDArray[np.float64]:
    """How far above or below the middle of a bar each interval is drawn."""
    return np.linspace(-0.28, 0.28, len(found.fractions))


def _draw_whiskers(axes: Axes, bars: Mapping[int, PhaseFractions], theme: Theme) -> float:
    """The interval of each segment, counted from where it begins, one above the other; where the last one ends.

    `bars` are the fractions by their place.
    """
    rows = [
        (start + value, y + offset, max(0.0, value - low), max(0.0, high - value))
        for y, found in bars.items()
        for start, value, low, high, offset in zip(
            _starts(found), found.fractions, found.low, found.high, _offsets(found), strict=True
        )
        if value > 0
    ]
    ends, places, below, above = np.array(rows).T
    drawn = axes.errorbar(
        ends, places, xerr=[below, above], fmt="none", ecolor=theme.text, elinewidth=1, capsize=1.5, capthick=1
    )
    for line in (*drawn.lines[1], *drawn.lines[2]):  # an outline keeps it visible on bars of any colour
        line.set_path_effects([withStroke(linewidth=2.2, foreground=theme.low)])
    return float((ends + above).max())


@dataclass(frozen=True, eq=False)
class OverTimeFigure:
    """Fractions over the frames of a film, with bands; one panel for each sample of `by_sample`."""

    by_sample: Mapping[str, Populations]
    rows_of: Mapping[str, NDArray[np.intp]]
    """Rows of the whole prediction that each of `by_sample` is about."""

    @property
    def title(self) -> str:
        """What it shows."""
        return "Fractions of phases over frames, with 95 % bands"

    @property
    def size(self) -> tuple[float, float]:
        """Grows with the samples."""
        return (WIDTH_IN, 1.2 + 2 * max(1, len(self._shown)))

    @property
    def _first(self) -> Populations:
        return next(iter(self.by_sample.values()))

    @property
    def _shown(self) -> list[str]:
        return list(self.by_sample)[:MOST_PANELS]

    def draw(self, figure: Figure, theme: Theme) -> Mapping[str, Axes]:
        """Draw it into an empty figure."""
        if all(sample.called is None for one in self.by_sample.values() for sample in one.samples):
            say(figure, theme, _WITHHELD if self._first.is_greyed else "No cell has a phase.")
            return {}
        colours = phase_colours(self._first)
        panels = np.ravel(figure.subplots(len(self._shown), 1, sharex=True, sharey=True, squeeze=False))
        for axes, name in zip(panels, self._shown, strict=True):
            style_axes(axes, theme, "both")
            frames, fractions = _curves(self.by_sample[name])
            if not len(frames):
                axes.text(0.5, 0.5, _NO_CALLS, transform=axes.transAxes, ha="center", color=theme.text)
                continue
            for phase in np.flatnonzero(fractions[:, 0].any(axis=0)):
                values, low, high = fractions[:, :, phase].T
                axes.fill_between(frames, low, high, color=colours[int(phase)], alpha=0.2, linewidth=0)
                axes.plot(frames, values, "o-", color=colours[int(phase)], markersize=3, linewidth=1.4)
            axes.set_title(tail(name, figure.get_figwidth()), loc="left", color=theme.text, fontsize="small", pad=2)
        panels[0].set_ylim(0, 1)
        panels[0].set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        panels[0].xaxis.get_major_locator().set_params(integer=True)
        panels[-1].set_xlabel(f"frame; share of cells as {'called' if self._first.of == CALLS else 'labelled'}")
        add_legend(figure, self._first, theme)
        return dict(zip(self._shown, panels, strict=True))

    def table(self) -> pd.DataFrame:
        """One row for each sample, frame and phase."""
        import pandas as pd

        tables = []
        for name, populations in self.by_sample.items():
            table = populations.to_table()
            if name:
                table.insert(0, "sample", name)
            tables.append(table)
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def pick(self, panel: str, x: float, y: float) -> Picked | None:
        """The cells of the nearest frame and the nearest curve."""
        populations = self.by_sample.get(panel)
        if populations is None:
            return None
        frames, fractions = _curves(populations)
        if not len(frames):
            return None
        frame = int(np.argmin(np.abs(frames - x)))
        values = np.where(fractions[:, 0].any(axis=0), fractions[frame, 0], np.inf)
        phase = int(np.argmin(np.abs(values - y)))
        sample = next(s for s in populations.samples if s.name == str(frames[frame]))
        rows = self.rows_of[panel][rows_of_phase(populations, sample, phase)]
        inside = f" of {panel}" if panel else ""
        return (
            Picked(rows, f"{populations.phase_set.label(phase)} in frame {frames[frame]}{inside}")
            if len(rows)
            else None
        )


def _curves(populations: Populations) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Frames (T,), and fractions with their limits (T, 3, P); frames without a called cell are left out."""
    found = [s for s in populations.samples if s.called is not None and s.name.isdecimal()]
    values = [(s.called.fractions, s.called.low, s.called.high) for s in found if s.called is not None]
    shape = len(found), 3, len(populations.phase_set)
    return np.array([int(s.name) for s in found], np.int64), np.array(values).reshape(shape)
