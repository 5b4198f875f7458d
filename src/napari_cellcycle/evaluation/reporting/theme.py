"""Colours of a report's figures, apart from matplotlib, so that a dock can choose them without waiting for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Theme:
    """Colours of a figure.

    Attributes
    ----------
    text, background : str
        Of letters and axes, and behind them; ``"none"`` is transparent.
    faint : str
        Of grids and guide lines.
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


def clear_axes(axes: Axes, theme: Theme) -> None:
    """Empty axes, in the colours of a theme.

    Parameters
    ----------
    axes : matplotlib Axes
        What was drawn on them is gone.
    theme : Theme
        Colours.
    """
    axes.clear()
    axes.set_facecolor(theme.background)
    axes.tick_params(which="both", colors=theme.text)
    for spine in axes.spines.values():
        spine.set_color(theme.faint)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(theme.text)
