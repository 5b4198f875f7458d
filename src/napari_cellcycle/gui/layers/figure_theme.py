"""Colours of figures that fit napari's theme."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_cellcycle.evaluation.reporting.theme import Theme


def figure_theme(viewer: ViewerModel) -> Theme:
    """The report's theme for a dark or a light ground, with napari's text colour on napari's background."""
    from napari.utils.theme import get_theme

    from napari_cellcycle.evaluation.reporting.theme import DARK, LIGHT

    theme = get_theme(viewer.theme)
    base = DARK if theme.type == "dark" else LIGHT
    ground, text = (colour.as_hex(format="long") for colour in (theme.background, theme.text))
    return replace(base, background="none", low=ground[:7], text=text[:7])
