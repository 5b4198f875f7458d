"""What all figures of populations share: files of them, and where in their pictures the data lie."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from napari_cellcycle.evaluation.reporting.theme import LIGHT, Theme
from napari_cellcycle.io.name_patterns import stem_of
from napari_cellcycle.phases import greyed
from napari_cellcycle.population.summary import Populations

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["png", "svg"]
MOST_PANELS, WIDTH_IN = 8, 7.0
_DPI, _SCREEN_PT = 200, 10
_FEW_COLUMNS = 3
"""Entries of a legend next to each other in a narrow figure."""
_FEW_LETTERS = 22
_WIDE_IN = 5.0


@dataclass(frozen=True, eq=False)
class Picked:
    """Cells behind a part of a figure: their rows, and what they have in common, in words."""

    rows: NDArray[np.intp]
    title: str


class PopulationFigure(Protocol):
    """A figure of cells by sample."""

    @property
    def title(self) -> str:
        """What it shows."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in a file, in inches."""

    def draw(self, figure: Figure, theme: Theme) -> Mapping[str, Axes]:
        """Draw it into an empty figure; the axes by the names that `pick` takes."""

    def table(self) -> pd.DataFrame:
        """The data behind it."""

    def pick(self, panel: str, x: float, y: float) -> Picked | None:
        """The cells behind a place of one of its axes, in the units of their data; None where there are none."""


@dataclass(frozen=True)
class Panel:
    """Where axes lie in a picture.

    Attributes
    ----------
    name : str
        As `PopulationFigure.draw` calls them.
    box : tuple of float
        Left, top, right and bottom, as shares of the width and height of the picture, from its upper left corner.
    limits : tuple of float
        The data there: x at the left and right, y at the top and bottom.
    """

    name: str
    box: tuple[float, float, float, float]
    limits: tuple[float, float, float, float]

    def to_data(self, x: float, y: float) -> tuple[float, float]:
        """Data at a place of the picture, which is given in shares of its size."""
        left, top, right, bottom = self.box
        x0, x1, y0, y1 = self.limits
        return x0 + (x - left) / (right - left) * (x1 - x0), y0 + (y - top) / (bottom - top) * (y1 - y0)

    def holds(self, x: float, y: float) -> bool:
        """Whether a place of the picture is in these axes."""
        left, top, right, bottom = self.box
        return left <= x <= right and top <= y <= bottom


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure as a PNG file, and where its axes are."""

    content: bytes
    panels: tuple[Panel, ...]

    def panel_at(self, x: float, y: float) -> Panel | None:
        """The axes at a place that is given in shares of the width and height."""
        return next((panel for panel in self.panels if panel.holds(x, y)), None)


def render(drawing: PopulationFigure, kind: Kind, theme: Theme = LIGHT) -> bytes:
    """Draw a figure as a file; the same data give the same bytes.

    Parameters
    ----------
    drawing : PopulationFigure
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
    drawing.draw(figure, theme)
    return _save(figure, kind, _DPI)


def draw_picture(drawing: PopulationFigure, theme: Theme, size_px: tuple[int, int], zoom: float = 1.0) -> Picture:
    """Draw a figure for the screen, on a transparent ground.

    Parameters
    ----------
    drawing : PopulationFigure
        What is drawn.
    theme : Theme
        Colours.
    size_px : tuple of int
        Width and height in pixels of the window system.
    zoom : float
        The screen's pixels per pixel of the window system.

    Returns
    -------
    Picture
    """
    width, height = size_px
    figure = Figure(figsize=(width / 100, height / 100), layout="constrained", facecolor="none")
    with mpl.rc_context({"font.size": _SCREEN_PT}):
        axes = drawing.draw(figure, theme)
        content = _save(figure, "png", 100 * zoom)
    return Picture(content, tuple(_panel(name, one) for name, one in axes.items()))


