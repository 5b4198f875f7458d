"""Colours of a report's figures, apart from matplotlib, so that a dock can choose them without waiting for it."""

from __future__ import annotations

from dataclasses import dataclass


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