def _save(figure: Figure, kind: Kind, dpi: float) -> bytes:
    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "napari-cellcycle", "svg.fonttype": "none"}):  # text stays text
        figure.savefig(content, format=kind, dpi=dpi, metadata={"Date": None} if kind == "svg" else None)
    return content.getvalue()


def _panel(name: str, axes: Axes) -> Panel:
    box = axes.get_position()
    return Panel(name, (box.x0, 1 - box.y1, box.x1, 1 - box.y0), (*axes.get_xlim(), *axes.get_ylim()[::-1]))


def phase_colours(populations: Populations) -> dict[int, str]:
    """Colours of the phases and of unsure cells; greyed where the phases mean nothing."""
    colours = dict(enumerate(populations.phase_set.all_colours))
    if populations.is_greyed:
        return {phase: greyed(colour) for phase, colour in colours.items()}
    return colours


def add_legend(figure: Figure, populations: Populations, theme: Theme, *, unsure: bool = False) -> None:
    """Put colours and names of the phases above a figure, with a warning where they mean nothing.

    Parameters
    ----------
    figure : matplotlib Figure
        With a constrained layout.
    populations : Populations
        What it shows.
    theme : Theme
        Colours.
    unsure : bool
        Name unsure cells too.
    """
    names = populations.phase_set.all_names if unsure else populations.phase_set.names
    colours, is_wide = phase_colours(populations), figure.get_figwidth() >= _WIDE_IN
    n_columns = len(names) if is_wide else _FEW_COLUMNS
    in_rows = [number for column in range(n_columns) for number in range(column, len(names), n_columns)]
    patches = [Patch(facecolor=colours[number], label=names[number]) for number in in_rows]  # matplotlib fills columns
    legend = figure.legend(
        handles=patches,
        loc="outside upper center",
        ncols=n_columns,
        frameon=False,
        labelcolor=theme.text,
        handlelength=1,
        handletextpad=0.5,
        columnspacing=1,
        fontsize="small",
        title=_warning(populations, ": " if is_wide else ":\n") or None,
        title_fontproperties={"weight": "bold", "size": "small"},
    )
    legend.get_title().set_color(theme.text)


def _warning(populations: Populations, colon: str) -> str:
    """What a figure must say wherever it is shown; empty if nothing."""
    synthetic = populations.prediction.synthetic
    if synthetic is not None and len(synthetic) and synthetic.all():
        return "Synthetic cells"
    return f"These phases mean nothing{colon}most cells are unlike the training cells" if populations.is_greyed else ""


def style_axes(axes: Axes, theme: Theme, grid: Literal["x", "y", "both"] | None = None) -> None:
    """Give axes the colours of a theme.

    Parameters
    ----------
    axes : matplotlib Axes
        Empty or not.
    theme : Theme
        Colours.
    grid : {"x", "y", "both"}, optional
        Guide lines.
    """
    axes.set_facecolor("none")
    axes.tick_params(which="both", colors=theme.text, labelsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(theme.faint)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(theme.text)
        label.set_fontsize("small")
    if grid:
        axes.grid(axis=grid, color=theme.faint, linewidth=0.5)
        axes.set_axisbelow(True)


def say(figure: Figure, theme: Theme, text: str) -> None:
    """Write a sentence instead of a figure.

    Parameters
    ----------
    figure : matplotlib Figure
        An empty one.
    theme : Theme
        Colours.
    text : str
        What to write.
    """
    figure.text(0.5, 0.5, text, ha="center", va="center", color=theme.text, wrap=True, fontsize="small")


def tail(name: str, width_in: float) -> str:
    """The end of a name that has room in a figure; what tells file names apart is mostly there.

    Parameters
    ----------
    name : str
        Of a sample.
    width_in : float
        Width of the figure in inches.

    Returns
    -------
    str
        With an ellipsis where something was left out.
    """
    name = name if "/" not in name else stem_of(name)
    most = max(_FEW_LETTERS, round(5 * width_in))
    return name if len(name) <= most else f"…{name[1 - most :]}"
